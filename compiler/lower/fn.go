package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// program is what the functions of one BPF program share.
type program struct {
	u       *Unit
	ir      *ir.Prog
	probe   *hir.Probe
	site    *hir.Site
	region  int               // scratch bytes of one CPU used so far
	base    []patch           // OpMapValue of the scratch region: Imm is its start
	size    []patch           // constants that are the region's stride
	stack   int               // bytes of stack slots so far, over all functions
	memVars map[*hir.Var]bool // variables that live in memory since a callback uses them
	saved   *savedArgs
	homes   map[*hir.Var]int // scratch offset of the variables that live in memory
	begun   bool             // parts have begun (builtin.Part.Begin), and have to end
	buffer  int              // scratch offset of the buffer for stacks, -1 before there is one
	careful bool             // see outline.go
	retOff  int              // scratch offset of the result of `return` in an outlined function, -1 before there is one
	kept    map[*hir.Arg]int // scratch offsets of the arguments that outlined functions read
}

// fn lowers one function: a program's entry or a loop body that became a
// callback. It implements builtin.Lowerer.
type fn struct {
	*program
	b     *ir.Builder
	f     *ir.Func
	vars  map[*hir.Var]*binding
	loops []*loop
	ctx   ir.Value      // 0 in callbacks
	frame builtin.Place // captured scalars, valid when memVars is not empty
	inCB  bool
	// outlined tells a global function, frames how many functions of the program
	// are active when this one runs.
	outlined bool
	frames   int
	dest     *dest // where the value being lowered is wanted
}

// dest is a wish: lower the next call straight into this memory.
type dest struct {
	p     builtin.Place
	clean bool
	used  bool
}

// binding is where a scratch variable lives.
type binding struct {
	v      ir.Var // scalars in SSA
	scalar bool
	frame  int // offset in the frame record, -1 if not there
	// A map loop's variable: key and value where they lie.
	pair       bool
	key, value builtin.Operand
}

var _ builtin.Lowerer = (*fn)(nil)

// stackLimit is the largest object kept on the stack and stackTotal what all
// of them may take; the rest goes to scratch memory (engine limits: 512 bytes
// for the program and its callbacks together, spills included).
const (
	stackLimit = 64
	stackTotal = 256
)

func (f *fn) B() *ir.Builder                 { return f.b }
func (f *fn) Target() *target.Target         { return f.u.cfg.Target }
func (f *fn) Site() *hir.Site                { return f.site }
func (f *fn) Config(name string) int64       { return f.u.cfg.Ints(name) }
func (f *fn) konst(v int64) ir.Value         { return f.b.Const(v) }
func (f *fn) local(b ir.Value) builtin.Place { return builtin.Place{Base: b, Space: types.Local} }

// Ctx returns the program's context pointer. Loop bodies that became callbacks
// do not have it; the checker refuses what would need it there.
func (f *fn) Ctx() ir.Value {
	if f.ctx == 0 {
		panic("lower: the context is not available in a loop body")
	}
	return f.ctx
}

// CPU returns the number of this CPU.
func (f *fn) CPU() ir.Value { return f.b.Call(ir.HelperSMPProcessorID) }

// StartNS returns the boot clock at the start of the run, written by the
// runtime.
func (f *fn) StartNS() ir.Value { return f.b.Load(f.b.MapValue(mapData, startOff), 0, 8) }

// TAIOffset returns the TAI clock minus the boot clock, written by the runtime.
func (f *fn) TAIOffset() ir.Value { return f.b.Load(f.b.MapValue(mapData, taiOff), 0, 8) }

// SeriesTime returns the TAI clock, by which tseries counts its intervals.
func (f *fn) SeriesTime() ir.Value {
	return f.b.Bin(ir.OpAdd, f.b.Call(ir.HelperKtimeBootNS), f.TAIOffset())
}

// NamedType finds a kernel type.
func (f *fn) NamedType(kind, name string) (*types.Type, bool) {
	if f.u.cfg.Types == nil {
		return nil, false
	}
	return f.u.cfg.Types.Named(kind, name)
}

// Zeroed returns the zero value of a type.
func (f *fn) Zeroed(t *types.Type) builtin.Operand {
	if t.IsScalar() {
		return builtin.Operand{T: t, V: f.konst(0)}
	}
	p := f.Scratch(t.Size, "zero")
	f.Zero(p, t.Size)
	return builtin.Operand{T: t, Mem: &p}
}

// Intern numbers a string for user space.
func (f *fn) Intern(s string) int {
	for i, have := range f.u.Obj.Strings {
		if have == s {
			return i
		}
	}
	f.u.Obj.Strings = append(f.u.Obj.Strings, s)
	return len(f.u.Obj.Strings) - 1
}

// Refuse reports what this kernel cannot do.
func (f *fn) Refuse(code string, at source.Span, message, note, help string) {
	d := f.u.Diag.Errorf(diag.Code(code), at, "%s", message)
	if note != "" {
		d.WithNote("%s", note)
	}
	if help != "" {
		d.WithHelp("%s", help)
	}
}

// cpuBlock returns the address of this CPU's block of a map: the map's value
// plus stride times the masked CPU number.
func (f *fn) cpuBlock(m int, strides *[]patch) ir.Value {
	cpu := f.b.BinI(ir.OpAnd, f.CPU(), int64(f.Target().CPUMask()))
	st := f.konst(0)
	*strides = append(*strides, patch{f.f, st})
	base := f.b.MapValue(m, 0)
	if m == mapScratch {
		f.base = append(f.base, patch{f.f, base})
	}
	return f.b.Bin(ir.OpAdd, base, f.b.Bin(ir.OpMul, cpu, st))
}

// PerCPU is byte off of this CPU's block of aggregation cells.
func (f *fn) perCPU(off int) builtin.Place {
	return f.local(f.cpuBlock(mapPerCPU, &f.u.stride)).At(off)
}

// Scratch is local memory with undefined content: a stack slot, or a part of
// the program's scratch region on this CPU. (A program does not run twice at
// once on one CPU, so program and CPU own it.)
func (f *fn) Scratch(size int, name string) builtin.Place {
	size = (max(size, 1) + 7) / 8 * 8
	if size <= stackLimit && !f.careful && f.stack+size <= stackTotal {
		f.stack += size
		return f.local(f.b.Frame(f.b.Slot(size, name), 0))
	}
	return f.far(f.region0(size))
}

// region0 reserves size bytes of the scratch region.
func (f *fn) region0(size int) int {
	off := f.region
	f.region += (size + 7) / 8 * 8
	return off
}

// far returns the place of byte off of the scratch region.
func (f *fn) far(off int) builtin.Place {
	return f.local(f.cpuBlock(mapScratch, &f.size)).At(off)
}

// Dest returns the wished-for memory of the call being lowered, or scratch.
func (f *fn) Dest(size int, name string) (builtin.Place, bool) {
	if d := f.dest; d != nil && !d.used {
		d.used = true
		return d.p, d.clean
	}
	return f.Scratch(size, name), false
}

// Addr returns the address of a place in a register.
func (f *fn) Addr(p builtin.Place) ir.Value {
	if p.Off == 0 {
		return p.Base
	}
	switch in := f.f.Ins(p.Base); in.Op {
	case ir.OpFrame:
		return f.b.Frame(in.Aux, int(in.Imm)+p.Off)
	case ir.OpMapValue:
		if in.Aux != mapScratch {
			return f.b.MapValue(int(in.Aux), int(in.Imm)+p.Off)
		}
	}
	return f.b.BinI(ir.OpAdd, p.Base, int64(p.Off))
}

// Zero clears size bytes of local memory: by stores up to a bound, by a read
// that cannot succeed above it (the kernel clears the destination of a failed
// probe_read with one memset).
func (f *fn) Zero(p builtin.Place, size int) {
	if size > 128 {
		f.b.Call(ir.HelperReadKernel, f.Addr(p), f.konst(int64(size)), f.konst(0))
		return
	}
	zero := f.konst(0)
	for off := 0; off < size; {
		w := 8
		for w > size-off || (p.Off+off)%w != 0 {
			w /= 2
		}
		f.b.Store(p.Base, p.Off+off, w, zero)
		off += w
	}
}

// Fail counts a run-time error at the current point. Counters are shared by
// all CPUs and errors are rare, so the addition is atomic.
func (f *fn) Fail(kind builtin.ErrorKind, at source.Span, helper ir.Helper) {
	f.failMap(kind, at, helper, "")
}

func (f *fn) failMap(kind builtin.ErrorKind, at source.Span, helper ir.Helper, m string) {
	off := f.u.errorSite(siteKey{kind, at, f.site.Name, m, helper})
	f.b.AtomicAdd(f.b.MapValue(mapData, off), 0, 8, f.konst(1))
}

// FailIf counts an error when x cmp y holds, off the hot path.
func (f *fn) FailIf(c ir.Cmp, x, y ir.Value, kind builtin.ErrorKind, at source.Span, helper ir.Helper) {
	bad, next := f.b.Cold(f.b.NewBlock("fail")), f.b.NewBlock("ok")
	f.b.If(c, 8, x, y, bad, next)
	f.b.UseSealed(bad)
	f.Fail(kind, at, helper)
	f.b.Jump(next)
	f.b.UseSealed(next)
}

// Select returns x cmp y ? a : b.
func (f *fn) Select(c ir.Cmp, x, y, a, b ir.Value) ir.Value {
	return f.IfElse(c, x, y, func() ir.Value { return a }, func() ir.Value { return b })
}

// IfElse runs one of two pieces of code and joins their values.
func (f *fn) IfElse(c ir.Cmp, x, y ir.Value, then, els func() ir.Value) ir.Value {
	t, e, j := f.b.NewBlock("then"), f.b.NewBlock("else"), f.b.NewBlock("join")
	v := f.b.NewVar(ir.Scalar)
	f.b.If(c, 8, x, y, t, e)
	f.b.UseSealed(t)
	f.b.Set(v, then())
	f.b.Jump(j)
	f.b.UseSealed(e)
	f.b.Set(v, els())
	f.b.Jump(j)
	f.b.UseSealed(j)
	return f.b.Get(v)
}

// Table places constant bytes in p_data.
func (f *fn) Table(name string, data []byte) builtin.Place {
	return f.local(f.b.MapValue(mapData, f.u.table(name, data)))
}

// Return ends the program (or, in a callback, the loop and then the program).
func (f *fn) Return() { f.ret(nil) }
