package repl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"probe/lang/diag"
	"probe/lang/syntax"
)

const overview = `Type a clause, and it attaches at once and runs in the background:
  tracepoint:sched:sched_switch { @[comm] = count(); }
Type an expression or statements, and they run once:
  sizeof(struct sock)        @["x"] = 3        print(@)
An input goes on over several lines while braces are open. Ctrl-C gives up the
line, Ctrl-D detaches everything, prints the maps and leaves. TAB completes.
`

// help shows the help on a name, or the list of commands without one.
func (r *repl) help(_ context.Context, arg string) *diag.Diagnostic {
	if arg == "" {
		fmt.Fprint(r.out, overview+"\n")
		for _, c := range commands {
			fmt.Fprintf(r.out, "  %-18s %s\n", c.usage, c.doc)
		}
		return nil
	}
	if c, _ := findCommand(strings.TrimPrefix(arg, ":")); c != nil && (strings.HasPrefix(arg, ":") || c.name == arg) {
		fmt.Fprintf(r.out, "%s\n  %s\n", c.usage, c.doc)
		return nil
	}
	name := strings.TrimRight(strings.TrimSpace(arg), ":()")
	known := false
	if sig := r.builtins[name]; sig != nil && !sig.Missing {
		usage := sig.Usage
		if usage == "" {
			usage = sig.Name
		}
		fmt.Fprintf(r.out, "%s\n  %s\n", usage, sig.Doc)
		known = true
	}
	for _, k := range r.view.Probes().Kinds() {
		if k.Name == name || slices.Contains(k.Aliases, name) {
			fmt.Fprintf(r.out, "%s\n  %s\n", k.Usage, k.Doc)
			known = true
		}
	}
	for _, d := range r.defs {
		if m, ok := d.(*syntax.Macro); ok && m.Name == name {
			fmt.Fprintln(r.out, m.Span().Text())
			known = true
		}
	}
	if text, ok := diag.Explain(name); ok && !known {
		fmt.Fprintln(r.out, strings.TrimRight(text, "\n"))
		known = true
	}
	if known {
		return nil
	}
	d := mistake("there is no help for `%s`", arg)
	if near, ok := diag.Nearest(name, r.helpNames("")); ok {
		d.WithHelp("something with a similar name exists: `:help %s`", near)
	}
	return d
}

// helpNames returns the names that :help accepts.
func (r *repl) helpNames(string) []string {
	var out []string
	for _, c := range commands {
		out = append(out, c.name)
	}
	for name, sig := range r.builtins {
		if !sig.Missing {
			out = append(out, name)
		}
	}
	for _, k := range r.view.Probes().Kinds() {
		out = append(out, k.Name)
	}
	return out
}
