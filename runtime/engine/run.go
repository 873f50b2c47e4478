package engine

import (
	"context"
	"os"
	"time"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/event"
	"probe/runtime/machine"
	"probe/runtime/machine/live"
	"probe/runtime/machine/recording"
	"probe/runtime/session"
	"probe/runtime/sink"
)

// The types of a run that package session defines.
type (
	// Result is how a run ended.
	Result = session.Result
	// LoadError is the error of a script that could not be loaded or attached,
	// with the message for it.
	LoadError = session.LoadError
	// Child is a command that runs along with a script.
	Child = session.Child
	// Resolver turns the numbers in values into names.
	Resolver = session.Resolver
)

// NewChild starts a process for a command and holds it: it has its process id
// already, and runs the command once everything is attached. The calling
// program must call MaybeChild first thing in main, since NewChild runs the
// program itself again to hold the process.
func NewChild(argv []string) (*Child, error) { return session.NewChild(argv) }

// MaybeChild turns this process into the command of a Child if NewChild has
// started it for that, and then does not return. Programs that use NewChild
// call it first.
func MaybeChild() {
	if len(os.Args) > 1 && os.Args[1] == session.HoldArg {
		session.Hold(os.Args[2:])
	}
}

// KeepFirstThread is called from an init function of a program that calls
// ServeFirstThread.
func KeepFirstThread() { session.KeepFirstThread() }

// ServeFirstThread runs main and ends the process with the status that it returns.
// The calling thread runs the begin, end and interval probes meanwhile, so that tid
// is pid in them. Programs that do not call it run them on any thread.
func ServeFirstThread(main func() int) { session.ServeFirstThread(main) }

// NewResolver returns a Resolver for values that come from a machine.
func NewResolver(m machine.Machine) *Resolver {
	facts, _ := m.(machine.Facts)
	return session.NewResolver(facts)
}

// DefaultBudget is the share of one CPU that programs may take without a
// warning.
const DefaultBudget = session.DefaultBudget

// CPUs returns the number of CPUs that are online.
func CPUs() int { return session.CPUs() }

// RunOptions says how a script runs. With the zero value it runs until it ends,
// and prints on the standard streams.
type RunOptions struct {
	// Sink takes the events of the run; nil prints text on the standard
	// streams. Run does not close it.
	Sink event.Sink
	// Resolver is used to show values; nil means a new one.
	Resolver *Resolver

	// For ends the run after a time; 0 is no limit. For a recording it is the
	// recorded time.
	For time.Duration
	// MaxEvents ends the run after this number of events; 0 is no limit.
	MaxEvents uint64
	// Outlive keeps the run going when the process that it is restricted to
	// ends.
	Outlive bool
	// AllErrors also shows failing reads and lookups (see
	// CompileOptions.Lookups).
	AllErrors bool
	// NoReceipt omits the receipt of what makes the results incomplete. The
	// number of lost events is then shown in one line.
	NoReceipt bool
	// Count makes a run that shows nothing say at its end how often its probes
	// fired. Until something is shown, each run of a probe takes some 50 ns more.
	Count bool
	// Strict also says what the kernel does not count, so that nobody knows whether
	// it is missing.
	Strict bool
	// Mode is CheckOptions.Mode of the script.
	Mode hir.Mode
	// Budget is the share of one CPU that programs may take: above it there is a
	// warning. 0 means DefaultBudget, a negative number that nothing is measured.
	Budget float64
	// Shed detaches the dearest probes until the rest keeps to the budget.
	Shed bool
	// AnyPlaces lifts the limit max_probes on the number of places.
	AnyPlaces bool
	// Paired is how many places the message about what is attached does not count.
	Paired int
	// DryRun detaches as soon as everything is attached, and shows nothing.
	DryRun bool
	// Force, when closed, cuts the end of the run short.
	Force <-chan struct{}

	// Slow, if set, is called with a description of each step before the start
	// of the run that takes longer than a second. It may be called from several
	// goroutines at the same time.
	Slow func(what string)
	// Verbose, if set, is called with a line about each step. It may be called
	// from several goroutines at the same time.
	Verbose func(text string)
	// Report, if set, is called with messages that arise while the script runs
	// and have a place in it. If it is nil they go to Sink, without their
	// place.
	Report func(d *diag.Diagnostic)
	// Ready, if set, is called once everything is attached, with the number of
	// places.
	Ready func(probes int)
}

// Run runs a script until ctx ends, until the limit of time or events is
// reached, until the process that it is restricted to ends, or until the script
// itself ends it. Events that are in the buffers when ctx ends are still shown.
// Without a Sink, a failure to write the output is an error of Run.
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
		opts.Child, opts.UnwindPID = c.opts.Child, c.opts.unwound()
		if !o.Outlive {
			opts.PID = c.opts.pid()
		}
		return session.Run(ctx, c.Object, opts)
	}
}

// Estimated is what a script will cost.
type Estimated = session.Estimated

// Estimate counts the events of a script for a time, and predicts what its
// programs take for so many. The script does not run.
func Estimate(ctx context.Context, c *Compiled, o RunOptions, wait time.Duration) (*Estimated, error) {
	if d := c.machine.Refuses(); d != nil {
		return nil, &LoadError{Diag: d, Early: true}
	}
	opts, done, err := o.session(c.machine)
	if err != nil {
		return nil, err
	}
	defer func() { _ = done() }()
	if opts.Machine == nil {
		return nil, noKernel()
	}
	opts.PID = c.opts.pid()
	return session.Estimate(ctx, c.Object, opts, wait)
}

// noKernel returns the error for a machine into which programs cannot be
// loaded.
func noKernel() error {
	return &LoadError{Early: true, Diag: &diag.Diagnostic{Severity: diag.Error, Code: "machine",
		Message: "this machine has no kernel that programs can be loaded into"}}
}

// session returns the options of a session on a machine. done closes the sink
// if session has created it.
func (o *RunOptions) session(m machine.Machine) (opts session.Options, done func() error, err error) {
	opts = session.Options{
		Sink: o.Sink, Resolver: o.Resolver, For: o.For, MaxEvents: o.MaxEvents, AllErrors: o.AllErrors, NoReceipt: o.NoReceipt, Count: o.Count, Strict: o.Strict,
		Mode: o.Mode, DryRun: o.DryRun, AnyPlaces: o.AnyPlaces, Paired: o.Paired, Budget: o.Budget, Shed: o.Shed, Force: o.Force, Verbose: o.Verbose, Slow: o.Slow, Report: o.Report, Ready: o.Ready,
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
