package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"probe/lang/source"
	"probe/lang/syntax"
)

// scriptHelp writes the help of a script: the comment at its start, and the
// options that it reads with getopt. It needs no kernel.
func scriptHelp(w io.Writer, f *source.File) error {
	var b strings.Builder
	if text := headComment(f.Text); text != "" {
		b.WriteString(text)
	} else {
		fmt.Fprintf(&b, "%s begins with no comment that describes it.\n", f.Name)
	}
	if options := scriptOptions(f); len(options) > 0 {
		b.WriteString("\nOptions of the script, after --:\n")
		width := 0
		for _, o := range options {
			width = max(width, len(o.spelling))
		}
		for _, o := range options {
			fmt.Fprintf(&b, "  %-*s  %s\n", width, o.spelling, o.about)
		}
	}
	fmt.Fprintf(&b, "\n`probe run --help` describes the options of probe itself.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// headComment returns the comment at the start of a script, without its slashes
// and without the #! line.
func headComment(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		comment, ok := strings.CutPrefix(line, "//")
		switch {
		case ok:
			// A tab after the slashes marks an example, which keeps its line
			// breaks.
			if rest, tab := strings.CutPrefix(comment, "\t"); tab {
				comment = "    " + rest
			} else {
				comment = strings.TrimPrefix(comment, " ")
			}
			b.WriteString(strings.TrimRight(comment, " ") + "\n")
		case b.Len() == 0 && (line == "" || strings.HasPrefix(line, "#!")):
		default:
			return b.String()
		}
	}
	return b.String()
}

// scriptOption is an option of a script as help shows it.
type scriptOption struct{ spelling, about string }

// scriptOptions finds the calls of getopt. It ignores parse errors: running the
// script reports them.
func scriptOptions(f *source.File) []scriptOption {
	tree, _ := syntax.Parse(f)
	var out []scriptOption
	seen := map[string]bool{}
	syntax.Inspect(tree, func(n syntax.Node) bool {
		call, ok := n.(*syntax.Call)
		if !ok || call.Name != "getopt" || len(call.Args) == 0 {
			return true
		}
		name, ok := call.Args[0].(*syntax.StringLit)
		if !ok || seen[name.Value] {
			return true
		}
		seen[name.Value] = true
		o := scriptOption{spelling: "--" + name.Value}
		fallback := ""
		if len(call.Args) > 1 {
			switch x := call.Args[1].(type) {
			case *syntax.IntLit:
				o.spelling, fallback = o.spelling+"=N", cmp.Or(x.Text, strconv.FormatUint(x.Value, 10))
			case *syntax.StringLit:
				o.spelling, fallback = o.spelling+"=TEXT", strconv.Quote(x.Value)
			}
		}
		if len(call.Args) > 2 {
			if doc, ok := call.Args[2].(*syntax.StringLit); ok {
				o.about = doc.Value
			}
		}
		if fallback != "" {
			o.about = strings.TrimSpace(o.about + " (default " + fallback + ")")
		}
		out = append(out, o)
		return true
	})
	return out
}
