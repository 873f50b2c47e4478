package graph

import (
	"maps"
	"slices"
)

// Kind is the kind of an Event.
type Kind uint8

// The kinds of events.
const (
	// Enter: a thread entered a function.
	Enter Kind = iota
	// Exit: a thread left it. Value is the duration in nanoseconds by the
	// source's own clock, 0 where it has none.
	Exit
	// Return: the return value of a function, from a source that records it
	// apart from the Exit, shortly before or after it. Value is the register.
	Return
	// Lost: events of the CPU were lost before this time. Value is their
	// number, 0 where that is not known.
	Lost
)

// EventFlags says in which context a function ran.
type EventFlags uint8

// The contexts.
const (
	// HardIRQ: in an interrupt handler, or in that of an NMI.
	HardIRQ EventFlags = 1 << iota
	// WithRet: the Value of an Exit is the return value, not a duration.
	WithRet
)

// Event is an entry, exit, return value or loss of events in one thread.
type Event struct {
	Time  int64 // ns of CLOCK_MONOTONIC
	Addr  uint64
	Value uint64
	TID   int32
	// Depth is the nesting depth that the source counts; -1 if it counts none.
	Depth int16
	CPU   uint16
	// Args is the index of the first argument in the batch's arguments, and
	// NArgs their number.
	Args  int32
	NArgs uint8
	Kind  Kind
	Flags EventFlags
}

// Builder makes trees from events. Each thread has a stack of open calls:
// entering pushes, leaving pops. A function that is left without being the top
// of the stack closes those above it.
//
// Where events were lost, the depths that the source counts show which frames
// are missing. They are used nowhere else: an interrupt may arrive after the
// tracer has counted a call and before it has written the record, so the calls
// of the interrupt seem to be one level too deep or too high. The sequence of
// the records is right all the same.
//
// Events of one thread must come in the order of time; those of different
// threads may come in any order.
type Builder struct {
	// Funcs is the table in which functions get their numbers.
	Funcs *Funcs
	// Resolve returns the function at an address that is not in Funcs yet.
	Resolve func(addr uint64) Func
	// Done is called with each tree whose root has been left, and by Flush with
	// those still open. The tree is valid until Done returns; a receiver that
	// keeps it makes a Clone.
	Done func(tid int32, t *Tree)
	// MaxCalls bounds the calls of one tree; 0 means 1 << 20. Further calls
	// are counted as lost.
	MaxCalls int

	// Stray counts exits without a matching entry that could not be placed,
	// and returns without a call.
	Stray uint64

	threads map[int32]*stack
	last    *stack // of the thread of the previous event
	spare   *stack // kept for the next new thread
}

// stack is the state of one thread.
type stack struct {
	key   int32 // in Builder.threads
	tid   int32
	cpu   uint16
	tree  Tree
	open  []frame // the open calls, outermost first
	base  int16   // the source's depth of the root
	over  int32   // index of the gap that stands for calls beyond MaxCalls, -1 for none
	drop  int     // frames above open that are in this gap
	doubt bool    // events were lost since the root: only the source's depths can be trusted
	fresh bool    // the last event was an exit
	ended int32   // index of the call that was closed last, -1 for none
}

// frame is an open call.
type frame struct {
	call int32  // its index
	addr uint64 // the event's, 0 where its entry was not seen
}

// AddAll takes the next events, all with the same arguments.
func (b *Builder) AddAll(events []Event, args []uint64) {
	for i := range events {
		b.Add(&events[i], args)
	}
}

// Add takes the next event; args are the arguments that events refer to.
func (b *Builder) Add(e *Event, args []uint64) {
	if e.Kind == Lost {
		b.lost(e)
		return
	}
	// Every CPU has an idle thread with the number 0, so these threads are
	// distinguished by CPU.
	key := e.TID
	if key == 0 {
		key = -1 - int32(e.CPU)
	}
	s := b.last
	if s == nil || s.key != key {
		if b.threads == nil {
			b.threads = map[int32]*stack{}
		}
		if s = b.threads[key]; s == nil {
			s = b.stack()
			s.key, s.tid = key, e.TID
			b.threads[key] = s
		}
		b.last = s
	}
	s.cpu = e.CPU
	switch e.Kind {
	case Enter:
		b.enter(s, e, args)
	case Exit:
		b.exit(s, e)
	case Return:
		b.returned(s, e)
	}
}

// stack returns a stack for a new thread.
func (b *Builder) stack() *stack {
	s := b.spare
	if b.spare = nil; s == nil {
		s = &stack{}
	}
	*s = stack{tree: Tree{Calls: s.tree.Calls[:0], Args: s.tree.Args[:0]}, open: s.open[:0], ended: -1, over: -1}
	return s
}

// lost puts a gap into the trees of the threads that were last seen on a CPU.
// Nothing says which of them really ran there while events were lost.
func (b *Builder) lost(e *Event) {
	for _, s := range b.threads {
		if s.cpu == e.CPU && len(s.open) > 0 {
			s.gap(e).Ret = e.Value
			s.doubt = true
			s.tree.Lost += max(e.Value, 1)
		}
	}
}

// gap adds a node that stands for lost events.
func (s *stack) gap(e *Event) *Call {
	i := len(s.tree.Calls)
	c := s.push(e, 0)
	c.T0, c.Flags = e.Time, Gap
	s.pop(e.Time)
	s.fresh = false
	return &s.tree.Calls[i]
}

func (b *Builder) enter(s *stack, e *Event, args []uint64) {
	if e.Depth >= 0 && len(s.open) > 0 {
		if s.doubt {
			b.align(s, int(e.Depth-s.base), e)
		} else if e.Depth == s.base && b.Funcs.At(e.Addr, b.Resolve) == s.tree.Calls[0].Fn {
			s.unwind(len(s.open)) // the root was entered again, so its end was lost
		}
	}
	// A tree whose root has ended waits for the return value that may follow,
	// until the next call at most.
	if len(s.open) == 0 {
		b.deliver(s)
		s.base = e.Depth
	}
	s.fresh = false
	limit := b.MaxCalls
	if limit == 0 {
		limit = 1 << 20
	}
	if s.over < 0 && len(s.tree.Calls) >= limit {
		s.over = int32(len(s.tree.Calls))
		s.gap(e)
	}
	if s.over >= 0 {
		s.drop++
		s.tree.Lost++
		s.tree.Calls[s.over].Ret++
		return
	}
	c := s.push(e, e.Addr)
	c.Fn = b.Funcs.At(e.Addr, b.Resolve)
	c.T0, c.T1 = e.Time, e.Time
	if e.Flags&HardIRQ != 0 {
		c.Flags |= IRQ // provisional: its context; see finish
	}
	if n := int(e.NArgs); n > 0 && int(e.Args)+n <= len(args) {
		c.Args, c.NArgs = int32(len(s.tree.Args)), e.NArgs
		s.tree.Args = append(s.tree.Args, args[e.Args:int(e.Args)+n]...)
	}
}

// push adds a call on top of the stack.
func (s *stack) push(e *Event, addr uint64) *Call {
	parent := int32(-1)
	if n := len(s.open); n > 0 {
		parent = s.open[n-1].call
	}
	i := len(s.tree.Calls)
	if i == cap(s.tree.Calls) {
		s.tree.Calls = slices.Grow(s.tree.Calls, 1)
	}
	s.tree.Calls = s.tree.Calls[:i+1]
	c := &s.tree.Calls[i]
	*c = Call{Parent: parent, Fn: -1, CPU: e.CPU, Depth: uint16(len(s.open))}
	s.open = append(s.open, frame{int32(i), addr})
	return c
}

// align makes the stack have depth frames: it closes frames whose end was lost
// and adds frames whose start was lost.
func (b *Builder) align(s *stack, depth int, e *Event) {
	depth = min(max(depth, 0), MaxDepth)
	for len(s.open) > depth {
		s.unwind(1)
	}
	s.drop = max(depth-len(s.open), 0)
	for s.over < 0 && s.drop > 0 && len(s.open) > 0 {
		c := s.push(e, 0)
		c.T0, c.T1, c.Flags = e.Time, e.Time, NoEntry
		s.drop--
	}
	if len(s.open) == 0 {
		s.drop = 0 // nothing is known of the callers of a root that was not seen
	}
}

// unwind closes the innermost n calls, whose end was not seen.
func (s *stack) unwind(n int) {
	for range n {
		c := &s.tree.Calls[s.open[len(s.open)-1].call]
		c.Flags |= NoExit
		s.pop(c.T1)
	}
}

// MaxDepth is more than the kernel's shadow stack holds (FTRACE_RETFUNC_DEPTH
// is 50); a greater one is damage.
const MaxDepth = 512

// pop closes the innermost call.
func (s *stack) pop(t1 int64) {
	n := len(s.open) - 1
	i := s.open[n].call
	c := &s.tree.Calls[i]
	c.T1, c.End = max(t1, c.T1), int32(len(s.tree.Calls))
	if c.Parent >= 0 {
		p := &s.tree.Calls[c.Parent]
		// A record is written after its time was taken, so a child can seem to
		// end after its parent.
		p.T1 = max(p.T1, c.T1)
	}
	s.open, s.ended, s.fresh = s.open[:n], i, true
}

func (b *Builder) exit(s *stack, e *Event) {
	if s.drop > 0 {
		s.drop--
		return
	}
	if len(s.open) == 0 {
		b.Stray++
		return
	}
	// It is nearly always the innermost call that ends, so test that first.
	n := len(s.open) - 1
	if s.open[n].addr != e.Addr || s.doubt {
		fn := b.Funcs.At(e.Addr, b.Resolve)
		if n = b.ending(s, e, fn); n < 0 {
			b.Stray++
			return
		}
		s.unwind(len(s.open) - n - 1)
		s.tree.Calls[s.open[n].call].Fn = fn
	}
	c := &s.tree.Calls[s.open[n].call]
	end := e.Time
	switch {
	case e.Flags&WithRet != 0:
		c.Ret = e.Value
		c.Flags |= HasRet
	case e.Value > 0 && c.Flags&NoEntry != 0:
		c.T0 = min(c.T0, e.Time-int64(e.Value))
		if c.Parent >= 0 {
			c.T0 = max(c.T0, s.tree.Calls[c.Parent].T0)
		}
	case e.Value > 0:
		// Use the source's own duration, which excludes the cost of writing the
		// record.
		end = c.T0 + int64(e.Value)
	}
	s.pop(end)
}

// ending finds the frame that an exit ends, -1 for none.
func (b *Builder) ending(s *stack, e *Event, fn int32) int {
	if d := int(e.Depth - s.base); e.Depth >= 0 && s.doubt {
		if d >= len(s.open) && d < MaxDepth && s.over < 0 {
			b.align(s, d+1, e) // entered while events were lost
		}
		if d >= 0 && d < len(s.open) {
			if f := s.tree.Calls[s.open[d].call].Fn; f == fn || f < 0 {
				return d
			}
		}
		return -1
	}
	for i := len(s.open) - 1; i >= 0; i-- {
		if s.tree.Calls[s.open[i].call].Fn == fn {
			return i
		}
	}
	return -1
}

// returned stores a return value in its call. The order of the two hooks at a
// function's return depends on the order in which they were installed: either
// the call has just ended, or it is the innermost open call of its function.
func (b *Builder) returned(s *stack, e *Event) {
	fn := b.Funcs.At(e.Addr, b.Resolve)
	set := func(i int32) bool {
		c := &s.tree.Calls[i]
		if c.Fn != fn || c.Flags&HasRet != 0 {
			return false
		}
		c.Ret, c.Flags = e.Value, c.Flags|HasRet
		return true
	}
	if s.fresh && s.ended >= 0 && int(s.ended) < len(s.tree.Calls) && set(s.ended) {
		return
	}
	for i := len(s.open) - 1; i >= 0; i-- {
		if set(s.open[i].call) {
			return
		}
	}
	b.Stray++
}

// deliver passes the tree of a thread whose root has ended to Done.
func (b *Builder) deliver(s *stack) {
	if len(s.tree.Calls) == 0 {
		return
	}
	b.finish(&s.tree)
	b.Done(s.tid, &s.tree)
	s.tree = Tree{Calls: s.tree.Calls[:0], Args: s.tree.Args[:0]}
	if cap(s.tree.Calls) > 4096 { // release the memory of an unusually large tree
		s.tree = Tree{}
	}
	s.ended, s.over, s.drop, s.doubt = -1, -1, 0, false
}

// finish turns the contexts of calls into marks on the outermost call of each
// interruption.
func (b *Builder) finish(t *Tree) {
	inContext := t.Calls[0].Flags & IRQ
	t.Calls[0].Flags &^= IRQ
	inside := int32(0)
	for i := int32(1); i < int32(len(t.Calls)); i++ {
		c := &t.Calls[i]
		hard := c.Flags&^inContext&IRQ != 0
		c.Flags &^= IRQ
		if i >= inside && c.Flags&Gap == 0 && (hard || b.Funcs.interrupts(c.Fn)) {
			c.Flags |= IRQ
			inside = c.End
		}
	}
}

// Settle delivers the trees whose roots ended before a time, since no return
// value will follow them any more, and forgets threads without open calls.
func (b *Builder) Settle(before int64) {
	for key, s := range b.threads {
		if len(s.open) > 0 {
			continue
		}
		if len(s.tree.Calls) > 0 && s.tree.Calls[0].T1 < before {
			b.deliver(s)
		}
		if len(s.tree.Calls) == 0 {
			delete(b.threads, key)
			if b.last == s {
				b.last = nil
			}
		}
	}
}

// Flush delivers everything, open calls included, and forgets all threads.
func (b *Builder) Flush() {
	for _, key := range slices.Sorted(maps.Keys(b.threads)) {
		s := b.threads[key]
		s.unwind(len(s.open))
		b.deliver(s)
		b.spare = s
	}
	clear(b.threads)
	b.last = nil
}
