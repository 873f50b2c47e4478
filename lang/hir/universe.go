package hir

import (
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/types"
)

// Uses tells a provider what a body mentions.
type Uses = types.Uses

// Probes turns attach points into sites; the runtime's providers implement it,
// and tests use a fake.
type Probes interface {
	// Kinds lists the probe types with their aliases, for messages and
	// completion.
	Kinds() []ProbeKind
	// Expand resolves one attach point. parts are the split parts after the
	// replacement of positional parameters; parts[0] is the type as written.
	// Complaints go to out with positions inside at; an empty result without
	// an error means that the attach point matched nothing and
	// missing_probes allows that.
	Expand(req *ExpandRequest, out *diag.List) []*Site
}

// ExpandRequest is the question of Probes.Expand.
type ExpandRequest struct {
	At    source.Span
	Name  string // user-given name before '='
	Parts []Part
	// Alts are the parts of further alternatives (X-CALL), for when what comes
	// before matches nothing.
	Alts    [][]Part
	Raw     string
	Uses    Uses
	Missing string // missing_probes: error, warn, ignore
	Attach  string // config attach: "", kprobe, fentry, multi
	// Config reads a word of the script's configuration; nil without one.
	Config   func(variable string) string
	PID      int // -p, 0 if none
	Unsafe   bool
	MaxProgs int
}

// Part is one part of an attach point.
type Part struct {
	Text   string
	Quoted bool
	Sep    byte
	At     source.Span
}

// Types answers for named types; the kernel's BTF implements it together with
// the script's own C section.
type Types interface {
	// Named finds a struct, union, enum or typedef; kind is one of these words
	// or "" for a typedef or base type name ("unsigned long", "pid_t").
	Named(kind, name string) (*types.Type, bool)
	// Enumerator finds an enumerator of any kernel enum.
	Enumerator(name string) (*types.Type, uint64, bool)
	// Names lists type names of a kind for suggestions, up to a sane bound.
	Names(kind string) []string
	// Available reports whether there are kernel types at all, and if not why.
	Available() (bool, string)
}
