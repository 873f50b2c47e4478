package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// visit makes n graphs: looking at the root folder calls vfs_fstatat, and some
// thirty functions below it.
func visit(n int) {
	path := [2]byte{'/'}
	var st unix.Stat_t
	at := unix.AT_FDCWD
	for range n {
		syscall.RawSyscall6(sysFstatat, uintptr(at), uintptr(unsafe.Pointer(&path)), uintptr(unsafe.Pointer(&st)), 0, 0, 0)
	}
}

// graphs measures a recorder of call graphs: what a graph costs the thread
// whose calls are recorded, and the CPU time of the recorder from when it
// records to its exit.
func graphs(o *options, args []string) (*Result, error) {
	without := rounds(o, visit)
	t, err := launch(o, args, nil)
	if err != nil {
		return nil, err
	}
	if _, err := t.awaitHook(o); err != nil {
		return nil, err
	}
	time.Sleep(settle)
	before := treeTime(t.cmd.Process.Pid)
	with := rounds(o, visit)
	time.Sleep(settle) // for what the recorder reads late
	if err := t.stop(); err != nil {
		return nil, err
	}
	r := t.result()
	r.CPU -= before
	r.Whole, r.Events = with-without, uint64(o.rounds*o.calls)
	return r, nil
}

// hooked measures the time from exec until the recorder records, and from
// SIGINT until it has ended.
func hooked(o *options, args []string) (*Result, error) {
	t, err := launch(o, args, nil)
	if err != nil {
		return nil, err
	}
	wall, err := t.awaitHook(o)
	if err != nil {
		return nil, err
	}
	time.Sleep(settle)
	stop := time.Now()
	if err := t.stop(); err != nil {
		return nil, err
	}
	end := time.Since(stop)
	r := t.result()
	r.Wall, r.End = int64(wall), int64(end)
	return r, nil
}

// storm makes as many getppid calls as there is time for, in some threads, ends
// the recorder right after the last, and adds up what it says it has seen and
// lost.
func storm(o *options, args []string) (*Result, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	t, err := launch(o, args, null)
	if err != nil {
		return nil, err
	}
	if _, err := t.awaitHook(o); err != nil {
		return nil, err
	}
	time.Sleep(settle)
	var made atomic.Uint64
	var own atomic.Int64
	end := time.Now().Add(o.duration)
	var all sync.WaitGroup
	for range o.threads {
		all.Go(func() {
			runtime.LockOSThread()
			before := threadTime()
			for ; time.Now().Before(end); made.Add(1000) {
				getppid(1000)
			}
			own.Add(int64(threadTime() - before))
		})
	}
	all.Wait()
	if err := t.stop(); err != nil {
		return nil, err
	}
	r := t.result()
	r.Events, r.Whole = made.Load(), float64(own.Load())/float64(made.Load())
	r.Output = t.out.last()
	return r, nil
}

// result returns what is known of every recorder that has ended.
func (t *tracer) result() *Result {
	st := t.cmd.ProcessState
	r := &Result{CPU: int64(st.UserTime() + st.SystemTime()), Exit: st.ExitCode()}
	if u, ok := st.SysUsage().(*syscall.Rusage); ok {
		r.Peak = u.Maxrss << 10
	}
	text := t.out.text()
	text = text[max(0, len(text)-lastWords):] // the graphs themselves are of no interest
	r.Printed, r.Reported = sum(text, seenPattern), sum(text, toldPattern)
	if r.Exit > 0 {
		r.Output = t.out.last()
	}
	return r
}

// lastWords is more than what a recorder says in the end.
const lastWords = 32 << 10

// seenPattern finds what recorders say about the calls they have recorded.
var seenPattern = regexp.MustCompile(`(?m)^(?:kept )?(\d+) trees?\b`)

// toldPattern finds what recorders of call graphs say in the end about what they
// have lost.
var toldPattern = regexp.MustCompile(`(\d+) (?:events?|call graphs?)(?: of \S+)? (?:was |were )?(?:lost|not recorded)|overrun: (\d+)`)

// sum adds the numbers that a pattern finds.
func sum(text string, p *regexp.Regexp) uint64 {
	var total uint64
	for _, m := range p.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.ParseUint(strings.Join(m[1:], ""), 10, 64)
		total += n
	}
	return total
}

// awaitHook waits for the words of o.say in the recorder's output or, when
// there are none, until a tracer records call graphs.
func (t *tracer) awaitHook(o *options) (time.Duration, error) {
	say, err := regexp.Compile(o.say)
	if err != nil {
		return 0, err
	}
	for time.Since(t.start) < startLimit {
		at := time.Since(t.start)
		if o.say == "" && recording() || o.say != "" && say.MatchString(t.out.text()) {
			return at, nil
		}
		select {
		case <-t.ended:
			return 0, fmt.Errorf("%w and ended (%v): %s", errNotAttached, t.cmd.ProcessState, t.out.last())
		case <-time.After(time.Millisecond):
		}
	}
	t.cmd.Process.Kill()
	<-t.ended
	return 0, fmt.Errorf("%w in %v: %s", errNotAttached, startLimit, t.out.last())
}

// recording reports whether the kernel's function_graph is on, at the top level
// or in an instance.
func recording() bool {
	const dir = "/sys/kernel/tracing"
	dirs, _ := filepath.Glob(dir + "/instances/*")
	for _, d := range append(dirs, dir) {
		tracer, _ := os.ReadFile(d + "/current_tracer")
		on, _ := os.ReadFile(d + "/tracing_on")
		if strings.TrimSpace(string(tracer)) == "function_graph" && strings.TrimSpace(string(on)) == "1" {
			return true
		}
	}
	return false
}
