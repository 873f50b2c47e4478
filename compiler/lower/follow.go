package lower

import (
	"github.com/cilium/ebpf"

	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/hir"
)

// follows reports whether the program of a site looks for itself whether the process
// of -p or a descendant of it runs. A watched address belongs to one process.
func (u *Unit) follows(s *hir.Site) bool {
	return u.cfg.PID > 0 && u.cfg.Follow && s.Attach.Kind != hir.AttachWatchpoint
}

// requireProcess ends the program unless tgid is the process of -p or, where they
// are followed, a descendant of it. global returns tgid as a number of the initial
// PID namespace.
func (f *fn) requireProcess(tgid ir.Value, global func() ir.Value) {
	pid := f.konst(int64(f.u.cfg.PID))
	if !f.u.follows(f.site) {
		f.require(ir.EQ, tgid, pid)
		return
	}
	in, other, out := f.b.NewBlock("process"), f.b.NewBlock("descendant"), f.b.NewBlock("filtered")
	f.b.If(ir.EQ, 8, tgid, pid, in, other)
	f.b.UseSealed(other)
	if f.Target().NsPid {
		tgid = global()
	}
	// The mask changes no number: it is the bound that the verifier wants to see.
	at := f.b.Bin(ir.OpAdd, f.b.MapValue(f.u.followMap(), 0), f.b.BinI(ir.OpAnd, tgid, object.FollowSize-1))
	f.b.If(ir.NE, 8, f.b.Load(at, 0, 1), f.konst(0), in, out)
	f.b.UseSealed(out)
	f.b.Ret(f.result())
	f.b.UseSealed(in)
}

// followMap returns the number of the map of descendants.
func (u *Unit) followMap() int {
	if u.Obj.Follow == nil {
		u.Obj.Follow = &object.Follow{PID: u.cfg.PID}
		if t := u.cfg.Target; t.NsPid {
			u.Obj.Follow.Dev, u.Obj.Follow.Ino = t.NsDev, t.NsIno
		}
		u.follow = u.AddMap(&ebpf.MapSpec{Name: object.FollowMap, Type: ebpf.Array, KeySize: 4, ValueSize: object.FollowSize, MaxEntries: 1, Flags: mmapable})
	}
	return u.follow
}
