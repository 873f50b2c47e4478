// Command drive runs scripts on this machine for the time that its argument says,
// and writes samples of its own process. See package soak.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"

	"probe/runtime/engine"
	"probe/runtime/event"
	"probe/runtime/machine/live"
	"probe/runtime/sink"
	"probe/test/soak"
)

// long runs all the time. Its keys come and go, its strings and stacks are
// resolved, its maps are printed, cleared and iterated over.
const long = `
config = { max_map_keys = 4096 }
tracepoint:raw_syscalls:sys_enter { @calls[comm, args.id] = count(); @n = count(); @last[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@last[tid]/ { @ns = hist(nsecs - @last[tid]); delete(@last, tid); }
tracepoint:sched:sched_process_exec { printf("%s %d %s\n", str(args.filename), pid, strftime("%H:%M:%S", nsecs)); }
kprobe:vfs_open { @stacks[kstack(8)] = count(); @users[ustack(4), comm] = count(); }
interval:s:1 {
  for ($kv : @calls) { @sum = sum((int64)$kv.1); }
  print(@calls, 5); print(@ns); print(@stacks, 3); print(@users, 2); print(@sum);
  clear(@calls); clear(@stacks); clear(@users); zero(@ns);
}
`

// short are the scripts that run one after the other.
var short = []string{
	`begin { printf("x %d\n", 1); @a["k"] = 1; } end { printf("end\n"); }`,
	`kprobe:vfs_read { @[comm, tid] = count(); @b = sum(arg2); } kretprobe:vfs_read { @r = hist(retval); }`,
	`ret:vfs_write { @[args.count] = max(retval); @d = hist(duration); }`,
	`profile:hz:99 { @[kstack, ustack, comm] = count(); } interval:ms:50 { print(@); clear(@); }`,
	`tracepoint:syscalls:sys_enter_openat { printf("%s %s\n", comm, str(args.filename)); @f[str(args.filename)] = count(); }`,
	`software:page-faults:1 { @[pid] = count(); } rawtracepoint:sched_switch { @s = count(); }`,
	`kprobe:vfs_* { @[func] = count(); }`,
	`interval:ms:20 { @n++; if (@n == 5) { exit(); } }`,
	`kprobe:vfs_read { @ = nothing_at_all(3); }`,
	`uprobe:/bin/busybox:main { @m = count(); } kprobe:no_such_function { }`,
}

func main() {
	d, err := time.ParseDuration(os.Args[1])
	if err == nil {
		err = drive(d)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "drive:", err)
		os.Exit(1)
	}
}

// counted counts bytes.
type counted struct{ n atomic.Int64 }

func (c *counted) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

type driver struct {
	machine *live.Machine
	out     counted
	runs    int
	start   time.Time
	enc     *json.Encoder
}

func drive(d time.Duration) error {
	r := &driver{machine: live.New(live.Options{}), start: time.Now(), enc: json.NewEncoder(os.Stdout)}
	// What is found out about the machine (and the program that it keeps to ask
	// the kernel with), and the runtime's own threads, are there before the first
	// sample.
	if err := r.run(context.Background(), long, 1500*time.Millisecond); err != nil {
		return err
	}
	for _, s := range short {
		if err := r.run(context.Background(), s, 200*time.Millisecond); err != nil {
			return err
		}
	}
	r.sample(soak.Sample{First: true})
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	ended := make(chan error, 2)
	go func() { ended <- r.run(ctx, long, 0) }()
	go func() { ended <- work(ctx) }()
	every := min(max(d/120, time.Second), 15*time.Second)
	next := time.Now().Add(every)
	for i := 0; ctx.Err() == nil; i++ {
		if err := r.run(ctx, short[i%len(short)], 300*time.Millisecond); err != nil {
			r.sample(soak.Sample{Error: err.Error()})
		}
		r.runs++
		if time.Now().After(next) {
			r.sample(soak.Sample{})
			next = time.Now().Add(every)
		}
	}
	for range 2 {
		if err := <-ended; err != nil {
			r.sample(soak.Sample{Error: err.Error()})
		}
	}
	time.Sleep(2 * time.Second) // the kernel frees maps and programs in the background
	r.sample(soak.Sample{Last: true})
	return nil
}

// run runs a script for a time; 0 is until ctx ends. Scripts that are refused are
// part of the soak.
func (r *driver) run(ctx context.Context, text string, wait time.Duration) error {
	c, _ := engine.Build(engine.Script{Name: "soak.pr", Text: text}, r.machine, engine.CheckOptions{}, engine.CompileOptions{})
	if c == nil {
		return nil
	}
	s, err := sink.New("text", sink.Config{Out: &r.out, Err: &r.out})
	if err != nil {
		return err
	}
	defer func(s event.Sink) { _ = s.Close() }(s)
	_, err = engine.Run(ctx, c, engine.RunOptions{Sink: s, For: wait})
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil // before everything was attached
	}
	return err
}

// work makes system calls and starts processes, so that there is something to
// trace.
func work(ctx context.Context) error {
	for i := 0; ctx.Err() == nil; i++ {
		for range 20 {
			if _, err := os.ReadFile("/proc/self/stat"); err != nil {
				return err
			}
			_, _ = os.Open(fmt.Sprintf("/nonexistent/%d", i%1000))
		}
		if i%10 == 0 {
			if err := exec.Command("/bin/busybox", "true").Run(); err != nil {
				return err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// sample writes a sample.
func (r *driver) sample(s soak.Sample) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.Seconds, s.Runs, s.Bytes, s.Heap = time.Since(r.start).Seconds(), r.runs, r.out.n.Load(), int64(m.HeapInuse)
	s.Goroutines = runtime.NumGoroutine()
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if words := strings.Fields(string(text)); len(words) > 1 {
			pages, _ := strconv.ParseInt(words[1], 10, 64)
			s.RSS = pages * int64(os.Getpagesize())
		}
	}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.Files = len(entries)
		for _, e := range entries {
			target, _ := os.Readlink("/proc/self/fd/" + e.Name())
			s.Names = append(s.Names, target)
		}
	}
	if text, err := os.ReadFile("/proc/self/maps"); err == nil {
		s.Mappings = bytes.Count(text, []byte("bpf-map"))
	}
	for id, err := ebpf.MapGetNextID(0); err == nil; id, err = ebpf.MapGetNextID(id) {
		s.Maps++
	}
	for id, err := ebpf.ProgramGetNextID(0); err == nil; id, err = ebpf.ProgramGetNextID(id) {
		s.Programs++
		if p, err := ebpf.NewProgramFromID(id); err == nil {
			s.Names = append(s.Names, p.String())
			p.Close()
		}
	}
	if !s.First && !s.Last {
		s.Names = nil
	}
	_ = r.enc.Encode(s)
}
