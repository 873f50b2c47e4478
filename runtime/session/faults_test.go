package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"probe/compiler"
	"probe/runtime/engine"
	"probe/runtime/kcall"
	"probe/runtime/session"
)

// faulty is a script that makes every kind of system call: maps of all kinds,
// programs, a ring buffer, probes of perf events, a process that is waited for.
const faulty = `
let @lru = lruhash(10);
begin { @n = 1; @c = count(); @k["x"] = 2; @a[1] = sum(3); @h[1] = hist(7); @s[kstack(3)] = 1; @lru[1] = 1; printf("begun %s\n", comm); }
uprobe:/proc/self/exe:* { @u++; }
interval:ms:20 { @n++; if (@n == 3) { print(@k); clear(@k); zero(@a); printf("last\n"); exit(); } }
end { printf("ended\n"); }
`

// steps are words of the message that names the step of a call that fails.
var faultSteps = map[string][]string{
	"bpf 0": {"create map"}, "bpf 5": {"load"}, "bpf 10": {"run begin", "run end"}, "bpf 17": {"attach"}, "bpf 28": {"attach"},
	"perf_event_open": {"attach", "open"}, "mmap": {"map the ", "map memory", "map ring"}, "eventfd": {"eventfd"}, "poll": {"wait for events"},
}

// state is what a run must not leave behind.
type state struct {
	files      map[string]int
	mappings   int // of memory of maps
	goroutines int
}

func machineState(t *testing.T) state {
	t.Helper()
	s := state{files: map[string]int{}, goroutines: runtime.NumGoroutine()}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			s.files[target]++
		}
	}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	s.mappings = strings.Count(string(text), "bpf-map")
	return s
}

// left returns what is in b and was not in a.
func (a state) left(b state) []string {
	var out []string
	for name, n := range b.files {
		if d := n - a.files[name]; d > 0 && !strings.HasPrefix(name, "/proc/") {
			out = append(out, fmt.Sprintf("%d descriptors of %s", d, name))
		}
	}
	if d := b.mappings - a.mappings; d > 0 {
		out = append(out, fmt.Sprintf("%d mappings of maps", d))
	}
	if d := b.goroutines - a.goroutines; d > 0 {
		out = append(out, fmt.Sprintf("%d goroutines", d))
	}
	slices.Sort(out)
	return out
}

// missing returns the maps and words that were printed before and are not now.
func missing(before, now string) []string {
	var out []string
	for line := range strings.Lines(before) {
		word := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" :[\n", r) })
		if len(word) > 0 && (word[0][0] == '@' || slices.Contains([]string{"begun", "last", "ended"}, word[0])) && !strings.Contains(now, word[0]) && !slices.Contains(out, word[0]) {
			out = append(out, word[0])
		}
	}
	return out
}

// faultRun is one run of a script in which a call may fail.
type faultRun struct {
	calls    []kcall.Call
	err      error
	complete bool
	out, msg string
}

// runFaulty runs an object; the call with the number n (from 0) fails, none if n
// is negative.
func runFaulty(t *testing.T, s *script, obj *compiler.Object, n int, fault error) faultRun {
	t.Helper()
	o := *s.options(t)
	o.PID = os.Getpid()
	o.For = 2 * time.Second // an interval whose program cannot run never calls exit()
	var r faultRun
	var mu sync.Mutex
	end := kcall.Hook(func(c kcall.Call) error {
		mu.Lock()
		defer mu.Unlock()
		r.calls = append(r.calls, c)
		if len(r.calls) == n+1 {
			return fault
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	res, err := session.Run(ctx, obj, o)
	end()
	if ctx.Err() != nil {
		t.Errorf("the run did not end")
	}
	if err := o.Sink.Close(); err != nil {
		t.Error(err)
	}
	r.err, r.complete, r.out, r.msg = err, res.Complete, s.out.String(), s.err.String()
	return r
}

// faultCodes are what the calls answer: an error that none of them knows, and those that a
// kernel gives for other reasons than the call itself: it is short of memory, a signal came,
// a security module refuses, a limit is reached.
var faultCodes = []unix.Errno{unix.EIO, unix.ENOMEM, unix.EINTR, unix.EPERM, unix.EMFILE}

// faultName names a call, with the command of bpf(2).
func faultName(c kcall.Call) string {
	if c.Name == "bpf" {
		return fmt.Sprintf("bpf %d", c.Cmd)
	}
	return c.Name
}

// TestFaults lets each system call of a run fail once, in each way. Whatever fails, the run
// ends and leaves nothing behind. Either it cannot go on, and its message names
// the step, or it says that something is missing, or nothing is.
func TestFaults(t *testing.T) {
	needBPF(t)
	s := &script{text: faulty}
	obj := s.compile(t, s.text, engine.CheckOptions{}, nil)
	warm := runFaulty(t, s, obj, -1, nil)
	if warm.err != nil || !strings.Contains(warm.out, "last") || !strings.Contains(warm.out, "ended") {
		t.Fatalf("without a fault: %v\n%s\n%s", warm.err, warm.out, warm.msg)
	}

	kinds, tried := map[string]int{}, 0
	for at := range len(warm.calls) * len(faultCodes) {
		n, code := at/len(faultCodes), faultCodes[at%len(faultCodes)]
		c := warm.calls[n]
		name := faultName(c)
		if code == faultCodes[0] {
			kinds[name]++
		}
		if kinds[name] > 4 { // polls and reads are many, and alike
			continue
		}
		tried++
		t.Run(fmt.Sprintf("%d %s %s", n, name, unix.ErrnoName(code)), func(t *testing.T) {
			before := machineState(t)
			run := &script{text: faulty, machine: s.machine}
			r := runFaulty(t, run, obj, n, code)
			// Calls of several goroutines come in another order now and then.
			name := name
			if n < len(r.calls) {
				name = faultName(r.calls[n])
			}
			if name == "bpf 10" && code == unix.EINTR {
				return // the kernel gives it after the program has run
			}
			why := code.Error()
			if code == unix.EPERM && (strings.Contains(fmt.Sprint(r.err), "no-permission") || strings.Contains(fmt.Sprint(r.err), "unable to attach")) {
				why = "" // said in other words, with what is lacking
			}
			if words := faultSteps[name]; r.err != nil {
				if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(r.err.Error(), w) }) {
					t.Errorf("the message does not name the step (%s): %v", strings.Join(words, ", "), r.err)
				}
				said := r.err.Error()
				var refused *session.LoadError
				if errors.As(r.err, &refused) {
					said += fmt.Sprint(refused.Diag.Notes)
				}
				if !strings.Contains(said, why) {
					t.Errorf("the message does not say why: %v", r.err)
				}
			} else if lacks := missing(warm.out, r.out); len(lacks) > 0 && !strings.Contains(r.msg, code.Error()) {
				t.Errorf("%s missing, without a message\n%s\n%s", strings.Join(lacks, ", "), r.out, r.msg)
			}
			var left []string
			for range 100 { // what ends in the background has a second
				if left = before.left(machineState(t)); len(left) == 0 {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if len(left) > 0 {
				var stacks strings.Builder
				_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
				t.Errorf("left behind: %s\n%s", strings.Join(left, ", "), stacks.String())
			}
		})
	}
	t.Logf("%d of %d calls failed once: %v", tried, len(warm.calls), kinds)
	if len(kinds) < 8 {
		t.Errorf("only these calls were made: %v", kinds)
	}
}

// TestCancelAnywhere ends the context of runs at all times from their start to
// after their probes are attached: nothing is left behind.
func TestCancelAnywhere(t *testing.T) {
	needBPF(t)
	s := &script{text: faulty}
	obj := s.compile(t, s.text, engine.CheckOptions{}, nil)
	warm := runFaulty(t, s, obj, -1, nil)
	if warm.err != nil {
		t.Fatal(warm.err)
	}
	before := machineState(t)
	for n := range warm.calls {
		run := &script{text: faulty, machine: s.machine}
		o := *run.options(t)
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		made := 0
		end := kcall.Hook(func(kcall.Call) error {
			mu.Lock()
			defer mu.Unlock()
			if made++; made == n+1 {
				cancel() // while the call is made
			}
			return nil
		})
		_, err := session.Run(ctx, obj, o)
		end()
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at call %d: %v", n, err)
		}
		if err := o.Sink.Close(); err != nil {
			t.Error(err)
		}
		var left []string
		for range 100 {
			if left = before.left(machineState(t)); len(left) == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if len(left) > 0 {
			t.Fatalf("cancelled at call %d, %+v: left behind: %s", n, warm.calls[n], strings.Join(left, ", "))
		}
	}
}
