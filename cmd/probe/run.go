package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"probe/cmd/front/cli"
	"probe/internal/outfile"
	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/event"
	"probe/runtime/machine"
	"probe/runtime/sink"
)

var runCommand = &command{
	Command: cli.Command{
		Name: "run", Usage: []string{"[options] SCRIPT [params] [-- --name=value …]", "[options] -e 'PROGRAM' [params] [-- --name=value …]"},
		Summary: "run a script", Max: -1, Script: true, Complete: completeScripts,
		About: "Compiles a script, loads it into the kernel, attaches it, and prints what it finds until it ends, Ctrl-C, or a limit given here. " +
			"The maps are printed at the end, and the receipt that says what makes the result incomplete, if anything does.\n\n" +
			"SCRIPT is a file, `-` for standard input, or the name of a script that comes with probe, which wins over a file of that name (`./NAME` is the file). The words after it are its parameters $1, $2 and so on. " +
			"`probe run SCRIPT --help` describes the script and its options.",
		Examples: []cli.Example{
			{Command: `probe run -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'`, About: "Counts system calls by the name of the thread until Ctrl-C."},
			{Command: `probe run -c 'cat /etc/passwd' -e 'ret:vfs_read { @ns = hist(duration); }'`, About: "Traces one command."},
			{Command: "probe run --for 30s -f json -o drops.json drops", About: "Runs a script that comes with probe for half a minute, with JSON for another program."},
			{Command: "probe run route_latency --help", About: "Describes a script and its options."},
			{Command: "probe run route_latency -- --slow=200", About: "Gives the script an option."},
			{Command: "probe run --replay calls.jsonl.zst script.pr", About: "Runs a script over a recording."},
		},
		More:    readyScripts,
		SeeAlso: []string{"record", "check", "ls", "graph"},
	},
	run: runScript, ownOutput: true,
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

// runScript runs "probe run" from the options to the exit status.
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
	m := o.machine()
	opts, out, code := runOptions(o, std, m)
	if code != exitOK {
		return code
	}
	defer out.Close()
	opts.Force = force
	check := o.checkOptions()
	if o.cmd != "" {
		if check.Child, err = engine.NewChild(strings.Fields(o.cmd)); err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return exitUsage
		}
		defer check.Child.Close()
	}
	compiled, list := engine.Build(o.script(f, params), m, check, o.compileOptions())
	if d := m.Refuses(); compiled != nil && d != nil {
		list.Add(d)
		compiled = nil
	}
	o.show(std, list)
	if compiled == nil {
		return status(list)
	}
	var keep *recorder
	if o.record != "" {
		if keep, err = startRecorder(o, f, params, compiled, &opts); err != nil {
			fail(std, recordError(err))
			return exitUsage
		}
	}
	res, err := engine.Run(ctx, compiled, opts)
	whole := o.closeOutput(std, opts.Sink, out, err == nil)
	whole = (keep == nil || keep.finish(std, err == nil)) && whole
	code = o.finish(std, res, err)
	if !whole && err == nil && code == exitOK {
		return exitRun
	}
	return code
}

// closeOutput writes what is left of the output, and reports whether all of it
// was written. ran is false when the run did not come to its start: then the
// file of -o stays what it was.
func (o *options) closeOutput(std stdio, s event.Sink, out output, ran bool) bool {
	err := s.Close()
	if ran && !o.dryRun && err == nil {
		err = out.Keep()
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == nil || !ran {
		return true
	}
	if errors.Is(err, syscall.EPIPE) && o.compat {
		return true // bpftrace is ended by the signal, without a word
	}
	outputFailed(std, err)
	return false
}

// outputFailed says that not all of the output was written.
func outputFailed(std stdio, err error) int {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "the output is not whole: " + err.Error()}
	switch {
	case errors.Is(err, syscall.EPIPE):
		d.WithNote("the run ended when whoever reads it went away")
	default:
		d.WithNote("the run ended when it could not be written")
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		d.WithHelp("name a file on a disk with more room, or print less")
	}
	fail(std, d)
	return exitRun
}

// output is where the output goes: the file of -o, which takes the place of an
// old one once everything is attached, or a stream that stays open.
type output interface {
	Keep() error
	Close() error
}

// standardOutput is an output that is there already.
type standardOutput struct{}

func (standardOutput) Keep() error  { return nil }
func (standardOutput) Close() error { return nil }

// compileOptions returns what the script of a command line is compiled with.
func (o *options) compileOptions() engine.CompileOptions {
	return engine.CompileOptions{Lookups: o.keepWarnings > 0}
}

// finish turns the end of a run into an exit code.
func (o *options) finish(std stdio, res engine.Result, err error) int {
	var refused *engine.LoadError
	switch {
	case err == nil && o.strict && !res.Complete && res.Exit == exitOK:
		return exitStrict
	case err == nil:
		return res.Exit
	case errors.As(err, &refused):
		list := diag.List{All: []*diag.Diagnostic{refused.Diag}}
		o.show(std, list)
		if refused.Early {
			return exitUsage
		}
		if status(list) == exitInternal {
			return exitInternal
		}
		return exitRun
	case errors.Is(err, context.Canceled):
		return exitOK // ended by a signal before anything ran (O-EXIT-01)
	}
	fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
	return exitRun
}

// rawOutput reports whether text output has the control characters of the
// traced system: bpftrace prints them, so called by its name only a terminal,
// which would obey them, is spared.
func (o *options) rawOutput(std stdio) bool {
	f, ok := std.out.(*os.File)
	return o.raw || o.compat && (o.out != "" || !ok || !isTerminal(f))
}

// runOptions makes the sink and the options of a run, and says where its output
// goes.
func runOptions(o *options, std stdio, m machine.Machine) (engine.RunOptions, output, int) {
	bad := func(err error) (engine.RunOptions, output, int) {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return engine.RunOptions{}, nil, exitUsage
	}
	var out output = standardOutput{}
	buffering := sink.ByLine
	if o.buffer != "" {
		var err error
		if buffering, err = sink.ParseBuffering(o.buffer); err != nil {
			return bad(err)
		}
	}
	resolver := engine.NewResolver(m)
	style, err := o.graphStyle()
	if err != nil {
		return bad(err)
	}
	resolver.SetGraphStyle(style)
	config := sink.Config{Out: std.out, Err: std.err, Buffer: buffering, Quiet: o.quiet,
		NoWarnings: o.noWarnings, Color: colored(std.err), Raw: o.rawOutput(std)}
	if _, err := sink.New(o.format, config); err != nil {
		return bad(err)
	}
	if o.out != "" {
		if o.program == nil && len(o.words) > 0 && sameFile(o.out, o.words[0]) {
			return bad(fmt.Errorf("-o %s is the script itself, which the output would overwrite: name another file", o.out))
		}
		f, err := outfile.Create(o.out)
		if err != nil {
			return bad(err)
		}
		config.Out, out = f, f
	}
	printer, err := sink.New(o.format, config)
	if err != nil {
		return bad(err)
	}
	opts := engine.RunOptions{
		Sink: printer, Resolver: resolver, For: o.duration, MaxEvents: o.maxEvents,
		AllErrors: o.keepWarnings > 0, DryRun: o.dryRun, NoReceipt: o.compat,
	}
	opts.Ready = func(int) {
		_ = out.Keep() // a failure is kept as well, for the next one
		notify(std)
	}
	o.tell(std, &opts)
	return opts, out, exitOK
}

// tell makes a run say on standard error what comes up, what takes long, and
// with -v what is done.
func (o *options) tell(std stdio, opts *engine.RunOptions) {
	opts.Report = func(d *diag.Diagnostic) { o.show(std, diag.List{All: []*diag.Diagnostic{d}}) }
	if f, ok := std.err.(*os.File); ok && isTerminal(f) {
		opts.Slow = func(what string) { fmt.Fprintf(f, "%s …\n", what) }
	}
	if o.verbose {
		var mu sync.Mutex
		opts.Verbose = func(text string) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(std.err, text)
		}
	}
}

// notify prints the word that test harnesses wait for (C-ENV-NOTIFY).
func notify(std stdio) {
	const word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
	if os.Getenv(word) != "" {
		fmt.Fprintln(std.out, word)
	}
}

// signals gives a context that the first SIGINT or SIGTERM ends, and a channel
// that the second one closes (R-LIFE-02).
func signals() (ctx context.Context, force <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan struct{})
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	// A terminal that goes away ends the run in order too, since tracing
	// settings may have to be put back; not under nohup.
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
