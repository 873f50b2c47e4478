package repl

import (
	"context"
	"fmt"
	"strings"

	"probe/cmd/front/manual"
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
	for _, e := range manual.Lookup(arg) {
		if known {
			fmt.Fprintln(r.out)
		}
		if err := e.Write(r.out); err != nil {
			return mistake("%v", err)
		}
		known = true
	}
	for _, d := range r.defs {
		if m, ok := d.(*syntax.Macro); ok && m.Name == name {
			fmt.Fprintln(r.out, m.Span().Text())
			known = true
		}
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
	for _, t := range manual.Topics() {
		out = append(out, t.Word)
	}
	return out
}
