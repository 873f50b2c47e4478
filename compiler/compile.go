package compiler

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"probe/compiler/builtin"
	"probe/compiler/cost"
	"probe/compiler/emit"
	"probe/compiler/ir"
	"probe/compiler/lower"
	"probe/compiler/pass"
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
)

// Config is what compilation needs besides the checked script.
type Config struct {
	Target   *target.Target
	Builtins map[string]*builtin.Func
	Types    hir.Types // kernel types, for builtins that read members
	PID      int       // -p
	Follow   bool      // the descendants of PID as well (object.Follow)
	Comm     string    // --comm
	// Lookups also counts reads of keys that are not in their map (-k).
	// Counting is off by default because it has a cost, and in many scripts
	// most events read a missing key.
	Lookups bool
	// Sample prepares programs that only count for looking at a part of their
	// events, with scaled counts (object.Program.SampleOff).
	Sample bool
	// Live are maps that exist already, by script name. Clauses added later in
	// the REPL share them.
	Live map[string]*Map
	// HashOnly keeps every map of the script in a separate hash. Keyless maps
	// are otherwise in the data map of one object, which is cheaper to access
	// but cannot be shared with another object. A hash never takes the name of
	// a Live map other than its own.
	HashOnly bool
	// Strings are interned strings that keep their numbers (Object.Strings), for
	// values in shared maps that hold such numbers.
	Strings []string
	// FirstEvent is the number of the first event, for objects that share a
	// ring buffer.
	FirstEvent int
	NoOpt      bool // leave out the optimising passes
	// Interpret keeps the programs as IR instead of making instructions.
	Interpret bool
	// Dump gets the text of a stage: "ir-lowered", "ir" or "bpf".
	Dump func(stage, program, text string)
}

// Needs returns what Compile can ask the target. It does not use the Target of
// the Config, which is built from the answers.
func Needs(p *hir.Script, cfg Config) target.Set {
	return lower.Needs(p, cfg.Builtins, cfg.Comm, cfg.HashOnly)
}

// Compile turns a checked script into an object. Errors report what the target
// kernel cannot do. A bug in the compiler is reported as an internal error that
// names the stage, never as a panic.
func Compile(p *hir.Script, cfg Config) (obj *Object, out diag.List) {
	stage := "lower"
	defer func() {
		if r := recover(); r != nil {
			obj = nil
			d := out.Errorf("internal", source.Span{}, "the compiler failed in stage %s: %v", stage, r)
			d.WithNote("%s", trim(debug.Stack())).
				WithHelp("this is a fault of probe: please report it with the script")
			if p.Source != nil {
				d.Span = source.Span{File: p.Source}
			}
		}
	}()
	if p.ConfigString("task_filter") == "script" {
		cfg.PID, cfg.Comm = 0, "" // the script applies the filters itself
	}
	taken := map[*hir.Probe]care{}
	for {
		obj, again, list := attempt(p, cfg, taken, &stage)
		if len(again) == 0 {
			return obj, list
		}
		for _, pr := range again {
			taken[pr]++
		}
	}
}

// care is the effort taken to make a program load.
type care uint8

const (
	ordinary care = iota
	careful       // lowered for the verifier's sake (lower.Config.Careful)
	plain         // and not optimised, so that fewer values are kept on the stack
)

// attempt compiles all programs. again are the probes that need another attempt
// with more care, because the verifier would walk too many instructions or the
// program is too large.
func attempt(p *hir.Script, cfg Config, taken map[*hir.Probe]care, stage *string) (obj *Object, again []*hir.Probe, out diag.List) {
	*stage = "lower"
	slow := map[*hir.Probe]bool{}
	for pr := range taken {
		slow[pr] = true
	}
	u := lower.Lower(p, lower.Config{
		Careful: slow,
		Target:  cfg.Target, Builtins: cfg.Builtins, PID: cfg.PID, Follow: cfg.Follow, Comm: cfg.Comm, Types: cfg.Types, Lookups: cfg.Lookups, Sample: cfg.Sample,
		Ints: p.ConfigInt,
		Live: cfg.Live, HashOnly: cfg.HashOnly, Strings: cfg.Strings, FirstID: cfg.FirstEvent,
	})
	out = u.Diag
	if out.HasErrors() {
		return nil, nil, out
	}
	u.Obj.StrTrailer = p.ConfigString("str_trunc_trailer")
	u.Obj.Mangled, u.Obj.Lines = p.ConfigString("cpp_demangle") == "false", p.ConfigString("show_debug_info")
	if cfg.Interpret {
		u.Obj.MapNames = u.MapNames
	}
	for i, prog := range u.IR {
		op := u.Obj.Programs[i]
		*stage = "emit of " + op.Site.Name
		err := compileOne(u, prog, op, cfg, taken[op.Probe], stage)
		var stack *emit.StackError
		more := false
		switch taken[op.Probe] {
		case ordinary:
			more = err != nil || op.Estimate > heavy || op.Insns > long || op.Waiting > cost.MaxWaiting/2
		case careful:
			more = errors.As(err, &stack)
		}
		if more {
			if !slices.Contains(again, op.Probe) {
				again = append(again, op.Probe)
			}
			continue
		}
		if err != nil {
			out.Add(limit(op, err))
		}
		if !cfg.Interpret {
			u.IR[i] = nil // the instructions are all that is needed from here on
		}
	}
	if len(again) > 0 {
		return nil, again, out
	}
	if out.HasErrors() {
		return nil, nil, out
	}
	return u.Obj, nil, out
}

// heavy is the estimated work from which a program is compiled carefully, which
// makes it slightly slower. tooMuch is the estimate from which the program is
// refused: what verifiers were measured to walk in two seconds, at 200,000 to
// 700,000 a second. Their own limit is verifierLimit. Of the generated programs,
// 99 in 100 have an estimate within a factor of two, and none of them comes near.
const (
	heavy         = 60_000
	long          = 10_000
	tooMuch       = 400_000
	verifierLimit = 1_000_000 // BPF_COMPLEXITY_LIMIT_INSNS
)

// workError is a program that the verifier would give up on.
type workError struct {
	work    int
	waiting int
	at      source.Span // the place with most of the work
}

// Error returns the message with the number of instructions.
func (e *workError) Error() string {
	if e.waiting > cost.MaxWaiting {
		return fmt.Sprintf("the kernel would have to remember about %d conditions on the way through the program, and stops at %d", e.waiting, cost.MaxWaiting)
	}
	if e.work < verifierLimit {
		return fmt.Sprintf("the kernel would have to check about %d instructions, one after the other on every path, while nobody else could load a program; more than %d take it over two seconds", e.work, tooMuch)
	}
	return "the kernel would have to check more than a million instructions, one after the other on every path, and stops there"
}

// limit returns the message about a program that cannot be emitted: too large
// for what BPF can hold, or a fault of the compiler.
func limit(op *Program, err error) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "internal", Span: op.Probe.At,
		Message: fmt.Sprintf("%s cannot be compiled: %v", op.Site.Name, err)}
	d.WithLabel("compiled for this probe")
	var stack *emit.StackError
	var jump *emit.JumpError
	var depth *emit.DepthError
	var work *workError
	switch {
	case errors.As(err, &jump):
		d.Code = "too-complex"
		return d.WithRow("A-LIM-23").WithHelp("split it into several probes, or write a loop")
	case errors.As(err, &work):
		d.Code = "too-much-to-verify"
		d.Message = fmt.Sprintf("the program for %s is too much for the kernel's verifier", op.Site.Name)
		d.Label = "compiled for this probe"
		if work.at.Valid() {
			d.Span, d.Label = work.at, "most of the work is here"
		}
		return d.WithNote("%v", err).WithRow("A-LIM-23").
			WithHelp("split the probe into several, write a loop instead of unroll, or search shorter strings: str(x, 64)")
	case errors.As(err, &depth):
		d.Code = "too-complex"
		return d.WithRow("A-LIM-23").WithHelp("nest fewer loops, or split the script into several probes")
	case errors.As(err, &stack):
		d.Code = "too-complex"
		return d.WithRow("R-LOAD-03").WithHelp("keep fewer or smaller values at the same time, or move some to maps")
	}
	return d.WithHelp("this is a limit of probe: please report it with the script")
}

// hugeFunc is the number of blocks from which a function is left as it was
// lowered: copied loop bodies share values over so many blocks that keeping
// them would fill the stack, while each copy runs only once.
const hugeFunc = 2000

// compileOne optimises, allocates and emits one program.
func compileOne(u *lower.Unit, prog *ir.Prog, op *Program, cfg Config, c care, stage *string) error {
	dump := func(name string, text func() string) {
		if cfg.Dump != nil {
			cfg.Dump(name, op.Site.Name, text())
		}
	}
	dump("ir-lowered", prog.String)
	if !cfg.NoOpt && c != plain && len(prog.Funcs[0].Blocks) < hugeFunc {
		*stage = "pass of " + op.Site.Name
		for _, f := range prog.Funcs {
			if err := pass.Run(f, pass.Options{}); err != nil {
				return err
			}
		}
	}
	dump("ir", prog.String)
	if cfg.Interpret {
		op.IR = prog
		return nil
	}
	*stage = "emit of " + op.Site.Name
	code, err := emit.Prog(prog, func(n int) string { return u.MapNames[n] }, emit.Options{
		NoOpt: cfg.NoOpt,
		// A kernel may have verifiers that need this if it has may_goto; it is only asked
		// for that where there are loops, and without loops there are few ways out.
		ClearArgs: cfg.Target.Features[target.MayGoto],
	})
	if err != nil {
		return err
	}
	slots := make([]int, len(prog.Funcs))
	for _, f := range code.Funcs {
		slots[f.Index] = f.Slots
	}
	enough := verifierLimit
	if c == ordinary {
		enough = heavy // it is compiled again
	}
	est := cost.Of(prog, slots, enough)
	op.Estimate, op.Waiting = est.Insns, est.Waiting
	if op.Estimate > tooMuch || op.Waiting > cost.MaxWaiting {
		return &workError{op.Estimate, op.Waiting, prog.Pos[est.Pos]}
	}
	u.Obj.Spec.Programs[op.Name].Instructions = code.Ins
	op.Insns = len(code.Lines)
	op.Lines = make([]source.Span, len(code.Lines))
	for i, n := range code.Lines {
		op.Lines[i] = prog.Pos[n]
	}
	dump("bpf", func() string { return fmt.Sprint(code.Ins) })
	return nil
}

// trim keeps the upper part of a stack trace.
func trim(stack []byte) string {
	const most = 2000
	if len(stack) > most {
		stack = stack[:most]
	}
	return string(stack)
}
