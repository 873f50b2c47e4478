package cli

import (
	"fmt"
	"io"
	"strings"
)

// Reference writes the page of the reference: every command with its options,
// an index of the options, exit statuses, environment and files.
func (a *App[O]) Reference(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# The command line\n\nWritten by `make docs` from the tables that the program parses with. ")
	fmt.Fprintf(&b, "`%s COMMAND --help` and `man %s-COMMAND` say the same.\n\n", a.Name, a.Name)
	b.WriteString("```\n")
	for _, u := range a.Usage {
		fmt.Fprintf(&b, "%s %s\n", a.Name, u)
	}
	b.WriteString("```\n\n")
	for _, p := range paragraphs(a.About) {
		b.WriteString(wrap(p, 80, "") + "\n")
	}
	b.WriteString("## Commands\n\n| command | what it does |\n|---|---|\n")
	for _, c := range a.shown() {
		fmt.Fprintf(&b, "| [`%s %s`](#%s-%s) | %s |\n", a.Name, c.Name, a.Name, c.Name, cell(sentence(c.Summary)))
	}
	for _, c := range a.shown() {
		a.referenceOf(&b, c)
	}
	a.index(&b)
	b.WriteString("\n## Exit statuses\n\n| status | commands | meaning |\n|---|---|---|\n")
	for _, s := range a.Statuses {
		commands := "all"
		switch {
		case s.Commands != "":
			commands = strings.ReplaceAll(s.Commands, " ", ", ")
		case s.Except != "":
			commands += " but " + strings.ReplaceAll(s.Except, " ", ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Code, commands, cell(s.About))
	}
	entries(&b, "## Environment", "variable", a.Environment)
	entries(&b, "## Files", "file", a.Files)
	_, err := io.WriteString(w, b.String())
	return err
}

// referenceOf writes the section of a command.
func (a *App[O]) referenceOf(b *strings.Builder, c *Command) {
	fmt.Fprintf(b, "\n## %s %s\n\n%s\n\n```\n", a.Name, c.Name, sentence(c.Summary))
	for _, u := range c.Usage {
		fmt.Fprintln(b, strings.TrimSpace(a.Name+" "+c.Name+" "+u))
	}
	b.WriteString("```\n")
	for _, p := range paragraphs(c.About) {
		b.WriteString("\n" + wrap(p, 80, ""))
	}
	if options := a.Options(c.Name); len(options) > 0 {
		b.WriteString("\n| option | what it does |\n|---|---|\n")
		for _, f := range options {
			fmt.Fprintf(b, "| `%s` | %s |\n", cell(f.Spelling()), cell(f.Help))
		}
	}
	for _, s := range c.sections() {
		entries(b, "### "+s.Title, "name", s.Entries)
	}
	if len(c.Examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, e := range c.Examples {
			if e.About != "" {
				fmt.Fprintf(b, "\n%s\n", wrap(e.About, 80, ""))
			} else {
				b.WriteString("\n")
			}
			fmt.Fprintf(b, "```\n%s\n```\n", e.Command)
		}
	}
}

// index lists all options with the commands that take them.
func (a *App[O]) index(b *strings.Builder) {
	b.WriteString("\n## Options\n\nEvery option takes the same form in all commands that have it.\n\n| option | commands | example |\n|---|---|---|\n")
	for i := range a.Flags {
		f := &a.Flags[i]
		fmt.Fprintf(b, "| `%s` | %s | `%s` |\n", cell(f.Spelling()), strings.ReplaceAll(f.Commands, " ", ", "), cell(f.Example))
	}
}

func entries(b *strings.Builder, title, head string, list []Entry) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n\n| %s | about |\n|---|---|\n", title, head)
	for _, e := range list {
		fmt.Fprintf(b, "| `%s` | %s |\n", cell(e.Name), cell(sentence(e.About)))
	}
}

// cell returns a text with escapes for the cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
