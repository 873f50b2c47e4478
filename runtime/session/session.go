// Package session runs compiled scripts: it loads and attaches them, reads
// their events until something ends the run, and shows what they left behind.
//
// A Session holds any number of clauses. A script is one clause; an interactive
// session adds and removes clauses while it runs, and they share their maps by
// name. One goroutine, the one that calls Run, drains the ring buffers and
// sends all events to the sink, so that the output keeps their order.
//
// The order of a run's end matters: first new events are stopped, then the rest
// of the buffers is read, then the results are printed. Only then the links are
// closed for good: the kernel waits for all CPUs for that, which takes longer
// than everything before it.
package session

import (
	"context"
	"errors"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/event"
	"probe/runtime/graph/store"
	"probe/runtime/kcall"
	"probe/runtime/machine/live"
	"probe/runtime/ring"
	"probe/runtime/watchdog"
)

// Options describes a session.
type Options struct {
	Machine  *live.Machine // the machine to load programs into; nil for Replay
	Sink     event.Sink
	Resolver *Resolver

	// PID restricts probes to a process, whose end ends the run (unless Stay is
	// set); 0 means no restriction.
	PID int
	// UnwindPID is the process whose stacks dw_ustack walks.
	UnwindPID int
	// Child is a command that is started once everything is attached; nil for
	// none.
	Child *Child
	// For ends the run after a time; 0 means no limit.
	For time.Duration
	// MaxEvents ends the run after this number of records; 0 means no limit.
	MaxEvents uint64
	// AllErrors also shows failing reads and lookups of missing keys.
	AllErrors bool
	// NoReceipt omits the receipt. The number of lost events is then shown in
	// one line.
	NoReceipt bool
	// Strict is event.Receipt.Strict.
	Strict bool
	// Stay keeps the session running when it has no clauses, keeps the maps of
	// removed clauses, and makes exit() end only the clause that calls it.
	Stay bool
	// Exited, if set, is called when a clause calls exit() and Stay is set. It
	// is called from the goroutine that reads events and must not wait for the
	// session.
	Exited func(c *Clause, code int)
	// Budget is the share of one CPU that programs may take: above it there is a
	// warning. 0 means DefaultBudget, a negative number that nothing is measured.
	Budget float64
	// Shed detaches the dearest probes until the rest keeps to the budget.
	Shed bool
	// AnyPlaces lifts the limit max_probes on the number of places.
	AnyPlaces bool
	// Paired is how many places the message about what is attached does not count:
	// the returns that bpftrace attaches together with the entries.
	Paired int
	// DryRun detaches as soon as everything is attached and prints nothing.
	DryRun bool
	// Force, when closed, cuts the end of the run short (a second signal).
	Force <-chan struct{}
	// Slow, if set, is called with a description of each step before the start
	// of the run that takes longer than a second. It may be called from several
	// goroutines.
	Slow func(what string)
	// Verbose, if set, is called with a line about each step.
	Verbose func(text string)
	// Report, if set, is called with messages that have a place in the script.
	Report func(d *diag.Diagnostic)
	// Mode is what the run does. Runs of tests and benchmarks end with these.
	Mode hir.Mode
	// Count counts how often probes fire until something is shown: a run that
	// shows nothing says it at its end.
	Count bool
	// Missing lists, for the receipt, what a replayed recording itself lacks.
	Missing []event.ReceiptItem
	// Ready, if set, is called once everything is attached.
	Ready func(probes int)
}

// Result is how a run ended.
type Result struct {
	// Exit is the status that the script passed to exit(), 0 if it did not call
	// it.
	Exit int
	// Complete is set when nothing is missing in the results.
	Complete bool
}

// Session is a running trace.
type Session struct {
	opts   Options
	waiter *ring.Waiter

	mu      sync.Mutex
	clauses []*Clause
	kept    kept
	running bool
	calls   chan func()

	// The fields below belong to the goroutine of Run.
	lost     uint64
	records  uint64
	exitCode int
	exited   bool            // exit() was called
	errors   int             // calls of errorf
	done     bool            // the run has ended for another reason
	discard  bool            // drop all further records, as after exit()
	told     bool            // a signal ended the run
	ended    <-chan struct{} // closed when a signal ends the run; nil while the run is not in its loop
	until    time.Time       // when records are no longer handled, but counted
	meter    *meter
	shown    atomic.Bool    // something was shown
	stats    *os.File       // makes the kernel measure, see measure
	shedding sync.WaitGroup // links that the meter is closing
	commands commands
	pidfd    int
}

// New returns a session without clauses.
func New(opts Options) (*Session, error) {
	w, err := ring.NewWaiter()
	if err != nil {
		return nil, err
	}
	s := &Session{opts: opts, waiter: w, calls: make(chan func(), 16), pidfd: -1}
	s.kept.host = loaded{&s.kept.Clause}
	return s, nil
}

// Run loads and attaches one object, runs it to its end and detaches it. The
// error is a *LoadError, or the context's if it ended before everything was
// attached. The exit status of a run that has started is in the result.
func Run(ctx context.Context, obj *object.Object, opts Options) (Result, error) {
	s, err := New(opts)
	if err != nil {
		return Result{}, err
	}
	defer s.Close()
	c, err := s.Add(ctx, obj)
	if err != nil {
		return Result{}, err
	}
	if opts.DryRun {
		c.detach()
		return Result{Complete: true}, nil
	}
	return s.Run(ctx)
}

// Add loads an object, runs its begin probes and attaches the others. It may
// be called while the session runs.
func (s *Session) Add(ctx context.Context, obj *object.Object) (*Clause, error) {
	if !s.opts.AnyPlaces {
		if err := checkProbes(obj); err != nil {
			return nil, err
		}
	}
	raiseLimits(obj)
	if s.opts.Stay || s.opts.Count && s.opts.Mode == hir.Trace {
		s.measure()
	}
	c, err := s.load(ctx, obj, s.liveMaps())
	if err != nil {
		return nil, err
	}
	putClocks(c.data, obj.StartOff, obj.TAIOff)
	c.catchSignals()
	if err := c.run(hir.BeforeAttach); err != nil {
		c.close()
		return nil, machineError("run begin probes", err)
	}
	if c.graphs, err = store.Open(ctx, obj.HIR.Probes, s.graphOptions()); err != nil {
		c.close()
		return nil, graphError(err)
	}
	if err := s.follow(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	if err := s.attachAll(ctx, c); err != nil {
		c.detach()
		c.close()
		return nil, err
	}
	s.rememberProcesses(obj)
	s.refresh(c)
	c.startTimers(s.waiter.Wake, func(err error) { s.call(func() { s.log(diag.Error, err.Error()) }) })
	s.call(func() {
		s.clauses = append(s.clauses, c)
		if s.opts.Stay {
			s.keep(c)
		} else if m := c.maps[object.StackMap]; m != nil {
			s.opts.Resolver.addStacks(m)
		}
		if c.ringFD >= 0 {
			s.waiter.Add(c.ringFD)
		}
	})
	return c, nil
}

// Remove detaches a clause, prints the rest of its events, runs its end probes
// and reports what makes its results incomplete. Its maps exist as long as
// another clause, or the session if Stay is set, uses them.
func (s *Session) Remove(c *Clause) {
	done := make(chan struct{})
	s.call(func() {
		defer close(done)
		s.remove(c)
	})
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running {
		<-done
	}
}

func (s *Session) remove(c *Clause) {
	for i, x := range s.clauses {
		if x != c {
			continue
		}
		s.settle([]*Clause{c})
		s.send(s.receipt([]*Clause{c}))
		s.clauses = append(s.clauses[:i], s.clauses[i+1:]...)
		if c.ringFD >= 0 {
			s.waiter.Remove(c.ringFD)
		}
		go func() {
			defer watchdog.Report()
			c.detach()
			c.close()
		}()
		return
	}
}

// liveMaps returns the script maps of all clauses by their kernel name.
func (s *Session) liveMaps() map[string]*ebpf.Map {
	out := map[string]*ebpf.Map{}
	get := func() {
		for _, c := range s.clauses {
			for _, m := range c.obj.Maps {
				if m.Spec != "" && out[m.Spec] == nil {
					out[m.Spec] = c.maps[m.Spec]
				}
			}
		}
		if s.opts.Stay {
			out = maps.Clone(s.kept.maps)
		}
	}
	s.Do(get)
	return out
}

// The intervals at which the buffers are checked, while records arrive and
// while none do.
const (
	pollBusy = 10 * time.Millisecond
	pollIdle = 50 * time.Millisecond
	// round is the maximum number of records handled before timers, calls and
	// signals are checked again.
	round = 1 << 16
)

// Run reads events until something ends the run, and then ends it in order. The
// end of the context is such a reason: events in the buffers are still printed.
func (s *Session) Run(ctx context.Context) (Result, error) {
	s.beginCalls()
	s.commands.ctx = ctx
	probes := 0
	for _, c := range s.clauses {
		probes += c.count
	}
	end := s.watch(ctx)
	defer end()
	if err := s.startChild(); err != nil {
		return Result{Exit: 255}, err
	}
	s.handOut()
	if s.opts.Mode == hir.Trace {
		// Before Ready, in which a program may give up the right to measure.
		s.meter = newMeter(s)
		defer s.meter.close()
	}
	if s.opts.Mode == hir.Trace {
		s.send(&event.Attached{Probes: probes - s.opts.Paired})
	}
	if s.opts.Ready != nil {
		s.opts.Ready(probes)
	}
	if s.opts.Mode != hir.Trace {
		return s.runTests(ctx)
	}
	s.ended = ctx.Done()
	delay := pollBusy
	for !s.done && !s.exited {
		for _, c := range s.clauses {
			s.iterate(ctx, c)
		}
		before := now(unix.CLOCK_MONOTONIC)
		n := s.drain(s.clauses, round)
		for _, c := range s.clauses {
			c.graphs.Forget(before, n < round)
		}
		s.runCalls()
		for _, c := range s.clauses {
			s.pollErrors(c)
		}
		s.meter.tick(time.Now())
		s.stopCounting()
		switch {
		case ctx.Err() != nil:
			s.done, s.told = true, true
		case s.sinkDone():
			s.done, s.discard = true, true
		case n == 0 && !s.opts.Stay && s.onlySpecial():
			s.done = true
		}
		if s.done || s.exited {
			break
		}
		if n > 0 {
			delay = pollBusy
		} else {
			delay = min(delay+pollBusy, pollIdle)
		}
		if n >= round {
			continue
		}
		if err := s.waiter.Wait(delay, s.ready); err != nil {
			return Result{Exit: 255}, err
		}
	}
	return s.finish(), nil
}

// watch makes everything that can end a run wake the loop.
func (s *Session) watch(ctx context.Context) (end func()) {
	stops := []func(){}
	stop := context.AfterFunc(ctx, s.waiter.Wake)
	stops = append(stops, func() { stop() })
	if s.opts.For > 0 {
		t := time.AfterFunc(s.opts.For, func() { s.call(func() { s.done = true }) })
		stops = append(stops, func() { t.Stop() })
	}
	if s.opts.PID > 0 && s.opts.Child == nil && !s.opts.Stay {
		// If the process has ended already, the run ends at once.
		if fd, err := kcall.PidfdOpen(s.opts.PID, 0); err == nil {
			s.pidfd = fd
			s.waiter.Add(fd)
			stops = append(stops, func() { s.waiter.Remove(fd); kcall.Close(fd) })
		} else if errors.Is(err, unix.ESRCH) {
			s.done = true
		}
	}
	return func() {
		for _, f := range stops {
			f()
		}
		s.endCalls()
	}
}

// ready handles a descriptor that has become readable.
func (s *Session) ready(fd int) {
	if fd == s.pidfd {
		s.done = true
	}
}

func (s *Session) sinkDone() bool {
	select {
	case <-s.opts.Sink.Done():
		return true
	default:
		return false
	}
}

// onlySpecial reports whether no clause has a probe that can still fire
// (P-BEGIN-02).
func (s *Session) onlySpecial() bool {
	for _, c := range s.clauses {
		if !c.only() {
			return false
		}
	}
	return s.opts.Child == nil
}

// Close detaches whatever is still attached and releases all resources.
func (s *Session) Close() {
	var wg sync.WaitGroup
	for _, c := range s.clauses {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer watchdog.Report()
			c.detach()
			c.close()
		}()
	}
	wg.Wait()
	s.clauses = nil
	s.kept.close()
	if s.stats != nil {
		s.stats.Close()
	}
	if s.opts.Resolver != nil {
		s.opts.Resolver.closeStacks()
	}
	s.opts.Child.kill()
	s.waiter.Close()
}
