package lower

import (
	"slices"
	"strings"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// part is what a builtin adds to the programs of a probe.
type part struct {
	builtin.Part
	of *builtin.Func
}

// addParts plans what the builtins called by a probe add to it, and lowers
// their programs.
func (u *Unit) addParts(i int, pr *hir.Probe) {
	var used []*builtin.Func
	see := func(e hir.Expr) {
		if c, ok := e.(*hir.Call); ok {
			if b := u.cfg.Builtins[c.Sig.Name]; b != nil && b.Part != nil && !slices.Contains(used, b) {
				used = append(used, b)
			}
		}
	}
	hir.WalkExpr(pr.Pred, see, nil)
	hir.WalkBlock(pr.Body, see, nil)
	slices.SortFunc(used, func(a, b *builtin.Func) int { return strings.Compare(a.Sig.Name, b.Sig.Name) })
	for _, b := range used {
		u.parts[pr] = append(u.parts[pr], part{b.Part(u, i, pr), b})
	}
	for _, p := range u.parts[pr] {
		for _, g := range p.Programs {
			u.program("p"+itoa(i)+g.Suffix, object.Entry, pr, g.Site, func(f *fn) { g.Body(f) })
		}
	}
}

// partOf returns the part of a builtin in this program's probe.
func (f *fn) partOf(b *builtin.Func) *part {
	for i := range f.u.parts[f.probe] {
		if p := &f.u.parts[f.probe][i]; p.of == b {
			return p
		}
	}
	panic("lower: " + b.Sig.Name + " was not planned for " + f.site.Name)
}

// begin compiles Part.Begin of all parts, before predicate and body.
func (f *fn) begin() {
	f.begun = true
	for _, p := range f.u.parts[f.probe] {
		if p.Begin != nil {
			p.Begin(f)
		}
	}
}

// leaveProgram ends the program after Part.End of all parts that have begun.
func (f *fn) leaveProgram(result ir.Value) {
	if f.begun {
		for _, p := range f.u.parts[f.probe] {
			if p.End != nil {
				p.End(f)
			}
		}
	}
	f.exit(result)
}

// exit ends the program and gives back what it has claimed.
func (f *fn) exit(result ir.Value) {
	f.unclaim()
	f.b.Ret(result)
}

// Number returns the bits of a scalar as a number.
func (f *fn) Number(o builtin.Operand) ir.Value { return f.launder(o.V) }

// Member reads a scalar of type t at a byte offset of the struct that p points to.
func (f *fn) Member(p builtin.Operand, off int, t *types.Type, at source.Span) builtin.Operand {
	return f.load(f.derefPlace(p, p.T.Elem).At(off), t, at)
}

// Record declares a kind of record for a call.
func (f *fn) Record(c *hir.Call, fn *builtin.Func, size int, fields []builtin.Field) int {
	ev := &object.RecordLayout{ID: f.u.cfg.FirstID + len(f.u.Obj.Events), Fn: fn, Call: callInfo(c, f.site.Name), Size: size}
	for _, a := range fields {
		ev.Args = append(ev.Args, object.RecordField{Type: a.Type, Off: a.Off})
	}
	f.u.Obj.Events = append(f.u.Obj.Events, ev)
	return ev.ID
}

// Send sends local memory as a record.
func (f *fn) Send(rec builtin.Place, size ir.Value, at source.Span) {
	r := f.b.Call(ir.HelperRingOutput, f.b.Map(mapRing), f.Addr(rec), size, f.konst(noWakeup))
	f.FailIf(ir.NE, r, f.konst(0), builtin.ErrLost, at, ir.HelperRingOutput)
}
