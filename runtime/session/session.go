// Package session runs compiled scripts: it loads and attaches them, reads
// their events until something ends the run, and shows what they left behind.
//
// A Session holds any number of clauses. A script is one clause; an
// interactive session adds and removes clauses while it runs, and they share
// their maps by name. One goroutine, the one that calls Run, drains the ring
// buffers and does all printing, so that output keeps the order of events.
//
// The order of a run's end matters: first nothing new may come, then what is
// in the buffers is read, then the results are printed. Only after that the
// links are closed for good, which makes the kernel wait for all CPUs and
// takes longer than everything before it.
package session

import (
	"context"
	"errors"
	"maps"
	"probe/lang/hir"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/runtime/event"
	"probe/runtime/graph/store"
	"probe/runtime/machine/live"
	"probe/runtime/ring"
)

// Options say what to run a session with.
type Options struct {
	Machine  *live.Machine // what to load into; nil for Replay
	Sink     event.Sink
	Resolver *Resolver

	// PID restricts probes to a process, whose end ends the run (unless Stay);
	// 0 does not.
	PID int
	// Child is a command that is started once everything is attached; nil for
	// none.
	Child *Child
	// For ends the run after a time; 0 means no limit.
	For time.Duration
	// MaxEvents ends the run after so many records; 0 means no limit.
	MaxEvents uint64
	// AllErrors also shows failing reads and lookups of missing keys.
	AllErrors bool
	// NoReceipt leaves out the receipt, and says how many events were lost in
	// one line instead.
	NoReceipt bool
	// Stay keeps the session going without clauses, keeps the maps of clauses
	// that are gone, and makes exit() end the clause that calls it.
	Stay bool
	// Exited, if set, is told of exit() in a session that stays. It is called
	// while events are read and must not wait for the session.
	Exited func(c *Clause, code int)
	// DryRun detaches as soon as everything is attached and prints nothing.
	DryRun bool
	// Force, when closed, cuts the end of the run short (a second signal).
	Force <-chan struct{}
	// Slow, if set, is told what takes longer than a second before the run
	// starts. It may be called from several goroutines.
	Slow func(what string)
	// Verbose, if set, is given a line about each thing that is done.
	Verbose func(text string)
	// Report, if set, shows messages with their place in the script.
	Report func(d *diag.Diagnostic)
	// Missing is what a recording that is replayed lacks itself, for the
	// receipt.
	Missing []event.ReceiptItem
	// Ready, if set, is called once everything is attached.
	Ready func(probes int)
}

// Result is how a run ended.
type Result struct {
	// Exit is the status the script asked for with exit(), else 0.
	Exit int
	// Complete tells that nothing is missing in the results.
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
	exited   bool // exit() was called
	done     bool // something else ended the run
	discard  bool // records are dropped
	pidfd    int
}

// New makes a session without clauses.
func New(opts Options) (*Session, error) {
	w, err := ring.NewWaiter()
	if err != nil {
		return nil, err
	}
	s := &Session{opts: opts, waiter: w, calls: make(chan func(), 16), pidfd: -1}
	s.kept.host = loaded{&s.kept.Clause}
	return s, nil
}

// Run loads and attaches one object, runs it to its end and detaches it.
// Errors are a *LoadError, or the context's when it ended before everything
// was attached; the status of a run that started is in the result.
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
	if err := checkProbes(obj); err != nil {
		return nil, err
	}
	raiseLimits(obj)
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
	if err := s.attachAll(ctx, c); err != nil {
		c.detach()
		c.close()
		return nil, err
	}
	s.rememberProcesses(obj)
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

// Remove detaches a clause, prints what is left of its events and runs its end
// probes, and tells what makes its results incomplete. Its maps live on as long
// as another clause uses them, or the session if it stays.
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

// How often the buffers are looked at, while records come and when none do.
const (
	pollBusy = 10 * time.Millisecond
	pollIdle = 50 * time.Millisecond
	// round bounds how many records are handled before other things are
	// looked at.
	round = 1 << 16
)

// Run reads events until the run ends, and brings it to its end. The context's
// end is a reason like others: what is in the buffers is still printed.
func (s *Session) Run(ctx context.Context) (Result, error) {
	s.beginCalls()
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
	s.send(&event.Attached{Probes: probes})
	if s.opts.Ready != nil {
		s.opts.Ready(probes)
	}
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
		switch {
		case ctx.Err() != nil:
			s.done = true
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

// watch arranges for everything that ends a run to wake the loop.
func (s *Session) watch(ctx context.Context) (end func()) {
	stops := []func(){}
	stop := context.AfterFunc(ctx, s.waiter.Wake)
	stops = append(stops, func() { stop() })
	if s.opts.For > 0 {
		t := time.AfterFunc(s.opts.For, func() { s.call(func() { s.done = true }) })
		stops = append(stops, func() { t.Stop() })
	}
	if s.opts.PID > 0 && s.opts.Child == nil && !s.opts.Stay {
		// A process that is gone already ends the run at once.
		if fd, err := unix.PidfdOpen(s.opts.PID, 0); err == nil {
			s.pidfd = fd
			s.waiter.Add(fd)
			stops = append(stops, func() { s.waiter.Remove(fd); unix.Close(fd) })
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

// ready is told which descriptors are readable.
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

// onlySpecial tells that no clause has a probe that could still fire
// (P-BEGIN-02).
func (s *Session) onlySpecial() bool {
	for _, c := range s.clauses {
		if !c.only() {
			return false
		}
	}
	return s.opts.Child == nil
}

// drain handles the records that are there, at most limit of each clause, and
// returns how many there were.
func (s *Session) drain(clauses []*Clause, limit int) int {
	total := 0
	held := false
	for _, c := range clauses {
		if c.ring == nil || c.ring.Pending() == 0 {
			continue
		}
		if !held {
			event.Hold(s.opts.Sink)
			held = true
		}
		s.opts.Resolver.use(c.obj.Strings, c.obj.StrTrailer)
		n, _, err := c.ring.Read(limit, func(b []byte) bool {
			s.record(c, b)
			return !s.exited && !s.done || s.discard
		})
		total += n
		if err != nil {
			c.dropped++
			s.log(diag.Error, err.Error())
		}
	}
	if held {
		event.Release(s.opts.Sink)
	}
	return total
}

// record handles one record.
func (s *Session) record(c *Clause, b []byte) {
	if s.discard {
		return
	}
	r, err := c.decoder.Decode(b)
	if err != nil {
		c.dropped++
		if c.dropped == 1 {
			s.log(diag.Error, err.Error())
		}
		return
	}
	s.records++
	if err := r.Fn.UserHalf.Handle(&c.handler, r); err != nil {
		s.log(diag.Error, err.Error()) // R-ERR-06
	}
	if s.opts.MaxEvents > 0 && s.records >= s.opts.MaxEvents {
		s.done, s.discard = true, true
	}
}

// exit is exit() of a script.
func (s *Session) exit(c *Clause, code int) {
	if s.opts.Stay {
		if s.opts.Exited != nil {
			s.opts.Exited(c, code)
		}
		// Not now: the clause's buffer is being read.
		go s.call(func() { s.remove(c) })
		return
	}
	if !s.exited {
		s.exited, s.exitCode = true, code
	}
}

// Close detaches whatever is still attached and gives everything back.
func (s *Session) Close() {
	var wg sync.WaitGroup
	for _, c := range s.clauses {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c.detach()
			c.close()
		}()
	}
	wg.Wait()
	s.clauses = nil
	s.kept.close()
	if s.opts.Resolver != nil {
		s.opts.Resolver.closeStacks()
	}
	s.opts.Child.kill()
	s.waiter.Close()
}
