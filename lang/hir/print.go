package hir

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"probe/lang/types"
)

// Dump writes the program as text, for `probe dump` and for golden tests. Each
// expression whose type is not obvious from the script is followed by a colon
// and its type.
func (p *Script) Dump(w io.Writer) {
	d := &dumper{}
	keys := make([]string, 0, len(p.Config))
	for k := range p.Config {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		d.line("config %s = %s", k, p.Config[k])
	}
	for _, o := range p.Options {
		d.line("option --%s %s = %q", o.Name, o.Type, o.Default)
	}
	for _, m := range p.Maps {
		d.dumpMap(m)
	}
	for _, b := range p.Probes {
		d.probe(b)
	}
	io.WriteString(w, d.out.String())
}

// dumper collects the text.
type dumper struct {
	out   strings.Builder
	depth int
	names map[*Var]string
}

func (d *dumper) line(format string, args ...any) {
	d.out.WriteString(strings.Repeat("  ", d.depth))
	fmt.Fprintf(&d.out, format, args...)
	d.out.WriteByte('\n')
}

func (d *dumper) dumpMap(m *Map) {
	key := ""
	if m.Key != nil {
		key = "[" + m.Key.String() + "]"
	}
	kind := m.Kind
	if kind != "" {
		kind = " kind " + kind
	}
	d.line("map @%s%s: %s%s entries %d", m.Name, key, m.Value, kind, m.Entries)
}

func (d *dumper) probe(p *Probe) {
	d.line("probe %s {", p.Site.Name)
	d.depth++
	d.nameVars(p.Vars)
	for _, v := range p.Vars {
		flags := ""
		if v.Captured {
			flags += " captured"
		}
		if v.AddrTaken {
			flags += " address taken"
		}
		d.line("var %s: %s%s", d.names[v], v.Type, flags)
	}
	if p.Pred != nil {
		d.line("if %s", d.expr(p.Pred))
	}
	d.stmts(p.Body)
	d.depth--
	d.line("}")
}

// nameVars numbers variables that share a name.
func (d *dumper) nameVars(vars []*Var) {
	d.names = map[*Var]string{}
	seen := map[string]int{}
	for _, v := range vars {
		name := v.Name
		if name == "" {
			name = "tmp"
		}
		seen[name]++
		if n := seen[name]; n > 1 || v.Name == "" {
			name += "." + strconv.Itoa(n)
		}
		d.names[v] = "$" + name
	}
}

func (d *dumper) name(v *Var) string {
	if n, ok := d.names[v]; ok {
		return n
	}
	return "$" + v.Name + "?"
}

func (d *dumper) block(head string, b *Block) {
	d.line("%s {", head)
	d.depth++
	d.stmts(b)
	d.depth--
	d.line("}")
}

func (d *dumper) stmts(b *Block) {
	for _, s := range b.Stmts {
		d.stmt(s)
	}
	if b.Value != nil {
		d.line("value %s", d.expr(b.Value))
	}
}

func (d *dumper) stmt(s Stmt) {
	switch s := s.(type) {
	case *SetVar:
		if s.X == nil {
			d.line("%s = zero", d.name(s.Var))
			return
		}
		d.line("%s = %s", d.name(s.Var), d.expr(s.X))
	case *SetMap:
		d.line("%s = %s", d.place(s.Map, s.Key), d.expr(s.X))
	case *Aggregate:
		d.line("%s = %s(%s)", d.place(s.Map, s.Key), s.Fn.Name, d.list(s.Args))
	case *Eval:
		d.eval(s)
	case *ForRange:
		d.block(fmt.Sprintf("for %s: %s in %s..%s", d.name(s.Var), s.Var.Type, d.expr(s.From), d.expr(s.To)), s.Body)
	case *ForMap:
		d.block(fmt.Sprintf("for %s: %s in @%s", d.name(s.Var), s.Var.Type, s.Map.Name), s.Body)
	case *While:
		d.block("while "+d.expr(s.C), s.Body)
	case *Unroll:
		d.block(fmt.Sprintf("unroll %d", s.N), s.Body)
	case *Break:
		d.line("break")
	case *Continue:
		d.line("continue")
	case *Return:
		if s.X == nil {
			d.line("return")
			return
		}
		d.line("return %s", d.expr(s.X))
	case *BlockS:
		d.block("", s.Block)
	default:
		panic(fmt.Sprintf("hir: statement %T has no text", s))
	}
}

// eval writes an expression statement. An if takes several lines.
func (d *dumper) eval(s *Eval) {
	c, ok := s.X.(*Cond)
	if !ok || c.T.Kind != types.Void {
		word := "eval"
		if s.Discarded {
			word = "discard"
		}
		d.line("%s %s", word, d.expr(s.X))
		return
	}
	d.branch("if "+d.expr(c.C), c.Then)
	if c.Else != nil {
		d.branch("else", c.Else)
	}
}

func (d *dumper) branch(head string, x Expr) {
	if b, ok := x.(*BlockX); ok {
		d.block(head, b.Block)
		return
	}
	d.block(head, &Block{Stmts: []Stmt{&Eval{X: x}}})
}

func (d *dumper) place(m *Map, key Expr) string {
	if key == nil {
		return "@" + m.Name
	}
	return "@" + m.Name + "[" + d.expr(key) + "]"
}

func (d *dumper) list(xs []Expr) string {
	parts := make([]string, len(xs))
	for i, x := range xs {
		parts[i] = d.expr(x)
	}
	return strings.Join(parts, ", ")
}
