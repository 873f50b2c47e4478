package session

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/event"
	"probe/runtime/machine/live/bpf"
)

// named is one test or benchmark.
type named struct {
	name string
	prog *bpf.Prog
}

// runTests runs the tests or benchmarks of all clauses in source order, and then
// the end probes. Maps are not printed. The first benchmark that fails ends the
// run.
func (s *Session) runTests(ctx context.Context) (Result, error) {
	var all []named
	list := &event.Tests{Measured: s.opts.Mode == hir.Measure}
	for _, c := range s.clauses {
		for i, p := range c.obj.Programs {
			if p.Site.Attach.Kind == hir.AttachRun {
				all = append(all, named{p.Site.Attach.Symbol, c.progs[i]})
				list.Names = append(list.Names, p.Site.Attach.Symbol)
			}
		}
	}
	s.send(list)
	var overhead time.Duration
	if s.opts.Mode == hir.Measure {
		var err error
		if overhead, err = runCost(ctx); err != nil {
			return Result{Exit: 255}, err
		}
	}
	res := Result{Complete: true}
	for _, t := range all {
		if ctx.Err() != nil || s.sinkDone() {
			break
		}
		ok := true
		if s.opts.Mode == hir.Measure {
			ok = s.bench(t, overhead)
		} else {
			ok = s.test(t)
		}
		if !ok {
			res.Exit = 1
			if s.opts.Mode == hir.Measure {
				return res, nil // the other figures are worth nothing to who waits for all
			}
		}
		s.runCalls()
	}
	s.send(&event.TestsDone{})
	s.settle(s.clauses)
	s.send(&event.End{})
	return res, nil
}

// fresh forgets what the test before has done to the run.
func (s *Session) fresh() { s.exited, s.exitCode, s.errors, s.discard = false, 0, 0, false }

// test runs one test.
func (s *Session) test(t named) bool {
	s.fresh()
	var result int32
	var err error
	var took time.Duration
	onFirstThread(func() {
		start := time.Now()
		result, err = t.prog.Result()
		took = time.Since(start)
	})
	if err != nil {
		s.log(diag.Error, err.Error())
	}
	s.empty(s.clauses)
	for _, c := range s.clauses {
		s.pollErrors(c)
	}
	passed := err == nil && result == 0 && s.errors == 0 && s.exitCode == 0
	s.fresh()
	s.send(&event.Test{Name: t.name, Duration: took, Passed: passed})
	return passed
}

// bench runs one benchmark until it has taken a millisecond (P-BENCH-01).
// overhead is what one run costs outside of the program.
func (s *Session) bench(t named, overhead time.Duration) bool {
	s.fresh()
	out := &event.Bench{Name: t.name, Runs: 1}
	// One call goes ahead, which shows whether it works, and fills the caches.
	var result int32
	var err error
	onFirstThread(func() { result, err = t.prog.Result() })
	if err != nil {
		s.log(diag.Error, err.Error())
	}
	s.empty(s.clauses)
	out.Skipped = result != 0
	out.Failed = err != nil || s.errors > 0
	for !out.Failed && !out.Skipped {
		total, err := s.repeat(t.prog, out.Runs)
		if err != nil {
			s.log(diag.Error, err.Error())
			out.Failed = true
			break
		}
		own := max(total-time.Duration(out.Runs)*overhead, 0)
		if total >= time.Millisecond {
			out.Average = own / time.Duration(out.Runs)
			break
		}
		out.Runs *= factor(total)
	}
	s.fresh()
	s.send(out)
	return !out.Failed
}

// factor is by how much more runs are tried than those that took total.
func factor(total time.Duration) uint64 {
	switch {
	case total < time.Microsecond:
		return 1000
	case total < 10*time.Microsecond:
		return 100
	case total < 100*time.Microsecond:
		return 10
	}
	return 2
}

// repeat runs a program n times and returns how long that took. What it prints is
// taken out of the buffers between the runs, where it is not counted.
func (s *Session) repeat(p *bpf.Prog, n uint64) (total time.Duration, err error) {
	for n > 0 {
		some := min(n, 256)
		onFirstThread(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := time.Now()
			for range some {
				if _, err = p.Result(); err != nil {
					return
				}
			}
			total += time.Since(start)
		})
		if err != nil {
			return 0, err
		}
		n -= some
		s.drainAll(s.clauses)
	}
	return total, nil
}

// runCost measures what running a program costs that does nothing: the system
// call. The least of several measurements is the best one.
func runCost(ctx context.Context) (time.Duration, error) {
	p, err := bpf.Load(ctx, &ebpf.ProgramSpec{Name: "p_nothing", Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}}, nil, bpf.LoadOptions{})
	if err != nil {
		return 0, fmt.Errorf("measure the cost of running a program: %w", err)
	}
	defer p.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const rounds, runs = 5, 200
	var least time.Duration
	for i := range rounds {
		start := time.Now()
		for range runs {
			if err := p.Run(); err != nil {
				return 0, err
			}
		}
		if took := time.Since(start) / runs; i == 0 || took < least {
			least = took
		}
	}
	return least, nil
}
