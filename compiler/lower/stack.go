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

// The frames of stacks are in a separate hash map, once per distinct stack.
// Values hold the stack's id, a 64-bit hash of the frames. A map update with a
// key of 16 bytes takes a third of the time of one with all frames in the key.

// stackStore is the map of a script's stacks.
type stackStore struct {
	m     int // ir map index
	limit int // frames of the largest stack, 0 when there are none
}

// Sizes of the store. Entries are preallocated if that takes little memory,
// because allocation on demand can fail in a burst.
const (
	stackEntries  = 4096
	stackPrealloc = 8 << 20 // bytes
)

// sharedLimits are the limits, in words, of stores that objects of one session share
// by name.
var sharedLimits = []int{127, 1024, 4096}

// layoutStacks adds the store if the script captures stacks.
func (u *Unit) layoutStacks() {
	see := func(e hir.Expr) {
		if c, ok := e.(*hir.Call); ok && c.T != nil && (c.T.Kind == types.KStack || c.T.Kind == types.UStack) {
			u.stacks.limit = max(u.stacks.limit, c.T.Limit*c.T.FrameWords())
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

// StackBuffer returns memory for the frames of the largest stack. It is never
// on the program's stack: the whole buffer is passed to the map update, and the
// verifier rejects stack that was not written.
func (f *fn) StackBuffer() builtin.Place {
	if f.buffer < 0 {
		f.buffer = f.region0(8 * f.u.stacks.limit)
	}
	return f.far(f.buffer)
}

// The hash multiplies and folds, with an odd constant without a bit pattern
// (2^64 divided by the golden ratio) and a start other than zero.
const (
	hashStart = 0x2545F4914F6CDD1D
	hashMul   = -0x61C8864680B583EB // 0x9E3779B97F4A7C15
)

// KeepStack implements builtin.Lowerer.
func (f *fn) KeepStack(size ir.Value, at source.Span) (id, bytes ir.Value) {
	buf := f.StackBuffer()
	base := f.Addr(buf)
	sizeAt := f.far(f.region0(8))
	f.b.Store(sizeAt.Base, sizeAt.Off, 8, size)
	h, off := f.b.NewVar(ir.Scalar), f.b.NewVar(ir.Scalar)
	f.b.Set(h, f.konst(hashStart))
	f.b.Set(off, f.konst(0))
	f.turn(plainLoop, 0, func(in, done ir.Block) {
		// Keep this order of operands: verifiers before 5.13 only recognize the
		// end of the loop if the second operand is the known constant.
		f.b.If(ir.UGT, 8, size, f.b.Get(off), in, done)
	}, func() {
		frame := f.b.Load(f.b.Bin(ir.OpAdd, base, f.b.Get(off)), 0, 8)
		x := f.b.Bin(ir.OpMul, f.b.Bin(ir.OpXor, f.b.Get(h), frame), f.konst(hashMul))
		f.b.Set(h, f.b.Bin(ir.OpXor, x, f.b.BinI(ir.OpShr, x, 32)))
	}, func() {
		f.b.Set(off, f.b.BinI(ir.OpAdd, f.b.Get(off), 8))
	})
	id = f.b.Get(h)
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
	return id, f.b.Load(sizeAt.Base, sizeAt.Off, 8)
}
