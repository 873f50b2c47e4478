package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"probe/lang/diag"
	"probe/runtime/session"
	"probe/runtime/sink"
)

var runCommand = &command{
	name: "run", usage: "[options] SCRIPT | -e 'PROGRAM' [params] [-- --name=value …]",
	summary: "run a script", max: -1,
	flags: runFlags, run: func(o *options, std stdio) int { return runScript(o, std) },
}

// scriptFlags are the options that change what a script means.
func scriptFlags(o *options) []flag {
	return []flag{
		{long: "", short: 'e', arg: "'PROGRAM'", help: "take the script from the command line", set: setProgram(&o.program)},
		{long: "pid", short: 'p', arg: "PID", help: "trace this process only", set: setPID(&o.pid)},
		{long: "comm", arg: "NAME", help: "trace threads of this name only", set: setString(&o.comm)},
		{long: "unsafe", help: "allow functions that change the system", set: setBool(&o.unsafe)},
		{long: "no-warnings", help: "no warnings of any kind", set: setBool(&o.noWarnings)},
		{long: "btf", arg: "FILE", help: "read the kernel's types from a file with raw BTF", set: setString(&o.btfFile)},
		{long: "traceable-functions", arg: "FILE", help: "list of functions that can be traced, in place of the kernel's", set: setString(&o.traceable)},
		{long: "kernel-symbols", arg: "FILE", help: "the same", set: setString(&o.traceable)},
		{long: "no-feature", arg: "LIST", help: "leave mechanisms alone: kprobe_multi, kprobe_session, fsession_multi, uprobe_multi, raw_tracepoint", set: o.setNoFeature},
	}
}

func runFlags(o *options) []flag {
	return append(scriptFlags(o), []flag{
		{long: "cmd", short: 'c', arg: "'CMD ARGS'", help: "run a command and trace it; its end ends the run", set: setString(&o.cmd)},
		{long: "for", arg: "DURATION", help: "end after a time: 10s, 1m30s", set: setDuration(&o.duration)},
		{long: "max-events", arg: "N", help: "end after N events", set: setCount(&o.maxEvents)},
		{long: "output", short: 'o', arg: "FILE", help: "write the output to a file", set: setString(&o.out)},
		{long: "format", short: 'f', arg: "text|json", help: "format of the output", set: setString(&o.format)},
		{long: "", short: 'B', arg: "line|full|none", help: "buffering of the output (default line)", set: setString(&o.buffer)},
		{long: "graph-style", arg: "tree|ftrace", help: "form of call graphs (default tree)", set: setString(&o.graph.style)},
		{long: "replay", arg: "FILE", help: "run the script over a recording, without a kernel and privileges", set: setString(&o.replay)},
		{long: "quiet", short: 'q', help: "no \"Attached …\" line", set: setBool(&o.quiet)},
		{long: "warnings", short: 'k', help: "also report failing reads and lookups", set: func(string) error { o.keepWarnings++; return nil }},
		{long: "strict", help: "exit with status 3 when the result is incomplete", set: setBool(&o.strict)},
		{long: "dry-run", help: "attach, detach and end", set: setBool(&o.dryRun)},
		{long: "verbose", short: 'v', help: "say what is attached and how; show the verifier's log", set: setBool(&o.verbose)},
	}...)
}

func (o *options) setNoFeature(v string) error {
	for _, f := range strings.Split(v, ",") {
		switch f {
		case "kprobe_multi", "kprobe_session", "fsession_multi", "uprobe_multi", "raw_tracepoint":
		default:
			return fmt.Errorf("unknown feature %q: kprobe_multi, kprobe_session, fsession_multi, uprobe_multi and raw_tracepoint can be left out", f)
		}
	}
	o.noFeature = v
	return nil
}

// conflicts checks options against each other.
func (o *options) conflicts() error {
	switch {
	case o.cmd != "" && o.pid != 0:
		return errors.New("cannot use both -c and -p")
	case o.keepWarnings > 1:
		return errors.New("-kk is deprecated: -k reports all failing reads and lookups")
	case o.keepWarnings > 0 && o.noWarnings:
		return errors.New("cannot use both -k and --no-warnings")
	}
	return nil
}

// runScript is the whole of "probe run".
func runScript(o *options, std stdio) int {
	if o.replay != "" {
		return runReplay(o, std)
	}
	if err := o.conflicts(); err != nil {
		fail(std, usageError(o.command, err))
		return exitUsage
	}
	f, params, err := readScript(o, std)
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return exitUsage
	}
	ctx, force, stop := signals()
	defer stop()
	p := newPipeline(o, std)

	opts, closeOut, code := sessionOptions(o, std, p)
	if code != exitOK {
		return code
	}
	defer closeOut()
	opts.Force = force
	if o.cmd != "" {
		child, err := session.NewChild(strings.Fields(o.cmd))
		if err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return exitUsage
		}
		defer child.Close()
		opts.Child, opts.PID, p.child = child, child.PID(), child.PID()
	}
	list, ok := p.parse(f)
	if !ok {
		p.show(list)
		return status(list)
	}
	obj, more := p.build(params, nil)
	list.All = append(list.All, more.All...)
	if d := session.CheckPrivileges(); obj != nil && d != nil {
		list.Add(d)
		obj = nil
	}
	p.show(list)
	if obj == nil {
		return status(list)
	}
	opts.Report = func(d *diag.Diagnostic) { p.show(diag.List{All: []*diag.Diagnostic{d}}) }
	var keep *recorder
	if o.record != "" {
		if keep, err = startRecorder(o, f, params, obj, &opts); err != nil {
			fail(std, recordError(err))
			return exitUsage
		}
	}
	res, err := session.Run(ctx, obj, opts)
	if closeErr := opts.Sink.Close(); closeErr != nil && err == nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "write the output: " + closeErr.Error()})
	}
	if keep != nil && !keep.finish(std, err == nil) && err == nil && res.Exit == exitOK {
		res.Exit = exitRun
	}
	return p.finish(res, err)
}

// finish turns the end of a run into an exit code.
func (p *pipeline) finish(res session.Result, err error) int {
	var refused *session.LoadError
	switch {
	case err == nil:
		return res.Exit
	case errors.As(err, &refused):
		p.show(diag.List{All: []*diag.Diagnostic{refused.Diag}})
		if refused.Early {
			return exitUsage
		}
		return exitRun
	case errors.Is(err, context.Canceled):
		return exitOK // ended by a signal before anything ran (O-EXIT-01)
	}
	fail(p.std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
	return exitRun
}

// sessionOptions makes printer and options of a run. The returned function
// closes the output file.
func sessionOptions(o *options, std stdio, p *pipeline) (session.Options, func(), int) {
	bad := func(err error) (session.Options, func(), int) {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return session.Options{}, nil, exitUsage
	}
	var out io.Writer = std.out
	closeOut := func() {}
	buffering := sink.ByLine
	if o.buffer != "" {
		var err error
		if buffering, err = sink.ParseBuffering(o.buffer); err != nil {
			return bad(err)
		}
	}
	resolver := session.NewResolver()
	if p.recording != nil {
		resolver = session.ReplayResolver(p.recording)
	}
	style, err := o.graphStyle()
	if err != nil {
		return bad(err)
	}
	resolver.SetGraphStyle(style)
	config := sink.Config{Out: out, Err: std.err, Buffer: buffering, Quiet: o.quiet,
		NoWarnings: o.noWarnings, Color: colored(std.err)}
	if _, err := sink.New(o.format, config); err != nil {
		return bad(err)
	}
	if o.out != "" {
		f, err := sink.Create(o.out)
		if err != nil {
			return bad(err)
		}
		config.Out, closeOut = f, func() { f.Close() }
	}
	printer, err := sink.New(o.format, config)
	if err != nil {
		return bad(err)
	}
	opts := session.Options{
		Probes: p.probes, Sink: printer, Resolver: resolver, PID: o.pid, For: o.duration, MaxEvents: o.maxEvents,
		AllErrors: o.keepWarnings > 0, Strict: o.strict, DryRun: o.dryRun, Compat: o.compat,
		Ready: notify(std),
	}
	if o.verbose {
		var mu sync.Mutex
		opts.Verbose = func(text string) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(std.err, text)
		}
	}
	return opts, closeOut, exitOK
}

// notify prints the word that test harnesses wait for (C-ENV-NOTIFY).
func notify(std stdio) func(int) {
	const word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
	if os.Getenv(word) == "" {
		return nil
	}
	return func(int) { fmt.Fprintln(std.out, word) }
}

// signals gives a context that the first SIGINT or SIGTERM ends, and a channel
// that the second one closes (R-LIFE-02).
func signals() (ctx context.Context, force <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan struct{})
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	// A terminal that goes away ends the run in order too, since tracing settings
	// may have to be put back; not under nohup.
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(ch, syscall.SIGHUP)
	}
	// A reader that went away ends the run in order, not in the middle. The
	// signal is not ignored: a command of -c would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	quit := make(chan struct{})
	go func() {
		select {
		case <-ch:
			cancel()
		case <-quit:
			return
		}
		select {
		case <-ch:
			close(second)
		case <-quit:
		}
	}()
	// The signals stay with the channel: one that comes while the process
	// ends, as when Ctrl-C meets the end of the traced process, must not
	// change its status (O-EXIT-01).
	return ctx, second, func() { close(quit); cancel() }
}
