package ftrace

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"probe/runtime/graph"
)

// Machinery lists the functions that run only because return values are
// recorded. They belong to the measurement and not to what is measured, so
// trees leave them out.
var Machinery = []string{
	"kprobe_ftrace_handler", "pre_handler_kretprobe", "kretprobe_*", "__kretprobe_*", "trampoline_handler",
	"arch_rethook_*", "rethook_*", "kprobe_flush_task", "get_kprobe", "opt_pre_handler", "kretprobe_rethook_handler",
	"aggr_pre_handler", "kretprobe_dispatcher", "kretprobe_trace_func", "recycle_rp_inst",
}

// settle is the maximum time, in nanoseconds, between the end of a call and the
// arrival of its return value.
const settle = int64(50 * time.Millisecond)

// Record reads until ctx ends and calls tree with each recorded call, complete
// or not, in the order of their ends. A tree is valid only until tree returns.
// When tree returns false the recording ends. fill adds what is known of a
// function besides its name, such as its types; it may be nil.
//
// Calls that were under way when the recording began are left out, see Asked.
func (s *Source) Record(ctx context.Context, funcs *graph.Funcs, fill func(*graph.Func), tree func(*graph.Tree) bool) error {
	threads := &threads{dir: s.fs.Dir(), known: map[int32]thread{}}
	names := s.opts.Symbols.Names()
	resolve := func(addr uint64) graph.Func {
		loc, ok := names.Lookup(addr)
		if !ok {
			return graph.Func{Name: fmt.Sprintf("%#x", addr)}
		}
		f := graph.Func{Name: loc.Name, Module: loc.Module, Addr: addr - loc.Offset}
		if fill != nil {
			fill(&f)
		}
		return f
	}
	machinery := graph.Skipper{Patterns: Machinery}
	stopped := false
	b := &graph.Builder{Funcs: funcs, Resolve: resolve, Done: func(tid int32, t *graph.Tree) {
		if stopped {
			return
		}
		t.Thread = threads.get(tid)
		if tid == 0 { // the idle threads: one for each CPU, all with number 0
			t.Thread.Comm = fmt.Sprintf("swapper/%d", t.Root().CPU)
		}
		if len(s.opts.Returns) > 0 {
			machinery.Skip(t, funcs)
			t.Folded.Skipped = 0
		}
		if !s.Asked(funcs.Func(t.Root().Fn)) {
			s.Headless++
			return
		}
		stopped = !tree(t)
	}}
	err := s.Read(ctx, func(batch Batch) bool {
		if s.opts.Guard != nil {
			s.opts.Guard.Lock()
			defer s.opts.Guard.Unlock()
		}
		for events, args := range batch.Runs {
			b.AddAll(events, args)
			if stopped {
				return false
			}
		}
		until := batch.Until
		if len(s.opts.Returns) > 0 {
			until -= settle
		}
		b.Settle(until)
		if s.opts.Until != nil {
			s.opts.Until(until)
		}
		return !stopped
	})
	if !stopped {
		if s.opts.Guard != nil {
			s.opts.Guard.Lock()
			defer s.opts.Guard.Unlock()
		}
		b.Flush()
	}
	return err
}

// Asked reports whether a function is one of those that were to be recorded. A
// tree with another root is the remainder of a call that was entered before the
// tracer wrote its first record, or while records were lost: the kernel marks
// the thread at the entry and then records everything the thread calls.
func (s *Source) Asked(f graph.Func) bool {
	if s.asked == nil {
		s.asked = map[string]bool{}
		for _, name := range s.opts.Funcs {
			s.asked[name] = true
		}
	}
	if s.asked[f.Name] {
		return true
	}
	if s.askedAt == nil { // the kernel shows one of several names at an address, not always the requested one
		s.askedAt = map[uint64]bool{}
		at, err := s.opts.Symbols.AddrOf(s.opts.Funcs...)
		if err != nil {
			return false
		}
		for _, addr := range at {
			s.askedAt[addr] = true
		}
	}
	return f.Addr != 0 && s.askedAt[f.Addr]
}

// threads looks up the names and processes of threads. Answers are cached for
// threadAge only: a thread may change its name, and an id may be reused.
type threads struct {
	dir   string
	known map[int32]thread
	// comms and tgids are the tracer's own notes (saved_cmdlines, saved_tgids),
	// and read is the time they were read.
	comms map[int32]string
	tgids map[int32]int32
	read  time.Time
}

type thread struct {
	graph.Thread
	asked time.Time
}

// threadAge is the time for which an answer is cached, and savedAge that for
// the tracer's notes. The notes are the only source for threads that have
// ended, so they are read again sooner.
const (
	threadAge = time.Second
	savedAge  = 20 * time.Millisecond
)

func (t *threads) get(tid int32) graph.Thread {
	now := time.Now()
	th, ok := t.known[tid]
	if ok && now.Sub(th.asked) < threadAge {
		return th.Thread
	}
	next := thread{Thread: graph.Thread{TID: tid}, asked: now}
	if tid == 0 {
		next.Comm = "swapper"
	} else if comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(int(tid)), "comm")); err == nil {
		next.Comm, next.PID = strings.TrimSpace(string(comm)), tgid(tid)
	} else if ok {
		next.Thread = th.Thread // it has ended: keep the old answer
	} else {
		if _, known := t.comms[tid]; !known {
			t.readSaved(now)
		}
		next.Comm, next.PID = t.comms[tid], t.tgids[tid]
		if next.Comm == "" {
			return next.Thread // not cached, so it is looked up again
		}
	}
	t.known[tid] = next
	return next.Thread
}

// tgid returns the process of a thread, 0 when that is not known.
func tgid(tid int32) int32 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(int(tid)), "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\nTgid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 32)
	return int32(n)
}

// readSaved reads what the tracer noted of threads: their names, and their
// processes when threads were chosen by process.
func (t *threads) readSaved(now time.Time) {
	if now.Sub(t.read) < savedAge {
		return
	}
	t.read, t.comms, t.tgids = now, map[int32]string{}, map[int32]int32{}
	each := func(file string, take func(tid int32, rest string)) {
		text, err := os.ReadFile(filepath.Join(t.dir, file))
		if err != nil {
			return // without the notes the thread has no name
		}
		for line := range strings.Lines(string(text)) {
			id, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
			if n, err := strconv.ParseInt(id, 10, 32); ok && err == nil {
				take(int32(n), rest)
			}
		}
	}
	each("saved_cmdlines", func(tid int32, comm string) { t.comms[tid] = comm })
	each("saved_tgids", func(tid int32, tgid string) {
		if n, err := strconv.ParseInt(strings.TrimSpace(tgid), 10, 32); err == nil {
			t.tgids[tid] = int32(n)
		}
	})
}
