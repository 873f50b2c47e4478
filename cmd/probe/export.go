package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/runtime/graph/export"
	"probe/runtime/graph/record"
	"probe/runtime/profile"
	"probe/runtime/trust"
)

var exportCommand = &command{
	Command: cli.Command{
		Name: "export", Usage: []string{"--format FORMAT [-o FILE] RECORDING"}, Min: 1, Max: 1, Complete: completeRecordings,
		Summary: "write a recording in the form of another tool",
		About:   "Converts the call trees of a recording, or the stacks in the maps of a script that was recorded, for tools that draw or analyse them. `probe export FILE` without a format describes the formats.",
		Examples: []cli.Example{
			{Command: "probe export -f folded -o reads.folded reads.jsonl.zst", About: "Writes folded stacks, which flame graph tools read."},
		},
		More:    exportFormats,
		SeeAlso: []string{"record", "graph", "show"},
	},
	run: runExport, ownOutput: true,
}

func runExport(o *options, std stdio) int {
	format, err := export.Find(o.graph.format)
	if err != nil {
		if o.graph.format == "" {
			err = errors.New("--format is missing")
		}
		d := usageError(o.command, err)
		for _, f := range export.Formats() {
			d.WithNote("%s: %s", f.Name, f.Summary)
		}
		fail(std, d)
		return exitUsage
	}
	if f, ok := std.out.(*os.File); ok && o.out == "" && format.Binary && isTerminal(f) {
		fail(std, usageError(o.command, fmt.Errorf("%s is not text: name a file with -o", format.Name)))
		return exitUsage
	}
	rec, code := loadRecording(o.words[0], std)
	if rec == nil {
		return code
	}
	title := strings.Join(rec.Header.Functions, ", ")
	if title == "" {
		title = filepath.Base(o.words[0])
	}
	if rec.Header.Kernel != "" {
		title += " on " + rec.Header.Kernel
	}
	write, err := exporter(rec, format, title)
	if err != nil {
		fail(std, (&diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "export: " + err.Error()}).
			WithHelp("`probe show %s` prints what the recording has", o.words[0]))
		return exitRun
	}
	if n := stackMaps(rec).Maps(); n > 0 && len(rec.Trees) > 0 {
		fmt.Fprintf(std.err, "note: the recording has call trees and %s; the trees are exported\n", plural(uint64(n), "map")+" of stacks")
	}
	if err := exportTo(o.out, std.out, write); err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "export: " + err.Error()})
		return exitRun
	}
	return exitOK
}

// exporter returns what writes a recording in a format: its call trees or, if it
// has none, the stacks in the maps of its script. The error says that there is
// nothing to write.
func exporter(rec *record.Recording, format export.Format, title string) (func(io.Writer) error, error) {
	if len(rec.Trees) > 0 {
		src := &export.Source{Funcs: &rec.Funcs, Trees: rec.Trees, WallOffset: time.Duration(rec.Header.WallOffset), Title: title}
		return func(w io.Writer) error { return export.Export(w, format.Name, src) }, nil
	}
	maps := stackMaps(rec)
	if maps.Maps() == 0 {
		return nil, errors.New("the recording has neither call trees nor maps with stacks in their keys: nothing was written")
	}
	drawn, ok := profile.Find(format.Name)
	if !ok {
		return nil, fmt.Errorf("the recording has stacks and no call trees, which %s needs: nothing was written; folded, speedscope, pprof and svg show stacks", format.Name)
	}
	p, err := maps.Profile(title)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error { return drawn.Write(w, p) }, nil
}

// exportTo writes to a file, or to out when path is empty.
func exportTo(path string, out io.Writer, write func(io.Writer) error) error {
	if path == "" {
		return write(out)
	}
	if _, err := trust.MakeFolders(path); err != nil {
		return err
	}
	f, err := trust.Create(path)
	if err != nil {
		return err
	}
	err = write(f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
