package hir

import (
	"slices"
	"strings"
)

// ProbeKind is one probe type of the language: how it is written, and what
// everything outside of its provider may want to know of it.
type ProbeKind struct {
	Name    string
	Aliases []string // case-sensitive short names
	Usage   string   // "kprobe:[module:]function[+offset]"
	Doc     string
	Row     string

	// Missing marks a type that the language has and this build refuses.
	Missing bool
	// Phase is when its programs run.
	Phase Phase
	// Own probes run in the tracer itself: -p and --comm do not apply to them
	// (P-COM-15).
	Own bool
	// Returns reports whether its probes run when the function returns.
	Returns bool
	// Duration reports whether they know the time since its entry.
	Duration bool
	// Graph reports whether they have the tree of the calls below the function.
	Graph bool
	// Fields reports whether args are the fields of a record, and not the
	// parameters of a function.
	Fields bool
	// KernelTypes reports whether expanding an attach point asks for the kernel's
	// types.
	KernelTypes bool
	// Recorded reports whether a recording of calls has such events.
	Recorded bool
	// Entry and Return name the type that probes the same function at its other
	// end, Typed the one that also knows its parameters by name; "" if there is
	// none.
	Entry, Return, Typed string
	// Target is what an attach point names, for completion.
	Target Target
}

// Phase is when the programs of a probe run.
type Phase uint8

// The phases.
const (
	WhileAttached Phase = iota // when the event happens
	BeforeAttach               // once, run from user space before the others are attached
	AfterDetach                // once, run from user space after the others are detached
)

// Target is what an attach point names behind the type.
type Target uint8

// The targets.
const (
	TargetOther    Target = iota // nothing, or something that its list shows
	TargetFunction               // a function of the kernel
	TargetProgram                // a function of a program or library, behind its path
	TargetEither                 // one of these two
	TargetPeriod                 // a unit of time and a number
	TargetAddress                // an address of memory: no list has them
)

// About returns the site's type of probe. It is never nil: of a site without
// one only the name is known.
func (s *Site) About() *ProbeKind {
	if s.Kind == nil {
		return &ProbeKind{Name: s.Provider}
	}
	return s.Kind
}

// FindKind finds a probe type by its name or an alias; nil if there is none.
func FindKind(kinds []ProbeKind, word string) *ProbeKind {
	for i := range kinds {
		if strings.EqualFold(kinds[i].Name, word) || slices.Contains(kinds[i].Aliases, word) {
			return &kinds[i]
		}
	}
	return nil
}

// Foresight is what checking a script is likely to ask of a machine, so that the
// machine can start to read it before.
type Foresight struct {
	Types     bool // the kernel's types
	Functions bool // the list of functions that can be probed
}
