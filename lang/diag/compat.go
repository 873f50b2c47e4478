package diag

import (
	"fmt"

	"probe/lang/source"
)

// Compat is a message as bpftrace words and places it. Tools compare its output
// byte for byte, so under its command line these texts replace the message, its
// labels, notes and helps.
type Compat struct {
	Text   string      // headline
	Span   source.Span // place; the zero Span for that of the message
	Bare   bool        // the headline is printed without a place
	NoWord bool        // and without the word ERROR or WARNING
	More   []Label     // further places, each with its own text
	Hints  []string
	Warn   string // a warning that bpftrace has in addition, at the same place
	Omit   bool   // bpftrace has no such message
	Plain  string // what bpftrace prints in its place, as output
	Clang  string // the line that bpftrace's reader of C prints in its place
	// Status is bpftrace's exit status after the message, 0 for the usual one.
	Status int
	// Each has the messages that this one sums up: bpftrace prints each of them
	// in its place.
	Each []*Diagnostic
}

// Expanded is the text of the labels that lead from the body of a macro to its
// callers. Bpftrace has the same labels.
const Expanded = "expanded from here"

// WithCompat sets the headline printed under bpftrace's command line.
func (d *Diagnostic) WithCompat(format string, args ...any) *Diagnostic {
	d.Compat.Text = sprintf(format, args...)
	return d
}

// SameCompat says that bpftrace has the words of Message, without labels, notes
// and helps.
func (d *Diagnostic) SameCompat() *Diagnostic {
	d.Compat.Text = d.Message
	return d
}

// CompatAt sets the place where bpftrace puts the message.
func (d *Diagnostic) CompatAt(span source.Span) *Diagnostic {
	d.Compat.Span = span
	return d
}

// CompatMore adds a further place that bpftrace shows.
func (d *Diagnostic) CompatMore(span source.Span, format string, args ...any) *Diagnostic {
	d.Compat.More = append(d.Compat.More, Label{span, sprintf(format, args...)})
	return d
}

// CompatHint adds a hint of bpftrace.
func (d *Diagnostic) CompatHint(format string, args ...any) *Diagnostic {
	d.Compat.Hints = append(d.Compat.Hints, fmt.Sprintf(format, args...))
	return d
}

// CompatWarn adds a warning that bpftrace has beside the message.
func (d *Diagnostic) CompatWarn(format string, args ...any) *Diagnostic {
	d.Compat.Warn = sprintf(format, args...)
	return d
}

// CompatOmit leaves the message out under bpftrace's command line.
func (d *Diagnostic) CompatOmit() *Diagnostic {
	d.Compat.Omit = true
	return d
}

// CompatClang sets the line that bpftrace's reader of C prints in the place of the
// message; bpftrace then ends with the status ClangStatus.
func (d *Diagnostic) CompatClang(format string, args ...any) *Diagnostic {
	d.Compat.Clang, d.Compat.Status = sprintf(format, args...), ClangStatus
	return d
}

// CompatPrint replaces the message by a line without a place and severity, after
// which bpftrace ends with a status.
func (d *Diagnostic) CompatPrint(status int, format string, args ...any) *Diagnostic {
	d.Compat.Text, d.Compat.Bare, d.Compat.NoWord, d.Compat.Status = sprintf(format, args...), true, true, status
	return d
}

// Exit statuses of bpftrace where it is not 1.
const (
	SetupStatus  = 2   // after an error in what the script does not contain
	ClangStatus  = 2   // after an error in C
	AttachStatus = 255 // after a probe that cannot be attached
)

// CompatAlone leaves out the place.
func (d *Diagnostic) CompatAlone() *Diagnostic {
	d.Compat.Bare = true
	return d
}
