package main

import (
	"fmt"
	"io/fs"
	"os"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/trust"
)

// newFileMode is the mode of a file that --fmt makes, before the umask.
const newFileMode fs.FileMode = 0o666

// compatFormat runs --fmt: it prints the script in its canonical form, or
// writes it to the file of -o. Further operands are parameters of the script,
// which the form does not depend on.
func compatFormat(o *options, std stdio) int {
	var f *source.File
	if o.program != nil {
		f = source.New("stdin", *o.program)
	} else {
		var err error
		if f, err = openScript(o.words[0], std); err != nil {
			fmt.Fprintf(std.err, "ERROR: %v\n", err)
			return exitUsage
		}
	}
	tree, list := syntax.Parse(f)
	if list.HasErrors() {
		list.Sort()
		_ = diag.RenderBpftrace(std.err, &list) // ignore the error: there is no other place to report it
		return exitUsage
	}
	text := syntax.Format(tree)
	if o.out == "" {
		fmt.Fprint(std.out, text)
		return exitOK
	}
	if err := trust.AsUser(func() error { return writeNew(o.out, text) }); err != nil {
		fmt.Fprintf(std.err, "ERROR: unable to write %s: %v\n", o.out, err)
		return exitUsage
	}
	return exitOK
}

// writeNew writes a file that may exist already. A regular file is replaced at
// once, so that nobody reads half a script. What a symbolic link leads to is
// written in place: a rename would put a file where the link is, even if that
// link is /dev/stdout.
func writeNew(name, text string) error {
	if st, err := os.Lstat(name); err == nil && st.Mode().IsRegular() {
		return replaceFile(name, text)
	}
	return os.WriteFile(name, []byte(text), newFileMode)
}
