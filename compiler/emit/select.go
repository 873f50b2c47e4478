package emit

import (
	"fmt"
	"math"

	"probe/compiler/ir"
	"probe/compiler/regalloc"
	"probe/compiler/reuse"
)

// selector turns IR instructions into machine instructions.
type selector struct {
	*mach
	uses  []int32         // how often each value is read
	alias []regalloc.VReg // by value: its virtual register, 0 if that is the value's own number
	zero  regalloc.VReg   // the constant 0, once it is needed
	block []int32         // by ir.Block: its place in the layout
	pos   int32
	arg   [5]regalloc.VReg // by argument of the function
}

// selectFunc lays f out and selects instructions.
func selectFunc(f *ir.Func, mem *memory) *mach {
	cfg := &mem.cfg
	cfg.Analyse(f)
	n := len(f.Vals)
	mem.uses, mem.alias, mem.block = reuse.Zeroed(mem.uses, n), reuse.Zeroed(mem.alias, n), reuse.Slice(mem.block, len(f.Blocks))
	s := &selector{
		mach: &mach{f: f, mem: mem, order: layout(f, cfg), makers: reuse.Zeroed(mem.makers, n), must: reuse.Zeroed(mem.must, n),
			insts: mem.insts[:0]},
		uses: mem.uses, alias: mem.alias, block: mem.block,
	}
	s.prepare()
	mem.blocks = reuse.Zeroed(mem.blocks, len(s.order))
	mem.succs = reuse.Slice(mem.succs, 2*len(s.order))
	s.blocks = mem.blocks
	for i, b := range s.order {
		s.block[b] = int32(i)
	}
	for i, b := range s.order {
		d := &f.Blocks[b]
		blk := &s.blocks[i]
		blk.First, blk.Depth, blk.Cold = len(s.insts), int(cfg.Depth[b]), d.Cold
		blk.Head = cfg.Head[b] == b
		blk.Params = mem.registers(len(d.Params))
		for k, p := range d.Params {
			blk.Params[k] = regalloc.VReg(p)
		}
		blk.Succs = mem.succs[2*i : 2*i : 2*i+2]
		for _, v := range d.Ins {
			s.pos = f.Vals[v].Pos
			s.ins(v)
		}
		s.pos = d.Term.Pos
		s.term(blk, &d.Term)
		blk.End = len(s.insts)
	}
	for i := range s.insts {
		if in := &s.insts[i]; in.kind == kMake && !s.must[in.Def] {
			*in = inst{pos: in.pos}
		}
	}
	mem.makers, mem.must, mem.insts = s.makers, s.must, s.insts
	return s.mach
}

// prepare counts uses and finds the arguments and the values that can be
// rematerialized.
func (s *selector) prepare() {
	f := s.f
	count := func(v *ir.Value) { s.uses[*v]++ }
	uses := s.uses
	for _, b := range s.order {
		d := &f.Blocks[b]
		for _, v := range d.Ins {
			in := &f.Vals[v]
			uses[in.A]++
			uses[in.B]++
			for _, a := range in.Args {
				uses[a]++
			}
			switch in.Op {
			case ir.OpConst, ir.OpMapPtr, ir.OpMapValue, ir.OpFrame, ir.OpFuncAddr:
				s.makers[v] = maker{op: in.Op, aux: in.Aux, imm: in.Imm}
			case ir.OpArg:
				if s.arg[in.Imm] == 0 {
					s.arg[in.Imm] = regalloc.VReg(v)
				}
				s.alias[v] = s.arg[in.Imm]
			}
		}
		d.Term.Operands(count)
	}
	used := [5]bool{}
	for v := range s.alias {
		if s.alias[v] != 0 && s.uses[v] > 0 {
			used[f.Vals[v].Imm] = true
		}
	}
	for i := 0; i < f.NArgs; i++ {
		a := regalloc.VReg(0)
		if used[i] {
			a = s.arg[i]
		}
		s.args = append(s.args, a)
	}
}

// vreg returns the virtual register of v, for an operand that can be anywhere,
// such as the argument of a call.
func (s *selector) vreg(v ir.Value) regalloc.VReg {
	if a := s.alias[v]; a != 0 {
		return a
	}
	return regalloc.VReg(v)
}

// reg is like vreg for an operand that must be in a register.
func (s *selector) reg(v ir.Value) regalloc.VReg {
	r := s.vreg(v)
	s.must[r] = true
	s.wild = s.wild || s.makers[r].op == ir.OpFrame
	return r
}

func (s *selector) add(i inst) {
	i.pos = s.pos
	s.insts = append(s.insts, i)
}

// ins selects instructions for v. A value that is never used is omitted unless
// it has effects.
func (s *selector) ins(v ir.Value) {
	in := &s.f.Vals[v]
	if s.uses[v] == 0 && in.Effect() < ir.WritesMem {
		return
	}
	def := regalloc.VReg(v)
	switch {
	case in.Op == ir.OpArg:
	case s.makers[v].op != ir.OpInvalid:
		s.add(inst{kind: kMake, Instr: regalloc.Instr{Def: def}})
	case in.Op.IsBinary():
		s.binary(def, in)
	case in.Op == ir.OpNeg:
		s.add(inst{kind: kNeg, w: in.W, Instr: over(def, s.reg(in.A))})
	case in.Op == ir.OpZExt:
		s.zext(def, in)
	case in.Op == ir.OpSExt:
		n := int64(64 - 8*in.W)
		mid := s.newVReg(maker{})
		s.alu(ir.OpShl, 8, mid, s.reg(in.A), n)
		s.alu(ir.OpSar, 8, def, mid, n)
	case in.Op == ir.OpBSwap:
		s.add(inst{kind: kSwap, w: in.W, Instr: over(def, s.reg(in.A))})
	case in.Op == ir.OpNum:
		s.add(inst{kind: kNum, Instr: over(def, s.reg(in.A))})
	case in.Op == ir.OpLoad:
		i := s.address(in, kLoad)
		i.Def = def
		s.add(i)
	case in.Op == ir.OpStore:
		s.store(in)
	case in.Op.IsAtomic():
		s.atomic(def, in)
	case in.Op.IsCall():
		s.call(v, in)
	default:
		panic(fmt.Sprintf("emit: no instruction for %s", s.f.InsString(v)))
	}
}

// over returns an instruction that overwrites its only operand.
func over(def, use regalloc.VReg) regalloc.Instr {
	return regalloc.Instr{Def: def, Use: [2]regalloc.VReg{use}, Tied: true}
}

// alu adds def = use op imm.
func (s *selector) alu(op ir.Op, w uint8, def, use regalloc.VReg, imm int64) {
	s.add(inst{kind: kALU, op: op, w: w, useImm: true, imm: imm, Instr: over(def, use)})
}

// binary selects arithmetic. Constants become immediates where the encoding
// allows it; a subtraction of one becomes the addition of its negative.
func (s *selector) binary(def regalloc.VReg, in *ir.Ins) {
	a, b, op := in.A, in.B, in.Op
	if _, ok := s.f.Const(a); ok && op.Commutes() {
		if _, ok := s.f.Const(b); !ok {
			a, b = b, a
		}
	}
	if c, ok := s.f.Const(b); ok {
		switch op {
		case ir.OpShl, ir.OpShr, ir.OpSar:
			s.alu(op, in.W, def, s.reg(a), c&int64(8*in.W-1))
			return
		case ir.OpSub:
			if n, ok := ir.Immediate(-c, in.W); ok && c != math.MinInt64 {
				s.alu(ir.OpAdd, in.W, def, s.reg(a), n)
				return
			}
		case ir.OpDiv, ir.OpMod:
			// The verifier rejects a division by the immediate 0, but not by a
			// register that holds 0 (check_alu_op in kernel/bpf/verifier.c).
			if n, ok := ir.Immediate(c, in.W); ok && n != 0 {
				s.alu(op, in.W, def, s.reg(a), n)
				return
			}
		default:
			if n, ok := ir.Immediate(c, in.W); ok {
				s.alu(op, in.W, def, s.reg(a), n)
				return
			}
		}
	}
	if in.Kind.IsPtr() {
		s.bounded(b)
	}
	s.add(inst{kind: kALU, op: op, w: in.W, Instr: regalloc.Instr{Def: def,
		Use: [2]regalloc.VReg{s.reg(a), s.reg(b)}, Tied: true, Commute: op.Commutes()}})
}

// bounded marks v, an offset or a size, as precious if its bound comes from a
// comparison and not from its computation.
func (s *selector) bounded(v ir.Value) {
	var of func(v ir.Value) ir.Fact
	depth := 0
	of = func(v ir.Value) ir.Fact {
		// The search is limited, since without memoization it is exponential in
		// the depth.
		if depth == 6 {
			return ir.Anything
		}
		depth++
		f := ir.FactOf(s.f.Ins(v), of)
		depth--
		return f
	}
	// 1<<29 is BPF_MAX_VAR_OFF: the verifier rejects larger offsets, so a
	// comparison must have bounded this one.
	if of(v).Max >= 1<<29 {
		if s.precious == nil {
			s.precious = map[regalloc.VReg]bool{}
		}
		s.precious[s.vreg(v)] = true
	}
}

// zext selects a zero extension. A 32-bit move zero-extends; narrower ones need
// a mask.
func (s *selector) zext(def regalloc.VReg, in *ir.Ins) {
	if in.W == 4 {
		s.add(inst{kind: kMov32, Instr: regalloc.Instr{Def: def, Use: [2]regalloc.VReg{s.reg(in.A)}}})
		return
	}
	s.alu(ir.OpAnd, 8, def, s.reg(in.A), 1<<(8*in.W)-1)
}

// address begins an instruction that accesses memory at in.A+in.Imm.
func (s *selector) address(in *ir.Ins, k kind) inst {
	i := inst{kind: k, w: in.W}
	a := s.f.Ins(in.A)
	if a.Op == ir.OpFrame {
		i.frame, i.aux, i.off = true, a.Aux, int32(a.Imm+in.Imm)
		return i
	}
	if in.Imm >= math.MinInt16 && in.Imm <= math.MaxInt16 {
		i.Use[0], i.off = s.reg(in.A), int32(in.Imm)
		return i
	}
	// The offset does not fit into 16 bits: add it first.
	t := s.newVReg(maker{})
	s.alu(ir.OpAdd, 8, t, s.reg(in.A), in.Imm)
	i.Use[0] = t
	return i
}

// store selects a store. A constant is stored by one or two immediate stores if
// possible, which saves a register.
func (s *selector) store(in *ir.Ins) {
	if c, ok := s.f.Const(in.B); ok {
		shift := 64 - 8*in.W
		c = c << shift >> shift
		if n, ok := ir.Immediate(c, 8); ok {
			i := s.address(in, kStoreImm)
			i.imm = n
			s.add(i)
			return
		}
		if s.f.Halves(in) {
			i := s.address(in, kStoreImm)
			i.w, i.imm = 4, int64(int32(c))
			s.add(i)
			i.off, i.imm = i.off+4, c>>32
			s.add(i)
			return
		}
	}
	i := s.address(in, kStore)
	i.Use[1] = s.reg(in.B)
	s.add(i)
}

// atomic selects an atomic operation. One that fetches overwrites the register
// of its operand with the old value.
func (s *selector) atomic(def regalloc.VReg, in *ir.Ins) {
	i := s.address(in, kAtomic)
	i.op = in.Op
	i.Use[1] = s.reg(in.B)
	if in.HasResult() {
		i.Def, i.Tied, i.Over = def, true, 1
	}
	s.add(i)
}

// call selects a call. Its arguments need no registers of their own: the
// allocator moves them into r1 to r5.
func (s *selector) call(v ir.Value, in *ir.Ins) {
	i := inst{imm: in.Imm, aux: in.Aux, Instr: regalloc.Instr{Call: true}}
	switch in.Op {
	case ir.OpCall:
		i.kind = kCall
	case ir.OpKfunc:
		i.kind = kKfunc
	default:
		i.kind = kCallFunc
	}
	if s.uses[v] > 0 {
		i.Def = regalloc.VReg(v)
	}
	if k := ir.SizeArg(ir.Helper(in.Imm)); in.Op == ir.OpCall && k >= 0 {
		s.bounded(in.Args[k])
	}
	i.Args = s.mem.registers(len(in.Args))
	for k, a := range in.Args {
		i.Args[k] = s.vreg(a)
	}
	s.add(i)
}

// term selects the end of a block and collects its edges with their arguments.
// The constant 0 that `return` without a value needs is shared by all exits.
func (s *selector) term(blk *regalloc.Block, t *ir.Term) {
	for i := range t.NumSuccs() {
		e := t.Succ(i)
		edge := regalloc.Edge{To: int(s.block[e.To]), Args: s.mem.registers(len(e.Args))}
		for k, a := range e.Args {
			edge.Args[k] = s.vreg(a)
			s.wild = s.wild || s.makers[s.vreg(a)].op == ir.OpFrame
		}
		blk.Succs = append(blk.Succs, edge)
	}
	switch t.Kind {
	case ir.Jump:
		s.add(inst{kind: kJump})
	case ir.MayGoto:
		s.add(inst{kind: kMayGoto})
	case ir.Branch:
		s.branch(t)
	case ir.Ret:
		x := s.zero
		if t.X != 0 {
			x = s.vreg(t.X)
		} else if x == 0 {
			s.zero = s.newVReg(maker{op: ir.OpConst})
			x = s.zero
		}
		args := s.mem.registers(1)
		args[0] = x
		s.add(inst{kind: kRet, Instr: regalloc.Instr{Args: args, Return: true}})
	default:
		panic("emit: block without end in " + s.f.Name)
	}
}

// branch selects a conditional jump. A constant must be the second operand, so
// the comparison is swapped if the first one is constant.
func (s *selector) branch(t *ir.Term) {
	i := inst{kind: kBranch, cmp: t.Cmp, w: t.W}
	x, y := t.X, t.Y
	if _, ok := s.f.Const(x); ok {
		if _, ok := s.f.Const(y); !ok {
			x, y, i.cmp = y, x, t.Cmp.Swapped()
		}
	}
	i.Use[0] = s.reg(x)
	if c, ok := s.f.Const(y); ok {
		if i.imm, i.useImm = ir.Immediate(c, t.W); i.useImm {
			s.add(i)
			return
		}
	}
	i.Use[1] = s.reg(y)
	s.add(i)
}
