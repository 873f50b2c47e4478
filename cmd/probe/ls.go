package main

import (
	"fmt"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/runtime/machine"
)

var lsCommand = &command{
	Command: cli.Command{
		Name: "ls", Usage: []string{"[-v] [PATTERN]"}, Max: 1, Complete: completeProbes,
		Summary: "list probes: all of the kernel, or those that match TYPE:PATTERN",
		About: "Lists the probes whose name matches PATTERN, in which * and ? match any characters and any one character. " +
			"A pattern without a type is sought in the names of all types. " +
			"The word scripts lists the scripts that come with probe instead.",
		Examples: []cli.Example{
			{Command: "probe ls 'tracepoint:tcp:*'", About: "Lists the tracepoints of TCP."},
			{Command: "probe ls -v kprobe:vfs_read", About: "Lists one function with its parameters."},
			{Command: "probe ls scripts", About: "Lists the scripts that come with probe."},
			{Command: "probe ls vfs_read", About: "Lists everything whose name has vfs_read in it."},
		},
		SeeAlso: []string{"help", "run"},
	},
	run: runLs, elsewhere: true,
}

func runLs(o *options, std stdio) int {
	pattern := ""
	if len(o.words) > 0 {
		pattern = o.words[0]
	}
	if pattern == listScripts {
		for _, name := range bundledNames() {
			fmt.Fprintf(std.out, "%-16s %s\n", name, question(name))
		}
		return exitOK
	}
	return listProbes(o, std, []string{pattern})
}

// listScripts is the operand that lists the bundled scripts instead of probes.
// No probe type has that name.
const listScripts = "scripts"

func listProbes(o *options, std stdio, patterns []string) int {
	m := o.machine()
	w := newWriter(std.out)
	defer w.Flush()
	for _, pattern := range patterns {
		found := false
		err := m.List(pattern, func(l machine.Listed) bool {
			found = true
			if o.verbose && l.Definition != nil {
				fmt.Fprintln(w, l.Definition()+"\n")
				return w.Buffered() >= 0
			}
			fmt.Fprintln(w, l.Name)
			if o.verbose && l.Params != nil {
				// A function without type information has a name and no known
				// parameters: list it without.
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
				// Some kinds could not be listed, but others could: the output
				// is useful though incomplete.
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
