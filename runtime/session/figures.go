package session

import (
	"os"
	"time"

	"probe/compiler/object"
	"probe/runtime/event"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/rights"
)

// Figures says what a clause has done since it was added.
type Figures struct {
	// Runs is how often the bodies of its probes ran or were rejected by their
	// predicates, and Time what they took, with the programs at the other ends
	// of functions. Both remain 0 where the kernel does not measure (before
	// 5.8, or without the right to ask for it).
	Runs uint64
	Time time.Duration
	// Measured reports whether the kernel measures.
	Measured bool
	// Lost is the number of events and of runs that were lost.
	Lost uint64
}

// measure makes the kernel measure all programs until the session is closed. It
// costs each run of a program some 50 ns, so only sessions to which clauses are
// added one by one do that.
func (s *Session) measure() {
	if s.stats != nil || s.opts.Machine == nil {
		return
	}
	var stats *os.File
	rights.With(rights.Admin, func() { stats, _ = bpf.EnableStats() })
	s.stats = stats
}

// Figures returns what a clause has done so far; zero if the session does not
// run.
func (s *Session) Figures(c *Clause) (f Figures) {
	s.ask(func() {
		s.pollErrors(c)
		f.Measured = s.stats != nil
		for i, p := range c.obj.Programs {
			if i >= len(c.progs) || c.progs[i] == nil {
				continue
			}
			st, err := c.progs[i].Stats()
			if err != nil {
				continue
			}
			f.Time += time.Duration(st.Nanoseconds)
			if p.Role == object.Main {
				f.Runs += st.Runs
			}
		}
		r := &event.Receipt{}
		s.clauseReceipt(r, c)
		for _, it := range r.Items {
			switch it.Kind {
			case event.LostEvents, event.MissedReturns, event.Recursion, event.Throttled:
				f.Lost += it.Count
			}
		}
	})
	return f
}
