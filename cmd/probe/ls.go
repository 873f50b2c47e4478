package main

import (
	"fmt"

	"probe/lang/diag"
	"probe/runtime/machine"
)

var lsCommand = &command{
	name: "ls", usage: "[-v] [PATTERN]", max: 1,
	summary: "list probes: all of the kernel, or those that match TYPE:PATTERN",
	flags: func(o *options) []flag {
		return []flag{
			{long: "verbose", short: 'v', help: "with parameters and results", set: setBool(&o.verbose)},
			{long: "btf", arg: "FILE", help: "read the kernel's types from a file with raw BTF", set: setString(&o.btfFile)},
			{long: "traceable-functions", arg: "FILE", help: "list of functions that can be traced, in place of the kernel's", set: setString(&o.traceable)},
		}
	},
	run: func(o *options, std stdio) int {
		pattern := ""
		if len(o.words) > 0 {
			pattern = o.words[0]
		}
		return listProbes(o, std, []string{pattern})
	},
}

func listProbes(o *options, std stdio, patterns []string) int {
	m := o.machine()
	w := newWriter(std.out)
	defer w.Flush()
	for _, pattern := range patterns {
		found := false
		err := m.List(pattern, func(l machine.Listed) bool {
			found = true
			fmt.Fprintln(w, l.Name)
			if o.verbose && l.Params != nil {
				params, err := l.Params()
				if err != nil {
					return true
				}
				for _, line := range params {
					fmt.Fprintf(w, "    %s\n", line)
				}
			}
			return w.Buffered() >= 0
		})
		if err != nil {
			w.Flush()
			d := &diag.Diagnostic{Severity: diag.Error, Code: "no-list", Message: err.Error()}
			if found {
				d.Severity = diag.Warning
			}
			fail(std, d)
			if !found {
				return exitUsage
			}
		}
	}
	return exitOK
}
