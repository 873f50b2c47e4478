package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/runtime/graph"
	"probe/runtime/graph/record"
)

var showCommand = &command{
	Command: cli.Command{
		Name: "show", Usage: []string{"[options] FILE"}, Min: 1, Max: 1, Complete: completeRecordings,
		Summary: "print what a recording holds: call trees and the output of a script",
		About:   "Prints a recording of `probe record` or `probe graph -o` in the order in which it was made. It needs neither a kernel nor privileges.",
		Examples: []cli.Example{
			{Command: "probe show calls.jsonl.zst"},
			{Command: "probe show --failed -n 3 calls.jsonl.zst", About: "Prints the first three trees that ended with an error."},
		},
		SeeAlso: []string{"record", "graph", "diff", "export"},
	},
	run: runShow, ownOutput: true,
}

func runShow(o *options, std stdio) int {
	if _, err := o.graphStyle(); err != nil {
		fail(std, usageError(o.command, err))
		return exitUsage
	}
	rec, code := loadRecording(o.words[0], std)
	if rec == nil {
		return code
	}
	return showRecording(o, std, rec)
}

// graphStyle returns the style of trees that --style selects.
func (o *options) graphStyle() (graph.Style, error) {
	if o.graph.style == "" {
		return graph.StyleNamed("tree")
	}
	return graph.StyleNamed(o.graph.style)
}

// showRecording prints a recording.
func showRecording(o *options, std stdio, rec *record.Recording) int {
	style, err := o.graphStyle()
	if err != nil {
		fail(std, usageError(o.command, err))
		return exitUsage
	}
	r := &treeRun{o: o, std: std, style: style, funcs: rec.Funcs, offset: time.Duration(rec.Header.WallOffset)}
	whole := r.replay(rec)
	if r.err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "print the recording: " + r.err.Error()})
		return exitRun
	}
	if o.strict && (rec.Damage != nil || r.incomplete > 0 || !whole || rec.End != nil && rec.End.Lost > 0) {
		return exitStrict
	}
	return exitOK
}

// loadRecording reads a recording and warns of damage. rec is nil when the file
// cannot be used; loadRecording has then printed the message.
func loadRecording(path string, std stdio) (rec *record.Recording, code int) {
	if rec, code = readRecording(path, std); rec != nil {
		warnRecording(path, rec, std)
	}
	return rec, code
}

// readRecording is loadRecording without the warnings.
func readRecording(path string, std stdio) (rec *record.Recording, code int) {
	rec, err := record.Load(path)
	if err == nil {
		return rec, exitOK
	}
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

// warnRecording prints warnings about what a recording lacks.
func warnRecording(path string, rec *record.Recording, std stdio) {
	if rec.Damage != nil {
		fmt.Fprintf(std.err, "warning: %s: %v; %s before that\n", path, rec.Damage, plural(uint64(len(rec.Trees)), "tree"))
	}
	if rec.End != nil && rec.End.Lost > 0 {
		fmt.Fprintf(std.err, "warning: %s: at least %s lost while it was recorded: calls may be missing\n", path, plural(rec.End.Lost, "event"))
	}
}
