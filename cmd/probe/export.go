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
	"probe/runtime/trust"
)

var exportCommand = &command{
	Command: cli.Command{
		Name: "export", Usage: []string{"--format FORMAT [-o FILE] RECORDING"}, Min: 1, Max: 1, Complete: completeRecordings,
		Summary: "write a recording in the form of another tool",
		About:   "Converts the call trees of a recording for tools that draw or analyse them. `probe export FILE` without a format describes the formats.",
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
	src := &export.Source{Funcs: &rec.Funcs, Trees: rec.Trees, WallOffset: time.Duration(rec.Header.WallOffset), Title: title}
	if err := exportTo(o.out, std.out, format.Name, src); err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "export: " + err.Error()})
		return exitRun
	}
	return exitOK
}

// exportTo writes to a file, or to out when path is empty.
func exportTo(path string, out io.Writer, format string, src *export.Source) error {
	if path == "" {
		return export.Export(out, format, src)
	}
	if _, err := trust.MakeFolders(path); err != nil {
		return err
	}
	f, err := trust.Create(path)
	if err != nil {
		return err
	}
	err = export.Export(f, format, src)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
