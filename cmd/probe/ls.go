package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/engine"
	"probe/runtime/machine"
	"probe/runtime/machine/live/provider"
)

var lsCommand = &command{
	Command: cli.Command{
		Name: "ls", Usage: []string{"[-v] [PATTERN]"}, Max: 1, Complete: completeProbes,
		Summary: "list probes: all of the kernel, or those that match TYPE:PATTERN",
		About: "Lists the probes whose name matches PATTERN, in which * and ? match any characters and any one character. " +
			"A pattern without a type is sought in the names of all types; the name of a type lists all of its probes. " +
			"The word scripts lists the scripts that come with probe instead.",
		Examples: []cli.Example{
			{Command: "probe ls 'tracepoint:tcp:*'", About: "Lists the tracepoints of TCP."},
			{Command: "probe ls -v kprobe:vfs_read", About: "Lists one function with its parameters."},
			{Command: "probe ls scripts", About: "Lists the scripts that come with probe."},
			{Command: "probe ls software", About: "Lists the probes of a type."},
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
	kind := kindNamed(pattern)
	if kind != nil {
		pattern += ":"
	}
	found, code := listProbes(o, std, []string{pattern})
	if found || code != exitOK || pattern == "" {
		return code
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "no-match", Message: fmt.Sprintf("no probe matches %s", o.words[0])}
	if near := similarProbes(o.machine(), pattern); near != "" {
		d.WithHelp("similar names exist: %s", near)
	} else if kind != nil && strings.Contains(kind.Usage, ":binary") {
		d.WithHelp("its probes are in a program or library, which has to be named: probe ls '%s:/bin/sh:*'", kind.Name)
	}
	fail(std, d)
	return exitUsage
}

// kindNamed returns the type of probes with a name, nil if there is none.
func kindNamed(name string) *hir.ProbeKind {
	kinds := provider.Kinds()
	if i := slices.IndexFunc(kinds, func(k hir.ProbeKind) bool { return k.Name == name || slices.Contains(k.Aliases, name) }); i >= 0 {
		return &kinds[i]
	}
	return nil
}

// similarProbes lists names of probes of the pattern's type, or of all types, whose last
// part is similar to that of the pattern: "`kprobe:vfs_read`". It returns "" for wildcards.
func similarProbes(m machine.Machine, pattern string) string {
	if strings.ContainsAny(pattern, "*?") {
		return ""
	}
	kind, _, _ := strings.Cut(pattern, ":")
	if kind += ":"; !strings.Contains(pattern, ":") {
		kind = ""
	}
	last := func(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }
	full := map[string]string{}
	// An error of some types leaves the names of the others.
	_ = m.List(kind, func(l machine.Listed) bool {
		if _, ok := full[last(l.Name)]; !ok {
			full[last(l.Name)] = l.Name
		}
		return true
	})
	var out []string
	for _, name := range diag.NearestN(last(pattern), slices.Collect(maps.Keys(full)), maxSimilar) {
		out = append(out, "`"+full[name]+"`")
	}
	return strings.Join(out, ", ")
}

// maxSimilar is the maximum number of similar names in a message.
const maxSimilar = 3

// listScripts is the operand that lists the bundled scripts instead of probes.
// No probe type has that name.
const listScripts = "scripts"

// listProbes lists the probes that match any of the patterns. found reports whether there
// was one.
func listProbes(o *options, std stdio, patterns []string) (found bool, code int) {
	defer engine.CollectLater()()
	m := o.machine()
	w := newWriter(std.out)
	defer w.Flush()
	for _, pattern := range patterns {
		some := false
		err := m.List(pattern, func(l machine.Listed) bool {
			some, found = true, true
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
			if some {
				// Some kinds could not be listed, but others could: the output
				// is useful though incomplete.
				d.Severity = diag.Warning
			}
			fail(std, d)
			if !some {
				return found, exitUsage
			}
		}
	}
	return found, exitOK
}
