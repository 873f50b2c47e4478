package session

import (
	"context"
	"time"

	"probe/runtime/event"
	"probe/runtime/watchdog"
)

// commands is what a session keeps about the commands of system().
type commands struct {
	ctx   context.Context // of Run
	ended time.Time       // when the end of the run began; zero before
	spent time.Duration   // by commands in this round of draining
	left  uint64          // not run, since the run was over
	cut   uint64          // ended by force
}

// Limits on commands: how long one round of draining may spend on them before the
// session looks whether something ends the run, and how long after the end of a run
// those that wait are still run.
const (
	commandRound = 100 * time.Millisecond
	commandGrace = time.Second
)

// Command implements builtin.Env. The commands that wait at the end of a run are run
// for a second, and those that are left are counted. One that is running then is
// waited for, which is said after a second, until the user insists.
func (h *handler) Command(text []byte) (context.Context, func(), bool) {
	s := h.s
	if !s.commands.ended.IsZero() && (time.Since(s.commands.ended) > commandGrace || s.forced()) {
		s.commands.left++
		return nil, nil, false
	}
	what := "waiting for a command of system() to end the run: " + string(text)
	began := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	run := s.commands.ctx
	if run == nil {
		run = ctx
	}
	forced := make(chan struct{})
	go func() {
		defer watchdog.Report()
		select {
		case <-ctx.Done():
			return
		case <-run.Done():
		}
		defer s.slow(what)()
		select {
		case <-ctx.Done():
		case <-s.opts.Force:
			close(forced)
			cancel()
		}
	}()
	return ctx, func() {
		cancel()
		select {
		case <-forced:
			s.commands.cut++
		default:
		}
		s.commands.spent += time.Since(began)
	}, true
}

// receipt adds the commands that did not run, or not to their end.
func (c *commands) receipt(add func(event.ReceiptItem)) {
	if c.left > 0 {
		add(event.ReceiptItem{Kind: event.CommandsLeft, Count: c.left})
	}
	if c.cut > 0 {
		add(event.ReceiptItem{Kind: event.CommandsLeft, Count: c.cut, Detail: "ended by the second signal"})
	}
}
