// Package cost estimates how many instructions the kernel's verifier walks in a
// program.
//
// The verifier follows every path and ends one when it reaches a state that an
// earlier path covered (is_state_visited in kernel/bpf/verifier.c). The
// estimate walks a program in the same way. Of all that distinguishes states,
// it tracks numbers: a value that is constant on one path and different or
// unknown on another, if a branch depends on it. It decides branches whose
// operands are known, and so walks the iterations of a counting loop one by
// one. A global function is walked once, a callback of a helper twice:
// verifiers since 6.7 check that another iteration ends in the same state.
//
// It does not track the content of the stack, ranges of numbers, or the ids of
// pointers.
package cost

import (
	"math/bits"
	"slices"
	"sync"

	"probe/compiler/ir"
	"probe/compiler/reuse"
)

// Limit is the maximum of an estimate. It is twice the number of instructions
// after which the verifier gives up (BPF_COMPLEXITY_LIMIT_INSNS).
const Limit = 2_000_000

// MaxWaiting is the maximum number of branches not yet followed that the
// verifier keeps at once (BPF_COMPLEXITY_LIMIT_JMP_SEQ).
const MaxWaiting = 8192

// again is the cost of a path that is already covered. The verifier stores a
// state only every few instructions, so it walks some before it notices.
const again = 3

// Estimate is the estimated work of the verifier on a program.
type Estimate struct {
	// Insns are the instructions that are walked, at most Limit.
	Insns int
	// Waiting is how many paths wait at once, in the worst function, until the one
	// that is walked ends. The verifier keeps no more than MaxWaiting.
	Waiting int
	// Pos is the index in Prog.Pos of the place with the most of them.
	Pos int32
}

// Of estimates the work on all functions of a program. slots are the
// instructions that each function became, 0 for one that was left out. A function is
// walked no further once it makes the estimate larger than enough.
func Of(p *ir.Prog, slots []int, enough int) Estimate {
	mem := memories.Get().(*memory)
	defer memories.Put(mem)
	out, most := Estimate{}, 0
	times := make([]int, len(p.Funcs))
	times[0] = 1
	for n, f := range p.Funcs {
		if slots[n] == 0 {
			continue
		}
		if f.Global {
			times[n] = 1
		}
		for b := range f.Blocks {
			for _, v := range f.Blocks[b].Ins {
				if in := f.Ins(v); in.Op == ir.OpFuncAddr {
					times[in.Aux] += 2
				}
			}
		}
	}
	for n, f := range p.Funcs {
		if times[n] == 0 || slots[n] == 0 {
			continue
		}
		w := newWalk(f, mem)
		w.most = min(enough*max(w.size, 1)/(times[n]*slots[n])+1, Limit)
		steps := w.run()
		work := times[n] * steps * slots[n] / max(w.size, 1)
		out.Insns = min(out.Insns+work, Limit)
		out.Waiting = max(out.Waiting, w.waiting)
		if work > most {
			most, out.Pos = work, w.busiest()
		}
	}
	return out
}

// walk follows the paths of one function.
type walk struct {
	f    *ir.Func
	mem  *memory
	size int // instructions of all blocks
	// matter are the values that a branch or a pointer depends on. live lists, by block,
	// those of them that are used in the block or after it.
	matter []bool
	live   [][]ir.Value
	// precise are the values that have decided a branch or were added to a pointer,
	// and those they are computed from.
	precise []bool
	feeds   map[ir.Value][]ir.Value // by parameter of a block: what edges give it
	seen    [][]state               // by block: the states it was entered in
	visits  []int                   // by block
	steps   int
	most    int        // the steps after which the walk ends
	waiting int        // the largest number of paths that waited
	todo    []ir.Value // of mark
	free    []ir.Fact  // memory for states
}

// maxFacts is the number of facts up to which the memory for states doubles.
const maxFacts = 1 << 14

// memory is what a walk needs. It is used for the next one again.
type memory struct {
	cfg             ir.CFG
	matter, precise []bool
	live            [][]ir.Value
	seen            [][]state
	visits          []int
	facts, vals     []ir.Fact
	number          []int32
	values, flat    []ir.Value
	rows            []uint64
	items           []item
}

// memories holds the memory of earlier walks.
var memories = sync.Pool{New: func() any { return &memory{} }}

// prepare makes room for a function with some values and blocks.
func (m *memory) prepare(values, blocks int) {
	m.matter, m.precise = reuse.Zeroed(m.matter, values), reuse.Zeroed(m.precise, values)
	m.live, m.visits = reuse.Zeroed(m.live, blocks), reuse.Zeroed(m.visits, blocks)
	if cap(m.seen) < blocks {
		m.seen = make([][]state, blocks, blocks+blocks/2)
	}
	m.seen = m.seen[:blocks]
	for b := range m.seen {
		clear(m.seen[b])
		m.seen[b] = m.seen[b][:0]
	}
}

// state holds what is known about the live values of a block, in the order of
// live.
type state []ir.Fact

// covers reports whether a path from state s has seen all of one from t. Only
// what decided a branch counts, since the verifier has marked that as precise.
// Of a turn of a loop it is not known yet what will decide, so that all counts.
func (w *walk) covers(vs []ir.Value, s, t state, turn bool) bool {
	for i, v := range vs {
		if !turn && !w.precise[v] {
			continue
		}
		a, b := &s[i], &t[i]
		if b.Min < a.Min || b.Max > a.Max || (a.One^b.One|b.Unknown)&^a.Unknown != 0 {
			return false
		}
	}
	return true
}

func newWalk(f *ir.Func, mem *memory) *walk {
	mem.prepare(len(f.Vals), len(f.Blocks))
	w := &walk{f: f, mem: mem, matter: mem.matter, precise: mem.precise, live: mem.live, seen: mem.seen, visits: mem.visits, free: mem.facts}
	for b := range f.Blocks {
		w.size += len(f.Blocks[b].Ins) + 1
	}
	w.findMatter()
	w.findLive()
	return w
}

// findMatter marks the operands of branches and what they are computed from,
// through the parameters of blocks.
func (w *walk) findMatter() {
	w.feeds = map[ir.Value][]ir.Value{}
	for b := range w.f.Blocks {
		t := &w.f.Blocks[b].Term
		for k := range t.NumSuccs() {
			e := t.Succ(k)
			for i, p := range w.f.Blocks[e.To].Params {
				w.feeds[p] = append(w.feeds[p], e.Args[i])
			}
		}
	}
	for b := range w.f.Blocks {
		if t := &w.f.Blocks[b].Term; t.Kind == ir.Branch {
			w.mark(w.matter, t.X)
			w.mark(w.matter, t.Y)
		}
		for _, v := range w.f.Blocks[b].Ins {
			w.mark(w.matter, w.offset(v))
		}
	}
}

// offset returns the number that an instruction adds to a pointer, 0 if it does
// no such thing. The verifier marks it as precise, as it does what decides
// branches (adjust_reg_min_max_vals).
func (w *walk) offset(v ir.Value) ir.Value {
	in := w.f.Ins(v)
	if in.Op != ir.OpAdd || !in.Kind.IsPtr() {
		return 0
	}
	n := in.B
	if w.f.Ins(n).Kind.IsPtr() {
		n = in.A
	}
	if _, constant := w.f.Const(n); constant {
		return 0
	}
	return n
}

// mark adds a value and all it is computed from to a set.
func (w *walk) mark(set []bool, v ir.Value) {
	if v <= 0 || set[v] {
		return
	}
	todo := append(w.todo[:0], v)
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if v <= 0 || set[v] {
			continue
		}
		set[v] = true
		todo = append(todo, w.feeds[v]...)
		if in := w.f.Ins(v); in.Op.IsBinary() || in.Op.IsUnary() {
			todo = append(todo, in.A, in.B)
		}
	}
	w.todo = todo
}

// findLive computes which of the values that matter are used in a block or
// after it.
func (w *walk) findLive() {
	// The values that matter are numbered, and a set of them is a row of bits.
	values := w.mem.values[:0]
	m := w.mem
	m.number = reuse.Zeroed(m.number, len(w.matter))
	number := m.number
	for v, m := range w.matter {
		if m {
			number[v] = int32(len(values))
			values = append(values, ir.Value(v))
		}
	}
	m.values = values
	words := (len(values) + 63) / 64
	m.rows = reuse.Zeroed(m.rows, words*(len(w.f.Blocks)+1))
	rows := m.rows
	need := rows[words*len(w.f.Blocks):]
	row := func(b ir.Block) []uint64 { return rows[words*int(b):][:words] }
	add := func(v ir.Value) {
		if v > 0 && w.matter[v] {
			need[number[v]/64] |= 1 << (number[v] % 64)
		}
	}
	remove := func(v ir.Value) {
		if w.matter[v] {
			need[number[v]/64] &^= 1 << (number[v] % 64)
		}
	}
	operand := func(x *ir.Value) { add(*x) }
	into := make([]uint64, words)
	cfg := &m.cfg
	cfg.Analyse(w.f)
	for changed := true; changed; {
		changed = false
		for _, b := range slices.Backward(cfg.Order) {
			d := &w.f.Blocks[b]
			clear(into)
			for k := range d.Term.NumSuccs() {
				e := d.Term.Succ(k)
				copy(need, row(e.To))
				for _, p := range w.f.Blocks[e.To].Params {
					remove(p)
				}
				// An argument is live if the parameter that gets it matters.
				for i, p := range w.f.Blocks[e.To].Params {
					if w.matter[p] {
						add(e.Args[i])
					}
				}
				for i, x := range need {
					into[i] |= x
				}
			}
			copy(need, into)
			add(d.Term.X)
			add(d.Term.Y)
			for _, v := range slices.Backward(d.Ins) {
				remove(v)
				if w.matter[v] {
					w.f.Ins(v).Operands(operand)
				}
			}
			for _, p := range d.Params {
				add(p)
			}
			own := row(b)
			for i, x := range need {
				if x&^own[i] != 0 {
					own[i] |= x
					changed = cfg.Cyclic() // otherwise one round is enough
				}
			}
		}
	}
	total := 0
	for _, x := range rows[:words*len(w.f.Blocks)] {
		total += bits.OnesCount64(x)
	}
	m.flat = reuse.Zeroed(m.flat, total)
	flat := m.flat[:0]
	for b := range w.f.Blocks {
		from := len(flat)
		for i, x := range row(ir.Block(b)) {
			for ; x != 0; x &= x - 1 {
				flat = append(flat, values[64*i+bits.TrailingZeros64(x)])
			}
		}
		w.live[b] = flat[from:len(flat):len(flat)]
	}
}

// keep is the maximum number of states kept for comparison per block.
const keep = 64

// item is a path to follow.
type item struct {
	b    ir.Block
	st   state
	turn bool // back to the head of a loop
}

// run walks from the entry and returns the steps.
func (w *walk) run() int {
	start := make(state, len(w.live[0]))
	for i := range start {
		start[i] = ir.Anything
	}
	todo := append(w.mem.items[:0], item{0, start, false})
	w.mem.vals = reuse.Zeroed(w.mem.vals, len(w.f.Vals))
	vals := w.mem.vals
	for i := range vals {
		vals[i] = ir.Anything
	}
	for len(todo) > 0 && w.steps < w.most {
		it := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		vs := w.live[it.b]
		if slices.ContainsFunc(w.seen[it.b], func(s state) bool { return w.covers(vs, s, it.st, it.turn) }) {
			w.steps += again
			continue
		}
		if len(w.seen[it.b]) < keep {
			w.seen[it.b] = append(w.seen[it.b], it.st)
		} else {
			copy(w.seen[it.b], w.seen[it.b][1:])
			w.seen[it.b][keep-1] = it.st
		}
		for i, v := range vs {
			vals[v] = it.st[i]
		}
		d := &w.f.Blocks[it.b]
		of := func(v ir.Value) ir.Fact { return w.value(v, vals) }
		for _, v := range d.Ins {
			if w.matter[v] {
				vals[v] = ir.FactOf(w.f.Ins(v), of)
			}
			w.mark(w.precise, w.offset(v))
		}
		w.steps += len(d.Ins) + 1
		w.visits[it.b] += len(d.Ins) + 1
		todo = w.leave(it.b, &d.Term, vals, todo)
		w.waiting = max(w.waiting, len(todo)-1)
	}
	w.mem.items = todo
	return w.steps
}

// leave adds the paths that continue after a block.
func (w *walk) leave(from ir.Block, t *ir.Term, vals []ir.Fact, todo []item) []item {
	// Heads of loops have smaller numbers than what jumps back to them.
	to := func(e *ir.Edge) item { return item{e.To, w.enter(e, vals), e.To <= from} }
	if t.Kind != ir.Branch {
		for i := t.NumSuccs() - 1; i >= 0; i-- {
			todo = append(todo, to(t.Succ(i)))
		}
		return todo
	}
	x, y := w.value(t.X, vals), w.value(t.Y, vals)
	if holds, known := ir.Decide(t.Cmp, t.W, x, y); known {
		w.mark(w.precise, t.X)
		w.mark(w.precise, t.Y)
		e := &t.Else
		if holds {
			e = &t.Then
		}
		return append(todo, to(e))
	}
	oldX, oldY := x, y
	narrow := func(cmp ir.Cmp, ok bool) {
		vals[t.X], vals[t.Y] = oldX, oldY
		if !ok {
			return
		}
		narrowed := ir.Fact.Narrowed
		if t.W == 4 {
			narrowed = ir.Fact.Narrowed4
		}
		if c, constant := y.Constant(); constant {
			vals[t.X] = narrowed(oldX, cmp, c)
		} else if c, constant := x.Constant(); constant {
			vals[t.Y] = narrowed(oldY, cmp.Swapped(), c)
		}
	}
	narrow(t.Cmp.Inverted())
	no := to(&t.Else)
	narrow(t.Cmp, true)
	yes := to(&t.Then)
	vals[t.X], vals[t.Y] = oldX, oldY
	// The verifier follows the branch that is not taken first. That is the next
	// block, whichever way the comparison is written.
	if t.Then.To == from+1 {
		return append(todo, no, yes)
	}
	return append(todo, yes, no)
}

// busiest returns the place of the block with the most work.
func (w *walk) busiest() int32 {
	pos, most := int32(0), 0
	for b, n := range w.visits {
		if d := &w.f.Blocks[b]; n > most {
			pos, most = d.Term.Pos, n
			if len(d.Ins) > 0 {
				pos = w.f.Ins(d.Ins[len(d.Ins)-1]).Pos
			}
		}
	}
	return pos
}

// enter returns the state in which an edge enters its target.
func (w *walk) enter(e *ir.Edge, vals []ir.Fact) state {
	params := w.f.Blocks[e.To].Params
	n := len(w.live[e.To])
	if len(w.free) < n {
		// What the states before have is kept by them.
		w.mem.facts = make([]ir.Fact, max(n, min(2*len(w.mem.facts), maxFacts), 256))
		w.free = w.mem.facts
	}
	st := state(w.free[:n:n])
	w.free = w.free[n:]
	for i, v := range w.live[e.To] {
		if k := slices.Index(params, v); k >= 0 {
			v = e.Args[k]
		}
		st[i] = w.value(v, vals)
	}
	return st
}

func (w *walk) value(v ir.Value, vals []ir.Fact) ir.Fact {
	if c, ok := w.f.Const(v); ok {
		return ir.Exactly(uint64(c))
	}
	return vals[v]
}
