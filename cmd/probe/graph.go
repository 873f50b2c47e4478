package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/graph"
	"probe/runtime/graph/ftrace"
	"probe/runtime/graph/proto"
	"probe/runtime/graph/record"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/tracefs"
	"probe/runtime/trust"
	"probe/runtime/watchdog"
)

var graphCommand = &command{
	Command: cli.Command{
		Name: "graph", Usage: []string{"[options] FUNC [FUNC …]"}, Min: 1, Max: -1, Complete: completeFunctions,
		Summary: "show the calls below a kernel function as a tree",
		About: "Records calls of kernel functions with everything they call, by the tracer function_graph of ftrace, and prints each call as a tree with times and return values. " +
			"FUNC is the name of a function, or a pattern with * and ?. The tracer's settings are put back at the end; `probe cleanup` does it after a crash.",
		Examples: []cli.Example{
			{Command: "probe graph vfs_read", About: "Prints each call of vfs_read until Ctrl-C."},
			{Command: "probe graph --slower 1ms --for 10s vfs_read", About: "Prints calls that took a millisecond or longer."},
			{Command: "probe graph --failed -n 1 ip_route_output_flow", About: "Waits for one call that fails."},
			{Command: "probe graph -o reads.jsonl.zst vfs_read", About: "Keeps the trees in a recording."},
		},
		SeeAlso: []string{"show", "diff", "export", "cleanup"},
	},
	run: runGraph, ownOutput: true,
}

// graphOptions holds the options of "probe graph".
type graphOptions struct {
	depth, bufferKB        uint64
	slower                 time.Duration
	failed, irqs, args     bool
	ret, only, skip, style string
	ignore                 []string // diff --ignore; nil for the default
	all, json              bool     // diff --all, --json
	format                 string   // export --format
	treesOnly              bool     // show --trees
}

// defaultDepth is the number of levels below the function that are recorded
// without --depth.
const defaultDepth = 16

// treeRun is one run of "probe graph".
type treeRun struct {
	o     *options
	std   stdio
	style graph.Style
	funcs graph.Funcs
	// functions describes the functions of this kernel; nil when a recording is
	// shown.
	functions *proto.Kernel
	offset    time.Duration  // from CLOCK_MONOTONIC to the wall clock
	out       *record.Writer // nil when trees are printed
	// threads lists the threads that the chosen process had when the recording
	// started.
	threads []int32

	shown, incomplete uint64
	folded            graph.Folded
	err               error // of the output
}

func runGraph(o *options, std stdio) int {
	r := &treeRun{o: o, std: std, offset: wallOffset()}
	if o.graph.style == "" {
		o.graph.style = "tree"
	}
	if o.graph.depth == 0 {
		o.graph.depth = defaultDepth
	}
	var err error
	if r.style, err = graph.StyleNamed(o.graph.style); err != nil {
		fail(std, usageError(o.command, err))
		return exitUsage
	}
	if !o.permitted(std) {
		return exitUsage
	}
	m := live.New(live.Options{})
	// The types of the running kernel give the names of arguments and results.
	r.functions = proto.New(m.Types(), m.Symbols())
	tfs, err := m.Tracefs()
	if err != nil {
		return graphFailed(std, err)
	}
	if err := writable(o.out); err != nil {
		return graphFailed(std, err)
	}
	opts, err := sourceOptions(o, m, tfs, std)
	if err != nil {
		return graphFailed(std, err)
	}
	if !o.permittedGraph(std, opts.Funcs) {
		return exitUsage
	}
	r.threads = opts.Threads
	ctx, _, stop := signals()
	defer stop()
	r.say("switching the tracer on …")
	// Instrumenting all functions takes the kernel seconds, in which nothing
	// else is printed.
	if p := newProgress(std, o.quiet); p != nil {
		opts.Progress = p.step
	}
	src, err := ftrace.Open(ctx, tfs, opts)
	if err != nil {
		if ctx.Err() != nil {
			return exitOK
		}
		return graphFailed(std, err)
	}
	defer src.Close() // in case of a panic; a second Close does nothing
	if o.out != "" {
		h := record.Header{Started: time.Now(), WallOffset: int64(r.offset), BootOffset: int64(bootOffset()), Kernel: kernelRelease(), Arch: runtime.GOARCH, Source: "ftrace", Functions: o.words}
		if r.out, err = record.Create(o.out, h, &r.funcs); err != nil {
			return graphFailed(std, errors.Join(err, src.Close()))
		}
	}
	r.started(src, opts)
	o.dropRights(std, false)
	runCtx := ctx
	if o.duration > 0 {
		var cancel context.CancelFunc
		runCtx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	err = src.Record(runCtx, &r.funcs, r.functions.Fill, r.tree)
	missed := src.MissedReturns()
	// Restoring takes as long as switching on. Say so only if it is noticeable,
	// and stop a user from pressing Ctrl-C again.
	slow := time.AfterFunc(time.Second, func() { r.say("restoring the tracing settings …") })
	if closeErr := src.Close(); err == nil {
		err = closeErr
	}
	slow.Stop()
	if src.Headless > 0 && o.verbose {
		fmt.Fprintf(std.err, "left out: %s that had begun before the recording\n", plural(src.Headless, "call"))
	}
	if r.out != nil {
		if outErr := r.out.Close(record.End{MissedReturns: missed, Lost: src.Lost()}); err == nil {
			err = outErr
		}
	}
	if err != nil {
		return graphFailed(std, err)
	}
	if r.err != nil {
		return outputFailed(std, r.err)
	}
	return r.finish(src.Lost(), missed)
}

// writable returns an error if a recording cannot be written to a file. It is
// called before the tracer is switched on, which takes seconds. It makes the
// folders of the file, and does not create or change the file.
func writable(path string) error {
	if path == "" {
		return nil
	}
	if _, err := trust.MakeFolders(path); err != nil {
		return fmt.Errorf("keep the recording: %w", err)
	}
	_, err := os.Stat(path)
	// Opening is the only reliable test, since permissions, mounts and quotas
	// all matter; a file that did not exist is removed again.
	fresh := errors.Is(err, os.ErrNotExist)
	f, err := trust.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("keep the recording: %w", err)
	}
	f.Close()
	if fresh {
		return os.Remove(path)
	}
	return nil
}

// say prints a message about the progress on standard error.
func (r *treeRun) say(format string, args ...any) {
	if !r.o.quiet {
		fmt.Fprintf(r.std.err, format+"\n", args...)
	}
}

// started prints what is being recorded.
func (r *treeRun) started(src *ftrace.Source, opts ftrace.Options) {
	if c := src.Recovered; c.PID != 0 {
		r.say("restored the tracing settings that process %d had left", c.PID)
	}
	for _, f := range src.Refused {
		fmt.Fprintf(r.std.err, "warning: no return values of %s\n", f)
	}
	if r.o.graph.args && !src.HasArgs() {
		fmt.Fprintf(r.std.err, "warning: no arguments: kernels record them from 6.14 on, this is %s\n", kernelRelease())
	}
	if r.o.verbose {
		where := "instance " + src.Instance
		if src.Instance == "" {
			where = "top level: function_graph works in no instance of this kernel"
		}
		fmt.Fprintf(r.std.err, "source: ftrace function_graph (%s), on after %s\n", where, src.Enabled.Round(time.Millisecond))
		fmt.Fprintf(r.std.err, "functions: %s; return values of: %s\n", strings.Join(opts.Funcs, " "), strings.Join(opts.Returns, " "))
	}
	what := strings.Join(r.o.words, ", ")
	if n := len(opts.Funcs); n > len(r.o.words) {
		what += fmt.Sprintf(" (%d functions)", n)
	}
	r.say("recording %s; Ctrl-C ends", what)
	notify(r.std)
}

// tree handles one recorded call. It returns false to end the recording.
func (r *treeRun) tree(t *graph.Tree) bool {
	switch provoke {
	case "graph":
		panic("provoked by PROBE_TEST_PANIC")
	case "goroutine":
		go func() {
			defer watchdog.Report()
			panic("provoked by PROBE_TEST_PANIC")
		}()
	case "fatal":
		go panic("provoked by PROBE_TEST_PANIC") // one that Report does not see
	}
	root := t.Root()
	if !r.wanted(t, root) {
		return true
	}
	if !r.o.graph.irqs {
		t.Fold()
	}
	r.folded.Add(t.Folded)
	if t.Incomplete() {
		r.incomplete++
	}
	r.funcs.NameSymbols(t, r.functions.Symbol)
	if r.err = r.print(t); r.err != nil {
		return false
	}
	r.shown++
	return r.o.maxEvents == 0 || r.shown < r.o.maxEvents
}

// wanted reports whether a call passes the filters. A call whose end was not
// seen counts as neither slow nor failed.
func (r *treeRun) wanted(t *graph.Tree, root *graph.Call) bool {
	g := &r.o.graph
	// Without its entry or its end a call has neither a duration nor a result.
	open := root.Flags&(graph.NoExit|graph.NoEntry) != 0
	switch {
	case r.o.pid != 0 && r.o.noFollow && int(t.Thread.PID) != r.o.pid && (t.Thread.PID != 0 || !slices.Contains(r.threads, t.Thread.TID)):
		return false // a child of the chosen process: the tracer follows each fork
	case r.o.comm != "" && !graph.MatchName(r.o.comm, t.Thread.Comm):
		return false
	case g.slower > 0 && (open || root.Duration() < int64(g.slower)):
		return false
	case g.failed && (open || root.Flags&graph.HasRet == 0 || !graph.IsError(r.funcs.Func(root.Fn).Result, root.Ret)):
		return false
	}
	return true
}

// print prints a tree, or writes it to the recording.
func (r *treeRun) print(t *graph.Tree) error {
	if r.out != nil {
		return r.out.Tree(t)
	}
	return writeTree(r.std.out, t, &r.funcs, r.style, r.offset, r.o.raw)
}

// writeTree prints a line with time, thread and CPU and the tree below it: with a
// single write, or in pieces if the tree is large. raw leaves control characters in names
// unescaped.
func writeTree(w io.Writer, t *graph.Tree, funcs *graph.Funcs, style graph.Style, offset time.Duration, raw bool) error {
	root := t.Root()
	p := &pieces{w: w, raw: raw}
	line := time.Unix(0, root.T0).Add(offset).AppendFormat(nil, "15:04:05.000000")
	line = append(line, ' ')
	if raw {
		line = append(line, t.Thread.Comm...)
	} else {
		line = value.AppendVisible(line, t.Thread.Comm, false)
	}
	line = strconv.AppendInt(append(line, '['), int64(t.Thread.TID), 10)
	p.text = append(strconv.AppendUint(append(line, "] cpu "...), uint64(root.CPU), 10), '\n')
	if err := t.Write(p, funcs, style); err != nil {
		return err
	}
	_, err := w.Write(append(p.text, '\n'))
	return err
}

// pieces passes text on when more comes: the last of it waits for what the caller adds.
type pieces struct {
	w    io.Writer
	raw  bool
	text []byte
	full bool // text is from Write
}

func (p *pieces) add(text []byte) {
	if p.raw {
		p.text = append(p.text, text...)
	} else {
		p.text = value.AppendVisible(p.text, text, true)
	}
}

// Write takes whole lines.
func (p *pieces) Write(text []byte) (int, error) {
	if p.full {
		if _, err := p.w.Write(p.text); err != nil {
			return 0, err
		}
		p.text = p.text[:0]
	}
	p.full = true
	p.add(text)
	return len(text), nil
}

// finish prints how much was shown and what makes it incomplete, and returns
// the exit code.
func (r *treeRun) finish(lost, missed uint64) int {
	where := ""
	if r.o.out != "" {
		where = " in " + r.o.out
	}
	r.say("%s%s", plural(r.shown, "tree"), where)
	if r.shown == 0 {
		r.say("nothing was recorded: the function was not called, or the filters let no call pass")
	}
	whole := true
	for _, m := range []struct {
		n          uint64
		what, text string
	}{
		{r.incomplete, "tree", "incomplete"},
		{lost, "event", "lost: calls may be missing; --buffer makes room for more, --depth and --only record less"},
		{missed, "return value", "missed: too many calls were in progress at once"},
	} {
		if m.n > 0 {
			fmt.Fprintf(r.std.err, "warning: %s %s\n", plural(m.n, m.what), m.text)
			whole = false
		}
	}
	if !whole && r.o.strict {
		return exitStrict
	}
	return exitOK
}

// provoke makes the recording of a tree panic. It is for tests that a panic,
// too, restores the machine's settings, wherever it happens.
var provoke = os.Getenv("PROBE_TEST_PANIC")

// plural formats a number with its noun, in the plural where needed.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// kernelRelease returns the release of the running kernel, as uname -r prints
// it.
func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// wallOffset returns the difference between the wall clock and CLOCK_MONOTONIC.
func wallOffset() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - ts.Nano())
}

// bootOffset returns how long the machine was suspended, a time that
// CLOCK_MONOTONIC does not count. A difference of less than a tick comes from
// the time between the two readings and counts as 0.
func bootOffset() time.Duration {
	var mono, boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	d := time.Duration(boot.Nano() - mono.Nano())
	if d < time.Millisecond {
		return 0
	}
	return d
}

// graphFailed prints why nothing can be recorded and returns the exit code.
func graphFailed(std stdio, err error) int {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()}
	code := exitRun
	var (
		busy    *ftrace.BusyError
		noFunc  *ftrace.NoFuncError
		many    *ftrace.TooManyError
		missing *ftrace.MissingError
		changed *ftrace.ChangedError

		untrusted *ftrace.UntrustedError
	)
	switch {
	case errors.As(err, &changed):
		d.Code = "ftrace-busy"
		d.WithHelp("the recording may lack calls: end the other tracing, and record again")
	case errors.As(err, &untrusted):
		d.WithHelp("if a recording was killed since the machine has started, tracing may still be on: `cat /sys/kernel/tracing/current_tracer`, and `ls /sys/kernel/tracing/instances` for folders named probe-…")
		d.WithHelp("as root: `echo nop > /sys/kernel/tracing/current_tracer` and `rmdir /sys/kernel/tracing/instances/probe-*` put them back; so does a restart")
	case errors.As(err, &busy):
		d.Code = "ftrace-busy"
		d.WithHelp("end that tracing first; probe does not touch another tracer's settings")
	case errors.Is(err, ftrace.ErrLocked):
		d.Code = "ftrace-busy"
		d.WithHelp("wait until it ends: the filters of function_graph exist once in the kernel")
	case errors.As(err, &noFunc):
		// A wrong name is a fault of the command line and not of the run.
		d.Code, code = "no-match", exitUsage
		if len(noFunc.Near) > 0 {
			d.WithHelp("a function with a similar name exists: `%s`", noFunc.Near[0])
		}
		d.WithNote("functions that are inlined or marked notrace cannot be traced")
	case errors.As(err, &many):
		d.Code, code = "too-many-probes", exitUsage
		d.WithHelp("narrow the pattern, or give --force to record all %d", many.Count)
	case errors.As(err, &missing):
		d.Code = "missing-kernel-feature"
		if missing.Help != "" {
			d.WithHelp("%s", missing.Help)
		}
	case errors.Is(err, syscall.EROFS):
		d.WithHelp("probe notes there what it changes in the tracing directory, to put it back after a crash: mount a file system on /run that can be written, as root: mount -t tmpfs nodev /run")
	case errors.Is(err, tracefs.ErrForbidden):
		for _, h := range rights.Why(rights.Tracing).Helps {
			d.WithHelp("%s", h)
		}
	case errors.Is(err, os.ErrPermission):
		d.WithHelp("run as root; under lockdown the kernel refuses tracing to everybody")
	}
	fail(std, d)
	return code
}
