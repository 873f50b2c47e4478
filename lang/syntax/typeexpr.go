package syntax

import (
	"strings"

	"probe/lang/source"
)

// typeShape is the degree of certainty that a piece of text is a type.
type typeShape uint8

const (
	typeNone  typeShape = iota // not a type
	typeWord                   // a bare word, perhaps with [N]: a type if used as one
	typeKnown                  // a word known to be a type
	typeSure                   // struct x, a pointer, typeof( … )
)

// isQualifier reports whether a word qualifies a type without changing its
// layout. __user and the like come from kernel prototypes.
func isQualifier(word string) bool {
	switch word {
	case "const", "volatile", "restrict", "__restrict", "_Atomic",
		"__user", "__kernel", "__rcu", "__percpu", "__iomem", "__force", "__bitwise", "__bitwise__":
		return true
	}
	return false
}

// isCWord reports whether a word can be part of a C type name of several words,
// such as unsigned long.
func isCWord(word string) bool {
	switch word {
	case "unsigned", "signed", "long", "short", "int", "char", "float", "double", "_Bool", "__signed__":
		return true
	}
	return false
}

// isTypeWord reports whether a word is a type in every context.
func isTypeWord(word string) bool {
	switch word {
	case "bool", "void", "string", "buffer", "inet", "timestamp",
		"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
		"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64",
		"__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64",
		"__be16", "__be32", "__be64", "__le16", "__le32", "__le64", "uint", "ulong", "ushort":
		return true
	}
	return isCWord(word) || len(word) > 2 && strings.HasSuffix(word, "_t")
}

// scanType looks at the tokens from index i on without consuming them: it
// returns how certainly they form a type, and the index after it. The inside of
// typeof( … ) is not scanned, since it is a type in any case.
func (p *parser) scanType(i int) (end int, shape typeShape) {
	for p.toks[i].Type == tIdent && isQualifier(p.toks[i].Value) {
		i++
		shape = typeSure
	}
	t := &p.toks[i]
	if t.Type != tIdent {
		return i, typeNone
	}
	switch word := t.Value; {
	case word == "struct" || word == "union" || word == "enum":
		if p.toks[i+1].Type != tIdent {
			return i, typeNone
		}
		i += 2
		shape = typeSure
	case isCWord(word):
		for p.toks[i].Type == tIdent && isCWord(p.toks[i].Value) {
			i++
		}
		shape = max(shape, typeKnown)
	case reserved(word) || IsReservedBuiltin(word):
		return i, typeNone
	case isTypeWord(word):
		i++
		shape = max(shape, typeKnown)
	default:
		i++
		shape = max(shape, typeWord)
	}
	for {
		switch t := &p.toks[i]; {
		case isOp(t, "*"):
			i++
			shape = typeSure
		case t.Type == tIdent && isQualifier(t.Value):
			i++
			shape = typeSure
		case isOp(t, "["):
			if i = p.lengthEnd(i); i < 0 {
				return 0, typeNone
			}
		default:
			return i, shape
		}
	}
}

// lengthEnd returns the index after the array length that starts at the '['
// with index i, or -1 if the brackets hold something that cannot be one.
func (p *parser) lengthEnd(i int) int {
	for i++; ; i++ {
		switch t := &p.toks[i]; {
		case isOp(t, "]"):
			return i + 1
		case t.Type == tInt || t.Type == tParam || t.Type == tIdent && !IsReservedBuiltin(t.Value):
		case isBinaryOp(t) || isOp(t, "(") || isOp(t, ")"):
		default:
			return -1
		}
	}
}

// matching returns the index of the ')' that closes the '(' with index i, -1 if
// there is none.
func (p *parser) matching(i int) int {
	for depth := 0; i < len(p.toks); i++ {
		if isOp(&p.toks[i], "(") {
			depth++
		} else if isOp(&p.toks[i], ")") {
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// typeExpr parses a type.
func (p *parser) typeExpr() *TypeExpr {
	t := &TypeExpr{}
	start := p.off()
	p.qualifiers(t)
	word := p.tok()
	if word.Type != tIdent {
		p.expected("a type")
		panic(bail{})
	}
	switch {
	case word.Value == "struct" || word.Value == "union" || word.Value == "enum":
		p.next()
		t.Kind = word.Value
		name := p.tok()
		if name.Type != tIdent {
			p.expected("the name of the " + t.Kind)
			panic(bail{})
		}
		p.next()
		t.Name, t.NameAt = name.Value, p.tokSpan(name)
	case word.Value == "typeof":
		p.typeof(t)
	case isCWord(word.Value):
		first := word.Pos.Offset
		var words []string
		for p.tok().Type == tIdent && isCWord(p.tok().Value) {
			words = append(words, p.next().Value)
		}
		t.Name, t.NameAt = strings.Join(words, " "), p.since(first).At
	case reserved(word.Value):
		p.expected("a type")
		panic(bail{})
	default:
		p.next()
		t.Name, t.NameAt = word.Value, p.tokSpan(word)
	}
	for {
		p.qualifiers(t)
		if p.accept("*") {
			t.Suffix = append(t.Suffix, TypeSuffix{Ptr: true})
		} else if p.accept("[") {
			t.Suffix = append(t.Suffix, p.length())
		} else {
			break
		}
	}
	t.At = p.since(start)
	return t
}

// qualifiers collects the qualifiers that come next.
func (p *parser) qualifiers(t *TypeExpr) {
	for p.tok().Type == tIdent && isQualifier(p.tok().Value) {
		t.Quals = append(t.Quals, p.next().Value)
	}
}

// length parses the text between the brackets of an array type.
func (p *parser) length() TypeSuffix {
	if p.accept("]") {
		return TypeSuffix{Len: -1}
	}
	x := p.expr()
	if !p.accept("]") {
		p.expected("`]`")
		panic(bail{})
	}
	if n, ok := x.(*IntLit); ok && n.Value < 1<<31 {
		return TypeSuffix{Len: int64(n.Value), LenX: nil}
	}
	return TypeSuffix{Len: 0, LenX: x}
}

// typeof parses typeof(T or expr) into t.
func (p *parser) typeof(t *TypeExpr) {
	p.next()
	open := p.tok()
	p.need("(")
	p.deeper()
	if p.typeHere(")") {
		t.OfType = p.typeExpr()
	} else {
		t.Of = p.expr()
	}
	p.depth--
	p.closeParen(open, "`)`")
}

// typeHere reports whether the argument that starts here is a type: it parses
// as one up to the end, ")" or ",". An unknown bare word counts as the name of
// a type (row A-GR-25).
func (p *parser) typeHere(ends ...string) bool {
	if isIdent(p.tok(), "typeof") {
		return true
	}
	end, shape := p.scanType(p.i)
	if shape == typeNone {
		return false
	}
	for _, op := range ends {
		if isOp(&p.toks[end], op) {
			return true
		}
	}
	// Messages about a wrong type should speak of a type, not of an expression.
	return p.tok().Value == "struct" || p.tok().Value == "union" || p.tok().Value == "enum"
}

// typeCall parses sizeof( … ), typeinfo( … ) and offsetof( …, a.b).
func (p *parser) typeCall() Expr {
	word := p.next()
	start := word.Pos.Offset
	open := p.tok()
	p.need("(")
	p.deeper()
	var t *TypeExpr
	var x Expr
	if p.typeHere(")", ",") {
		t = p.typeExpr()
	} else {
		x = p.expr()
	}
	p.depth--
	switch word.Value {
	case "sizeof":
		p.closeParen(open, "`)`")
		return &Sizeof{p.since(start), t, x}
	case "typeinfo":
		p.closeParen(open, "`)`")
		return &Typeinfo{p.since(start), t, x}
	}
	o := &Offsetof{Type: t, X: x}
	if !p.accept(",") {
		p.expected("`,` and the name of a field")
		panic(bail{})
	}
	first := p.off()
	for {
		name := p.tok()
		if name.Type != tIdent {
			p.expected("the name of a field")
			panic(bail{})
		}
		p.next()
		o.Fields = append(o.Fields, name.Value)
		if !p.accept(".") {
			break
		}
	}
	o.FieldsAt = source.Span{File: p.file, Start: first, End: p.prevEnd()}
	p.closeParen(open, "`.` or `)`")
	o.At = p.since(start)
	return o
}
