package ftrace

import (
	"fmt"
	"slices"
	"strings"

	"probe/lang/diag"
	"probe/runtime/graph"
	"probe/runtime/machine/live/tracefs"
)

// MaxFuncs is the maximum number of functions that a pattern may match.
const MaxFuncs = 1000

// NoFuncError is returned for a name that no traceable function has.
type NoFuncError struct {
	Name string
	Near []string // names that are similar
}

// Error names the function.
func (e *NoFuncError) Error() string {
	if graph.IsPattern(e.Name) {
		return "no function that can be traced matches " + e.Name
	}
	return "no function that can be traced is named " + e.Name
}

// TooManyError is returned for a pattern with more than MaxFuncs matches.
type TooManyError struct {
	Pattern string
	Count   int
}

// Error returns the message, with the number of matches.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("%s matches %d functions, more than %d", e.Pattern, e.Count, MaxFuncs)
}

// Functions is the list of functions that can be traced.
type Functions struct {
	names []string
	known map[string]bool // names, built on the first call of Has
}

// ListFunctions reads the kernel's list of traceable functions.
func ListFunctions(fs *tracefs.FS) (*Functions, error) {
	f := &Functions{}
	err := fs.Functions(func(name, _ string) bool {
		f.names = append(f.names, name)
		return true
	})
	return f, err
}

// Find returns the functions that a name or pattern means, sorted. A name
// without a function of its own stands for the copies that the compiler made of
// it, such as name.isra.0. Errors are a *NoFuncError or a *TooManyError.
func (f *Functions) Find(name string) ([]string, error) {
	found, err := f.FindAll(name)
	if len(found) > MaxFuncs {
		return nil, &TooManyError{Pattern: name, Count: len(found)}
	}
	return found, err
}

// Has reports whether a function of this very name can be traced.
func (f *Functions) Has(name string) bool {
	if f.known == nil {
		f.known = make(map[string]bool, len(f.names))
		for _, n := range f.names {
			f.known[n] = true
		}
	}
	return f.known[name]
}

// FindAll is Find without a bound.
func (f *Functions) FindAll(name string) ([]string, error) {
	var found, clones []string
	pattern := graph.IsPattern(name)
	for _, n := range f.names {
		switch {
		case pattern && graph.MatchName(name, n), n == name:
			found = append(found, strings.Clone(n))
		case !pattern && graph.IsClone(n, name):
			clones = append(clones, strings.Clone(n))
		}
	}
	if len(found) == 0 {
		found = clones
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) == 0 {
		return nil, &NoFuncError{Name: name, Near: diag.NearestN(name, f.names, 3)}
	}
	return found, nil
}

// framing lists the functions around the work at the end of an interrupt, above
// all softirqs. Without them the calls of a softirq cannot be distinguished
// from those of the interrupted code: their context is the same as below
// local_bh_enable.
var framing = []string{"irq_exit_rcu", "__irq_exit_rcu", "irq_exit"}

// Framing returns the functions that have to be instrumented in addition to a
// chosen few, so that interruptions can be recognised.
func (f *Functions) Framing() []string {
	return slices.DeleteFunc(slices.Clone(framing), func(n string) bool { return !f.Has(n) })
}

// All returns the functions that any of the patterns means, sorted; nil for no
// patterns. Patterns with wildcards that match nothing are returned in none and
// are no error, since kernels differ. A plain name without a match is a
// *NoFuncError.
func (f *Functions) All(patterns []string) (found, none []string, err error) {
	for _, p := range patterns {
		n := len(found)
		for _, name := range f.names {
			if graph.MatchName(p, name) || !graph.IsPattern(p) && graph.IsClone(name, p) {
				found = append(found, strings.Clone(name))
			}
		}
		switch {
		case len(found) > n:
		case graph.IsPattern(p):
			none = append(none, p)
		default:
			return nil, nil, &NoFuncError{Name: p, Near: diag.NearestN(p, f.names, 3)}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), none, nil
}
