package lower

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
)

// Scratch memory of programs that can be preempted.
//
// The kernel does not run most programs again on a CPU before they have ended. Those of
// uprobes are an exception since Linux 6.0: bpf_prog_run_array_sleepable, later
// bpf_prog_run_array_uprobe, in include/linux/bpf.h and uprobe_prog_run in
// kernel/trace/bpf_trace.c only keep the task on its CPU. Another task can run the same
// program there before the first one continues, in kernels that are built or started with
// full or lazy preemption. Such a program has a region of scratch memory for each of
// claimSlots tasks of a CPU. It claims one by exchanging its word for a 1, and gives it back
// where it ends. Tasks are not continued in the order in which they were preempted, so a
// counter would not do. If none is free, the run is skipped and counted.
//
// A program of which the predicate needs no scratch memory claims it after the predicate,
// and one that needs none at all claims nothing. As both are known too late, the code is
// behind constants that are set at the end (finishClaims) and that optimisation removes.

// claimSlots is how many tasks can be inside of one program on a CPU: a power of two.
const claimSlots = 8

// claims is what a program knows about its claims.
type claims struct {
	// index is the number of the region: CPU times claimSlots plus slot. It is a variable
	// of the program's first function; others get it from their callers (fn.regionIndex).
	index ir.Var
	// late is set once the claim after the predicate has been lowered.
	late  bool
	early []patch // constants that are 1 if the claim is before the predicate
	after []patch // constants that are 1 if there is a claim
	words []patch // OpMapValue of the words: Imm is their start
}

// overlaps reports whether a task can run a program of a site while another one is in the
// middle of it, on the same CPU.
func (u *Unit) overlaps(s *hir.Site) bool {
	return s.Attach.Kind.User() && u.cfg.Target.Has(target.Overlap)
}

// claimEarly claims scratch memory before the predicate.
func (f *fn) claimEarly() {
	if f.u.overlaps(f.site) {
		f.claims = &claims{index: f.b.NewVar(ir.Scalar)}
		f.b.Set(f.claims.index, f.konst(0))
		f.claim(&f.claims.early)
	}
}

// claimLate claims scratch memory after the predicate, unless that has used some.
func (f *fn) claimLate() {
	if f.claims != nil && f.region == 0 {
		f.claims.late = true
		f.claim(&f.claims.after)
	}
}

// claim takes one of the CPU's slots, if the constant that it adds to a list becomes 1.
func (f *fn) claim(when *[]patch) {
	take, done := f.b.NewBlock("claim"), f.b.NewBlock("claimed")
	f.ifClaimed(when, take, done)
	f.b.UseSealed(take)
	first := f.b.BinI(ir.OpMul, f.b.BinI(ir.OpAnd, f.CPU(), int64(f.Target().CPUMask())), claimSlots)
	words := f.claimWord(first)
	slot, free := f.b.NewVar(ir.Scalar), f.b.NewBlock("free")
	for i := range claimSlots {
		taken := f.b.Cold(f.b.NewBlock("taken"))
		old := f.b.AtomicXchg(words, 8*i, 8, f.konst(1))
		f.b.Set(slot, f.konst(int64(i)))
		f.b.If(ir.EQ, 8, old, f.konst(0), free, taken)
		f.b.UseSealed(taken)
	}
	f.Fail(builtin.ErrOverlap, f.probe.At, 0)
	f.b.Ret(f.result())
	f.b.UseSealed(free)
	// A number that is unknown, but for its bound: with constants the verifier would walk
	// the program once for each slot.
	n := f.b.BinI(ir.OpAnd, f.b.Bin(ir.OpAdd, f.b.Get(slot), f.hiddenZero()), claimSlots-1)
	f.b.Set(f.claims.index, f.b.Bin(ir.OpAdd, first, n))
	f.b.Jump(done)
	f.b.UseSealed(done)
}

// unclaim gives the claimed slot back, before the end of the program.
func (f *fn) unclaim() {
	c := f.claims
	if c == nil {
		return
	}
	when := &c.early
	if c.late {
		when = &c.after
	}
	give, done := f.b.NewBlock("unclaim"), f.b.NewBlock("unclaimed")
	f.ifClaimed(when, give, done)
	f.b.UseSealed(give)
	f.b.Store(f.claimWord(f.regionIndex()), 0, 8, f.konst(0))
	f.b.Jump(done)
	f.b.UseSealed(done)
}

// ifClaimed branches by a constant that it adds to a list.
func (f *fn) ifClaimed(when *[]patch, yes, no ir.Block) {
	c := f.konst(0)
	*when = append(*when, patch{f.f, c})
	f.b.If(ir.NE, 8, c, f.konst(0), yes, no)
}

// claimWord returns the address of the word of a region.
func (f *fn) claimWord(index ir.Value) ir.Value {
	base := f.b.MapValue(mapScratch, 0)
	f.claims.words = append(f.claims.words, patch{f.f, base})
	return f.b.Bin(ir.OpAdd, base, f.b.BinI(ir.OpShl, index, 3))
}

// regionIndex returns the number of the region that this run of the program has claimed.
func (f *fn) regionIndex() ir.Value {
	if f.inCB || f.outlined {
		return f.held
	}
	return f.b.Get(f.claims.index)
}

// indexFromFrame makes a callback use the region whose number is in its frame.
func (f *fn) indexFromFrame() {
	if f.claims != nil {
		f.receiveIndex(f.b.Load(f.frame.Base, f.frame.Off+frameIndex, 8))
	}
}

// receiveIndex makes a function use the region whose number it got from its caller. The
// mask is the bound that the verifier wants to see.
func (f *fn) receiveIndex(n ir.Value) {
	f.held = f.b.BinI(ir.OpAnd, n, int64((f.Target().CPUMask()+1)*claimSlots-1))
}

// finishClaims decides which claims there are, and assigns the program its words: 64 bytes
// for each CPU.
func (p *program) finishClaims() {
	c := p.claims
	if c == nil || p.region == 0 {
		return
	}
	when := c.early
	if c.late {
		when = c.after
	}
	for _, x := range when {
		x.f.Vals[x.v].Imm = 1
	}
	for _, x := range c.words {
		x.f.Vals[x.v].Imm = int64(p.u.scratch)
	}
	p.u.scratch += 8 * claimSlots * (p.u.cfg.Target.CPUMask() + 1)
}
