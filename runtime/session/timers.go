package session

import (
	"cmp"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"probe/lang/hir"
	"probe/runtime/watchdog"
)

// keptSignals is how many signals are kept while the programs of others run.
// The kernel itself keeps one of each kind.
const keptSignals = 16

// catchSignals begins to catch the signals that self: probes wait for. Those
// that come before startTimers are kept.
func (c *Clause) catchSignals() {
	for _, p := range c.obj.Programs {
		if p.Site.Attach.Kind != hir.AttachSignal {
			continue
		}
		if c.signals == nil {
			c.signals = make(chan os.Signal, keptSignals)
		}
		signal.Notify(c.signals, unix.Signal(p.Site.Attach.Signal))
	}
}

// onSignals runs the programs of self: probes when their signals come, in source
// order, until stopTimers closes.
func (c *Clause) onSignals(wake func(), fail func(error)) {
	for {
		var got os.Signal
		select {
		case <-c.stopTimers:
			return
		case got = <-c.signals:
		}
		for i, p := range c.obj.Programs {
			if p.Site.Attach.Kind != hir.AttachSignal || unix.Signal(p.Site.Attach.Signal) != got {
				continue
			}
			if err := runOnce(c.progs[i]); err != nil {
				fail(fmt.Errorf("%s: %w", p.Site.Name, err))
				return
			}
		}
		wake()
	}
}

// startTimers runs interval programs at their times and those of self: probes
// at their signals until stopTimers closes.
// wake is called after each run, so that what it printed is seen at once.
func (c *Clause) startTimers(wake func(), fail func(error)) {
	c.stopTimers = make(chan struct{})
	if c.signals != nil {
		c.timers.Go(func() {
			defer watchdog.Report()
			c.onSignals(wake, fail)
		})
	}
	start := time.Now()
	var all []interval
	for i, p := range c.obj.Programs {
		if p.Site.Attach.Kind == hir.AttachInterval {
			period := time.Duration(p.Site.Attach.Period)
			all = append(all, interval{program: i, period: period, next: start.Add(period)})
		}
	}
	if len(all) > 0 {
		c.timers.Go(func() {
			defer watchdog.Report()
			c.onTimes(all, wake, fail)
		})
	}
}

// interval is a program that runs at multiples of a period from the start.
type interval struct {
	program int // index in obj.Programs
	period  time.Duration
	next    time.Time
}

// advance sets the time of the next run after one at now. Times that were missed
// while the machine was busy are skipped.
func (t *interval) advance(now time.Time) {
	t.next = t.next.Add(t.period)
	if late := now.Sub(t.next); late > 0 {
		t.next = t.next.Add((late/t.period + 1) * t.period)
	}
}

// due sorts the intervals by the time of their next run, those of one time in
// source order, and returns how many of them are to run at now.
func due(all []interval, now time.Time) int {
	slices.SortFunc(all, func(a, b interval) int {
		return cmp.Or(a.next.Compare(b.next), cmp.Compare(a.program, b.program))
	})
	n := 0
	for n < len(all) && !all[n].next.After(now) {
		n++
	}
	return n
}

// onTimes runs the programs of intervals, one after the other, until stopTimers
// closes.
func (c *Clause) onTimes(all []interval, wake func(), fail func(error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for len(all) > 0 {
		now := time.Now()
		n := due(all, now)
		for i := 0; i < n; i++ {
			t := &all[i]
			p := c.obj.Programs[t.program]
			if err := runOnce(c.progs[t.program]); err != nil {
				fail(fmt.Errorf("%s: %w", p.Site.Name, err))
				all = slices.Delete(all, i, i+1)
				i, n = i-1, n-1
				continue
			}
			t.advance(now)
		}
		if n > 0 {
			wake()
			select {
			case <-c.stopTimers:
				return
			default:
			}
			continue
		}
		if len(all) == 0 {
			return // the last of them has failed
		}
		timer.Reset(all[0].next.Sub(now))
		select {
		case <-c.stopTimers:
			return
		case <-timer.C:
		}
	}
}
