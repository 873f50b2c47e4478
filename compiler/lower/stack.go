package lower

import (
	"github.com/cilium/ebpf"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// The frames of stacks lie in a hash of their own, once for each different
// stack; values hold its id, a hash of 64 bits over the frames. A key of 16
// bytes costs a third of one with all frames inside.

// stackStore is the map of a script's stacks.
type stackStore struct {
	m     int // ir map index
	limit int // frames of the largest stack, 0 when there are none
}

// How large the store is. Its entries are allocated ahead as long as that
// takes little memory: what is allocated on demand can be refused in a burst.
const (
	stackEntries  = 4096
	stackPrealloc = 8 << 20 // bytes
)

// sharedLimits are the sizes of stores in sessions whose objects share their
// maps by name.
var sharedLimits = []int{127, 1024}

// layoutStacks makes the store, if the script takes stacks.
func (u *Unit) layoutStacks() {
	see := func(e hir.Expr) {
		if c, ok := e.(*hir.Call); ok && c.T != nil && (c.T.Kind == types.KStack || c.T.Kind == types.UStack) {
			u.stacks.limit = max(u.stacks.limit, c.T.Limit)
		}
	}
	for _, p := range u.hir.Probes {
		hir.WalkExpr(p.Pred, see, nil)
		hir.WalkBlock(p.Body, see, nil)
	}
	if u.stacks.limit == 0 {
		return
	}
	name := object.StackMap
	if u.cfg.HashOnly {
		for _, n := range sharedLimits {
			if u.stacks.limit <= n {
				u.stacks.limit = n
				break
			}
		}
		name += "_" + itoa(u.stacks.limit)
	}
	size := 8 * u.stacks.limit
	spec := &ebpf.MapSpec{Name: name, Type: ebpf.Hash, KeySize: 8, ValueSize: uint32(size),
		MaxEntries: uint32(max(u.cfg.Ints("max_map_keys"), stackEntries))}
	if size*int(spec.MaxEntries) > stackPrealloc {
		if u.cfg.Target.Has(target.NoPrealloc) {
			spec.Flags |= noPrealloc
		} else {
			spec.MaxEntries = uint32(max(stackPrealloc/size, 1))
		}
	}
	u.stacks.m = u.AddMap(spec)
}

// StackBuffer is memory for the frames of the largest stack. It is never on
// the program's own stack: all of it is handed to the map, written or not.
func (f *fn) StackBuffer() builtin.Place {
	if f.buffer < 0 {
		f.buffer = f.region0(8 * f.u.stacks.limit)
	}
	return f.far(f.buffer)
}

// The hash: multiply and fold, with an odd constant that has no pattern (the
// golden ratio), from a start that is not zero.
const (
	hashStart = 0x2545F4914F6CDD1D
	hashMul   = -0x61C8864680B583EB // 0x9E3779B97F4A7C15
)

// KeepStack keeps the frames in the buffer under their hash.
func (f *fn) KeepStack(size ir.Value, at source.Span) ir.Value {
	buf := f.StackBuffer()
	base := f.Addr(buf)
	h, off := f.b.NewVar(ir.Scalar), f.b.NewVar(ir.Scalar)
	f.b.Set(h, f.konst(hashStart))
	f.b.Set(off, f.konst(0))
	f.turn(plainLoop, 0, func(in, done ir.Block) {
		// In this order: verifiers before 5.13 see only by the second operand, as
		// a constant, that the loop has ended.
		f.b.If(ir.UGT, 8, size, f.b.Get(off), in, done)
	}, func() {
		frame := f.b.Load(f.b.Bin(ir.OpAdd, base, f.b.Get(off)), 0, 8)
		x := f.b.Bin(ir.OpMul, f.b.Bin(ir.OpXor, f.b.Get(h), frame), f.konst(hashMul))
		f.b.Set(h, f.b.Bin(ir.OpXor, x, f.b.BinI(ir.OpShr, x, 32)))
	}, func() {
		f.b.Set(off, f.b.BinI(ir.OpAdd, f.b.Get(off), 8))
	})
	id := f.b.Get(h)
	key := f.Scratch(8, "stack")
	f.b.Store(key.Base, key.Off, 8, id)
	p := f.b.Call(ir.HelperMapLookup, f.b.Map(f.u.stacks.m), f.Addr(key))
	keep, kept := f.b.Cold(f.b.NewBlock("keep")), f.b.NewBlock("kept")
	f.b.If(ir.NE, 8, p, f.konst(0), kept, keep)
	f.b.UseSealed(keep)
	r := f.b.Call(ir.HelperMapUpdate, f.b.Map(f.u.stacks.m), f.Addr(key), f.Addr(buf), f.konst(updateAny))
	refused := f.b.Cold(f.b.NewBlock("refused"))
	f.b.If(ir.EQ, 4, r, f.konst(0), kept, refused)
	f.b.UseSealed(refused)
	f.Fail(builtin.ErrStackFull, at, ir.HelperMapUpdate)
	f.b.Jump(kept)
	f.b.UseSealed(kept)
	return id
}
