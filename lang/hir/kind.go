package hir

import (
	"slices"
	"strings"
)

// ProbeKind describes one probe type of the language: its syntax, and the
// properties that code outside its provider depends on.
type ProbeKind struct {
	Name    string
	Aliases []string // case-sensitive short names
	Usage   string   // "kprobe:[module:]function[+offset]"
	Doc     string
	Row     string

	// Mode is the mode of a run in which its probes take part; begin and end do in
	// all modes.
	Mode Mode
	// Phase is when its programs run.
	Phase Phase
	// Own marks probes that run in the tracer itself: -p and --comm do not
	// apply to them (P-COM-15).
	Own bool
	// Returns is set if its probes run when the function returns.
	Returns bool
	// Duration is set if its probes know the time since the function's entry.
	Duration bool
	// Graph is set if its probes have the tree of calls below the function.
	Graph bool
	// Fields is set if args are the fields of a record instead of the
	// parameters of a function.
	Fields bool
	// Lenient is set if bpftrace has 0 for the arguments that its probes lack.
	Lenient bool
	// KernelTypes is set if expanding an attach point reads the kernel's types.
	KernelTypes bool
	// Recorded is set if recordings of calls contain events of this type.
	Recorded bool
	// Entry and Return name the type that probes the same function at its other
	// end. Typed names the type that also knows the function's parameters by
	// name. Each is "" if there is no such type.
	Entry, Return, Typed string
	// Target is what an attach point names. Completion offers that.
	Target Target
	// Options are what an attach point may have behind its target, each as
	// name=value. Completion offers them.
	Options []KindOption
}

// Mode is what a run does with a script.
type Mode uint8

// The modes.
const (
	Trace   Mode = iota // attaches its probes
	Test                // runs its tests
	Measure             // runs its benchmarks
)

// Phase is when the programs of a probe run.
type Phase uint8

// The phases.
const (
	WhileAttached Phase = iota // when the event happens
	BeforeAttach               // once, run from user space before the others are attached
	AfterDetach                // once, run from user space after the others are detached
)

// KindOption is an option of the attach points of a probe type.
type KindOption struct {
	Name   string
	Values []string // nil if the values are numbers or names
}

// Target is what an attach point names after the probe type.
type Target uint8

// The targets.
const (
	TargetOther    Target = iota // nothing, or something that the provider lists
	TargetFunction               // a function of the kernel
	TargetProgram                // a function of a program or library, after its path
	TargetEither                 // one of these two
	TargetPeriod                 // a unit of time and a number
	TargetAddress                // a memory address, which cannot be listed
)

// About returns the probe type of the site. It is never nil: for a site without
// a Kind, only Name is set.
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

// Foresight is what checking a script is likely to ask a machine for. The
// machine can read it in the background while the script is parsed.
type Foresight struct {
	Types     bool // the kernel's types
	Functions bool // the list of functions that can be probed
}
