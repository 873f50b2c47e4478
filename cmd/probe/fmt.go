package main

import (
	"fmt"
	"os"
	"path/filepath"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/trust"
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
		if err := trust.AsUser(func() error { return replaceFile(f.Name, text) }); err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
			code = exitUsage
		}
	}
	return code
}

// replaceFile replaces a file with a rename, and keeps its permissions, so that
// a crash never leaves half a script.
func replaceFile(name, text string) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	// In the same folder, so that the rename does not cross file systems.
	tmp, err := os.CreateTemp(filepath.Dir(name), ".probe-fmt-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if err == nil {
		err = tmp.Chmod(st.Mode().Perm())
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
