package lower

import (
	"testing"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/stdlib"
)

// What of a predicate an entry half may decide.
func TestHoist(t *testing.T) {
	call := func(name string, typ *types.Type, args ...hir.Expr) hir.Expr {
		return &hir.Call{X: hir.X{T: typ}, Sig: stdlib.Table()[name].Sig, Args: args}
	}
	num := func(v uint64) hir.Expr { return &hir.Int{X: hir.X{T: types.Uint64}, V: v} }
	bin := func(op hir.BinOp, l, r hir.Expr) hir.Expr {
		return &hir.Binary{X: hir.X{T: types.BoolType}, Op: op, L: l, R: r}
	}
	or := func(l, r hir.Expr) hir.Expr {
		return &hir.Logical{X: hir.X{T: types.BoolType}, Or: true, L: l, R: r}
	}
	text := types.StringType(16)
	pid, comm := call("pid", types.Uint64), call("comm", text)
	pid5 := bin(hir.Eq, pid, num(5))
	named := bin(hir.Eq, comm, &hir.Bytes{X: hir.X{T: text}, V: "cat"})
	arg := func(n int, typ *types.Type) hir.Expr { return &hir.ArgRef{X: hir.X{T: typ}, N: n} }
	failed := bin(hir.Lt, &hir.Retval{X: hir.X{T: types.Int64}}, num(0))
	for _, c := range []struct {
		name        string
		root        string
		conjuncts   []hir.Expr
		both, entry int
		args        bool
	}{
		{"thread", "vfs_read", []hir.Expr{pid5, bin(hir.Ne, call("tid", types.Uint64), num(7))}, 2, 0, false},
		{"name", "vfs_read", []hir.Expr{pid5, named}, 1, 1, false},
		{"name below execve", "do_execveat_common", []hir.Expr{pid5, named}, 1, 0, false},
		{"either", "vfs_read", []hir.Expr{or(pid5, named)}, 0, 1, false},
		{"either with the result", "vfs_read", []hir.Expr{or(pid5, failed), failed}, 0, 0, false},
		{"argument", "vfs_read", []hir.Expr{bin(hir.Gt, arg(0, types.Uint64), num(2))}, 0, 1, true},
		{"argument that the entry half does not see", "vfs_read", []hir.Expr{bin(hir.Gt, arg(1, types.Uint64), num(2))}, 0, 0, false},
		{"what an argument points to", "vfs_read", []hir.Expr{bin(hir.Gt, &hir.Deref{X: hir.X{T: types.Uint64}, Of: arg(0, types.Uint64)}, num(2))}, 0, 0, false},
		{"CPU and time", "vfs_read", []hir.Expr{bin(hir.Eq, call("cpu", types.Uint64), num(0)), bin(hir.Gt, call("nsecs", types.Uint64), num(0))}, 0, 0, false},
		{"duration", "vfs_read", []hir.Expr{bin(hir.Gt, &hir.Duration{X: hir.X{T: types.Uint64}}, num(9))}, 0, 0, false},
		{"a map", "vfs_read", []hir.Expr{bin(hir.Gt, &hir.MapGet{X: hir.X{T: types.Uint64}}, num(9))}, 0, 0, false},
		{"counts an error", "vfs_read", []hir.Expr{bin(hir.Eq, bin(hir.Div, pid, pid), num(1)), bin(hir.Eq, bin(hir.Mod, pid, num(2)), num(1))}, 1, 0, false},
		{"two strings", "vfs_read", []hir.Expr{bin(hir.Eq, comm, comm)}, 0, 0, false},
		{"a constant", "vfs_read", []hir.Expr{num(1), pid5}, 1, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			pred := c.conjuncts[0]
			for _, e := range c.conjuncts[1:] {
				pred = &hir.Logical{X: hir.X{T: types.BoolType}, L: pred, R: e}
			}
			site := &hir.Site{Func: c.root, Entry: &hir.Site{Args: []hir.Arg{{Name: "n", Type: types.Uint64}}}}
			h := hoist(&hir.Probe{Site: site, Pred: pred})
			if len(h.both) != c.both || len(h.entry) != c.entry || h.args != c.args {
				t.Errorf("got %d known at both ends, %d at the entry, arguments %v; want %d, %d, %v", len(h.both), len(h.entry), h.args, c.both, c.entry, c.args)
			}
			site.Entry = nil
			if h := hoist(&hir.Probe{Site: site, Pred: pred}); len(h.both)+len(h.entry) > 0 {
				t.Errorf("without an entry half got %+v", h)
			}
		})
	}
}
