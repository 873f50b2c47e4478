package syntax

// attrTarget is what attributes are stored in.
type attrTarget struct {
	packed *bool
	align  *int64
}

// attributes parses any number of __attribute__((…)) and ignores those that do
// not change the layout.
func (p *cParser) attributes(target *attrTarget) {
	for {
		switch {
		case p.is("__packed"):
			p.i++
			if target != nil {
				*target.packed = true
			}
			continue
		case !p.is("__attribute__") && !p.is("__attribute"):
			return
		}
		p.i++
		p.need("(")
		p.need("(")
		for !p.accept(")") {
			p.attribute(target)
			if !p.accept(",") && !p.is(")") {
				p.expected("`,` or `)`")
			}
		}
		p.need(")")
	}
}

// attribute parses one attribute.
func (p *cParser) attribute(target *attrTarget) {
	t := p.tok()
	if t.kind != cWord {
		p.expected("an attribute")
	}
	p.i++
	switch t.text {
	case "packed", "__packed__":
		if target != nil {
			*target.packed = true
		}
		return
	case "aligned", "__aligned__":
		align := int64(16) // the largest alignment of the target
		if p.accept("(") {
			at := p.tok().at
			v := p.constant("alignment", ")")
			p.need(")")
			if v.bits == 0 || v.bits&(v.bits-1) != 0 || v.bits > 1<<28 {
				p.diags.Errorf("c-constant", at, "an alignment is a power of two").WithRow("L-PRE-08")
				panic(bail{})
			}
			align = int64(v.bits)
		}
		if target != nil {
			*target.align = max(*target.align, align)
		}
		return
	}
	if p.is("(") {
		p.skipParens()
	}
}

// skipParens moves past balanced parentheses.
func (p *cParser) skipParens() {
	if !p.skipBalanced() {
		p.expected("`)`")
	}
}

// skipBalanced is like skipParens, but returns false instead of reporting
// unclosed parentheses.
func (p *cParser) skipBalanced() bool {
	depth := 0
	for ; p.i < len(p.toks); p.i++ {
		if p.is("(") {
			depth++
		} else if p.is(")") {
			if depth--; depth == 0 {
				p.i++
				return true
			}
		}
	}
	return false
}
