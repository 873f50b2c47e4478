// Package diag defines the one message type of the project. A message says what
// is wrong with a script (or with the machine it runs on), where, why, and what
// to do about it. Its layout is decided by the renderers in render.go and
// render_json.go.
package diag

import (
	"fmt"
	"sort"
	"unicode/utf8"

	"probe/lang/source"
)

// Severity orders messages.
type Severity uint8

// The severities. Only Error stops the pipeline.
const (
	Error Severity = iota
	Warning
	Note
)

// String returns the word printed in front of the code.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	panic(fmt.Sprintf("diag: severity %d", uint8(s)))
}

// Code names a kind of message in kebab-case words ("unknown-name"). The
// table of all codes is in codes.go.
type Code string

// Label marks a place and explains in a few words why it matters.
type Label struct {
	Span source.Span
	Text string
}

// Diagnostic is one message.
type Diagnostic struct {
	Severity Severity
	Code     Code
	Row      string      // row id of the language reference, "" where none applies
	Message  string      // headline: lower case, no full stop, one sentence
	Span     source.Span // primary place; the zero Span for problems of the machine
	Label    string      // text under the primary caret
	Labels   []Label     // further places: first assignment, macro callers …
	Notes    []string    // background
	Helps    []string    // actions, with the exact text to type

	// Compat is the message in bpftrace's own words, for its command line; the
	// zero value where the message serves there too.
	Compat Compat
}

// Error makes a Diagnostic usable as a Go error: one line without the snippet.
func (d *Diagnostic) Error() string {
	if d.Span.Valid() {
		return fmt.Sprintf("%s: %s[%s]: %s", d.Span, d.Severity, d.Code, d.Message)
	}
	return fmt.Sprintf("%s[%s]: %s", d.Severity, d.Code, d.Message)
}

// WithLabel adds the text under the primary caret.
func (d *Diagnostic) WithLabel(format string, args ...any) *Diagnostic {
	d.Label = sprintf(format, args...)
	return d
}

// maxText is the maximum length of a text in bytes. Texts quote names from the
// script, which can have any length.
const maxText = 600

// sprintf formats a text and replaces the middle of one longer than maxText.
func sprintf(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	if len(s) <= maxText {
		return s
	}
	head, tail := s[:maxText*2/3], s[len(s)-maxText/3:]
	// Move both cuts out of multi-byte characters, so that the text stays valid
	// UTF-8.
	for len(head) > 0 && !utf8.RuneStart(s[len(head)]) {
		head = head[:len(head)-1]
	}
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	return head + "…" + tail
}

// At adds a second labelled place.
func (d *Diagnostic) At(span source.Span, format string, args ...any) *Diagnostic {
	d.Labels = append(d.Labels, Label{span, sprintf(format, args...)})
	return d
}

// WithNote adds background.
func (d *Diagnostic) WithNote(format string, args ...any) *Diagnostic {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
	return d
}

// WithHelp adds an action.
func (d *Diagnostic) WithHelp(format string, args ...any) *Diagnostic {
	d.Helps = append(d.Helps, fmt.Sprintf(format, args...))
	return d
}

// WithRow names the row of the language reference the message is about.
func (d *Diagnostic) WithRow(row string) *Diagnostic { d.Row = row; return d }

// List collects messages. The zero List is ready to use.
type List struct {
	All []*Diagnostic
}

// Add appends a finished message.
func (l *List) Add(d *Diagnostic) *Diagnostic { l.All = append(l.All, d); return d }

// Errorf appends an error at a place.
func (l *List) Errorf(code Code, span source.Span, format string, args ...any) *Diagnostic {
	return l.Add(&Diagnostic{Severity: Error, Code: code, Span: span, Message: sprintf(format, args...)})
}

// Warnf appends a warning at a place.
func (l *List) Warnf(code Code, span source.Span, format string, args ...any) *Diagnostic {
	return l.Add(&Diagnostic{Severity: Warning, Code: code, Span: span, Message: sprintf(format, args...)})
}

// HasErrors reports whether any message is an error.
func (l *List) HasErrors() bool { return l.Count(Error) > 0 }

// Count returns the number of messages of a severity.
func (l *List) Count(s Severity) int {
	n := 0
	for _, d := range l.All {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// Sort orders the list: errors before warnings before notes, by position within
// each, and drops exact duplicates.
func (l *List) Sort() {
	sort.SliceStable(l.All, func(i, j int) bool {
		a, b := l.All[i], l.All[j]
		if a.Severity != b.Severity {
			return a.Severity < b.Severity
		}
		if a.Span.File != b.Span.File {
			return false
		}
		return a.Span.Start < b.Span.Start
	})
	out := l.All[:0]
	seen := map[string]bool{}
	for _, d := range l.All {
		k := d.Error()
		if d.Span.Valid() {
			k = fmt.Sprintf("%d:%d:%s", d.Span.Start, d.Span.End, k)
		}
		if !seen[k] {
			seen[k] = true
			out = append(out, d)
		}
	}
	l.All = out
}

// Err returns the first error of the sorted list as a Go error, nil if none.
func (l *List) Err() error {
	for _, d := range l.All {
		if d.Severity == Error {
			return d
		}
	}
	return nil
}
