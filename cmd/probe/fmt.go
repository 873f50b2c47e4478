package main

import (
	"fmt"
	"io"

	"probe/cmd/front/cli"
	"probe/internal/outfile"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
)

var fmtCommand = &command{
	Command: cli.Command{
		Name: "fmt", Usage: []string{"[-w] [SCRIPT …]", "-e 'PROGRAM'"}, Summary: "print scripts in their canonical form", Max: -1, Complete: completeScriptFiles,
		About: "Prints each script as it would be written by somebody who follows the conventions. Without a name it reads standard input.",
		Examples: []cli.Example{
			{Command: "probe fmt script.pr"},
			{Command: "probe fmt -w a.pr b.pr", About: "Rewrites two files."},
		},
		SeeAlso: []string{"check"},
	},
	run: formatScripts,
}

func formatScripts(o *options, std stdio) int {
	if o.program == nil && len(o.words) == 0 {
		o.words = []string{"-"}
	}
	var files []*source.File
	if o.program != nil {
		files = append(files, programText(o))
	}
	for _, name := range o.words {
		f, err := openScript(name, std)
		if err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return exitUsage
		}
		files = append(files, f)
	}
	code := exitOK
	for _, f := range files {
		tree, list := syntax.Parse(f)
		if list.HasErrors() {
			list.Sort()
			_ = diag.Render(std.err, &list, diag.Options{Color: colored(std.err)})
			code = exitUsage
			continue
		}
		text := syntax.Format(tree)
		if !o.write || f.Name == "stdin" || f.Name == "-e" {
			fmt.Fprint(std.out, text)
			continue
		}
		// Do not touch a file that is formatted already: build tools look at
		// its time.
		if text == f.Text {
			continue
		}
		if err := replaceFile(f.Name, text); err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
			code = exitUsage
		}
	}
	return code
}

// replaceFile writes a file whole or not at all, so that a crash never leaves half a
// script, with the rights of the user. A link stays, the file it leads to is replaced.
func replaceFile(name, text string) error {
	f, err := outfile.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Hold()
	if _, err := io.WriteString(f, text); err != nil {
		return err
	}
	if err := f.Keep(); err != nil {
		return err
	}
	return f.Close()
}
