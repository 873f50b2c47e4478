package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"probe/cmd/front/bpftrace"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/syntax"
	"probe/runtime/engine"
	"probe/runtime/machine"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/feature"
)

// compatMain runs a command line of bpftrace and returns the exit code.
func compatMain(words []string, std stdio) int {
	std.compat = true
	if len(words) == 0 {
		bpftrace.Usage(std.err)
		return exitUsage
	}
	b, err := bpftrace.Parse(words)
	if b.Program != nil && *b.Program == "" {
		b.Program = nil // as without -e
	}
	o := &options{command: runCommand, compat: true}
	if err == nil {
		err = o.fromBpftrace(b)
	}
	if err == nil && o.runs(b) {
		switch c := os.Getenv("BPFTRACE_COLOR"); c {
		case "", "auto", "always", "never":
		default:
			fmt.Fprintf(std.err, "WARNING: Invalid env value! The valid values of `BPFTRACE_COLOR` are [auto|always|never]. The current value is %s!\n", c)
		}
		return runScript(o, std)
	}
	return checkedOutput(std, func(std stdio) int { return compatPrint(o, b, err, std) })
}

// runs reports whether a command line runs a script.
func (o *options) runs(b *bpftrace.Options) bool {
	return !b.Help && !b.Version && !b.Info && !b.List && !b.Fmt && b.Debug == "" && b.Mode != "format" && b.Mode != "codegen" && (o.program != nil || len(o.words) > 0)
}

// compatPrint is what only prints something; err is an error in the command line.
func compatPrint(o *options, b *bpftrace.Options, err error, std stdio) int {
	var wrong *bpftrace.UsageError
	switch {
	// Help works with any other options, even wrong ones; an error precedes
	// everything else.
	case b.Help:
		bpftrace.Usage(std.out)
		return exitOK
	case err == nil && b.Version:
		fmt.Fprintln(std.out, "bpftrace "+bpftrace.Version)
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(std.err, "%s: %v\n", os.Args[0], wrong)
		bpftrace.Usage(std.err)
		return exitUsage
	case errors.Is(err, errBoth):
		fmt.Fprintf(std.err, "ERROR: %v\n", err)
		bpftrace.Usage(std.err)
		return exitUsage
	case errors.Is(err, errFilter):
		fmt.Fprintf(std.err, "ERROR: %v\n", err)
		return exitRun
	case err != nil:
		fmt.Fprintf(std.err, "ERROR: %v\n", err)
		return exitUsage
	case b.Info:
		return compatInfo(std)
	case b.List:
		return compatList(o, std)
	case o.program == nil && len(o.words) == 0:
		fmt.Fprintln(std.err, noScript)
		return exitUsage
	case b.Fmt || b.Mode == "format":
		return compatFormat(o, std)
	case b.Mode == "codegen":
		if checked, code := frontEnd(o, std); checked == nil {
			return code
		}
		return exitOK
	}
	return compatDebug(o, b.Debug, std)
}

// fromBpftrace sets options from those of bpftrace. The error is about a value
// or a combination that is not valid, in bpftrace's words.
func (o *options) fromBpftrace(b *bpftrace.Options) error {
	o.words, o.named, o.program = b.Words, b.Named, b.Program
	o.cmd, o.out, o.format, o.buffer, o.traceable = b.Cmd, b.Out, b.Format, b.Buffering, b.Traceable
	o.verbose, o.quiet, o.unsafe, o.noWarnings, o.dryRun = b.Verbose, b.Quiet, b.Unsafe, b.NoWarnings, b.DryRun
	o.debugDirs = filepath.SplitList(b.DebugInfo)
	o.keepWarnings, o.includes, o.headerDirs = b.Warnings, b.Includes, b.HeaderDirs
	if o.traceable != "" {
		f, err := os.Open(o.traceable)
		if err != nil {
			//lint:ignore ST1005 bpftrace's words
			return fmt.Errorf("Failed to open kernel function info: Could not read functions from %s. (%w)", o.traceable, capitalised(reasonOf(err)))
		}
		_ = f.Close()
	}
	mode := b.Mode
	switch {
	case b.Test && mode != "" && mode != "test":
		return errors.New("USAGE: --test conflicts with existing --mode")
	case b.Bench && (b.Test || mode != "" && mode != "bench"):
		return errors.New("USAGE: --bench conflicts with existing --mode")
	case b.Test || mode == "test":
		o.mode = hir.Test
	case b.Bench || mode == "bench":
		o.mode = hir.Measure
	case mode == "compiler-bench":
		return errors.New("--mode compiler-bench is not supported: probe dump shows the stages of the compiler")
	case mode != "" && mode != "codegen" && mode != "format":
		//lint:ignore ST1005 bpftrace's words
		return errors.New("USAGE: --mode can only be 'codegen', 'compiler-bench', 'bench', 'test' or 'format'.")
	}
	if b.Filter != "" {
		if err := o.setFilter(b.Filter); err != nil {
			return fmt.Errorf("%w '%s': %w", errFilter, b.Filter, err)
		}
	}
	if !slices.Contains([]string{"", "line", "full", "none"}, b.Buffering) {
		//lint:ignore ST1005 bpftrace's words
		return errors.New("USAGE: -B must be either 'line', 'full', or 'none'.")
	}
	if !slices.Contains([]string{"", "text", "json"}, b.Format) {
		//lint:ignore ST1005 bpftrace's words
		return fmt.Errorf("Invalid output format \"%s\"\nValid formats: 'text', 'json'", b.Format)
	}
	switch {
	case b.Debug != "" && compatStages()[b.Debug] == "":
		return fmt.Errorf("USAGE: invalid option for -d: %s", b.Debug)
	case b.Warnings > 1:
		//lint:ignore ST1005 bpftrace's words
		return errors.New("USAGE: -kk has been deprecated. Use a single -k for runtime warnings for errors in map lookups and probe reads.")
	case b.Warnings > 0 && b.NoWarnings:
		return errors.New("USAGE: -k, --warnings conflicts with --no-warnings")
	case b.Cmd != "" && b.PID != "":
		return errBoth
	}
	if b.PID != "" {
		if err := pidOf(&o.pid, b.PID); err != nil {
			return err
		}
	}
	if b.DwarfPID != "" {
		if err := pidOf(&o.dwarfPID, b.DwarfPID); err != nil {
			return err
		}
	}
	features := slices.DeleteFunc(strings.Split(b.NoFeature, ","), func(f string) bool { return f == "" })
	for _, f := range features {
		if f != "kprobe_multi" && f != "kprobe_session" && f != "uprobe_multi" {
			//lint:ignore ST1005 bpftrace's words
			return errors.New("USAGE: --no-feature can only have values 'kprobe_multi,kprobe_session,uprobe_multi'.")
		}
	}
	if len(features) > 0 {
		return o.setNoFeature(strings.Join(features, ","))
	}
	return nil
}

var (
	//lint:ignore ST1005 bpftrace's words
	errBoth = errors.New("USAGE: Cannot use both -c and -p.")
	//lint:ignore ST1005 bpftrace's words
	errFilter = errors.New("Invalid --probe-filter regex")
)

// pidOf stores the process of -p or --dwarf-pid.
func pidOf(pid *int, text string) error {
	n, neg, err := syntax.ParseInteger(text)
	switch {
	case err != nil:
		//lint:ignore ST1005 bpftrace's words
		return fmt.Errorf("Failed to parse pid: invalid integer: %s", text)
	case neg || n > maxPID:
		if neg {
			n = -n
		}
		//lint:ignore ST1005 bpftrace's words
		return fmt.Errorf("Pid out of range: %d", n)
	case n == 0:
		//lint:ignore ST1005 bpftrace's words
		return errors.New("Failed to attach to pid: Unable to open pidfd (Invalid argument)")
	}
	if setPID(pid, text) != nil {
		//lint:ignore ST1005 bpftrace's words
		return errors.New("Failed to attach to pid: Unable to open pidfd (No such process)")
	}
	return nil
}

// noScript is the message about a command line without a script, or with an
// empty one.
const noScript = "ERROR: USAGE: filename or -e 'program' required."

// compatStages maps the names of bpftrace's stages to those of "probe dump"
// that show the same state of the script.
func compatStages() map[string]string {
	return map[string]string{"ast": "ast", "parse": "ast", "types": "types", "codegen": "ir-lowered", "codegen-opt": "ir", "dis": "bpf"}
}

// compatDebug runs -d: it prints the stage of "probe dump" that shows the same.
func compatDebug(o *options, stages string, std stdio) int {
	o.stage = compatStages()[stages]
	return dumpStage(o, std)
}

// showCompat prints messages in bpftrace's form, on standard error.
func (o *options) showCompat(std stdio, list *diag.List) {
	for _, d := range list.All {
		if d.Compat.Plain != "" && !o.quiet {
			fmt.Fprintln(std.out, d.Compat.Plain)
		}
	}
	_ = diag.RenderBpftrace(std.err, list, colored(std.err))
}

func newWriter(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 64<<10) }

// capitalised returns an error of the system with a capital letter, as the C
// library has it.
func capitalised(err error) error {
	text := err.Error()
	if text == "" {
		return err
	}
	return errors.New(strings.ToUpper(text[:1]) + text[1:])
}

// paired returns how many returns bpftrace attaches together with the entries of the
// same functions, as one, on kernels that can do that.
func paired(c *engine.Compiled, m machine.Machine) int {
	entries, returns := map[string]bool{}, map[string][]int{} // by the functions, which are separated by blanks
	for _, p := range c.Object.Programs {
		at := &p.Site.Attach
		names := at.Symbols
		if len(names) == 0 && at.Symbol != "" {
			names = []string{at.Symbol}
		}
		if len(names) == 0 || at.Module != "" || at.Offset != 0 {
			continue
		}
		key := strings.Join(names, " ")
		switch at.Kind {
		case hir.AttachKprobe, hir.AttachKprobeMulti:
			entries[key] = true
		case hir.AttachKretprobe, hir.AttachKretprobeMulti:
			returns[key] = append(returns[key], len(names))
		}
	}
	n := 0
	for key, counts := range returns {
		if len(counts) == 1 && entries[key] {
			n += counts[0]
		}
	}
	if host, ok := m.(*live.Machine); n == 0 || !ok || !host.Features().Has(feature.KprobeSession) {
		return 0
	}
	return n
}
