package engine

import (
	"context"
	"os"
	"time"

	"probe/lang/diag"
	"probe/runtime/event"
	"probe/runtime/machine"
	"probe/runtime/machine/live"
	"probe/runtime/machine/recording"
	"probe/runtime/session"
	"probe/runtime/sink"
)

// The parts of a run that package session defines.
type (
	// Result is how a run ended.
	Result = session.Result
	// LoadError is a script that did not run, with the message.
	LoadError = session.LoadError
	// Child is a command that runs along with a script.
	Child = session.Child
	// Resolver answers what values are shown with.
	Resolver = session.Resolver
)

// NewChild starts a command held: it has its process id, and runs once
// everything is attached. The program has to call MaybeChild at its start,
// since it is run again to hold the command.
func NewChild(argv []string) (*Child, error) { return session.NewChild(argv) }

// MaybeChild becomes the command of a Child where this process was started to
// hold it, and does not return then. Programs that use NewChild call it first.
func MaybeChild() {
	if len(os.Args) > 1 && os.Args[1] == session.HoldArg {
		session.Hold(os.Args[2:])
	}
}

// NewResolver makes what values that come from a machine are shown with.
func NewResolver(m machine.Machine) *Resolver {
	facts, _ := m.(machine.Facts)
	return session.NewResolver(facts)
}

// RunOptions say how a script runs. The zero RunOptions run it until it ends,
// and print on the standard streams.
type RunOptions struct {
	// Sink takes what the script produces; nil prints text on the standard
	// streams. Run does not close it.
	Sink event.Sink
	// Resolver answers what values are shown with; nil makes one.
	Resolver *Resolver

	// For ends the run after a time; 0 is no limit. Of a recording it is the
	// time that was recorded.
	For time.Duration
	// MaxEvents ends the run after so many events; 0 is no limit.
	MaxEvents uint64
	// Outlive keeps the run going when the process that it is limited to ends.
	Outlive bool
	// AllErrors also shows failing reads and lookups (see
	// CompileOptions.Lookups).
	AllErrors bool
	// NoReceipt leaves out what makes the results incomplete, and says how many
	// events were lost in one line.
	NoReceipt bool
	// DryRun detaches as soon as everything is attached, and shows nothing.
	DryRun bool
	// Force, when closed, cuts the end of the run short.
	Force <-chan struct{}

	// Slow, if set, is told what takes longer than a second before the run
	// starts. It may be called from several goroutines at the same time.
	Slow func(what string)
	// Verbose, if set, is given a line about each thing that is done. It may be
	// called from several goroutines at the same time.
	Verbose func(text string)
	// Report, if set, is given messages with a place in the script that come up
	// while it runs; nil shows them by Sink without their place.
	Report func(d *diag.Diagnostic)
	// Ready, if set, is called once everything is attached, with the number of
	// places.
	Ready func(probes int)
}

// Run runs a script to its end: that of ctx, of the time or the events that it
// is given, of the process that it is limited to, or its own. What is in the
// buffers when ctx ends is still shown. Without a Sink, output that could not
// be written is an error.
func Run(ctx context.Context, c *Compiled, o RunOptions) (res Result, err error) {
	if d := c.machine.Refuses(); d != nil {
		return Result{}, &LoadError{Diag: d, Early: true}
	}
	opts, done, err := o.session(c.machine)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if closeErr := done(); err == nil {
			err = closeErr
		}
	}()
	switch v := c.view.(type) {
	case *recording.View:
		player, err := v.Play(c.Object, o.For)
		if err != nil {
			return Result{}, &LoadError{Diag: &diag.Diagnostic{Severity: diag.Error, Code: "internal", Message: err.Error()}}
		}
		opts.Missing = v.Missing()
		return session.Replay(ctx, c.Object, player, opts)
	default:
		if opts.Machine == nil {
			return Result{}, noKernel()
		}
		opts.Child = c.opts.Child
		if !o.Outlive {
			opts.PID = c.opts.pid()
		}
		return session.Run(ctx, c.Object, opts)
	}
}

// noKernel returns the error for a machine that nothing can be loaded into.
func noKernel() error {
	return &LoadError{Early: true, Diag: &diag.Diagnostic{Severity: diag.Error, Code: "machine",
		Message: "this machine has no kernel that programs can be loaded into"}}
}

// session are the options of a session on a machine. done ends the sink that
// was made here.
func (o *RunOptions) session(m machine.Machine) (opts session.Options, done func() error, err error) {
	opts = session.Options{
		Sink: o.Sink, Resolver: o.Resolver, For: o.For, MaxEvents: o.MaxEvents, AllErrors: o.AllErrors, NoReceipt: o.NoReceipt,
		DryRun: o.DryRun, Force: o.Force, Verbose: o.Verbose, Slow: o.Slow, Report: o.Report, Ready: o.Ready,
	}
	if k, ok := m.(interface{ Live() *live.Machine }); ok {
		opts.Machine = k.Live()
	}
	if opts.Resolver == nil {
		opts.Resolver = NewResolver(m)
	}
	done = func() error { return nil }
	if opts.Sink == nil {
		p, err := sink.New("text", sink.Config{})
		if err != nil {
			return opts, nil, err
		}
		opts.Sink, done = p, p.Close
	}
	return opts, done, nil
}
