package lower

import (
	"strings"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// program is the state shared by the functions of one BPF program.
type program struct {
	u       *Unit
	ir      *ir.Prog
	probe   *hir.Probe
	site    *hir.Site
	region  int               // scratch bytes of one CPU used so far
	base    []patch           // OpMapValue of the scratch region: Imm is its start
	size    []patch           // constants that are the region's stride
	stack   int               // bytes of stack slots so far, over all functions
	memVars map[*hir.Var]bool // variables that are in memory because a callback uses them
	saved   *savedArgs
	homes   map[*hir.Var]int // scratch offset of the variables in memory
	begun   bool             // Part.Begin has run, so Part.End must run at every exit
	buffer  int              // scratch offset of the buffer for stacks, -1 before there is one
	careful bool             // see outline.go
	retOff  int              // scratch offset of the result of `return` in an outlined function, -1 before there is one
	// sampleOff is the offset in p_data of the word that says which part of the
	// events the program looks at, 0 if it always looks at all.
	sampleOff int
	kept      map[*hir.Arg]int // scratch offsets of the arguments that outlined functions read
	// keptCalls are the scratch offsets of builtins that read the context, -1
	// before they have been computed.
	keptCalls map[string]int
	claims    *claims // nil if the kernel does not run the program twice at once on a CPU
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
	// outlined is set for a global function. frames is the number of functions
	// of the program that are active when this one runs.
	outlined bool
	frames   int
	chained  int      // how many && and || are around the condition that is lowered
	held     ir.Value // the number of the claimed region in functions that get it from their caller
	dest     *dest    // destination hint for the value being lowered, nil if none
}

// dest is a destination hint: the memory in which the caller wants the result
// of the next call.
type dest struct {
	p     builtin.Place
	clean bool
	used  bool
}

// binding is the location of a scratch variable.
type binding struct {
	v      ir.Var // scalars in SSA
	scalar bool
	frame  int // offset in the frame record, -1 if not there
	// The variable of a map loop: the places of key and value.
	pair       bool
	key, value builtin.Operand
}

var _ builtin.Lowerer = (*fn)(nil)

// stackLimit is the maximum size in bytes of an object on the stack, and
// stackTotal the maximum of all together. Other objects go to scratch memory:
// the kernel allows 512 bytes for the program and its callbacks together,
// spills included.
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
// do not have it; the checker rejects code that needs it there.
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
// For tests a map may hold the time instead (C-ENV-DUMMYTS).
func (f *fn) SeriesTime() ir.Value {
	if name := f.u.hir.Config["dummy_ts_map"]; name != "" {
		for _, m := range f.u.hir.Maps {
			if m.Name == strings.TrimPrefix(name, "@") && m.Key == nil && m.Value.IsInt() {
				return f.mapGet(&hir.MapGet{X: hir.X{T: m.Value}, Map: m}).V
			}
		}
		f.u.Diag.Errorf("bad-config", source.Span{}, "BPFTRACE_DUMMY_TS_MAP is %s, which is no map of the script that holds a number and has no keys", name).
			WithHelp("assign the time to such a map in the script, or unset the variable")
		return f.konst(0)
	}
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

// Refuse reports that this kernel cannot do what the script asks for.
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

// perCPU returns the place of byte off in this CPU's block of aggregation
// cells.
func (f *fn) perCPU(off int) builtin.Place {
	return f.local(f.cpuBlock(mapPerCPU, &f.u.stride)).At(off)
}

// Scratch returns local memory with undefined content: a stack slot, or a part
// of the program's scratch region on this CPU. The kernel does not run a
// program again on a CPU while it is running there (bpf_prog_active,
// prog->active), so the region needs no lock. Programs for which that is not
// true claim a region (claim.go).
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
	if f.claims == nil {
		return f.local(f.cpuBlock(mapScratch, &f.size)).At(off)
	}
	base, stride := f.b.MapValue(mapScratch, 0), f.konst(0)
	f.base, f.size = append(f.base, patch{f.f, base}), append(f.size, patch{f.f, stride})
	return f.local(f.b.Bin(ir.OpAdd, base, f.b.Bin(ir.OpMul, f.regionIndex(), stride))).At(off)
}

// Dest returns the memory of the destination hint, or scratch memory if there
// is none.
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

// Zero clears size bytes of local memory. Up to a bound it uses stores. Above
// it uses a probe read of address 0, which always fails: the kernel clears the
// destination of a failed read with one memset (bpf_probe_read_kernel_common in
// kernel/trace/bpf_trace.c).
func (f *fn) Zero(p builtin.Place, size int) {
	switch {
	case size > 128 && f.Target().NoKernelReads:
		// No address of a process is as high, so nothing is looked at.
		f.b.Call(ir.HelperReadUser, f.Addr(p), f.konst(int64(size)), f.konst(-1))
		return
	case size > 128:
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
	off := f.u.errorSite(siteKey{kind, at, f.site.Name, m, helper}, false)
	f.b.AtomicAdd(f.b.MapValue(mapData, off), 0, 8, f.konst(1))
}

// failCode counts an error that the kernel has a reason for, which is the
// result of the helper. User space reads the result after it has seen the count.
func (f *fn) failCode(kind builtin.ErrorKind, at source.Span, helper ir.Helper, m string, result ir.Value) {
	off := f.u.errorSite(siteKey{kind, at, f.site.Name, m, helper}, true)
	f.failAt(f.b.MapValue(mapData, off), result)
}

// failAt counts an error at the address of its counter, behind which the reason is kept.
func (f *fn) failAt(counter, result ir.Value) {
	f.b.Store(counter, 8, 8, result)
	f.b.AtomicAdd(counter, 0, 8, f.konst(1))
}

// FailCode counts an error if the result of a helper is not 0, and keeps the
// result.
func (f *fn) FailCode(result ir.Value, kind builtin.ErrorKind, at source.Span, helper ir.Helper) {
	bad, next := f.b.Cold(f.b.NewBlock("fail")), f.b.NewBlock("ok")
	f.b.If(ir.NE, 8, result, f.konst(0), bad, next)
	f.b.UseSealed(bad)
	f.failCode(kind, at, helper, "", result)
	f.b.Jump(next)
	f.b.UseSealed(next)
}

// FailIf counts an error if x cmp y holds. The counting is in a cold block,
// laid out after the hot path.
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

// IfElse generates two pieces of code, of which one runs, and joins their
// values.
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

// Return ends the program. In a callback it ends the loop and then the program.
func (f *fn) Return() { f.ret(nil) }
