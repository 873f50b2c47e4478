package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Phase is the part of the pipeline that raises a code.
type Phase uint8

// The phases, in pipeline order.
const (
	PhaseParse   Phase = iota // reading the script
	PhaseCheck                // names, types, probes, resources
	PhaseMachine              // loading, attaching, running; the machine itself
)

// Entry describes one code: one row in one of the tables below. Adding a code
// means adding a row and nothing else; tests check that each Wrong script
// raises its code.
type Entry struct {
	Code    Code
	Phase   Phase
	Warning bool   // raised as a warning
	Cause   string // what is wrong, in one line
	Wrong   string // a script that raises it; "" where no script alone can
	Cure    string // what to do about it
}

// tables groups the rows by the package that raises them. The rows are in
// codes_syntax.go, codes_check.go, codes_check_types.go, codes_probe.go and
// codes_machine.go.
var tables = [...][]Entry{syntaxCodes, checkNameCodes, checkTypeCodes, probeCodes, machineCodes}

// entries indexes all rows by code. It is built on first use, since most runs
// report nothing.
var entries = sync.OnceValue(func() map[Code]Entry {
	all := map[Code]Entry{}
	for _, table := range tables {
		for _, e := range table {
			if _, twice := all[e.Code]; twice {
				panic("diag: two rows for the code " + string(e.Code))
			}
			all[e.Code] = e
		}
	}
	return all
})

// Lookup returns the row of a code.
func Lookup(code Code) (Entry, bool) {
	e, ok := entries()[code]
	return e, ok
}

// Codes returns all rows, sorted by phase and code.
func Codes() []Entry {
	out := make([]Entry, 0, len(entries()))
	for _, e := range entries() {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Code, b.Code))
	})
	return out
}

// Explain returns the text of "probe explain CODE": the cause, a script that
// raises the code, and the cure. ok is false for an unknown code; the text then
// names a similar one if there is one.
func Explain(code string) (text string, ok bool) {
	e, ok := Lookup(Code(code))
	if !ok {
		var names []string
		for c := range entries() {
			names = append(names, string(c))
		}
		text = fmt.Sprintf("no message has the code `%s`\n", visible(code))
		if near, ok := Nearest(code, names); ok {
			text += fmt.Sprintf("a code with a similar name exists: `%s`\n", near)
		}
		return text, false
	}
	var b strings.Builder
	severity := Error
	if e.Warning {
		severity = Warning
	}
	fmt.Fprintf(&b, "%s[%s]: %s\n", severity, e.Code, e.Cause)
	if e.Wrong != "" {
		b.WriteString("\nThis script raises it:\n\n")
		for _, l := range strings.Split(strings.TrimRight(e.Wrong, "\n"), "\n") {
			b.WriteString(strings.TrimRight("    "+printable(l), " ") + "\n")
		}
	}
	b.WriteString("\nWhat to do: " + e.Cure + "\n")
	return b.String(), true
}

// printable returns a line of a script with its control characters replaced.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return '\ufffd'
		}
		return r
	}, s)
}
