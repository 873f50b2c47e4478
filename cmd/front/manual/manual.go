// Package manual explains every word of the language: what `probe help` and the
// prompt's `:help` print. It reads the records that the checker, the compiler and
// the reference pages use, and adds what those have no room for: the words of
// the grammar (words.txt), and an example for everything (examples.txt), which a
// test compiles.
package manual

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/reference"
	"probe/lang/types"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
)

// Kind is the kind of thing that a word stands for.
type Kind string

// The kinds.
const (
	Function Kind = "function"
	Value    Kind = "value"
	Agg      Kind = "aggregation"
	Probe    Kind = "probe type"
	Config   Kind = "configuration variable"
	Word     Kind = "word of the language"
	Module   Kind = "module of the library"
	Defined  Kind = "definition of the library"
	Message  Kind = "message"
	Row      Kind = "row of the language reference"
)

// Entry is one meaning of a word.
type Entry struct {
	Word    string // its usual spelling
	Kind    Kind
	Usage   string // how it is written
	Text    string // what it does, with a summary in front
	Example string // a script that uses it, or "" where none can
	// Row is the row of the language reference, "" if there is none.
	Row string
	// Unsafe is set if the example needs --unsafe.
	Unsafe bool
}

// Write writes the entry as a user reads it.
func (e *Entry) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", e.Usage, strings.TrimSpace(e.Text))
	r, ok := reference.Lookup(e.Row)
	// The rows of what probe adds are of several words, and bpftrace has none of them.
	if adds := strings.HasPrefix(e.Row, "X-"); ok && !adds && r.Status != reference.Works && e.Kind != Row {
		fmt.Fprintf(&b, "Compared with bpftrace (%s): %s.\n", r.ID, strings.ReplaceAll(r.Note, "`", ""))
	}
	if e.Example != "" {
		b.WriteString("\nExample:\n\n")
		for line := range strings.Lines(e.Example) {
			b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

//go:embed examples.txt
var exampleText string

//go:embed words.txt
var wordText string

// examples returns the example of each record by its name.
var examples = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(exampleText) {
		name, script, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		out[name] = lines(script)
	}
	return out
})

// lines returns a script whose line breaks are signs.
func lines(script string) string { return strings.ReplaceAll(script, "⏎", "\n") }

// grammar returns the entries of words.txt by each of their spellings.
var grammar = sync.OnceValue(func() map[string]*Entry {
	out := map[string]*Entry{}
	for line := range strings.Lines(wordText) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		spellings := strings.Fields(f[0])
		e := &Entry{Word: spellings[0], Kind: Word, Usage: f[1], Text: f[2], Row: f[3], Example: lines(f[4])}
		for _, s := range spellings {
			out[s] = e
		}
	}
	return out
})

// Lookup returns the meanings of a word, none if it has no meaning. The word may
// be written as in a script: with a colon or parentheses behind it.
func Lookup(word string) []*Entry {
	name := strings.TrimSpace(word)
	if trimmed := strings.TrimRight(name, ":()"); trimmed != "" {
		name = trimmed
	}
	var out []*Entry
	if e := grammar()[canonical(name)]; e != nil {
		out = append(out, e)
	}
	if f, ok := stdlib.Table()[name]; ok {
		out = append(out, ofSignature(f.Sig))
	}
	for _, k := range provider.Kinds() {
		if k.Name == name || slices.Contains(k.Aliases, name) {
			out = append(out, ofKind(&k))
		}
	}
	if e := ofConfig(name); e != nil {
		out = append(out, e)
	}
	out = append(out, ofLibrary(name)...)
	if text, ok := diag.Explain(name); ok {
		head, rest, _ := strings.Cut(text, "\n")
		out = append(out, &Entry{Word: name, Kind: Message, Usage: head, Text: rest})
	}
	if r, ok := reference.Lookup(name); ok {
		out = append(out, ofRow(r))
	}
	return out
}

// canonical returns the spelling in words.txt of a word that has many: arg3 is
// explained by arg0, $name by $.
func canonical(name string) string {
	for _, prefix := range []string{"arg", "sarg", "$"} {
		if n, ok := strings.CutPrefix(name, prefix); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return map[string]string{"arg": "arg0", "sarg": "sarg0", "$": "$1"}[prefix]
		}
	}
	for _, sign := range []string{"$", "@"} {
		if strings.HasPrefix(name, sign) && grammar()[name] == nil {
			return sign
		}
	}
	return name
}

func ofSignature(s *types.Signature) *Entry {
	e := &Entry{Word: s.Name, Kind: Function, Usage: s.Usage, Text: s.Doc, Row: s.Row, Example: examples()[s.Name], Unsafe: s.Unsafe}
	switch {
	case s.Agg:
		e.Kind = Agg
	case s.Bare:
		e.Kind = Value
	}
	if e.Usage == "" {
		e.Usage = s.Name
	}
	if s.Missing {
		e.Text, e.Example = "Not supported yet.", ""
	}
	if s.Unsafe {
		e.Text += " Needs --unsafe."
	}
	if s.Probes != nil {
		e.Text += " Only in " + strings.Join(s.Probes, ", ") + "."
	}
	return e
}

func ofKind(k *hir.ProbeKind) *Entry {
	e := &Entry{Word: k.Name, Kind: Probe, Usage: k.Usage, Text: k.Doc, Row: k.Row, Example: examples()[k.Name]}
	if len(k.Aliases) > 0 {
		e.Text += " Short: " + strings.Join(k.Aliases, ", ") + "."
	}
	return e
}

// ofConfig returns the entry of a configuration variable by its name, one of its
// former names, or its name in the environment; nil if there is none.
func ofConfig(name string) *Entry {
	key := strings.TrimPrefix(name, "config.")
	env := ""
	for _, prefix := range []string{"BPFTRACE_", "__BPFTRACE_", "PROBE_"} {
		if n, ok := strings.CutPrefix(key, prefix); ok {
			key, env = strings.ToLower(n), name
		}
	}
	note := ""
	v := hir.FindConfig(key)
	if v == nil {
		inverted := false
		if v, inverted = hir.RenamedConfig(key); v == nil {
			return nil
		}
		note = fmt.Sprintf(" %s is its former name", key)
		if inverted {
			note += ", with the opposite meaning"
		}
		note += "."
	}
	e := &Entry{Word: v.Name, Kind: Config, Row: v.Row, Example: examples()["config."+v.Name]}
	if e.Example == "" {
		e.Example = examples()[v.Name]
	}
	switch {
	case v.Dead:
		e.Usage, e.Text = "config = { "+v.Name+" = … }", "Has no effect any more; it is accepted for old scripts."
		e.Example = fmt.Sprintf("config = { %s = %s } begin { }", v.Name, deadValue(v.Name))
	case v.EnvOnly:
		if env == "" {
			env = envName(v.Name)
		}
		e.Usage, e.Text = env+"=VALUE probe …", "A setting of the environment, which scripts cannot change."
		if r, ok := reference.Lookup(v.Row); ok {
			e.Text += " " + strings.ReplaceAll(r.Text, "`", "")
		}
	default:
		e.Usage = "config = { " + v.Name + " = VALUE }, or " + envName(v.Name) + "=VALUE in the environment"
		e.Text = strings.ToUpper(v.Doc[:1]) + strings.ReplaceAll(v.Doc[1:], "`", "") + ".\nValues: " + v.Values() + "."
		if v.Default != "" {
			e.Text += " Without it: " + v.Default + "."
		}
	}
	e.Text += note
	return e
}

// deadValue returns a value that a variable without effect can have.
func deadValue(name string) string {
	if strings.HasPrefix(name, "unstable_") {
		return "enable"
	}
	return "1"
}

// envName returns the name of a configuration variable in the environment.
func envName(name string) string {
	if name == "notify_probes_attached" {
		return "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
	}
	return "BPFTRACE_" + strings.ToUpper(name)
}

func ofRow(r reference.Row) *Entry {
	plain := func(s string) string { return strings.ReplaceAll(s, "`", "") }
	e := &Entry{Word: r.ID, Kind: Row, Usage: r.ID + ": " + plain(r.Title), Text: plain(r.Text) + "\n\n", Row: r.ID}
	switch r.Status {
	case reference.Works:
		e.Text += "In probe: works."
	case reference.Differs:
		e.Text += "In probe: differs; " + plain(r.Note) + "."
	case reference.Missing:
		e.Text += "In probe: not supported; " + plain(r.Note) + "."
	}
	return e
}
