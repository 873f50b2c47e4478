package syntax

import (
	"probe/lang/diag"
	"probe/lang/source"
)

// cParser parses the live tokens of a C section: definitions of structs,
// unions and enums, and typedefs. In a header, declarations of functions and
// variables are skipped.
type cParser struct {
	from       map[*source.File]source.Span // the headers that are included
	constantOf func(string) (uint64, bool, bool)

	sec    *CSection
	diags  *diag.List
	toks   []cTok
	i      int
	depth  int
	header bool

	structs map[string]*CStruct // by tag
	enums   map[string]*CEnum
	consts  map[string]cValue // enumerators so far
}

// maxCDepth is the maximum nesting of structs and declarators.
const maxCDepth = 100

// tok returns the next token; kind cEnd at the end.
func (p *cParser) tok() cTok {
	if p.i < len(p.toks) {
		return p.toks[p.i]
	}
	var at source.Span
	if n := len(p.toks); n > 0 {
		at = p.toks[n-1].at
		at.Start = at.End
	}
	return cTok{at: at}
}

func (p *cParser) is(text string) bool {
	return p.i < len(p.toks) && p.toks[p.i].text == text && p.toks[p.i].kind != cText
}

func (p *cParser) accept(text string) bool {
	if p.is(text) {
		p.i++
		return true
	}
	return false
}

// since returns the place from a token to the last one consumed.
func (p *cParser) since(first cTok) At {
	if p.i == 0 {
		return At{first.at}
	}
	return At{first.at.To(p.toks[min(p.i, len(p.toks))-1].at)}
}

// expected reports that something else was expected and gives up on the
// declaration.
func (p *cParser) expected(what string) {
	t := p.tok()
	found := "the end of the C section"
	if t.kind != cEnd {
		found = "`" + cutText(t.text, 40) + "`"
	}
	p.diags.Errorf("c-syntax", t.at, "expected %s, found %s", what, found).WithRow("L-PRE-08")
	panic(bail{})
}

func (p *cParser) need(text string) {
	if !p.accept(text) {
		p.expected("`" + text + "`")
	}
}

func (p *cParser) deeper() {
	if p.depth++; p.depth > maxCDepth {
		p.diags.Errorf("too-deep", p.tok().at, "the C definition is nested more than %d levels deep", maxCDepth)
		p.i = len(p.toks)
		panic(bail{})
	}
}

// run parses everything.
func (p *cParser) run() {
	for p.i < len(p.toks) && p.diags.Count(diag.Error) < maxErrors {
		start := p.i
		if !p.safeTop() {
			p.skipTop(start)
		}
	}
}

// safeTop is like top, but recovers from the panic of expected, so that parsing
// continues after a wrong declaration.
func (p *cParser) safeTop() (ok bool) {
	depth := p.depth
	defer func() {
		switch r := recover(); r.(type) {
		case nil:
		case bail:
			p.depth = depth
		default:
			panic(r)
		}
	}()
	p.top()
	return true
}

// skipTop moves to the next declaration after an error: past the first ';' or
// closing brace that is outside all braces of the declaration starting at index
// start.
func (p *cParser) skipTop(start int) {
	failed := p.i
	depth := 0
	for p.i = start; p.i < len(p.toks); p.i++ {
		switch {
		case p.is("{"):
			depth++
		case p.is("}"):
			depth--
			if depth <= 0 && p.i >= failed {
				for p.i++; p.i < len(p.toks) && (p.toks[p.i].text == "__attribute__" || p.is("(")); {
					p.i++
					if p.is("(") {
						p.skipBalanced()
					}
				}
				p.accept(";")
				return
			}
		case p.is(";") && depth <= 0 && p.i >= failed:
			p.i++
			return
		}
	}
}

// top parses one declaration.
func (p *cParser) top() {
	if p.accept(";") {
		return
	}
	first := p.tok()
	if p.accept("typedef") {
		base := p.specifiers()
		for {
			name, t := p.declarator(base, 0)
			if name.text == "" {
				p.expected("the name of the type")
			}
			p.attributes(nil)
			p.sec.Typedefs = append(p.sec.Typedefs, &CTypedef{p.since(first), name.text, t})
			if !p.accept(",") {
				break
			}
		}
		p.need(";")
		return
	}
	_, header := p.from[first.at.File]
	header = header || p.header
	switch first.text {
	case "struct", "union", "enum":
		p.specifiers()
		if p.accept(";") || p.i == len(p.toks) || !header {
			return // the ';' is optional in scripts
		}
	}
	if header {
		p.skipDeclaration()
		return
	}
	p.expected("a definition of a struct, union, enum or type")
}

// skipDeclaration moves past a declaration of a function or variable.
func (p *cParser) skipDeclaration() {
	depth := 0
	for ; p.i < len(p.toks); p.i++ {
		switch {
		case p.is("{"):
			depth++
		case p.is("}"):
			if depth--; depth <= 0 && !(p.i+1 < len(p.toks) && p.toks[p.i+1].text == ";") {
				p.i++
				return
			}
		case p.is(";") && depth <= 0:
			p.i++
			return
		}
	}
}

// specifiers parses what precedes the declarators: qualifiers and one type.
func (p *cParser) specifiers() *CType {
	first := p.tok()
	var words []string
	var t *CType
	user := false
	for {
		w := p.tok()
		switch {
		case w.kind != cWord:
		case w.text == "__attribute__" || w.text == "__attribute":
			p.attributes(nil)
			continue
		case isQualifier(w.text) || w.text == "extern" || w.text == "static" || w.text == "__extension__" ||
			w.text == "inline" || w.text == "register" || w.text == "_Noreturn":
			user = user || w.text == "__user"
			p.i++
			continue
		case isCWord(w.text) || w.text == "void" || w.text == "bool" || w.text == "__int128":
			if t == nil {
				words = append(words, w.text)
				p.i++
				continue
			}
		case t == nil && len(words) == 0 && (w.text == "struct" || w.text == "union"):
			t = p.structType()
			continue
		case t == nil && len(words) == 0 && w.text == "enum":
			t = p.enumType()
			continue
		case t == nil && len(words) == 0:
			p.i++
			t = &CType{At: At{w.at}, Kind: CNamed, Name: w.text}
			continue
		}
		break
	}
	if len(words) > 0 {
		name, ok := canonicalC(words)
		if !ok {
			p.diags.Errorf("c-syntax", p.since(first).At, "these words make no C type").WithRow("L-PRE-08")
			panic(bail{})
		}
		t = &CType{Kind: CBase, Name: name}
	}
	if t == nil {
		p.expected("a type")
	}
	t.At = p.since(first)
	t.User = user
	return t
}

// structType parses struct or union with a tag, a body or both.
func (p *cParser) structType() *CType {
	word := p.tok()
	p.i++
	s := &CStruct{Union: word.text == "union"}
	p.attributes(&attrTarget{&s.Packed, &s.Align})
	if t := p.tok(); t.kind == cWord {
		s.Tag, s.TagAt = t.text, t.at
		p.i++
	}
	p.attributes(&attrTarget{&s.Packed, &s.Align})
	ref := &CType{Kind: CStructRef, Name: s.Tag, Union: s.Union}
	if !p.is("{") {
		if s.Tag == "" {
			p.expected("`{` or the name of the " + word.text)
		}
		ref.At = p.since(word)
		return ref
	}
	p.i++
	p.deeper()
	names := map[string]source.Span{}
	for !p.accept("}") {
		p.member(s, names)
	}
	p.depth--
	p.attributes(&attrTarget{&s.Packed, &s.Align})
	s.At = p.since(word)
	ref.At = s.At
	ref.Struct = s
	if s.Tag != "" {
		if old := p.structs[s.Tag]; old != nil {
			p.redefined(word.text+" "+s.Tag, s.TagAt, old.TagAt)
		} else {
			p.structs[s.Tag] = s
		}
	}
	p.sec.Structs = append(p.sec.Structs, s)
	return ref
}

func (p *cParser) redefined(what string, at, first source.Span) {
	p.diags.Errorf("c-redefinition", at, "redefinition of `%s`", what).
		WithRow("L-PRE-10").
		At(first, "first defined here")
}

// member parses one declaration inside a struct.
func (p *cParser) member(s *CStruct, names map[string]source.Span) {
	if p.accept(";") {
		return
	}
	first := p.tok()
	if first.kind == cEnd {
		p.expected("`}`")
	}
	base := p.specifiers()
	if p.accept(";") {
		if base.Struct != nil && base.Struct.Tag == "" || base.Enum != nil {
			if base.Struct != nil { // an anonymous member
				s.Fields = append(s.Fields, &CField{At: p.since(first), Type: base, Bits: -1})
			}
			return
		}
		if base.Struct != nil || base.Kind == CStructRef {
			return // declares a tag only
		}
		p.i--
		p.expected("the name of the member")
	}
	for {
		f := &CField{Bits: -1}
		var name cTok
		if p.is(":") {
			f.Type = base
		} else {
			name, f.Type = p.declarator(base, 0)
			if name.text == "" {
				p.expected("the name of the member")
			}
		}
		f.Name, f.NameAt = name.text, name.at
		if p.accept(":") {
			f.Bits = p.bitWidth()
		}
		p.attributes(&attrTarget{&f.Packed, &f.Align})
		f.At = p.since(first)
		if old, ok := names[f.Name]; ok && f.Name != "" {
			p.redefined(f.Name, f.NameAt, old)
		} else if f.Name != "" {
			names[f.Name] = f.NameAt
		}
		s.Fields = append(s.Fields, f)
		if !p.accept(",") {
			break
		}
	}
	if !p.is("}") { // C compilers accept a last member without ';'
		p.need(";")
	}
}

// bitWidth parses the width of a bit-field.
func (p *cParser) bitWidth() int {
	at := p.tok().at
	v := p.constant("width", ",", ";", "__attribute__", "__attribute")
	if v.bits > 64 {
		p.diags.Errorf("c-constant", at, "a bit-field has 0 to 64 bits").WithRow("L-PRE-08")
		panic(bail{})
	}
	return int(v.bits)
}

// constant evaluates the expression up to the first of the ends that is outside
// parentheses.
func (p *cParser) constant(what string, ends ...string) cValue {
	start, paren := p.i, 0
	for ; p.i < len(p.toks); p.i++ {
		t := p.toks[p.i]
		if paren == 0 && contains(ends, t.text) {
			break
		}
		if t.text == "(" {
			paren++
		} else if t.text == ")" {
			paren--
		}
		if t.text == ";" || t.text == "{" || t.text == "}" {
			break
		}
	}
	e := constExpr{toks: p.toks[start:p.i], at: p.tok().at, names: func(t cTok) (cValue, bool) {
		v, ok := p.consts[t.text]
		if !ok {
			return CInput{Constant: p.constantOf}.constant(t.text)
		}
		return v, ok
	}}
	v := e.whole()
	if e.err != "" {
		p.diags.Errorf("c-constant", e.errAt, "%s", e.err).
			WithRow("L-PRE-08").
			WithLabel("the %s must be a constant", what)
		panic(bail{})
	}
	return v
}

// enumType parses enum with a tag, a body or both.
func (p *cParser) enumType() *CType {
	word := p.tok()
	p.i++
	n := &CEnum{}
	p.attributes(&attrTarget{&n.Packed, new(int64)})
	if t := p.tok(); t.kind == cWord {
		n.Tag, n.TagAt = t.text, t.at
		p.i++
	}
	ref := &CType{Kind: CEnumRef, Name: n.Tag}
	if !p.accept("{") {
		if n.Tag == "" {
			p.expected("`{` or the name of the enum")
		}
		ref.At = p.since(word)
		return ref
	}
	next := cValue{}
	for !p.accept("}") {
		t := p.tok()
		if t.kind != cWord {
			p.expected("the name of a constant or `}`")
		}
		p.i++
		if p.accept("=") {
			next = p.constant("value", ",", "}")
		}
		if _, ok := p.consts[t.text]; ok {
			p.diags.Errorf("c-redefinition", t.at, "redefinition of `%s`", t.text).WithRow("L-PRE-09")
		}
		p.consts[t.text] = next
		n.Items = append(n.Items, &CEnumerator{p.since(t), t.text, int64(next.bits), next.unsigned && next.bits > 1<<63-1})
		next.bits++
		if !p.accept(",") && !p.is("}") {
			p.expected("`,` or `}`")
		}
	}
	p.attributes(&attrTarget{&n.Packed, new(int64)})
	n.At = p.since(word)
	ref.At = n.At
	ref.Enum = n
	if n.Tag != "" {
		if old := p.enums[n.Tag]; old != nil {
			p.redefined("enum "+n.Tag, n.TagAt, old.TagAt)
		} else {
			p.enums[n.Tag] = n
		}
	}
	p.sec.Enums = append(p.sec.Enums, n)
	return ref
}
