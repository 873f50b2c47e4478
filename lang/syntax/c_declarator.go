package syntax

// maxArray is the maximum length of an array in elements.
const maxArray = 1 << 31

// declarator parses one declarator over the type base: pointers, a name or a
// parenthesised declarator, arrays and parameter lists. The name is empty for
// an abstract declarator. levels is how deep the declarator is nested.
func (p *cParser) declarator(base *CType, levels int) (cTok, *CType) {
	first := p.tok()
	t := base
	for {
		switch w := p.tok(); {
		case p.accept("*"):
			t = &CType{At: p.since(first), Kind: CPointer, Elem: t}
			continue
		case w.kind == cWord && isQualifier(w.text):
			if w.text == "__user" && t.Kind == CPointer {
				t.Elem.User = true
			}
			p.i++
			continue
		case w.kind == cWord && (w.text == "__attribute__" || w.text == "__attribute"):
			p.attributes(nil)
			continue
		}
		break
	}
	var name cTok
	inner := -1 // where a parenthesised declarator starts
	switch {
	case p.is("(") && p.nestedDeclarator():
		// The declarator in parentheses applies to the type that the suffixes
		// after them make, so the inside is parsed again once that type is
		// known.
		if levels++; levels > maxCDepth {
			p.deeperDeclarator()
		}
		inner = p.i + 1
		p.skipParens()
	case p.tok().kind == cWord && !isQualifier(p.tok().text):
		name = p.tok()
		p.i++
	}
	t = p.suffixes(t, first)
	if inner < 0 {
		return name, t
	}
	after := p.i
	p.i = inner
	name, t = p.declarator(t, levels)
	if !p.is(")") {
		p.expected("`)`")
	}
	p.i = after
	return name, t
}

// deeperDeclarator reports parentheses nested deeper than maxCDepth.
func (p *cParser) deeperDeclarator() {
	p.depth = maxCDepth
	p.deeper()
}

// nestedDeclarator reports whether the '(' that is next opens a declarator like
// (*f), not a list of parameters.
func (p *cParser) nestedDeclarator() bool {
	if p.i+1 >= len(p.toks) {
		return false
	}
	switch t := p.toks[p.i+1]; {
	case t.text == "*" || t.text == "(" || t.text == "^":
		return true
	case t.text == "__attribute__":
		return true
	}
	return false
}

// suffixes parses [n] and ( … ) after a declarator over t. The first [n] is the
// outermost array.
func (p *cParser) suffixes(t *CType, first cTok) *CType {
	var lens []int64
	function := false
	for {
		if p.accept("[") {
			n := int64(-1)
			if !p.is("]") {
				at := p.tok().at
				v := p.constant("length", "]")
				if v.bits > maxArray {
					p.diags.Errorf("c-constant", at, "an array has 0 to %d elements", int64(maxArray)).WithRow("L-PRE-08")
					panic(bail{})
				}
				n = int64(v.bits)
			}
			p.need("]")
			lens = append(lens, n)
			continue
		}
		if p.is("(") {
			p.skipParens()
			function = true
			continue
		}
		break
	}
	if function {
		return &CType{At: p.since(first), Kind: CFunction, Elem: t}
	}
	for i := len(lens) - 1; i >= 0; i-- {
		t = &CType{At: p.since(first), Kind: CArray, Elem: t, Len: lens[i]}
	}
	return t
}
