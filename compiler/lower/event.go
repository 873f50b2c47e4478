package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// Flags of ringbuf_submit (include/uapi/linux/bpf.h). A forced wake-up costs
// microseconds, so only records that cannot wait use it; for the others the
// reader polls.
const (
	noWakeup    = 1
	forceWakeup = 2
)

// eventHead is the size in bytes of the event number at the start of a record.
const eventHead = 4

// call calls a builtin.
func (f *fn) call(c *hir.Call) builtin.Operand {
	b := f.u.cfg.Builtins[c.Sig.Name]
	if b == nil {
		panic("lower: no builtin " + c.Sig.Name)
	}
	if f.ctx == 0 {
		if o, kept := f.keptCall(c); kept {
			return o
		}
	}
	for _, need := range b.Needs {
		if !f.Target().Has(need) {
			f.Refuse("missing-kernel-feature", c.At, "this kernel cannot do what `"+c.Sig.Name+"` asks for",
				"programs here have no helper "+ir.Helpers[ir.Helper(need)].Name, "leave it out")
			return f.Zeroed(c.T)
		}
	}
	if b.InIter && f.site.Prog == hir.ProgIter {
		f.seqPrintf(c)
		return builtin.Operand{T: types.VoidType}
	}
	if b.UserHalf != nil && b.UserHalf.Only != nil {
		send, next := f.b.NewBlock("send"), f.b.NewBlock("next")
		f.b.If(ir.NE, 8, b.UserHalf.Only(f, c), f.konst(0), send, next)
		f.b.UseSealed(send)
		f.emit(b, c)
		f.b.Jump(next)
		f.b.UseSealed(next)
		return builtin.Operand{T: types.VoidType}
	}
	if b.UserHalf != nil {
		f.emit(b, c)
		return builtin.Operand{T: types.VoidType}
	}
	if b.Part != nil {
		return f.partOf(b).Value(f, c)
	}
	if b.Loops && c.T != nil && c.T.IsScalar() && !f.lastTurns(c) {
		if v, ok := f.apart(c, func(g *fn) ir.Value { return g.plain(b.Lower(g, c)) }); ok {
			return builtin.Operand{T: c.T, V: v}
		}
	}
	return b.Lower(f, c)
}

// stored lists the arguments that are sent to user space: those that are
// neither literals nor words nor maps.
func stored(c *hir.Call) []hir.Expr {
	var out []hir.Expr
	for i, a := range c.Args {
		switch a.(type) {
		case *hir.WordArg, *hir.MapArg:
			continue
		case *hir.Int, *hir.Bytes:
			if i == c.Sig.Format || !isFormatArg(c, i) {
				continue
			}
		}
		out = append(out, a)
	}
	return out
}

// isFormatArg reports whether an argument is converted by the format string:
// those are always sent, literals too, so that user space has a single list of
// values.
func isFormatArg(c *hir.Call, i int) bool { return c.Sig.Format >= 0 && i > c.Sig.Format }

// emit writes a record for an asynchronous call: it reserves, fills and submits
// the record, without an exit in between. The verifier requires that the record
// is released on every path.
func (f *fn) emit(b *builtin.Func, c *hir.Call) {
	ev := &object.RecordLayout{ID: f.u.cfg.FirstID + len(f.u.Obj.Events), Fn: b, Call: callInfo(c, f.site.Name)}
	if c.Sig.Format >= 0 {
		ev.Format, _ = value.ParseFormat(c.Format)
	}
	f.u.Obj.Events = append(f.u.Obj.Events, ev)
	args := stored(c)
	effects := false
	ev.Size = eventHead
	add := func(t *types.Type, literal bool) {
		a := max(t.Align(), 1)
		off := (ev.Size + a - 1) / a * a
		ev.Args = append(ev.Args, object.RecordField{Type: t, Off: off, Literal: literal})
		ev.Size = off + t.Size
	}
	// While the record is held, older verifiers prune no path that has reserved it anew
	// (refsafe in kernel/bpf/verifier.c compares the ids of reservations): each branch then
	// doubles the paths of every further turn of a loop. So what may branch comes first.
	var ready []builtin.Operand
	if b.UserHalf.Prepare != nil {
		ready = b.UserHalf.Prepare(f, c)
		for _, o := range ready {
			add(o.T, false)
		}
	} else {
		for _, a := range args {
			add(a.Type(), f.u.written(a))
			effects = effects || hasEffects(a) || f.searches(a) || len(f.loops) > 0 && !steady(a)
		}
		if effects {
			for _, a := range args {
				ready = append(ready, f.stable(a))
			}
		}
	}
	ev.Size = (ev.Size + 7) / 8 * 8
	rec := f.b.Call(ir.HelperRingReserve, f.b.Map(mapRing), f.konst(int64(ev.Size)), f.konst(0))
	fill, lost, done := f.b.NewBlock("record"), f.b.Cold(f.b.NewBlock("lost")), f.b.NewBlock("sent")
	f.b.If(ir.NE, 8, rec, f.konst(0), fill, lost)
	write := func(rec ir.Value, off int) {
		p := f.local(rec).At(off)
		f.b.Store(rec, off, 4, f.konst(int64(ev.ID)))
		for i, a := range ev.Args {
			switch {
			case ready != nil:
				f.put(p.At(a.Off), ready[i], a.Type, c.At)
			default:
				f.into(args[i], p.At(a.Off), false)
			}
		}
	}
	f.b.UseSealed(lost)
	if b.UserHalf.Wake {
		f.spare(ev, write)
	} else {
		f.Fail(builtin.ErrLost, c.At, ir.HelperRingReserve)
	}
	f.b.Jump(done)
	f.b.UseSealed(fill)
	write(rec, 0)
	flags := int64(noWakeup)
	if b.UserHalf.Wake {
		flags = forceWakeup
	}
	f.b.Call(ir.HelperRingSubmit, rec, f.konst(flags))
	f.b.Jump(done)
	f.b.UseSealed(done)
	if b.UserHalf.After != nil {
		b.UserHalf.After(f, c)
	}
}

// spare keeps a record that found no room in the ring in p_data, where user space
// looks for it. The word that says so is written last, and holds how far the ring
// had been written: records before that position are older. Of several such
// records one is kept, whichever.
func (f *fn) spare(ev *object.RecordLayout, write func(rec ir.Value, off int)) {
	ev.SpareOff = f.u.alloc(object.SpareHead + ev.Size)
	const prodPos = 3 // BPF_RB_PROD_POS
	pos := f.b.Call(ir.HelperRingQuery, f.b.Map(mapRing), f.konst(prodPos))
	word := f.b.MapValue(mapData, ev.SpareOff)
	write(word, object.SpareHead)
	f.b.Store(word, 0, 8, f.b.BinI(ir.OpAdd, pos, 1))
}

// searches reports whether evaluating an expression takes a loop over the bytes
// of a string. Such a loop must not come between the reservation of a record
// and its submission either.
func (f *fn) searches(e hir.Expr) bool {
	found := false
	hir.WalkExpr(e, func(x hir.Expr) {
		if c, ok := x.(*hir.Call); ok {
			b := f.u.cfg.Builtins[c.Sig.Name]
			found = found || b != nil && b.Loops
		}
	}, nil)
	return found
}

// stable evaluates an argument and copies it if a side effect of a later
// argument could change it.
func (f *fn) stable(a hir.Expr) builtin.Operand {
	if a.Type().IsScalar() {
		return builtin.Operand{T: a.Type(), V: f.Scalar(a)}
	}
	p := f.Scratch(a.Type().Size, "argument")
	f.into(a, p, true)
	return builtin.Operand{T: a.Type(), Mem: &p}
}

func callInfo(c *hir.Call, probe string) *builtin.CallInfo {
	info := &builtin.CallInfo{At: c.At, Map: -1, Probe: probe, Consts: make([]*types.Const, len(c.Args)), Words: make([]string, len(c.Args))}
	for i, a := range c.Args {
		switch a := a.(type) {
		case *hir.Int:
			info.Consts[i] = &types.Const{Type: a.T, Int: a.V}
		case *hir.Bytes:
			info.Consts[i] = &types.Const{Type: a.T, Str: a.V}
		case *hir.WordArg:
			info.Words[i] = a.Word
		case *hir.MapArg:
			info.Map = a.Map.Index
		}
	}
	return info
}
