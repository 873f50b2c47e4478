package cli

import (
	"fmt"
	"io"
	"strings"
)

// Page is a manual page.
type Page struct {
	Name  string // its file: "probe-run.1"
	write func(w io.Writer) error
}

// Write writes the page in the language of man(7).
func (p Page) Write(w io.Writer) error { return p.write(w) }

// Pages returns the manual pages: one of the program, one of each command.
func (a *App[O]) Pages() []Page {
	out := []Page{{a.Name + ".1", a.manual}}
	for _, c := range a.shown() {
		out = append(out, Page{a.Name + "-" + c.Name + ".1", func(w io.Writer) error { return a.manualOf(w, c) }})
	}
	return out
}

// manual returns the page of the program.
func (a *App[O]) manual(w io.Writer) error {
	var m roff
	m.head(a.Name, a.Summary, a.Name+" "+a.Version)
	m.section("Synopsis")
	for i, u := range a.Usage {
		m.usage(i, a.Name, u)
	}
	m.section("Description")
	m.paragraphs(a.About)
	m.section("Commands")
	for _, c := range a.shown() {
		m.item(bold(a.Name+"-"+c.Name)+"(1)", sentence(c.Summary))
	}
	m.section("Options")
	m.paragraphs("Each command has options of its own; see its page. Without a command:")
	m.item(bold("-h")+", "+bold("--help"), "Lists the commands.")
	m.item(bold("-V")+", "+bold("--version"), "Prints the version.")
	m.statuses(a.Statuses)
	m.entries("Environment", a.Environment)
	m.entries("Files", a.Files)
	m.examples(a.Examples)
	m.also(a.Name, a.Names(), "bpftrace(8)", "bpf(2)")
	return m.to(w)
}

// manualOf returns the page of a command.
func (a *App[O]) manualOf(w io.Writer, c *Command) error {
	var m roff
	m.head(a.Name+"-"+c.Name, c.Summary, a.Name+" "+a.Version)
	m.section("Synopsis")
	for i, u := range c.Usage {
		m.usage(i, a.Name+" "+c.Name, u)
	}
	m.section("Description")
	m.paragraphs(c.About)
	m.section("Options")
	for _, g := range a.groups(c) {
		if g.title != first {
			m.line(".SS " + escaped(g.title))
		}
		for _, f := range g.flags {
			m.item(f.roff(), f.Help)
		}
	}
	for _, s := range c.sections() {
		m.entries(s.Title, s.Entries)
	}
	var statuses []Status
	for _, s := range a.Statuses {
		if s.Of(c.Name) {
			statuses = append(statuses, s)
		}
	}
	m.statuses(statuses)
	m.entries("Environment", of(a.Environment, c))
	m.entries("Files", of(a.Files, c))
	m.examples(c.Examples)
	m.also(a.Name, c.SeeAlso, a.Name+"(1)")
	return m.to(w)
}

// of returns the entries that a command uses.
func of(list []Entry, c *Command) []Entry {
	var out []Entry
	for _, e := range list {
		if listed(e.Commands, c.Name) {
			out = append(out, e)
		}
	}
	return out
}

// roff returns the option in the markup of manual pages.
func (f *Flag[O]) roff() string {
	s := bold("--" + f.Name)
	if f.Short != 0 {
		s = bold("-"+string(f.Short)) + ", " + s
	}
	if f.Arg != "" {
		s += " " + italic(f.Arg)
	}
	return s
}

// roff is the text of a manual page.
type roff struct{ b strings.Builder }

func (m *roff) to(w io.Writer) error {
	_, err := io.WriteString(w, m.b.String())
	return err
}

func (m *roff) line(s string) { m.b.WriteString(s + "\n") }

func (m *roff) head(name, summary, version string) {
	m.line(`.\" Written by make docs.`)
	fmt.Fprintf(&m.b, ".TH %s 1 \"\" \"%s\" \"User Commands\"\n", strings.ToUpper(escaped(name)), escaped(version))
	// No hyphenation, which users would copy with the text, and no justified
	// lines.
	m.line(".nh\n.ad l")
	m.section("Name")
	m.line(escaped(name) + ` \- ` + text(summary))
}

func (m *roff) section(title string) { m.line(".SH " + strings.ToUpper(escaped(title))) }

// usage writes a form of the command line, with the words in capitals, which
// the user replaces, in italics.
func (m *roff) usage(i int, name, form string) {
	if i > 0 {
		m.line(".br")
	}
	m.b.WriteString(bold(name))
	for _, w := range strings.Fields(form) {
		m.b.WriteByte(' ')
		core := strings.Trim(w, "[]'…")
		switch {
		case core != "" && core == strings.ToUpper(core) && core[0] >= 'A', core == "options", core == "params":
			before, after, _ := strings.Cut(w, core)
			m.b.WriteString(text(before) + italic(core) + text(after))
		case strings.HasPrefix(core, "-"), core == "run":
			before, after, _ := strings.Cut(w, core)
			m.b.WriteString(text(before) + bold(core) + text(after))
		default:
			m.b.WriteString(text(w))
		}
	}
	m.line("")
}

func (m *roff) paragraphs(s string) {
	for i, p := range paragraphs(s) {
		if i > 0 {
			m.line(".PP")
		}
		m.prose(text(p))
	}
}

// prose writes a text in lines of moderate length.
func (m *roff) prose(s string) {
	for l := range strings.Lines(wrap(s, 78, "")) {
		m.b.WriteString(guarded(l))
	}
}

// item writes a name with a text below it.
func (m *roff) item(name, about string) {
	m.line(".TP")
	m.line(guarded(name))
	m.prose(text(about))
}

func (m *roff) entries(title string, list []Entry) {
	if len(list) == 0 {
		return
	}
	m.section(title)
	for _, e := range list {
		m.item(bold(e.Name), sentence(e.About))
	}
}

func (m *roff) statuses(list []Status) {
	m.section("Exit status")
	for _, s := range list {
		m.item(bold(s.Code), s.About)
	}
}

func (m *roff) examples(list []Example) {
	if len(list) == 0 {
		return
	}
	m.section("Examples")
	for i, e := range list {
		if i > 0 {
			m.line(".PP")
		}
		if e.About != "" {
			m.prose(text(e.About))
		}
		m.line(".RS 4\n.nf\n" + guarded(bold(e.Command)) + "\n.fi\n.RE")
	}
}

func (m *roff) also(program string, commands []string, others ...string) {
	m.section("See also")
	var list []string
	for _, o := range others {
		name, rest, _ := strings.Cut(o, "(")
		list = append(list, bold(name)+"("+rest)
	}
	var own []string
	for _, c := range commands {
		own = append(own, bold(program+"-"+c)+"(1)")
	}
	m.line(strings.Join(append(own, list...), ",\n"))
}

func bold(s string) string   { return `\fB` + escaped(s) + `\fR` }
func italic(s string) string { return `\fI` + escaped(s) + `\fR` }

// escaped returns a text with escapes for the characters that roff interprets.
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\"", `\(dq`, "…", `\&...`).Replace(s)
}

// text returns prose as roff: `code` becomes bold.
func text(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			b.WriteString(bold(part))
		} else {
			b.WriteString(escaped(part))
		}
	}
	return b.String()
}

// guarded returns a line that roff does not read as a request, even if it
// starts with a dot.
func guarded(s string) string {
	if s != "" && (s[0] == '.' || s[0] == '\'') {
		return `\&` + s
	}
	return s
}

// sentence returns a phrase as a sentence, with a capital and a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.ContainsAny(s[len(s)-1:], ".?!") {
		s += "."
	}
	return s
}
