package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"probe/cmd/front/bpftrace"
	"probe/lang/diag"
	"probe/lang/hir"
)

// compatMain runs a command line of bpftrace and returns the exit code.
func compatMain(words []string, std stdio) int {
	b, err := bpftrace.Parse(words)
	o := &options{command: runCommand, compat: true}
	if err == nil {
		err = o.fromBpftrace(b)
	}
	if err == nil && o.runs(b) {
		return compatRun(o, std)
	}
	return checkedOutput(std, func(std stdio) int { return compatPrint(o, b, err, std) })
}

// runs reports whether a command line runs a script.
func (o *options) runs(b *bpftrace.Options) bool {
	return !b.Help && !b.Version && !b.Info && !b.List && !b.Fmt && b.Debug == "" && (o.program != nil || len(o.words) > 0)
}

// compatPrint is what only prints something; err is an error in the command line.
func compatPrint(o *options, b *bpftrace.Options, err error, std stdio) int {
	switch {
	// Help works with any other options, even wrong ones; an error precedes
	// everything else.
	case b.Help:
		bpftrace.Usage(std.out)
		return exitOK
	case err == nil && b.Version:
		fmt.Fprintln(std.out, "bpftrace "+bpftrace.Version)
		return exitOK
	case err != nil:
		fmt.Fprintf(std.err, "ERROR: %v\n", err)
		bpftrace.Usage(std.err)
		return exitUsage
	case b.Info:
		return compatInfo(std)
	case b.List:
		return compatList(o, std)
	case o.program == nil && len(o.words) == 0:
		fmt.Fprintln(std.err, "ERROR: filename or -e 'program' required.")
		bpftrace.Usage(std.err)
		return exitUsage
	case b.Fmt:
		return formatScripts(o, std)
	}
	return compatDebug(o, b.Debug, std)
}

// compatRun runs a script.
func compatRun(o *options, std stdio) int {
	if err := o.conflicts(); err != nil {
		text := err.Error()
		fmt.Fprintf(std.err, "ERROR: %s.\n", strings.ToUpper(text[:1])+text[1:])
		bpftrace.Usage(std.err)
		return exitUsage
	}
	return runScript(o, std)
}

// fromBpftrace sets options from those of bpftrace. The error is about a value
// that does not parse.
func (o *options) fromBpftrace(b *bpftrace.Options) error {
	o.words, o.named, o.program = b.Words, b.Named, b.Program
	o.cmd, o.out, o.format, o.buffer, o.traceable = b.Cmd, b.Out, b.Format, b.Buffering, b.Traceable
	o.verbose, o.quiet, o.unsafe, o.noWarnings, o.dryRun = b.Verbose, b.Quiet, b.Unsafe, b.NoWarnings, b.DryRun
	o.debugDirs = filepath.SplitList(b.DebugInfo)
	o.keepWarnings, o.includes, o.headerDirs = b.Warnings, b.Includes, b.HeaderDirs
	switch {
	case b.Mode != "":
		if err := o.setMode(b.Mode); err != nil {
			return fmt.Errorf("--mode: %w", err)
		}
	case b.Test:
		o.mode = hir.Test
	case b.Bench:
		o.mode = hir.Measure
	}
	if b.Filter != "" {
		if err := o.setFilter(b.Filter); err != nil {
			return fmt.Errorf("Invalid --probe-filter regex: %w", err) //lint:ignore ST1005 bpftrace's words
		}
	}
	if b.PID != "" {
		if err := setPID(&o.pid, b.PID); err != nil {
			return fmt.Errorf("-p: %w", err)
		}
	}
	// probe never uses uprobe_multi links, so disabling them changes nothing.
	features := slices.DeleteFunc(strings.Split(b.NoFeature, ","), func(f string) bool { return f == "" || f == "uprobe_multi" })
	if len(features) > 0 {
		if err := o.setNoFeature(strings.Join(features, ",")); err != nil {
			return fmt.Errorf("--no-feature: %w", err)
		}
	}
	return nil
}

// compatList runs -l: it lists the probes that match a pattern, or those of a
// script (P-LIST rows).
func compatList(o *options, std stdio) int {
	if len(o.words) > 1 {
		bpftrace.Usage(std.err)
		return exitUsage
	}
	if o.program != nil || len(o.words) == 1 && scriptFile(o.words[0]) {
		checked, code := frontEnd(o, std)
		if checked == nil {
			return code
		}
		for _, b := range checked.Program.Probes {
			// begin and end have no place in the kernel.
			if b.Site.Type != "special" {
				fmt.Fprintln(std.out, b.Site.Name)
			}
		}
		return exitOK
	}
	patterns := []string{""}
	if len(o.words) == 1 {
		patterns = strings.Split(o.words[0], ",")
	}
	return listProbes(o, std, patterns)
}

func scriptFile(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular() && strings.HasSuffix(name, ".bt")
}

// compatDebug runs -d: it maps bpftrace's stages to those of "probe dump".
func compatDebug(o *options, stages string, std stdio) int {
	// The names of bpftrace's stages, each with the stage of probe that shows
	// the same state of the script.
	stage, ok := map[string]string{"ast": "ast", "parse": "ast", "types": "types", "codegen": "ir-lowered", "codegen-opt": "ir", "dis": "bpf"}[stages]
	if !ok {
		fmt.Fprintf(std.err, "ERROR: USAGE: invalid option for -d: %s\n", stages)
		return exitUsage
	}
	o.stage = stage
	return dumpStage(o, std)
}

// showCompat prints messages in bpftrace's form, on standard error.
func (o *options) showCompat(std stdio, list *diag.List) {
	_ = diag.RenderBpftrace(std.err, list)
}

func newWriter(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 64<<10) }
