// Package irgen generates random programs in the intermediate form, for tests
// of the passes, the register allocator and the emitter. Bytes of the input
// decide every choice. The result is a program that ir.Verify and the kernel's
// verifier accept and whose outcome does not depend on time or addresses, and
// environments to run it in.
package irgen

import (
	"encoding/hex"
	"fmt"

	"probe/compiler/ir"
)

// The maps of a generated program.
const (
	MapArray = iota // one value of ArraySize bytes, addressed directly
	MapHash         // 8-byte keys, 16-byte values, HashMax entries
	MapRing
)

// The sizes of the maps.
const (
	ArraySize = 256
	HashMax   = 4
	CtxSize   = 64
)

// Options selects what a program can contain beyond arithmetic, branches,
// loops, memory, maps and the ring buffer.
type Options struct {
	World     bool // helpers whose results the kernel decides: pid, cpu, clock
	Callbacks bool // bpf_loop
	ForEach   bool // for_each_map_elem as well, whose order the kernel decides
	MayGoto   bool
	Atomics   bool // other than plain addition
}

// MapName names the maps for the emitter.
func MapName(i int) string {
	if i < 3 {
		return [...]string{"array", "hash", "ring"}[i]
	}
	return fmt.Sprintf("map%d", i)
}

// MapInfo returns the sizes of the maps, for ir.VerifyKernel.
func MapInfo(i int) (ir.MapInfo, bool) {
	return [...]ir.MapInfo{{KeySize: 4, ValueSize: ArraySize}, {KeySize: 8, ValueSize: 16}, {}}[i], true
}

// NewEnv returns the environment for a generated program.
func NewEnv(ctx []byte) *ir.Env {
	b := make([]byte, CtxSize)
	copy(b, ctx)
	e := ir.NewEnv(b)
	e.AddMap(ir.EnvMap{Name: "array", KeySize: 4, ValueSize: ArraySize, MaxEntries: 1, Array: true})
	e.AddMap(ir.EnvMap{Name: "hash", KeySize: 8, ValueSize: 16, MaxEntries: HashMax})
	e.AddMap(ir.EnvMap{Name: "ring"})
	return e
}

// Outcome is everything a run of a program leaves behind.
type Outcome struct {
	Ret   uint64
	Array string
	Hash  map[string]string
	Ring  []string
	Log   []string
}

// Result collects the outcome of a run that returned ret.
func Result(ret uint64, e *ir.Env) Outcome {
	o := Outcome{Ret: ret, Array: hex.EncodeToString(e.Maps[MapArray].Get("\x00\x00\x00\x00")), Hash: map[string]string{}, Log: e.Log}
	for _, k := range e.Maps[MapHash].Keys() {
		o.Hash[hex.EncodeToString([]byte(k))] = hex.EncodeToString(e.Maps[MapHash].Get(k))
	}
	for _, r := range e.Ring {
		o.Ring = append(o.Ring, hex.EncodeToString(r))
	}
	return o
}

// gen draws choices from data; when the bytes run out, every choice is 0 and
// the program comes to its end.
type gen struct {
	data  []byte
	b     *ir.Builder
	prog  *ir.Prog
	opt   Options
	ctx   ir.Value
	vars  []ir.Var
	slots []int32
	loops int  // around the current statement
	hold  int  // map values in use: the hash map must not change
	fn    bool // a callback
	stack int  // bytes of slots
}

// maxSlots is the maximum stack of a function in bytes. It keeps most programs
// within the kernel's limit of 512.
const maxSlots = 240

// Program makes a program from bytes.
func Program(data []byte, opt Options) *ir.Prog {
	p := &ir.Prog{Name: "p"}
	g := &gen{data: data, prog: p, opt: opt}
	g.b = ir.NewBuilder(p, "entry", ir.PtrCtx)
	g.ctx = g.b.Arg(0)
	g.body(4 + g.n(6))
	g.result()
	g.b.Finish()
	return p
}

// n returns a number below k.
func (g *gen) n(k int) int {
	if len(g.data) == 0 {
		return 0
	}
	x := int(g.data[0])
	g.data = g.data[1:]
	if k > 256 && len(g.data) > 0 {
		x |= int(g.data[0]) << 8
		g.data = g.data[1:]
	}
	return x % k
}

func (g *gen) body(vars int) {
	for range vars {
		v := g.b.NewVar(ir.Scalar)
		g.vars = append(g.vars, v)
		if g.n(4) > 0 {
			g.b.Set(v, g.leaf())
		}
	}
	for range 1 + g.n(3) {
		s := g.slot(8*(1+g.n(3)), "s")
		g.slots = append(g.slots, s)
		for off := 0; off < g.b.F.Slots[s].Size; off += 8 {
			g.b.Store(g.b.Frame(s, off), 0, 8, g.leaf())
		}
	}
	g.stmts(0)
}

func (g *gen) slot(size int, name string) int32 {
	g.stack += size
	return g.b.Slot(size, name)
}

// ret ends the function. The kernel wants 32 bits from a tracing program and
// one from a callback.
func (g *gen) ret(v ir.Value) {
	if g.fn {
		g.b.Ret(g.b.BinI(ir.OpAnd, v, 1))
		return
	}
	g.b.Ret(g.b.Ext(v, 4, false))
}

// result stores the values of all variables, so that none is unused, and
// returns one of them.
func (g *gen) result() {
	if g.b.Done() {
		return
	}
	for i, v := range g.vars {
		g.b.Store(g.b.MapValue(MapArray, 8*i), 0, 8, g.b.Get(v))
	}
	g.ret(g.b.Get(g.vars[0]))
}

func (g *gen) stmts(depth int) {
	for range 1 + g.n(max(6-depth, 1)) {
		if g.b.Done() || len(g.data) == 0 {
			return
		}
		g.stmt(depth)
	}
}

func (g *gen) stmt(depth int) {
	b := g.b
	switch k := g.n(20); {
	case k < 6:
		b.Set(g.anyVar(), g.expr(3))
	case k < 7:
		g.storeArray()
	case k < 9:
		s := g.slots[g.n(len(g.slots))]
		w := 1 << g.n(4)
		b.Store(b.Frame(s, w*g.n(b.F.Slots[s].Size/w)), 0, w, g.expr(2))
	case k < 12 && depth < 4:
		g.branch(depth)
	case k < 14 && depth < 3 && g.loops < 2:
		g.loop(depth)
	case k < 15 && g.hold == 0 && g.stack < maxSlots:
		g.lookup(depth)
	case k < 16:
		g.record(depth)
	case k < 17 && g.opt.Callbacks && !g.fn && len(g.prog.Funcs) < 4 && g.loops+g.hold == 0 && g.stack < maxSlots:
		g.callback()
	case k < 18:
		g.atomic()
	case k < 19 && depth > 0 && g.n(3) == 0:
		g.ret(g.expr(1))
	case g.stack < maxSlots:
		g.call()
	default:
		b.Set(g.anyVar(), g.expr(3))
	}
}

func (g *gen) anyVar() ir.Var { return g.vars[g.n(len(g.vars))] }

func (g *gen) constant() int64 {
	switch g.n(6) {
	case 0:
		return int64(g.n(10))
	case 1:
		return -int64(g.n(10))
	case 2:
		return 1 << g.n(63)
	case 3:
		return 1<<g.n(63) - 1
	case 4:
		return int64(g.n(1<<16))<<48 | int64(g.n(1<<16))<<16
	}
	return int64(g.n(1<<16))<<16 | int64(g.n(1<<16))
}

func (g *gen) leaf() ir.Value {
	b := g.b
	switch g.n(4) {
	case 0:
		return b.Const(g.constant())
	case 1:
		if g.ctx != 0 {
			w := 4 << g.n(2)
			return b.Load(g.ctx, w*g.n(CtxSize/w), w)
		}
	case 2:
		w := 1 << g.n(4)
		return b.Load(b.MapValue(MapArray, 0), w*g.n(ArraySize/w), w)
	}
	return b.Get(g.anyVar())
}

var binary = [...]ir.Op{ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpDiv, ir.OpMod, ir.OpAnd, ir.OpOr, ir.OpXor, ir.OpShl, ir.OpShr, ir.OpSar}

func (g *gen) expr(depth int) ir.Value {
	b := g.b
	if depth == 0 || g.n(5) == 0 {
		return g.leaf()
	}
	switch k := g.n(16); {
	case k < 11:
		return b.BinW(binary[g.n(len(binary))], uint8(4+4*g.n(2)), g.expr(depth-1), g.expr(depth-1))
	case k < 13:
		return b.Ext(g.expr(depth-1), 1<<g.n(3), g.n(2) == 0)
	case k < 14:
		return b.BSwap(g.expr(depth-1), 2<<g.n(3))
	case k < 15:
		return b.Emit(ir.Ins{Op: ir.OpNeg, W: uint8(4 + 4*g.n(2)), Kind: ir.Scalar, A: g.expr(depth - 1)})
	}
	s := g.slots
	if len(s) == 0 {
		return g.leaf()
	}
	slot := s[g.n(len(s))]
	w := 1 << g.n(4)
	return b.Load(b.Frame(slot, w*g.n(b.F.Slots[slot].Size/w)), 0, w)
}

// element returns the address of a masked place in the array.
func (g *gen) element(size int) ir.Value {
	b := g.b
	i := b.BinI(ir.OpAnd, g.expr(1), int64(ArraySize/8-1))
	return b.Bin(ir.OpAdd, b.MapValue(MapArray, 0), b.BinI(ir.OpMul, i, 8))
}

func (g *gen) storeArray() {
	if g.n(2) == 0 {
		g.b.Store(g.element(8), 0, 1<<g.n(4), g.expr(2))
		return
	}
	w := 1 << g.n(4)
	g.b.Store(g.b.MapValue(MapArray, w*g.n(ArraySize/w)), 0, w, g.expr(2))
}

func (g *gen) atomic() {
	w := uint8(4 + 4*g.n(2))
	base := g.element(8)
	op := [...]ir.Op{ir.OpAtomicAdd, ir.OpAtomicFetchAdd, ir.OpAtomicXchg, ir.OpAtomicAnd, ir.OpAtomicOr}[g.n(5)]
	if !g.opt.Atomics {
		op = ir.OpAtomicAdd
	}
	i := ir.Ins{Op: op, W: w, A: base, B: g.expr(2)}
	if op == ir.OpAtomicFetchAdd || op == ir.OpAtomicXchg {
		i.Kind = ir.Scalar
		g.b.Set(g.anyVar(), g.b.Emit(i))
		return
	}
	g.b.Emit(i)
}

func (g *gen) branch(depth int) {
	b := g.b
	then, els, join := b.NewBlock("then"), b.NewBlock("else"), b.NewBlock("join")
	if g.n(4) == 0 {
		b.Cold(els)
	}
	b.If(ir.Cmp(g.n(int(ir.TEST)+1)), uint8(4+4*g.n(2)), g.expr(2), g.expr(1), then, els)
	b.UseSealed(then)
	g.stmts(depth + 1)
	b.Jump(join)
	b.UseSealed(els)
	if g.n(2) == 0 {
		g.stmts(depth + 1)
	}
	b.Jump(join)
	b.UseSealed(join)
}

// loop counts to a small constant.
func (g *gen) loop(depth int) {
	b := g.b
	i := b.NewVar(ir.Scalar)
	b.Set(i, b.Const(0))
	head, body, exit := b.NewBlock("head"), b.NewBlock("body"), b.NewBlock("exit")
	b.Jump(head)
	b.Use(head)
	if g.opt.MayGoto && g.n(3) == 0 {
		more := b.NewBlock("more")
		b.MayGoto(more, exit)
		b.UseSealed(more)
	}
	b.If(ir.ULT, 8, b.Get(i), b.Const(int64(1+g.n(5))), body, exit)
	b.UseSealed(body)
	g.loops++
	g.vars = append(g.vars, i)
	n := len(g.vars)
	g.vars = g.vars[:n-1] // the counter is read, but only the loop sets it
	b.Set(g.anyVar(), b.Bin(ir.OpAdd, b.Get(i), g.expr(1)))
	g.stmts(depth + 1)
	g.loops--
	if !b.Done() {
		b.Set(i, b.BinI(ir.OpAdd, b.Get(i), 1))
	}
	b.Jump(head)
	b.Seal(head)
	b.UseSealed(exit)
}

// key puts a key into a stack slot and returns its address.
func (g *gen) key() ir.Value {
	s := g.slot(8, "key")
	f := g.b.Frame(s, 0)
	g.b.Store(f, 0, 8, g.b.BinI(ir.OpAnd, g.expr(1), 7))
	return f
}

func (g *gen) lookup(depth int) {
	b := g.b
	key := g.key()
	v := b.Call(ir.HelperMapLookup, b.Map(MapHash), key)
	hit, miss, join := b.NewBlock("hit"), b.NewBlock("miss"), b.NewBlock("join")
	b.Cold(miss)
	b.If(ir.EQ, 8, v, b.Const(0), miss, hit)
	b.UseSealed(hit)
	switch g.n(4) {
	case 0:
		b.AtomicAdd(v, 8*g.n(2), 8, g.expr(1))
	case 1:
		b.Store(v, 0, 8, b.Bin(ir.OpAdd, b.Load(v, 0, 8), g.expr(1)))
	case 2:
		g.hold++
		g.stmts(depth + 2)
		g.hold--
		if !b.Done() {
			b.Set(g.anyVar(), b.Load(v, 8*g.n(2), 8))
		}
	case 3:
		b.Call(ir.HelperMapDelete, b.Map(MapHash), key)
	}
	b.Jump(join)
	b.UseSealed(miss)
	val := g.slot(16, "val")
	b.Store(b.Frame(val, 0), 0, 8, g.expr(1))
	b.Store(b.Frame(val, 8), 0, 8, g.leaf())
	r := b.Call(ir.HelperMapUpdate, b.Map(MapHash), key, b.Frame(val, 0), b.Const(int64(g.n(2))))
	if g.n(2) == 0 {
		// Before 6.4 these helpers return 32 bits.
		b.Set(g.anyVar(), b.Ext(r, 4, true))
	}
	b.Jump(join)
	b.UseSealed(join)
}

// record reserves, fills and submits.
func (g *gen) record(depth int) {
	b := g.b
	n := 8 * (1 + g.n(4))
	r := b.Call(ir.HelperRingReserve, b.Map(MapRing), b.Const(int64(n)), b.Const(0))
	ok, full, join := b.NewBlock("reserved"), b.NewBlock("full"), b.NewBlock("join")
	b.Cold(full)
	b.If(ir.NE, 8, r, b.Const(0), ok, full)
	b.UseSealed(ok)
	for off := 0; off < n; off += 8 {
		b.Store(r, off, 8, g.expr(1))
	}
	b.Call([...]ir.Helper{ir.HelperRingSubmit, ir.HelperRingDiscard}[g.n(5)/4], r, b.Const(1))
	b.Jump(join)
	b.UseSealed(full)
	b.AtomicAdd(b.MapValue(MapArray, 248), 0, 8, b.Const(1))
	b.Jump(join)
	b.UseSealed(join)
}

// call calls a helper, mostly so that registers are lost.
func (g *gen) call() {
	b := g.b
	var r ir.Value
	switch k := g.n(5); {
	case k == 0 && g.opt.World:
		r = b.Call(ir.HelperPidTgid)
	case k == 1 && g.opt.World:
		r = b.Call(ir.HelperSMPProcessorID)
	case k == 2 && g.opt.World:
		r = b.Call(ir.HelperKtimeGetNS)
	case k == 3 || g.hold > 0:
		s := g.slot(16, "comm")
		size := b.Bin(ir.OpAnd, g.expr(1), b.Const(15))
		b.Store(b.Frame(s, 0), 0, 8, b.Const(0))
		b.Store(b.Frame(s, 8), 0, 8, b.Const(0))
		b.Call(ir.HelperReadKernel, b.Frame(s, 0), size, b.MapValue(MapArray, 64))
		r = b.Load(b.Frame(s, 0), 0, 8)
	default:
		r = b.Ext(b.Call(ir.HelperMapDelete, b.Map(MapHash), g.key()), 4, true)
	}
	b.Set(g.anyVar(), r)
}

// callback generates a function and a helper call that runs it.
func (g *gen) callback() {
	b := g.b
	state := g.slot(16, "state")
	b.Store(b.Frame(state, 0), 0, 8, g.expr(1))
	b.Store(b.Frame(state, 8), 0, 8, g.leaf())
	each := g.opt.ForEach && g.n(2) == 0
	kinds := []ir.Kind{ir.Scalar, ir.PtrStack}
	if each {
		kinds = []ir.Kind{ir.PtrMap, ir.PtrMapValue, ir.PtrMapValue, ir.PtrStack}
	}
	n := len(g.prog.Funcs)
	c := &gen{data: g.data, prog: g.prog, opt: g.opt, fn: true}
	c.b = ir.NewBuilder(g.prog, fmt.Sprintf("callback%d", n), kinds...)
	st := c.b.Arg(len(kinds) - 1)
	x := c.b.NewVar(ir.Scalar)
	c.vars = append(c.vars, x)
	c.b.Set(x, c.b.Load(st, 0, 8))
	if each {
		v := c.b.Arg(2)
		c.b.Store(v, 8, 8, c.b.Bin(ir.OpAdd, c.b.Load(v, 0, 8), c.b.Load(c.b.Arg(1), 0, 8)))
	} else {
		c.b.Set(x, c.b.Bin(ir.OpAdd, c.b.Get(x), c.b.Arg(0)))
	}
	c.body(2)
	if !c.b.Done() {
		c.b.Store(st, 0, 8, c.b.Get(x))
		c.ret(c.b.Get(c.vars[1]))
	}
	c.b.Finish()
	g.data = c.data
	if each {
		b.Call(ir.HelperForEachMapElem, b.Map(MapHash), b.FuncAddr(n), b.Frame(state, 0), b.Const(0))
	} else {
		// Never 0 iterations: the verifier then does not walk the callback,
		// removes it as dead code, and fails on the reference to it (seen on
		// 6.18).
		b.Call(ir.HelperLoop, b.Const(int64(1+g.n(6))), b.FuncAddr(n), b.Frame(state, 0), b.Const(0))
	}
	b.Set(g.anyVar(), b.Load(b.Frame(state, 0), 0, 8))
}
