package lower

import (
	"strings"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

// If a probe saves something at the entry of its function, parts of its
// predicate are already known there. They decide whether anything is saved, so
// that calls which the predicate excludes cost little. The whole predicate is
// evaluated again when the function returns.
//
// pid and tid cannot change during a call, so both halves return early for
// other threads, before any lookup. The thread's name, user and group can
// change, and a nested call of the function has other arguments, yet both
// halves must agree on what is saved. Therefore a call nested in a saved one is
// always saved too, and the return half uses whatever it finds.

// known is the time at which a part of a predicate is known.
type known uint8

const (
	atReturn known = iota
	atEntry        // may differ at the return
	atBoth         // the same at the return
)

// hoisted are parts of a predicate that are known at the entry.
type hoisted struct {
	both, entry []hir.Expr
	// args is set if entry uses arguments. If the entry half saved nothing, the
	// return half does not know them.
	args bool
}

// hoist finds the parts of a probe's predicate that its entry half can decide.
func hoist(pr *hir.Probe) hoisted {
	var h hoisted
	if pr.Site.Entry == nil || hir.IsNil(pr.Pred) {
		return h
	}
	var walk func(e hir.Expr)
	walk = func(e hir.Expr) {
		if l, ok := e.(*hir.Logical); ok && !l.Or {
			walk(l.L)
			walk(l.R)
			return
		}
		if _, ok := e.(*hir.Int); ok {
			return
		}
		args := false
		switch knownAt(pr.Site, e, &args) {
		case atBoth:
			h.both = append(h.both, e)
		case atEntry:
			h.entry = append(h.entry, e)
			h.args = h.args || args
		}
	}
	walk(pr.Pred)
	return h
}

// knownAt returns when an expression is known. An expression known early has
// neither effects nor errors. It sets args if the expression uses arguments.
func knownAt(site *hir.Site, e hir.Expr, args *bool) known {
	of := func(xs ...hir.Expr) known {
		k := atBoth
		for _, x := range xs {
			k = min(k, knownAt(site, x, args))
		}
		return k
	}
	switch e := e.(type) {
	case *hir.Int, *hir.Bytes, *hir.WordArg:
		return atBoth
	case *hir.Unary:
		return of(e.Of)
	case *hir.Logical:
		return of(e.L, e.R)
	case *hir.Cast:
		if !e.T.IsScalar() && e.T.Kind != types.String {
			return atReturn
		}
		return of(e.Of)
	case *hir.Binary:
		if e.Op == hir.Div || e.Op == hir.Mod {
			if by, ok := e.R.(*hir.Int); !ok || by.V == 0 {
				return atReturn // counts an error
			}
		}
		if e.L.Type().Kind == types.String {
			_, l := literal(e.L)
			if _, r := literal(e.R); !l && !r {
				return atReturn // a loop
			}
		}
		return of(e.L, e.R)
	case *hir.Call:
		switch {
		case e.Sig.Known == types.KnownAlways:
			return of(e.Args...)
		case e.Sig.Known == types.KnownAtEntry && !renames(site.Func):
			return min(of(e.Args...), atEntry)
		}
	case *hir.ArgRef:
		// The entry half sees the same arguments, by value.
		if entry := site.Entry.Args; e.N < len(entry) && entry[e.N].Type == e.T && e.T.IsScalar() {
			*args = true
			return atEntry
		}
	}
	return atReturn
}

// renames reports whether a function is expected to change the name, user or
// group of its thread: a predicate at the return of execve is about the new
// name.
func renames(name string) bool {
	for _, part := range []string{"exec", "binary", "syscall", "sys_call", "prctl", "comm", "cred", "uid", "gid", "cgroup", "kthread"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// requireAll ends the program unless all conditions hold.
func (f *fn) requireAll(es []hir.Expr) {
	for _, e := range es {
		next, out := f.b.NewBlock("next"), f.b.NewBlock("filtered")
		f.cond(e, next, out)
		f.b.UseSealed(out)
		f.exit(f.result())
		f.b.UseSealed(next)
	}
}

// all jumps to then when all conditions hold, else to els.
func (f *fn) all(es []hir.Expr, then, els ir.Block) {
	if len(es) == 0 {
		f.b.Jump(then)
	}
	for i, e := range es {
		next := then
		if i < len(es)-1 {
			next = f.b.NewBlock("next")
		}
		f.cond(e, next, els)
		if next != then {
			f.b.UseSealed(next)
		}
	}
}

// wanted ends the entry half if the predicate excludes the call, unless an
// outer call of the thread is saved in the map.
func (f *fn) wanted(h *hoisted, m int, key builtin.Place) {
	if len(h.entry) == 0 {
		return
	}
	keep, other, out := f.b.NewBlock("wanted"), f.b.NewBlock("unwanted"), f.b.NewBlock("filtered")
	f.all(h.entry, keep, other)
	f.b.UseSealed(other)
	f.b.If(ir.NE, 8, f.b.Call(ir.HelperMapLookup, f.b.Map(m), f.Addr(key)), f.konst(0), keep, out)
	f.b.UseSealed(out)
	f.exit(f.result())
	f.b.UseSealed(keep)
}

// missed ends the return half if the entry half has saved nothing. That is
// counted as an error unless the predicate explains it, as far as that is
// known: the arguments of the call are not known here.
func (f *fn) missed(h *hoisted) {
	if !h.args {
		count, out := f.b.Cold(f.b.NewBlock("missed")), f.b.NewBlock("unwanted")
		f.all(h.entry, count, out)
		f.b.UseSealed(count)
		f.Fail(builtin.ErrNested, f.probe.At, ir.HelperMapLookup)
		f.b.Jump(out)
		f.b.UseSealed(out)
	}
	f.exit(f.result())
}
