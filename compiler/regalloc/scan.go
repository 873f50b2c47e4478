package regalloc

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"sync"

	"probe/compiler/reuse"
)

// Allocate assigns registers and slots to everything in c. An error means that
// c breaks the rules stated in Code.
func Allocate(c Code) (*Allocation, error) {
	a := allocators.Get().(*allocator)
	a.reset(c)
	defer func() {
		a.code, a.out = nil, nil
		allocators.Put(a)
	}()
	a.number()
	a.define()
	if err := a.intervals(); err != nil {
		return nil, err
	}
	if err := a.scan(); err != nil {
		return nil, err
	}
	if err := a.resolve(); err != nil {
		return nil, err
	}
	return a.out, nil
}

// allocators holds the memory of earlier runs.
var allocators = sync.Pool{New: func() any { return &allocator{} }}

// reset prepares a for another function. What it does not touch is made anew by the
// steps of Allocate.
func (a *allocator) reset(c Code) {
	a.code, a.out = c, &Allocation{}
	a.calls, a.again, a.moves, a.temps = a.calls[:0], a.again[:0], a.moves[:0], a.temps[:0]
	for r := range a.books {
		a.books[r] = book{list: a.books[r].list[:0]}
	}
}

// byStart is the heap of split pieces that wait for the scan.
type byStart struct{ a *allocator }

func (h byStart) Len() int { return len(h.a.again) }
func (h byStart) Less(i, j int) bool {
	x, y := h.a.again[i], h.a.again[j]
	if s, t := h.a.ivs[x].start, h.a.ivs[y].start; s != t {
		return s < t
	}
	return x < y
}
func (h byStart) Swap(i, j int) { h.a.again[i], h.a.again[j] = h.a.again[j], h.a.again[i] }
func (h byStart) Push(x any)    { h.a.again = append(h.a.again, x.(int32)) }
func (h byStart) Pop() any {
	n := len(h.a.again) - 1
	x := h.a.again[n]
	h.a.again = h.a.again[:n]
	return x
}

func (a *allocator) queue(iv int32) { heap.Push(byStart{a}, iv) }

// next removes and returns the waiting piece that starts first, -1 if there is
// none.
func (a *allocator) next() int32 {
	if len(a.again) > 0 && (len(a.fresh) == 0 || a.ivs[a.again[0]].start < a.ivs[a.fresh[0]].start) {
		return heap.Pop(byStart{a}).(int32)
	}
	if len(a.fresh) == 0 {
		return -1
	}
	iv := a.fresh[0]
	a.fresh = a.fresh[1:]
	return iv
}

func (a *allocator) scan() error {
	a.mem.fresh = reuse.Slice(a.mem.fresh, len(a.ivs))
	a.fresh = a.mem.fresh
	for i := range a.fresh {
		a.fresh[i] = int32(i)
	}
	slices.SortStableFunc(a.fresh, func(x, y int32) int { return cmp.Compare(a.ivs[x].start, a.ivs[y].start) })
	// Every split makes progress, so this bound is never reached. It turns a
	// bug in the allocator into an error instead of a hang.
	limit := 64*len(a.ivs) + 64*len(a.calls) + 1024
	for iv := a.next(); iv >= 0; iv = a.next() {
		it := &a.ivs[iv]
		for r := range a.books {
			a.books[r].advance(it.start)
		}
		if a.vals[it.v].remat > 0 && len(it.us) == 0 {
			continue
		}
		if !a.tryFree(iv) {
			if err := a.blocked(iv); err != nil {
				return err
			}
		}
		if limit--; limit < 0 {
			return fmt.Errorf("regalloc: no end in sight after %d pieces", len(a.ivs))
		}
	}
	return nil
}

// born reports whether the piece starts with the instruction that defines its
// value, which needs a register for it.
func (a *allocator) born(it *interval) bool {
	v := &a.vals[it.v]
	return v.isDef && v.remat == 0 && it.start == v.def
}

// callIn returns the position of the first call inside it, which clobbers r0 to
// r5, or never.
func (a *allocator) callIn(it *interval) pos {
	i, _ := slices.BinarySearch(a.calls, it.start)
	for r := range it.rs {
		s, e := max(it.rs[r].start, it.start), min(it.rs[r].end, it.end)
		for i < len(a.calls) && a.calls[i] < s {
			i++
		}
		if i == len(a.calls) {
			break
		}
		if a.calls[i] < e {
			return a.calls[i]
		}
	}
	return never
}

// Registers in the order in which a value without hints gets them. r0 and the
// last argument registers come first, since calls rarely need them as
// arguments.
var lostFirst = [...]Reg{0, 5, 4, 3, 2, 1, 6, 7, 8, 9}

// tryFree assigns iv a register that is free now, for all of iv or as long as
// possible. It returns false if none is free.
func (a *allocator) tryFree(iv int32) bool {
	it := &a.ivs[iv]
	call := a.callIn(it)
	var free [NumRegs]pos
	for r := range free {
		free[r] = a.books[r].first(it)
		if Reg(r) < FirstKept {
			free[r] = min(free[r], call)
		}
	}
	best := NoReg
	if r, at := a.lazy(iv, &free); r != NoReg {
		a.queue(a.split(iv, at))
		a.assign(iv, r)
		return true
	}
	hints := a.hintsFor(iv)
	for _, r := range hints.list() {
		if free[r] >= it.end {
			best = r
			break
		}
	}
	if best == NoReg {
		for _, r := range lostFirst {
			if free[r] >= it.end {
				best = r
				break
			}
		}
	}
	if best != NoReg {
		a.assign(iv, best)
		return true
	}
	for _, r := range hints.list() {
		if best == NoReg || free[r] > free[best] {
			best = r
		}
	}
	for _, r := range lostFirst {
		if best == NoReg || free[r] > free[best] {
			best = r
		}
	}
	limit := free[best]
	if limit <= it.start {
		return false
	}
	if u := a.firstUse(it); u >= limit && !a.born(it) {
		// It would occupy the register without being used in it.
		return a.inMemory(iv)
	}
	if best < FirstKept && limit == call {
		if r := a.displace(iv, call); r != NoReg && a.evict(iv, r) == nil {
			a.assign(iv, r)
			return true
		}
	}
	at := a.splitPoint(max(it.start, a.lastUseBefore(it, limit)), limit)
	if at <= it.start {
		return false
	}
	if at < it.end {
		a.queue(a.split(iv, at))
	}
	a.assign(iv, best)
	return true
}

// lazy returns a register for a value that is defined in a register it cannot
// keep, as the result of a call or an argument, and how long it can stay there:
// up to the first call that clobbers the register, if that is in another block.
// The copy to a preserved register is then only made on that path, and a test
// before the call runs without it. The register must be free until then, and no
// other edge may lead from the part before to the part after, since it would
// need its own copy.
func (a *allocator) lazy(iv int32, free *[NumRegs]pos) (Reg, pos) {
	it := &a.ivs[iv]
	val := &a.vals[it.v]
	if iv != val.first || val.fixed == NoReg || it.end <= free[val.fixed] || free[val.fixed] == never {
		return NoReg, 0
	}
	at := free[val.fixed]
	from, to := a.blockOf[it.start/2], a.blockOf[at/2]
	if from == to || a.blocks[to].Depth > a.blocks[from].Depth {
		return NoReg, 0
	}
	for _, r := range it.rs {
		for b := a.blockOf[r.start/2]; b <= a.blockOf[(r.end-1)/2]; b++ {
			if a.start[b] < r.start {
				continue // not alive at its start
			}
			for _, p := range a.preds[b] {
				if (a.start[b] >= at) != (a.start[p+1] > at) {
					return NoReg, 0
				}
			}
		}
	}
	return val.fixed, at
}

func (a *allocator) assign(iv int32, r Reg) {
	it := &a.ivs[iv]
	it.reg = r
	a.books[r].add(it, iv)
	val := &a.vals[it.v]
	if val.param != 0 && a.vals[val.param].want == NoReg {
		a.vals[val.param].want = r
	}
	if val.want == NoReg {
		val.want = r
	}
}

// firstUse returns the first use of the piece, or never.
func (a *allocator) firstUse(it *interval) pos {
	if len(it.us) == 0 {
		return never
	}
	return it.us[0].at
}

// firstMust returns the first use of the piece that needs a register, or never.
func (a *allocator) firstMust(it *interval) pos {
	for _, u := range it.us {
		if u.must() {
			return u.at
		}
	}
	return never
}

// useFrom returns the first use at or after p, or never.
func (a *allocator) useFrom(it *interval, p pos) pos {
	i, _ := slices.BinarySearchFunc(it.us, p, func(u use, p pos) int { return cmp.Compare(u.at, p) })
	if i == len(it.us) {
		return never
	}
	return it.us[i].at
}

// lastUseBefore returns the last use before p, or the start of the piece.
func (a *allocator) lastUseBefore(it *interval, p pos) pos {
	i, _ := slices.BinarySearchFunc(it.us, p, func(u use, p pos) int { return cmp.Compare(u.at, p) })
	if i == 0 {
		return it.start
	}
	return it.us[i-1].at
}

// wanted returns the position of the next use of a value that holds r during
// it.
func (a *allocator) wanted(r Reg, it *interval) pos {
	u := never
	a.books[r].meets(it, func(p pos, o int32) bool {
		w := a.useFrom(&a.ivs[o], it.start)
		if w != never && a.vals[a.ivs[o].v].remat > 0 && w > it.start {
			w += w - it.start // cheap to evict
		}
		if a.code.Precious(a.ivs[o].v) {
			w = min(w, it.start+2)
		}
		u = min(u, w)
		return u > it.start
	})
	return u
}

// displace returns a preserved register for a value that is defined now and
// lives across a call. If another value would lose that register to it at the
// call anyway, taking it now saves a copy.
func (a *allocator) displace(iv int32, call pos) Reg {
	it := &a.ivs[iv]
	if !a.born(it) || a.vals[it.v].fixed != NoReg {
		return NoReg
	}
	mine := a.useFrom(it, call+1)
	best, bestUse := NoReg, max(mine, call)
	for r := FirstKept; r < NumRegs; r++ {
		if u := a.wanted(r, it); u > bestUse {
			best, bestUse = r, u
		}
	}
	return best
}

// blocked handles iv when no register is free: the value whose next use is
// furthest away goes to memory, which may be iv itself.
func (a *allocator) blocked(iv int32) error {
	it := &a.ivs[iv]
	call := a.callIn(it)
	best, bestUse := NoReg, pos(-1)
	for r := range a.books {
		if Reg(r) < FirstKept && call <= it.start+1 {
			continue
		}
		u := a.wanted(Reg(r), it)
		if Reg(r) < FirstKept {
			u = min(u, call)
		}
		if u > bestUse {
			best, bestUse = Reg(r), u
		}
	}
	mine := a.firstMust(it)
	if a.born(it) {
		mine = it.start
	}
	if mine > it.start+1 && mine >= bestUse && a.inMemory(iv) {
		return nil
	}
	if best == NoReg || bestUse <= it.start {
		return fmt.Errorf("regalloc: no register for v%d at %d: too many operands", it.v, it.start)
	}
	if best < FirstKept && call < it.end {
		at := a.splitPoint(max(it.start, a.lastUseBefore(it, call)), call)
		if at <= it.start {
			return fmt.Errorf("regalloc: v%d is wanted in a register at a call", it.v)
		}
		a.queue(a.split(iv, at))
	}
	if err := a.evict(iv, best); err != nil {
		return err
	}
	a.assign(iv, best)
	return nil
}

// victim is an interval that has to leave its register at a position.
type victim struct {
	iv int32
	at pos
}

// evict takes register r from everything that overlaps iv.
func (a *allocator) evict(iv int32, r Reg) error {
	vs := a.victims[:0]
	a.books[r].meets(&a.ivs[iv], func(p pos, o int32) bool {
		if !slices.ContainsFunc(vs, func(v victim) bool { return v.iv == o }) {
			vs = append(vs, victim{o, p})
		}
		return true
	})
	a.victims = vs
	from := a.ivs[iv].start
	for _, v := range vs {
		o := &a.ivs[v.iv]
		last := a.lastUseBefore(o, v.at)
		at := v.at
		if last < v.at&^1 {
			at = max(a.splitPoint(last, v.at&^1), last+1)
		}
		if at <= o.start {
			// The victim starts at this position too, so its booking ends
			// before it began.
			a.books[r].cut(v.iv, o.start)
			o.reg = NoReg
			if a.born(o) || !a.inMemory(v.iv) {
				return fmt.Errorf("regalloc: v%d cannot leave its register at %d", o.v, v.at)
			}
			continue
		}
		a.books[r].cut(v.iv, at)
		tail := a.split(v.iv, at)
		must := a.firstMust(&a.ivs[tail])
		if must == never {
			continue
		}
		t := &a.ivs[tail]
		if t.start >= from && t.start >= must&^1 {
			a.queue(tail)
			continue
		}
		back := a.splitPoint(max(t.start, from), must&^1)
		if back <= t.start {
			return fmt.Errorf("regalloc: v%d cannot come back before %d", t.v, must)
		}
		a.queue(a.split(tail, back))
	}
	return nil
}

// inMemory leaves iv without a register until just before the first use that
// needs one. It returns false if that use is at the start of iv.
func (a *allocator) inMemory(iv int32) bool {
	it := &a.ivs[iv]
	must := a.firstMust(it)
	if must == never {
		return true
	}
	at := a.splitPoint(it.start, must&^1)
	if at <= it.start {
		return false
	}
	a.queue(a.split(iv, at))
	return true
}
