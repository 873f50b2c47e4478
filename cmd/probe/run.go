package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"probe/cmd/front/bcc"
	"probe/cmd/front/cli"
	"probe/internal/outfile"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/runtime/engine"
	"probe/runtime/event"
	"probe/runtime/machine"
	"probe/runtime/machine/live/rights"
	"probe/runtime/profile"
	"probe/runtime/sink"
	"probe/runtime/watchdog"
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
			{Command: "probe run --for 10s -o cpus.svg -e 'profile:hz:49 { @[comm, kstack, ustack] = count(); }'", About: "Draws a flame graph of what the CPUs do."},
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

// conflicts returns an error for options that cannot be used together.
func (o *options) conflicts() error {
	switch {
	case o.cmd != "" && o.pid != 0:
		return errors.New("cannot use both -c and -p")
	case o.live && (o.out != "" || o.format != "" && o.format != "text"):
		return errors.New("--live shows the run on the terminal: it cannot be used with -o, or with -f and a format other than text")
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
	if !o.permitted(std) {
		return exitUsage
	}
	f, params, err := readScript(o, std)
	if err != nil {
		fail(std, unreadable(err))
		return exitUsage
	}
	if !o.permittedScript(std, f) {
		return exitUsage
	}
	ctx, force, stop := signals()
	defer stop()
	m := o.machine()
	opts, out, code := runOptions(o, std, m, f)
	if code != exitOK {
		return code
	}
	// Closing without Keep leaves an old file of -o as it was.
	defer out.Close()
	opts.Force = force
	go func() {
		defer watchdog.Report()
		<-force
		forcedEnd(std)
	}()
	check := o.checkOptions()
	if o.cmd != "" {
		words, err := o.childWords()
		if err == nil {
			check.Child, err = engine.NewChild(words)
		}
		if err != nil {
			d := &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()}
			if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
				d.WithCompat("Failed to fork child: Path '%s' does not exist or is not executable (No such file or directory)", words[0])
			}
			fail(std, d)
			return exitUsage
		}
		defer check.Child.Close()
		// bpftrace does not restrict probes to the child of -c; probe does.
		check.Open = o.compat
	}
	// The child must exist before the check: its process id is a constant in
	// the programs.
	collect := engine.CollectLater()
	compiled, list := engine.Build(o.script(f, params), m, check, o.compileOptions())
	collect()
	// Missing privileges are reported after the errors of the script, which the
	// user has to correct in any case.
	if d := m.Refuses(); compiled != nil && d != nil {
		list.Add(d)
		compiled = nil
	}
	o.show(std, list)
	if compiled == nil {
		if i := slices.IndexFunc(list.All, func(d *diag.Diagnostic) bool { return d.Compat.Status != 0 }); o.compat && i >= 0 {
			return list.All[i].Compat.Status
		}
		return status(list)
	}
	if d := o.many(std, compiled); d != nil {
		o.show(std, diag.List{All: []*diag.Diagnostic{d}})
		return exitUsage
	}
	opts.AnyPlaces = !o.compat
	if o.compat {
		opts.Paired = paired(compiled, m)
	}
	if o.estimate {
		return o.predict(ctx, std, compiled, opts)
	}
	var keep *recorder
	if o.record != "" {
		if keep, err = startRecorder(o, f, params, compiled, &opts); err != nil {
			fail(std, recordError(err))
			return exitUsage
		}
	}
	// The file of -o and the recording are created before the run, since
	// attaching takes seconds and a name that cannot be written should be
	// reported at once. They replace old files only when everything is
	// attached.
	res, err := engine.Run(ctx, compiled, opts)
	whole := o.closeOutput(std, opts.Sink, out, err == nil)
	whole = (keep == nil || keep.finish(std, err == nil)) && whole
	code = o.finish(std, res, err)
	if !whole && err == nil && code == exitOK {
		return exitRun
	}
	return code
}

// closeOutput writes the rest of the output, and reports whether all of it was
// written. ran is false when the run did not start: the file of -o then remains
// unchanged.
func (o *options) closeOutput(std stdio, s event.Sink, out output, ran bool) bool {
	err := s.Close()
	if ran && !o.dryRun && err == nil {
		err = out.Keep()
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	// A run that did not start has an error of its own, so a failure of the
	// output would only distract.
	if err == nil || !ran {
		return true
	}
	if errors.Is(err, syscall.EPIPE) && o.compat {
		return true // bpftrace is killed by SIGPIPE, without a message
	}
	outputFailed(std, err)
	return false
}

// outputFailed prints that not all of the output was written and returns the
// exit code.
func outputFailed(std stdio, err error) int {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "the output is incomplete: " + err.Error()}
	var nothing sink.NothingError
	switch {
	case errors.As(err, &nothing):
		d.Message = "nothing is there to draw: " + nothing.Error()
	case errors.Is(err, syscall.EPIPE):
		d.WithNote("the run ended when the reader of the output ended")
	default:
		d.WithNote("the run ended when the output could not be written")
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		d.WithHelp("name a file on a disk with more room, or print less")
	}
	fail(std, d)
	return exitRun
}

// output is the destination of a run's output: the file of -o, which replaces
// an old one once everything is attached, or a stream that stays open.
type output interface {
	Keep() error
	Close() error
}

// standardOutput is the output to a stream: Keep and Close do nothing.
type standardOutput struct{}

func (standardOutput) Keep() error  { return nil }
func (standardOutput) Close() error { return nil }

// compileOptions returns the options with which the script of a command line is
// compiled.
func (o *options) compileOptions() engine.CompileOptions {
	return engine.CompileOptions{Lookups: o.keepWarnings > 0, Sample: o.budget > 0}
}

// finish prints what a run has left to say and returns its exit code.
func (o *options) finish(std stdio, res engine.Result, err error) int {
	var refused *engine.LoadError
	switch {
	// The status of exit() takes precedence over --strict.
	case err == nil && o.strict && !res.Complete && res.Exit == exitOK:
		return exitStrict
	case err == nil:
		return res.Exit
	case errors.As(err, &refused):
		list := diag.List{All: []*diag.Diagnostic{refused.Diag}}
		o.show(std, list)
		// Nothing was tried on the kernel: the fault is in the command line or
		// the privileges.
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

// rawOutput reports whether text output keeps the control characters of strings
// of the traced system. bpftrace prints them, so under its name they are
// escaped only on a terminal, which would obey them.
func (o *options) rawOutput(std stdio) bool {
	f, ok := std.out.(*os.File)
	return o.raw || o.compat && (o.out != "" || !ok || !isTerminal(f))
}

// runOptions returns the options of a run, with its sink, and the destination
// of its output. script is what runs.
func runOptions(o *options, std stdio, m machine.Machine, script *source.File) (engine.RunOptions, output, int) {
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
	resolver.SetLines(!o.compat)
	config := sink.Config{TextStacks: o.compat, Out: std.out, Err: std.err, Buffer: buffering, Quiet: o.quiet,
		NoWarnings: o.noWarnings, Color: colored(std.err), Raw: o.rawOutput(std), Empty: o.compat}
	// Check the name of the format before creating the file, which would
	// otherwise be left behind empty.
	if _, err := o.newSink(config); err != nil {
		return bad(err)
	}
	if o.out != "" {
		if o.program == nil && len(o.words) > 0 && sameFile(o.out, o.words[0]) {
			return bad(fmt.Errorf("-o %s is the script itself, which the output would overwrite: name another file", o.out))
		}
		create := outfile.CreateIn
		if o.compat {
			create = outfile.Create // bpftrace makes no folders
		}
		f, err := create(o.out)
		var errno syscall.Errno
		if o.compat && errors.As(err, &errno) {
			//lint:ignore ST1005 bpftrace's words
			err = fmt.Errorf("Failed to open output file: \"%s\": %w", o.out, capitalised(errno))
		}
		if err != nil {
			return bad(err)
		}
		out = f
		if _, drawn := o.picture(); !drawn {
			config.Out = f
		}
	}
	printer, err := o.newSink(config)
	if err != nil {
		return bad(err)
	}
	form, drawn := o.picture()
	if drawn {
		printer = sink.NewPicture(printer, out.(io.Writer), form, o.pictureTitle())
	}
	printer = o.liveSink(printer, script, std, config)
	budget := o.budget
	if rules, err := thePolicy(); err == nil {
		budget = capped(budget, rules.Budget())
	}
	opts := engine.RunOptions{
		Sink: printer, Resolver: resolver, For: o.duration, MaxEvents: o.maxEvents,
		Budget: budget, Shed: budget > 0,
		Mode: o.mode, AllErrors: o.keepWarnings > 0, DryRun: o.dryRun, NoReceipt: o.compat, Strict: o.strict,
	}
	if f, ok := std.err.(*os.File); !o.compat && !o.quiet {
		opts.Count = o.verbose || ok && isTerminal(f)
	}
	if o.compat && budget <= 0 {
		opts.Budget = -1 // bpftrace measures nothing
	}
	// From here on the run has started: the new output replaces the old file.
	opts.Ready = func(int) {
		if !drawn { // a picture replaces an old one when it is there
			_ = out.Keep() // a failure is remembered and returned by the next Write
		}
		notify(std)
		if o.mode == hir.Trace { // tests and benchmarks load programs until their end
			o.dropRights(std, opts.Budget >= 0)
		}
	}
	o.tell(std, &opts)
	return opts, out, exitOK
}

// dropRights gives up the capabilities that a run needs no more once everything
// is attached. What cannot be given up is no reason to end the run.
// measured is set if the kernel has to be asked to measure programs during the
// run, for which it wants CAP_SYS_ADMIN.
func (o *options) dropRights(std stdio, measured bool) {
	aside := rights.Caps(0)
	if measured {
		aside = rights.Admin
	}
	gone, err := rights.Drop(aside)
	switch {
	case err != nil && o.verbose:
		fmt.Fprintf(std.err, "capabilities kept: %v\n", err)
	case gone != 0 && o.verbose:
		fmt.Fprintf(std.err, "capabilities dropped: %s\n", gone)
	}
}

// picture returns the form of the file of -o if it is a picture of stacks, which
// its name says.
func (o *options) picture() (profile.Format, bool) {
	if o.out == "" || o.compat || o.format != "" && o.format != "text" {
		return profile.Format{}, false
	}
	return profile.ByFile(o.out)
}

// pictureTitle returns what stands above a picture: the script.
func (o *options) pictureTitle() string {
	if o.program != nil {
		return strings.Join(strings.Fields(*o.program), " ")
	}
	return strings.Join(o.words, " ")
}

// newSink makes the sink of the format that is asked for.
func (o *options) newSink(c sink.Config) (event.Sink, error) {
	if o.mode != hir.Trace {
		return sink.NewReport(o.format, c)
	}
	s, err := sink.New(o.format, c)
	if err == nil && o.layout != nil {
		s = bcc.NewSink(*o.layout, s)
	}
	return s, err
}

// setFilter reads --probe-filter.
func (o *options) setFilter(v string) error {
	re, err := regexp.Compile(v)
	o.filter = re
	return err
}

// tell sets the callbacks of a run that print on standard error: messages,
// steps that take long, and with -v each step.
func (o *options) tell(std stdio, opts *engine.RunOptions) {
	// Messages with a place go through show, which prints the line of the
	// script; a sink has no access to its text.
	opts.Report = func(d *diag.Diagnostic) { o.show(std, diag.List{All: []*diag.Diagnostic{d}}) }
	if f, ok := std.err.(*os.File); ok && isTerminal(f) {
		opts.Slow = func(what string) { fmt.Fprintf(f, "%s …\n", what) }
	}
	if o.verbose {
		// Programs are loaded and attached in parallel, so the callback must be
		// safe for concurrent use.
		var mu sync.Mutex
		opts.Verbose = func(text string) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(std.err, text)
		}
	}
}

// notify prints the line that test harnesses wait for before they start a
// workload (C-ENV-NOTIFY).
func notify(std stdio) {
	const word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
	if os.Getenv(word) != "" {
		fmt.Fprintln(std.out, word)
	}
}
