package hir

import (
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/types"
)

// Uses is what a body uses of its site; a provider bases its choices on it.
type Uses = types.Uses

// Probes turns attach points into sites; the runtime's providers implement it,
// and tests use a fake.
type Probes interface {
	// Kinds lists the probe types with their aliases, for messages and
	// completion.
	Kinds() []ProbeKind
	// Expand resolves one attach point. parts are the split parts after the
	// replacement of positional parameters; parts[0] is the type as written.
	// Errors and warnings go to out, with places inside the attach point. An
	// empty result without an error means that the attach point matched nothing
	// and missing_probes allows that.
	Expand(req *ExpandRequest, out *diag.List) []*Site
}

// ExpandRequest holds the parameters of Probes.Expand.
type ExpandRequest struct {
	At    source.Span
	Name  string // user-given name before '='
	Parts []Part
	// Alts are the parts of further alternatives (X-CALL). Each is tried only
	// if those before it match nothing.
	Alts [][]Part
	Raw  string
	// Index is the number of the attach point in the list before a body.
	Index int
	Uses  Uses
	// Params are the names of the parameters that the body reads, if Uses.Args is set;
	// nil means that it can read any of them.
	Params  map[string]bool
	Missing string // missing_probes: error, warn, ignore
	Attach  string // config attach: "", kprobe, fentry, multi
	// Config returns the value of a variable of the script's configuration. It
	// is nil if there is no script.
	Config   func(variable string) string
	PID      int // -p, 0 if none
	Unsafe   bool
	Danger   Danger
	MaxProgs int
}

// Danger is what to do about functions that are dangerous or hot to probe.
type Danger uint8

// The choices.
const (
	RefuseDanger Danger = iota // patterns leave them out, by name they are an error
	AllowDanger                // only those that can crash the machine are refused
	WarnDanger                 // as bpftrace does: a warning about those
)

// Part is one part of an attach point.
type Part struct {
	Text   string
	Quoted bool
	Sep    byte
	At     source.Span
}

// Types looks up named types. The kernel's BTF implements it together with the
// script's own C section.
type Types interface {
	// Named finds a struct, union, enum or typedef; kind is one of these words
	// or "" for a typedef or base type name ("unsigned long", "pid_t").
	Named(kind, name string) (*types.Type, bool)
	// Enumerator finds an enumerator of any kernel enum.
	Enumerator(name string) (*types.Type, uint64, bool)
	// Names lists type names of a kind, for suggestions in messages. The list
	// can be incomplete.
	Names(kind string) []string
	// Available reports whether there are kernel types at all, and the reason
	// if not.
	Available() (bool, string)
}
