package syntax

import (
	"probe/lang/diag"
	"probe/lang/source"
)

// The functions here make tree nodes of what the grammar structs captured.

// whole returns the place from the item's first token to its last.
func (p *parser) whole(last *tok) At { return p.at(p.sc.start, tokEnd(last)) }

func (p *parser) config(g *gConfig) Item {
	c := &Config{At: p.whole(&g.Close)}
	for _, o := range g.Entries {
		p.i = p.index(&o.Value)
		var value Expr
		switch o.Value.Type {
		case tString:
			value = p.stringLit()
		case tInt:
			value = p.intLit()
		default:
			value = &Ident{At{p.tokSpan(&o.Value)}, o.Value.Value}
			if o.Value.Value == "true" || o.Value.Value == "false" {
				value = &BoolLit{At{p.tokSpan(&o.Value)}, o.Value.Value == "true"}
			}
		}
		c.Entries = append(c.Entries, &ConfigEntry{p.at(o.Key.Pos.Offset, tokEnd(&o.Value)), o.Key.Value, value})
	}
	return c
}

// index returns the index of a captured token among those of the item.
func (p *parser) index(t *tok) int {
	lo, hi := 0, len(p.toks)
	for lo < hi {
		mid := (lo + hi) / 2
		if p.toks[mid].Pos.Offset < t.Pos.Offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (p *parser) imp(g *gImport) Item {
	p.i = p.index(&g.Path)
	return &Import{p.whole(&g.End), p.stringLit()}
}

func (p *parser) mapDecl(g *gMapDecl) Item {
	end := &g.Close
	if g.End.Value != "" {
		end = &g.End
	}
	return &MapDecl{
		At: p.whole(end), Name: g.Name.Value[1:], NameAt: p.tokSpan(&g.Name),
		Kind: g.Kind.Value, KindAt: p.tokSpan(&g.Kind), Entries: g.Entries,
	}
}

func (p *parser) macro(doc string) func(*gMacro) Item {
	return func(g *gMacro) Item {
		m := &Macro{Name: g.Name.Value, NameAt: p.tokSpan(&g.Name), Body: g.Body.(*Block), Doc: doc}
		m.At = p.at(p.sc.start, m.Body.At.At.End)
		for _, gp := range g.Params {
			at := At{p.tokSpan(&gp.Name)}
			var param *Param
			switch gp.Name.Type {
			case tVar:
				param = &Param{at, ParamVar, gp.Name.Value[1:]}
			case tMap:
				param = &Param{at, ParamMap, gp.Name.Value[1:]}
			default:
				param = &Param{at, ParamWord, gp.Name.Value}
				if reserved(param.Name) || IsReservedBuiltin(param.Name) {
					p.report("reserved-name", at.At, "`%s` cannot be the name of a parameter", param.Name).
						WithCompat("builtin '%s' can't be used as a macro argument", param.Name).
						WithRow("L-MAC-02").
						WithLabel("this word belongs to the language")
				}
			}
			for _, q := range m.Params {
				if q.Name == param.Name && q.Kind == param.Kind {
					p.duplicateParam(gp.Name.Value, at.At, q.At.At)
					break
				}
			}
			m.Params = append(m.Params, param)
		}
		p.reservedName("macro", &g.Name)
		return m
	}
}

func (p *parser) fn(doc string) func(*gFn) Item {
	return func(g *gFn) Item {
		f := &Fn{
			Name: g.Name.Value, NameAt: p.tokSpan(&g.Name),
			Result: g.Result.(*TypeExpr), Body: g.Body.(*Block), Doc: doc,
		}
		f.At = p.at(p.sc.start, f.Body.At.At.End)
		for _, gp := range g.Params {
			t := gp.Type.(*TypeExpr)
			param := &FnParam{p.at(gp.Name.Pos.Offset, t.At.At.End), gp.Name.Value[1:], t}
			for _, q := range f.Params {
				if q.Name == param.Name {
					p.duplicateParam(gp.Name.Value, p.tokSpan(&gp.Name), q.At.At)
					break
				}
			}
			f.Params = append(f.Params, param)
		}
		p.reservedName("function", &g.Name)
		return f
	}
}

// reservedName reports a macro or function whose name is a word of the grammar.
func (p *parser) reservedName(what string, name *tok) {
	if reserved(name.Value) && name.Value != "config" {
		p.report("reserved-name", p.tokSpan(name), "`%s` cannot be the name of a %s", name.Value, what).
			WithRow("L-LEX-09").
			WithLabel("this word belongs to the language")
	}
}

func (p *parser) duplicateParam(text string, at, first source.Span) *diag.Diagnostic {
	return p.report("duplicate-parameter", at, "the parameter `%s` appears twice", text).
		WithRow("L-MAC-02").
		At(first, "first here")
}

func (p *parser) namedProbe(doc string) func(*gNamedProbe) Item {
	return func(g *gNamedProbe) Item {
		n := &NamedProbe{At: p.whole(&g.End), Name: g.Name.Value, NameAt: p.tokSpan(&g.Name), Doc: doc}
		for _, a := range g.Alts {
			n.Alts = append(n.Alts, p.attachPoint(&a.Text))
		}
		return n
	}
}

// probe makes a node of a captured probe. Its predicate and body were parsed
// when the grammar captured them.
func (p *parser) probe(doc string) func(*gProbe) Item {
	return func(g *gProbe) Item {
		pr := &Probe{Body: g.Body.(*Block), Doc: doc}
		pr.At = p.at(p.sc.start, pr.Body.At.At.End)
		for _, alts := range g.Attach {
			first := p.attachPoint(&alts.Alts[0].Text)
			for _, a := range alts.Alts[1:] {
				alt := p.attachPoint(&a.Text)
				first.Alts = append(first.Alts, alt)
				first.Alts = append(first.Alts, alt.Alts...)
				alt.Alts = nil
				first.At.At.End = alt.At.At.End
				first.Raw += " | " + alt.Raw
			}
			pr.Attach = append(pr.Attach, first)
		}
		if g.Pred != nil {
			pr.Pred = g.Pred.Cond
		}
		return pr
	}
}

// attachPoint splits a captured attach point and checks its parameters.
func (p *parser) attachPoint(t *tok) *AttachPoint {
	span := p.tokSpan(t)
	a := NewAttachPoint(t.Value, span)
	if reserved(t.Value) {
		p.report("expected-token", span, "expected a probe, found `%s`", t.Value).
			WithLabel("this word belongs to the language; statements belong inside probes")
	}
	scanAttach(t.Value, func(i int, c byte) {
		if c == '$' && (i+1 == len(t.Value) || !isDigit(t.Value[i+1]) && t.Value[i+1] != '#') {
			p.report("attach-parameter", p.at(span.Start+i, span.Start+i+1).At, "`$` in an attach point needs the number of a parameter").
				WithRow("L-PARM-07").
				WithLabel("no digit follows").
				WithHelp("put the part in double quotes if `$` belongs to its name")
		}
	})
	return a
}
