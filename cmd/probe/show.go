package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"probe/lang/diag"
	"probe/runtime/graph"
	"probe/runtime/graph/record"
)

var showCommand = &command{
	name: "show", usage: "[options] FILE", min: 1, max: 1,
	summary: "print the call trees of a recording",
	flags: func(o *options) []flag {
		return []flag{
			{long: "graph-style", arg: "tree|ftrace", help: "form of the trees (default tree)", set: setString(&o.graph.style)},
			{long: "comm", arg: "NAME", help: "calls in threads of this name only; * and ? match", set: setString(&o.comm)},
			{long: "slower", arg: "DURATION", help: "calls that took at least this long", set: setDuration(&o.graph.slower)},
			{long: "failed", help: "calls that returned an error", set: setBool(&o.graph.failed)},
			{long: "count", short: 'n', arg: "N", help: "the first N trees only", set: setCount(&o.maxEvents)},
			{long: "irqs", help: "show interrupts that the recording has", set: setBool(&o.graph.irqs)},
			{long: "strict", help: "exit with status 3 when the recording is damaged or incomplete", set: setBool(&o.strict)},
		}
	},
	run: runShow,
}

func runShow(o *options, std stdio) int {
	if o.graph.style == "" {
		o.graph.style = "tree"
	}
	style, err := graph.StyleNamed(o.graph.style)
	if err != nil {
		fail(std, usageError(o.command, err))
		return exitUsage
	}
	rec, code := loadRecording(o.words[0], std)
	if rec == nil {
		return code
	}
	r := &recording{o: o, std: std, style: style, funcs: rec.Funcs, offset: time.Duration(rec.Header.WallOffset)}
	for _, t := range rec.Trees {
		if !r.tree(t) {
			break
		}
	}
	if r.err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "print the trees: " + r.err.Error()})
		return exitRun
	}
	if o.strict && (rec.Damage != nil || r.incomplete > 0 || rec.End != nil && rec.End.Lost > 0) {
		return exitStrict
	}
	return exitOK
}

// loadRecording reads a recording and warns of damage. rec is nil when the
// file cannot be used; the message is printed then.
func loadRecording(path string, std stdio) (rec *record.Recording, code int) {
	rec, err := record.Load(path)
	if err != nil {
		d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()}
		if errors.Is(err, record.ErrFormat) {
			d.WithHelp("`probe graph FUNC -o FILE` makes recordings")
		}
		if errors.Is(err, os.ErrNotExist) {
			d.Code = "bad-usage"
		}
		fail(std, d)
		return nil, exitUsage
	}
	if rec.Damage != nil {
		fmt.Fprintf(std.err, "warning: %s: %v; %s before that\n", path, rec.Damage, plural(uint64(len(rec.Trees)), "tree"))
	}
	if rec.End != nil && rec.End.Lost > 0 {
		fmt.Fprintf(std.err, "warning: %s: at least %s lost while it was recorded: calls may be missing\n", path, plural(rec.End.Lost, "event"))
	}
	return rec, exitOK
}
