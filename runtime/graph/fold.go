package graph

import "strings"

// interrupters lists the functions that begin an interrupt, or a preemption by
// the scheduler, inside a call. The entry code itself is noinstr and cannot be
// traced, so the first function that is seen is the accounting around the
// handler. A softirq or a reschedule that the code itself requested, by
// local_bh_enable or by blocking, does not count as an interruption.
var interrupters = []string{
	"irq_enter", "irq_exit", "irq_enter_rcu", "irq_exit_rcu", "__irq_exit_rcu",
	"sysvec_*", "__sysvec_*", "asm_sysvec_*", "asm_common_interrupt", "common_interrupt", "__common_interrupt",
	"smp_*_interrupt", "do_IRQ", "exc_nmi", "nmi_enter", "nmi_exit", "ct_nmi_*", "ct_irq_*", "rcu_irq_enter*", "rcu_irq_exit*",
	"irqentry_exit_cond_resched", "raw_irqentry_exit_cond_resched", "dynamic_irqentry_exit_cond_resched",
	"__hrtimer_rearm_deferred", "hrtimer_rearm_deferred*",
	"preempt_schedule", "preempt_schedule_irq", "preempt_schedule_common", "preempt_schedule_notrace", "preempt_schedule_thunk",
	"el1_interrupt", "el1h_64_irq*", "gic_handle_irq*", "do_interrupt_handler", // arm64
}

// interrupts reports whether a function is one of the interrupters.
func (f *Funcs) interrupts(id int32) bool {
	if id < 0 || int(id) >= len(f.List) {
		return false
	}
	for len(f.irq) <= int(id) {
		f.irq = append(f.irq, 0)
	}
	if f.irq[id] == 0 {
		f.irq[id] = -1
		if MatchAny(interrupters, f.List[id].Name) {
			f.irq[id] = 1
		}
	}
	return f.irq[id] > 0
}

// MatchAny reports whether a name, or its BaseName, matches one of the
// patterns.
func MatchAny(patterns []string, name string) bool {
	base := BaseName(name)
	for _, p := range patterns {
		if MatchName(p, name) || base != name && MatchName(p, base) {
			return true
		}
	}
	return false
}

// Folded counts the calls that were removed from a tree.
type Folded struct {
	// Interruptions is the number of interruptions removed, Calls the number of
	// their calls, and Time their duration in nanoseconds.
	Interruptions, Calls int
	Time                 int64
	// Skipped is the number of calls removed by name.
	Skipped int
}

// Add adds the counts of g.
func (f *Folded) Add(g Folded) {
	f.Interruptions += g.Interruptions
	f.Calls += g.Calls
	f.Time += g.Time
	f.Skipped += g.Skipped
}

// Fold removes the interruptions from a tree and counts them in t.Folded. It
// does not change the durations of the interrupted calls: the time did pass.
func (t *Tree) Fold() {
	if t.flags()&IRQ == 0 {
		return
	}
	last := int32(-1) // end of the previous interruption
	parent := int32(-1)
	t.cut(func(i int32) bool {
		c := &t.Calls[i]
		if c.Flags&IRQ == 0 {
			return false
		}
		// The accounting before the handler, the handler and what follows it
		// are siblings without anything in between: one interruption.
		if last != i || parent != c.Parent {
			t.Folded.Interruptions++
		}
		last, parent = c.End, c.Parent
		t.Folded.Calls += int(c.End - i)
		t.Folded.Time += c.Duration()
		return true
	})
}

// Skip removes the calls of functions whose names match one of the patterns,
// with all calls below them. The root always stays.
func (t *Tree) Skip(funcs *Funcs, patterns []string) {
	s := Skipper{Patterns: patterns}
	s.Skip(t, funcs)
}

// Skipper removes calls as Tree.Skip does. It serves many trees that share a
// table of functions and matches each name once.
type Skipper struct {
	Patterns []string
	known    []int8 // by function, one further on: 0 not looked at, 1 to skip, -1 not
}

// Skip removes the calls from one tree.
func (s *Skipper) Skip(t *Tree, funcs *Funcs) {
	if len(s.Patterns) == 0 {
		return
	}
	t.cut(func(i int32) bool {
		c := &t.Calls[i]
		if c.Flags&Gap != 0 || !s.skips(c.Fn, funcs) {
			return false
		}
		t.Folded.Skipped += int(c.End - i)
		return true
	})
}

// skips reports whether the calls of a function are to be taken out.
func (s *Skipper) skips(fn int32, funcs *Funcs) bool {
	at := int(fn) + 1 // -1 is a function that is not known
	for len(s.known) <= at {
		s.known = append(s.known, 0)
	}
	if s.known[at] == 0 {
		s.known[at] = -1
		if MatchAny(s.Patterns, funcs.Name(fn)) {
			s.known[at] = 1
		}
	}
	return s.known[at] > 0
}

// Prune removes the calls that are deeper than depth; the root has depth 0.
func (t *Tree) Prune(depth int) {
	t.cut(func(i int32) bool { return int(t.Calls[i].Depth) > depth })
}

// cut removes the subtrees of calls for which out returns true. Arguments stay
// in Tree.Args, so the indices of the other calls remain valid.
func (t *Tree) cut(out func(i int32) bool) {
	n := int32(len(t.Calls))
	first := int32(1)
	for first < n && !out(first) {
		first++
	}
	if first >= n {
		return
	}
	// place[i] is where call i goes, and for i == n the new length.
	place := make([]int32, n+1)
	kept := int32(0)
	for i := int32(0); i < n; {
		if i == first || i > first && out(i) {
			for end := t.Calls[i].End; i < end; i++ {
				place[i] = kept
			}
			continue
		}
		place[i] = kept
		t.Calls[kept] = t.Calls[i]
		kept++
		i++
	}
	place[n] = kept
	t.Calls = t.Calls[:kept]
	for i := range t.Calls {
		c := &t.Calls[i]
		c.End = place[c.End]
		if c.Parent >= 0 {
			c.Parent = place[c.Parent]
		}
	}
}

// IsClone reports whether symbol is the name of a copy of base that the
// compiler made: foo.isra.0 is one of foo, foo.cold is only a part of it.
func IsClone(symbol, base string) bool {
	rest, ok := strings.CutPrefix(symbol, base+".")
	kind, _, _ := strings.Cut(rest, ".")
	return ok && (kind == "constprop" || kind == "isra")
}
