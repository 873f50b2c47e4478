package check

import (
	"strings"

	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/syntax"
)

// The parts of Info that do not come from typing bodies: declarations, the C
// section, attach points, probes without a site.

// declared records what is declared outside probes.
func (i *Info) declared() {
	c := i.c
	for _, m := range c.mapList {
		d := i.mapDef(m)
		if m.declAt.Valid() {
			d.At = m.declAt
		}
		if m.value.Typ != nil {
			d.addType(m.value.Typ)
		}
		d.Key = m.key.Typ
	}
	for _, ms := range c.macros {
		for _, m := range ms {
			i.macroDef(m)
			for _, p := range m.params {
				d := i.paramDef(m, p)
				i.means(p, p.At.At, d, false)
			}
		}
	}
	for _, r := range c.csection().References() {
		d := i.typeDef(c, r.Kind, r.Name)
		d.use(Use{At: r.At})
	}
	for _, f := range i.files {
		for _, it := range f.Items {
			i.item(it)
		}
	}
}

// item records the names that an item defines or uses.
func (i *Info) item(it syntax.Item) {
	switch it := it.(type) {
	case *syntax.Import:
		i.literal(it.Path)
	case *syntax.MapDecl:
		i.literal(it.Entries)
		if m := i.c.maps[it.Name]; m != nil {
			i.means(it, it.NameAt, i.mapDef(m), false)
		}
	case *syntax.Macro:
		if d := i.defs["macro "+it.Name]; d != nil {
			i.means(it, it.NameAt, d, false)
		}
	case *syntax.NamedProbe:
		i.means(it, it.NameAt, i.probeDef(it), false)
	case *syntax.Config:
		for _, e := range it.Entries {
			at := e.At.At
			at.End = at.Start + len(e.Key)
			d := i.def(Setting.String()+" "+e.Key, func() *Def {
				return &Def{Kind: Setting, Name: e.Key, Doc: settingDoc(e.Key)}
			})
			i.means(e, at, d, true)
			i.literal(e.Value)
		}
	case *syntax.Probe:
		for _, ap := range it.Attach {
			if np := i.c.named[strings.TrimSpace(ap.Raw)]; np != nil {
				i.means(ap, ap.At.At, i.probeDef(np), false)
			}
		}
	}
}

// literal records a literal outside bodies.
func (i *Info) literal(e syntax.Expr) {
	b := &body{rec: i}
	switch e := e.(type) {
	case *syntax.IntLit:
		b.learned(e, infer.Lit(e.At.At, e.Value, false))
	case *syntax.StringLit:
		if e != nil {
			b.learned(e, infer.Str(e.At.At, e.Value))
		}
	case *syntax.BoolLit:
		b.learned(e, infer.Bool(e.At.At, e.Value))
	}
}

// settingDoc returns the help text of a configuration variable.
func settingDoc(name string) string {
	if v := hir.FindConfig(name); v != nil {
		return v.Doc
	}
	return ""
}

func (i *Info) probeDef(np *syntax.NamedProbe) *Def {
	return i.def(np, func() *Def { return &Def{Kind: ProbeName, Name: np.Name, At: np.NameAt, Doc: np.Doc} })
}

// variables records the types of a body's variables.
func (i *Info) variables(b *body) {
	for _, v := range b.live {
		if v.Typ != nil {
			i.varDef(v).root().addType(v.Typ)
		}
	}
}

// finish sorts the result.
func (i *Info) finish() {
	for _, d := range i.defs {
		if d.root() == d {
			d.sortUses()
		}
	}
}

// stubBodies makes a body without a site for each probe that has none, so that
// something is known about it.
func (c *checker) stubBodies() {
	has := map[*syntax.Probe]bool{}
	for _, b := range c.bodies {
		has[b.src] = true
	}
	for _, p := range c.probes {
		if has[p] || len(p.Attach) == 0 {
			continue
		}
		ap := p.Attach[0]
		kind, _, _ := strings.Cut(ap.Raw, ":")
		c.addBody(p, ap, &hir.Site{Provider: strings.TrimSpace(kind), Type: "unknown", Name: strings.TrimSpace(ap.Raw)})
		c.bodies[len(c.bodies)-1].stub = true
	}
}
