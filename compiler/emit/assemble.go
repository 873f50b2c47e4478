package emit

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"probe/compiler/ir"
	"probe/compiler/regalloc"
	"probe/compiler/reuse"
)

// assembler collects the functions of one program.
type assembler struct {
	prog    *ir.Prog
	mapName func(int) string
	opt     Options
	funcs   []*assembled // by function of prog; nil for functions that are never called
}

// assembled is one finished function.
type assembled struct {
	code  []raw
	info  FuncInfo
	calls []int32 // functions that it calls, directly or as callbacks
	loops bool    // uses may_goto, for which the kernel adds stack
}

// function compiles one function.
func (a *assembler) function(f *ir.Func) (*assembled, error) {
	ir.SplitCritical(f)
	mem := memories.Get().(*memory)
	defer memories.Put(mem)
	m := selectFunc(f, mem)
	al, err := regalloc.Allocate(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	g := &generator{clear: a.opt.ClearArgs, mach: m, al: al, fr: newFrame(m, al.Slots, a.opt)}
	g.generate()
	if !a.opt.NoOpt {
		g.peephole()
		g.sweep()
	}
	code, err := g.link()
	if err != nil {
		return nil, err
	}
	fn := &assembled{code: code, info: FuncInfo{Name: f.Name, Stack: g.fr.size, Stats: Stats(al.Stats)}}
	for i := range code {
		fn.info.Slots += code[i].width()
		if code[i].kind == refFunc {
			fn.calls = append(fn.calls, code[i].ref)
		}
		fn.loops = fn.loops || code[i].op == opMayGot
	}
	return fn, nil
}

// symbol returns the name by which the instructions refer to a function.
func (a *assembler) symbol(n int) string {
	return fmt.Sprintf("%s_%d", a.prog.Name, n)
}

// finish joins the functions into one program. Symbols and func_info are only
// added if there are several functions: a program with one loads without BTF.
func (a *assembler) finish() (*Code, error) {
	out := &Code{}
	slots, count := 0, 0
	for _, fn := range a.funcs {
		if fn != nil {
			slots += fn.info.Slots
			count++
		}
	}
	out.Ins = make(asm.Instructions, 0, slots)
	out.Lines = make([]int32, 0, slots)
	for n, fn := range a.funcs {
		if fn == nil {
			continue
		}
		fn.info.Index, fn.info.Start = n, len(out.Lines)
		for i := range fn.code {
			r := &fn.code[i]
			in := a.instruction(r)
			if i == 0 && count > 1 {
				name := a.symbol(n)
				in = btf.WithFuncMetadata(in.WithSymbol(name), signature(name, a.prog.Funcs[n], n == 0))
			}
			out.Ins = append(out.Ins, in)
			for range r.width() {
				out.Lines = append(out.Lines, r.pos)
			}
		}
		out.Funcs = append(out.Funcs, fn.info)
	}
	var err error
	out.StackSize, err = a.stack(0, 0, count > 1)
	return out, err
}

// mayGotoStack is the stack in bytes that the kernel reserves for the counter
// of may_goto, in the larger of its two forms (do_misc_fixups in
// kernel/bpf/verifier.c).
const mayGotoStack = 16

// stack returns the stack of function n together with its deepest callee, in
// bytes. The kernel rounds each function up to 32 bytes where there is more
// than one (check_max_stack_depth in kernel/bpf/verifier.c).
func (a *assembler) stack(n, depth int, several bool) (int, error) {
	fn := a.funcs[n]
	own := fn.info.Stack
	if fn.loops {
		own += mayGotoStack
	}
	if own > MaxStack {
		return 0, &StackError{Func: fn.info.Name, Size: own, Limit: MaxStack}
	}
	if several {
		own = (max(own, 1) + 31) / 32 * 32
	}
	if depth >= 8 {
		return 0, &DepthError{Func: fn.info.Name}
	}
	deepest := 0
	for _, c := range fn.calls {
		d, err := a.stack(int(c), depth+1, several)
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, d)
	}
	if own+deepest > MaxStack {
		return 0, &StackError{Func: fn.info.Name, Size: own + deepest, Limit: MaxStack}
	}
	return own + deepest, nil
}

// generator turns the machine instructions of one function into raw ones.
type generator struct {
	clear bool // Options.ClearArgs
	*mach
	al    *regalloc.Allocation
	fr    *frame
	code  []raw
	rpo   []int // the blocks, predecessors first
	first []int // by block: code[first[b]:first[b+1]] is its code without the end
	ends  []end // by block
	pos   int32
}

// end is how a block ends, with registers.
type end struct {
	inst *inst
	regs regalloc.Regs
}

func (g *generator) put(r raw) {
	r.pos = g.pos
	g.code = append(g.code, r)
}

// generate emits the instructions of all blocks except their ends, which link
// adds once the sizes of the blocks are known. Each move comes directly before
// the instruction that it belongs to.
func (g *generator) generate() {
	mem := g.mem
	mem.first, mem.ends = reuse.Slice(mem.first, len(g.blocks)+1), reuse.Zeroed(mem.ends, len(g.blocks))
	g.first, g.ends, g.code = mem.first, mem.ends, mem.code[:0]
	moves := g.al.Moves
	for b := range g.blocks {
		g.first[b] = len(g.code)
		blk := &g.blocks[b]
		for i := blk.First; i < blk.End; i++ {
			in := &g.insts[i]
			g.pos = in.pos
			for len(moves) > 0 && moves[0].At == i {
				g.move(&moves[0])
				moves = moves[1:]
			}
			if i == blk.End-1 {
				g.ends[b] = end{in, g.al.Regs[i]}
			} else {
				g.inst(in, g.al.Regs[i])
			}
		}
	}
	g.first[len(g.blocks)] = len(g.code)
	mem.code = g.code
}

// move emits one move of the allocator. A storable value is rematerialized
// directly in its slot, without a register.
func (g *generator) move(m *regalloc.Move) {
	dst, inReg := m.Dst.Reg()
	switch {
	case m.Src == regalloc.Remat && !inReg:
		slot, _ := m.Dst.Slot()
		g.put(storeImm(asm.RFP, g.fr.spill(slot), g.makers[m.V].imm, 8))
	case m.Src == regalloc.Remat:
		g.make(m.V, reg(dst))
	case inReg:
		if src, ok := m.Src.Reg(); ok {
			g.put(movReg(reg(dst), reg(src)))
			return
		}
		slot, _ := m.Src.Slot()
		g.put(load(reg(dst), asm.RFP, g.fr.spill(slot), 8))
	default:
		slot, _ := m.Dst.Slot()
		src, _ := m.Src.Reg()
		g.put(store(asm.RFP, g.fr.spill(slot), reg(src), 8))
	}
}

// make emits the instructions that rematerialize v.
func (g *generator) make(v regalloc.VReg, dst asm.Register) {
	k := &g.makers[v]
	switch k.op {
	case ir.OpConst:
		g.put(moveImm(dst, k.imm))
	case ir.OpMapPtr:
		g.put(raw{op: asm.LoadImmOp(asm.DWord), dst: dst, src: asm.PseudoMapFD, kind: refMap, ref: int32(k.imm)})
	case ir.OpMapValue:
		g.put(raw{op: asm.LoadImmOp(asm.DWord), dst: dst, src: asm.PseudoMapValue, kind: refMapValue, ref: k.aux, imm: k.imm})
	case ir.OpFuncAddr:
		g.put(raw{op: asm.LoadImmOp(asm.DWord), dst: dst, src: asm.PseudoFunc, kind: refFunc, ref: k.aux})
	case ir.OpFrame:
		g.put(movReg(dst, asm.RFP))
		g.put(raw{op: aluCode(asm.Add, 8, asm.ImmSource), dst: dst, imm: int64(g.fr.slot(k.aux, int32(k.imm)))})
	default:
		panic(fmt.Sprintf("emit: v%d cannot be made", v))
	}
}

// inst emits one instruction with the registers r. If the result and the
// overwritten operand have different registers, a copy comes first.
func (g *generator) inst(in *inst, r regalloc.Regs) {
	switch in.kind {
	case kNop:
	case kMake:
		if r.Def != regalloc.NoReg {
			g.make(in.Def, reg(r.Def))
		}
	case kALU:
		g.alu(in, r)
	case kNeg:
		d := g.overwrite(r)
		g.put(raw{op: aluCode(asm.Neg, in.w, asm.ImmSource), dst: d})
	case kSwap:
		d := g.overwrite(r)
		g.put(raw{op: asm.OpCode(class32).SetALUOp(asm.Swap).SetSource(asm.Source(asm.BE)), dst: d, imm: int64(in.w) * 8})
	case kNum:
		// A conversion to little endian does nothing on a little-endian
		// machine, but the verifier takes the result for an unknown number
		// (check_alu_op in kernel/bpf/verifier.c).
		d := g.overwrite(r)
		g.put(raw{op: asm.OpCode(class32).SetALUOp(asm.Swap).SetSource(asm.Source(asm.LE)), dst: d, imm: 64})
	case kMov32:
		g.put(raw{op: aluCode(asm.Mov, 4, asm.RegSource), dst: reg(r.Def), src: reg(r.Use[0])})
	case kLoad:
		base, off := g.base(in, r)
		g.put(load(reg(r.Def), base, off, in.w))
	case kStore:
		base, off := g.base(in, r)
		g.put(store(base, off, reg(r.Use[1]), in.w))
	case kStoreImm:
		base, off := g.base(in, r)
		g.put(storeImm(base, off, in.imm, in.w))
	case kAtomic:
		base, off := g.base(in, r)
		src := reg(r.Use[1])
		if in.Def != 0 && r.Def != r.Use[1] {
			src = reg(r.Def)
			g.put(movReg(src, reg(r.Use[1])))
		}
		g.put(atomic(atomicOps[in.op], base, off, src, in.w))
	case kCall, kKfunc, kCallFunc:
		g.call(in, r)
	default:
		panic(fmt.Sprintf("emit: instruction kind %d inside a block", in.kind))
	}
}

// overwrite moves the operand into the register of the result. BPF arithmetic
// has two operands and overwrites the first.
func (g *generator) overwrite(r regalloc.Regs) asm.Register {
	if r.Def != r.Use[0] {
		g.put(movReg(reg(r.Def), reg(r.Use[0])))
	}
	return reg(r.Def)
}

// alu emits arithmetic. If the result is in the register of the second operand
// of a commutative operation, the operands are exchanged instead of copied.
func (g *generator) alu(in *inst, r regalloc.Regs) {
	op := aluOps[in.op]
	if in.useImm {
		g.put(raw{op: aluCode(op, in.w, asm.ImmSource), dst: g.overwrite(r), imm: in.imm})
		return
	}
	other := r.Use[1]
	if in.Commute && r.Def == r.Use[1] {
		other = r.Use[0]
	} else {
		g.overwrite(r)
	}
	g.put(raw{op: aluCode(op, in.w, asm.RegSource), dst: reg(r.Def), src: reg(other)})
}

// base returns the base register and offset of a memory access. Stack slots are
// addressed through r10, so they need no register.
func (g *generator) base(in *inst, r regalloc.Regs) (asm.Register, int16) {
	if in.frame {
		return asm.RFP, g.fr.slot(in.aux, in.off)
	}
	return reg(r.Use[0]), int16(in.off)
}

// call emits a call. The allocator has moved the arguments into r1 to r5; the
// result is in r0.
func (g *generator) call(in *inst, r regalloc.Regs) {
	switch in.kind {
	case kCall:
		g.put(raw{op: opCall, imm: in.imm})
	case kKfunc:
		g.put(raw{op: opCall, src: asm.PseudoKfuncCall, imm: in.imm})
	case kCallFunc:
		// Verifiers since 6.15 take every register that could hold an argument for used by
		// the call (compute_insn_live_regs in kernel/bpf/verifier.c): what it happens to
		// hold would be compared where paths meet, all the way up.
		for r := asm.R1 + asm.Register(len(in.Args)); g.clear && r <= asm.R5; r++ {
			g.put(moveImm(r, 0))
		}
		g.put(raw{op: opCall, src: asm.PseudoCall, kind: refFunc, ref: in.aux})
	}
	if in.Def != 0 && r.Def != regalloc.Result {
		g.put(movReg(reg(r.Def), asm.R0))
	}
}

// link adds the ends of the blocks and computes the jump distances.
func (g *generator) link() ([]raw, error) {
	n := len(g.blocks)
	target := g.thread()
	type fixup struct{ at, slot, to int }
	fixes := make([]fixup, 0, 2*n)
	out := make([]raw, 0, len(g.code)+2*n)
	start := make([]int, n) // raw slot of each block
	slot := 0
	put := func(r raw, pos int32) {
		r.pos = pos
		slot += r.width()
		out = append(out, r)
	}
	jump := func(r raw, to int, pos int32) {
		fixes = append(fixes, fixup{len(out), slot, to})
		put(r, pos)
	}
	for b := range n {
		start[b] = slot
		if target[b] != b {
			continue
		}
		for i := g.first[b]; i < g.first[b+1]; i++ {
			put(g.code[i], g.code[i].pos)
		}
		next := b + 1
		for next < n && target[next] != next {
			next++
		}
		e := g.ends[b]
		pos := e.inst.pos
		if e.inst.kind == kRet {
			put(raw{op: opExit}, pos)
			continue
		}
		succs := g.blocks[b].Succs
		then := target[succs[0].To]
		if e.inst.kind == kJump {
			if then != next {
				jump(raw{op: opJa}, then, pos)
			}
			continue
		}
		els := target[succs[1].To]
		switch cond, ok := condition(e, then == next); {
		case then == els:
			if then != next {
				jump(raw{op: opJa}, then, pos)
			}
		case e.inst.kind == kMayGoto:
			jump(raw{op: opMayGot}, els, pos)
			if then != next {
				jump(raw{op: opJa}, then, pos)
			}
		case then == next && ok:
			jump(cond, els, pos)
		default:
			cond, _ = condition(e, false)
			jump(cond, then, pos)
			if els != next {
				jump(raw{op: opJa}, els, pos)
			}
		}
	}
	for _, x := range fixes {
		d := start[x.to] - x.slot - 1
		if d < math.MinInt16 || d > math.MaxInt16 {
			return nil, &JumpError{Func: g.f.Name, Distance: d}
		}
		out[x.at].off = int16(d)
	}
	return out, nil
}

// condition returns the conditional jump of a branch, inverted if wanted; false
// if it has no inverse.
func condition(e end, invert bool) (raw, bool) {
	if e.inst.kind != kBranch {
		return raw{}, false
	}
	c := e.inst.cmp
	if invert {
		var ok bool
		if c, ok = c.Inverted(); !ok {
			return raw{}, false
		}
	}
	class := asm.JumpClass
	if e.inst.w == 4 {
		class = asm.Jump32Class
	}
	r := raw{dst: reg(e.regs.Use[0])}
	if e.inst.useImm {
		r.op = asm.OpCode(class).SetJumpOp(jumpOps[c]).SetSource(asm.ImmSource)
		r.imm = e.inst.imm
	} else {
		r.op = asm.OpCode(class).SetJumpOp(jumpOps[c]).SetSource(asm.RegSource)
		r.src = reg(e.regs.Use[1])
	}
	return r, true
}

// thread maps each block to the first block with code on its way. The entry
// stays even if it is empty.
func (g *generator) thread() []int {
	target := make([]int, len(g.blocks))
	for b := range target {
		t := b
		for hops := 0; hops <= len(g.blocks); hops++ {
			if t == 0 || g.first[t] != g.first[t+1] || g.ends[t].inst.kind != kJump {
				break
			}
			t = g.blocks[t].Succs[0].To
		}
		target[b] = t
	}
	for b := range target {
		// Leave a cycle of empty blocks unchanged: following it would not end.
		if target[target[b]] != target[b] {
			for c := range target {
				target[c] = c
			}
			break
		}
	}
	return target
}
