package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// width is the maximum number of columns of help.
const width = 100

// Overview writes the help of the program: its commands and how to go on.
func (a *App[O]) Overview(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage:\n", a.Name, a.Summary)
	for _, u := range a.Usage {
		fmt.Fprintf(&b, "  %s %s\n", a.Name, u)
	}
	b.WriteString("\nCommands:\n")
	for _, c := range a.shown() {
		row(&b, c.Name, c.Summary, 14)
	}
	fmt.Fprintf(&b, "\n`%s COMMAND --help` describes a command and its options.\n", a.Name)
	examples(&b, a.Examples)
	_, err := io.WriteString(w, b.String())
	return err
}

// Help writes the help of a command.
func (a *App[O]) Help(w io.Writer, c *Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n\nUsage:\n", a.Name, c.Name, c.Summary)
	for _, u := range c.Usage {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(a.Name+" "+c.Name+" "+u))
	}
	for _, p := range paragraphs(c.About) {
		b.WriteByte('\n')
		b.WriteString(wrap(p, width, ""))
	}
	groups := a.groups(c)
	at := column(groups)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		for _, f := range g.flags {
			row(&b, indented(f.Spelling()), f.Help, at)
		}
	}
	for _, s := range c.sections() {
		fmt.Fprintf(&b, "\n%s:\n", s.Title)
		for _, e := range s.Entries {
			row(&b, e.Name, e.About, 18)
		}
	}
	examples(&b, c.Examples)
	_, err := io.WriteString(w, b.String())
	return err
}

// OptionHelp writes what an option does, "--name" or "-n", in each of the
// commands that take it, and reports whether there is such an option.
func (a *App[O]) OptionHelp(w io.Writer, spelled string) (found bool, err error) {
	var b strings.Builder
	for i := range a.Flags {
		f := &a.Flags[i]
		if spelled != "--"+f.Name && (f.Short == 0 || spelled != "-"+string(f.Short)) {
			continue
		}
		if found {
			b.WriteByte('\n')
		}
		found = true
		var commands []string
		for c := range strings.FieldsSeq(f.Commands) {
			commands = append(commands, a.Name+" "+c)
		}
		b.WriteString(f.Spelling() + "\n")
		b.WriteString(wrap(f.Help, width, "    "))
		b.WriteString(wrap("Taken by "+join(commands)+".", width, "    "))
		b.WriteString("    Example: " + f.Example + "\n")
	}
	_, err = io.WriteString(w, b.String())
	return found, err
}

// OptionNames returns the long names of all options, with their dashes.
func (a *App[O]) OptionNames() []string {
	var out []string
	for i := range a.Flags {
		if name := "--" + a.Flags[i].Name; !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (c *Command) sections() []Section {
	if c.More == nil {
		return nil
	}
	return c.More()
}

// indented returns a spelling, indented if it has no short name, so that long
// names are aligned.
func indented(spelling string) string {
	if strings.HasPrefix(spelling, "--") {
		return "    " + spelling
	}
	return spelling
}

// group holds the options under one heading.
type group[O any] struct {
	title string
	flags []*Flag[O]
}

// helpText describes the option that every command has.
const helpText = "Shows this text."

// first is the heading of options without one.
const first = "Options"

// groups returns the options of a command by their headings, in the order in
// which the table names them.
func (a *App[O]) groups(c *Command) []group[O] {
	var out []group[O]
	add := func(title string, f *Flag[O]) {
		for i := range out {
			if out[i].title == title {
				out[i].flags = append(out[i].flags, f)
				return
			}
		}
		out = append(out, group[O]{title, []*Flag[O]{f}})
	}
	for _, f := range a.Options(c.Name) {
		add(cmp.Or(f.Group, first), f)
	}
	help := first
	if n := len(out); n > 0 && out[0].title != first {
		help = out[n-1].title
	}
	add(help, &Flag[O]{Name: "help", Short: 'h', Help: helpText})
	return out
}

// column returns the column in which the texts of options start: after the
// spellings, except those that are so long that their text starts on the next
// line.
func column[O any](groups []group[O]) int {
	const longest = 28
	n := 16
	for _, g := range groups {
		for _, f := range g.flags {
			if l := utf8.RuneCountInString(indented(f.Spelling())) + 4; l > n && l <= longest {
				n = l
			}
		}
	}
	return n
}

// row writes a name, and a text that starts in a given column.
func row(b *strings.Builder, name, text string, column int) {
	lead := "  " + name
	pad := strings.Repeat(" ", column)
	body := wrap(text, width, pad)
	if n := utf8.RuneCountInString(lead); n+2 <= column {
		b.WriteString(lead + pad[n:] + strings.TrimPrefix(body, pad))
		return
	}
	b.WriteString(lead + "\n" + body)
}

func examples(b *strings.Builder, list []Example) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\nExamples:\n")
	for _, e := range list {
		fmt.Fprintf(b, "  %s\n", e.Command)
		if e.About != "" {
			b.WriteString(wrap(e.About, width, "      "))
		}
	}
}

// paragraphs splits a text at empty lines.
func paragraphs(text string) []string {
	var out []string
	for _, p := range strings.Split(text, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// wrap breaks a text into lines of at most n columns, each with a prefix. It
// does not break inside `code`.
func wrap(text string, n int, prefix string) string {
	var b strings.Builder
	line := ""
	for _, w := range pieces(text) {
		switch {
		case line == "":
			line = prefix + w
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > n:
			b.WriteString(line + "\n")
			line = prefix + w
		default:
			line += " " + w
		}
	}
	if line != "" {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// pieces splits a text at blanks outside of `code`.
func pieces(text string) []string {
	var out []string
	open := false
	for _, w := range strings.Fields(text) {
		if open {
			out[len(out)-1] += " " + w
		} else {
			out = append(out, w)
		}
		if strings.Count(w, "`")%2 == 1 {
			open = !open
		}
	}
	return out
}
