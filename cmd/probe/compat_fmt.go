package main

import (
	"fmt"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
)

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
		_ = diag.RenderBpftrace(std.err, &list, colored(std.err)) // ignore the error: there is no other place to report it
		return exitUsage
	}
	text := syntax.Format(tree)
	if o.out == "" {
		fmt.Fprint(std.out, text)
		return exitOK
	}
	if err := replaceFile(o.out, text); err != nil {
		fmt.Fprintf(std.err, "ERROR: unable to write %s: %v\n", o.out, err)
		return exitUsage
	}
	return exitOK
}
