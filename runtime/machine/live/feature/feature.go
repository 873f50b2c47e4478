package feature

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/tracefs"
)

// Feature is one thing a kernel may be able to do. See All for what each means.
type Feature uint8

// Set answers which features one kernel has. It is safe for concurrent use.
type Set struct {
	// rows is the table of features. It is set by New and not used directly,
	// because the tests in it call methods of Set, which would be an
	// initialization cycle.
	rows    *[featureCount]row
	btf     *btf.Host
	tracefs func() (*tracefs.FS, error)
	comm    func() int // see CommOffset
	fake    map[Feature]bool
	lacks   error // the reason for a feature that fake lacks; nil in tests
	answers [featureCount]answer
	helpers sync.Map // helperKey -> *answer
	kfuncs  sync.Map // name -> btf.ID, 0 when missing
}

// answer is the result of a test, which runs once.
type answer struct {
	once sync.Once
	err  error // nil when the kernel has the feature
}

// New returns a Set for the running kernel, with its types and its tracing
// directory.
func New(types *btf.Host, tracing func() (*tracefs.FS, error)) *Set {
	return &Set{rows: &rows, btf: types, tracefs: tracing, comm: sync.OnceValue(findComm)}
}

// Fake returns a Set that answers from a list, for tests of code that depends
// on features. Features that are not listed are missing; a helper or kfunc
// exists if the feature that represents it does.
func Fake(have map[Feature]bool) *Set {
	s := New(nil, nil)
	s.fake = make(map[Feature]bool, len(have))
	for f, ok := range have {
		s.fake[f] = ok
	}
	return s
}

// Has reports whether the kernel has a feature.
func (s *Set) Has(f Feature) bool { return s.ask(f) == nil }

// Why returns the reason why the kernel lacks a feature; "" if it has it.
func (s *Set) Why(f Feature) string {
	if err := s.ask(f); err != nil {
		return err.Error()
	}
	return ""
}

// Err returns the reason why the kernel lacks a feature, a *MissingError; nil
// if it has it.
func (s *Set) Err(f Feature) error {
	if err := s.ask(f); err != nil {
		return &MissingError{Feature: f, Reason: err}
	}
	return nil
}

// MissingError reports that the kernel lacks a feature.
type MissingError struct {
	Feature Feature
	Reason  error
}

// Error implements error.
func (e *MissingError) Error() string {
	row := &rows[e.Feature]
	switch {
	case errors.Is(e.Reason, ErrLockdown), errors.Is(e.Reason, tracefs.ErrHidden), errors.Is(e.Reason, tracefs.ErrNoSysfs):
		return fmt.Sprintf("%s cannot be used: %v", row.about, e.Reason)
	case errors.Is(e.Reason, fs.ErrPermission):
		return fmt.Sprintf("this process may not use %s: %v", row.about, e.Reason)
	}
	text := fmt.Sprintf("this kernel has no %s: %v", row.about, e.Reason)
	if row.since != "" {
		text += fmt.Sprintf(" (upstream has it since %s)", row.since)
	}
	return text
}

// Unwrap returns the reason.
func (e *MissingError) Unwrap() error { return e.Reason }

func (s *Set) ask(f Feature) error {
	if f >= featureCount {
		return fmt.Errorf("feature number %d does not exist", f)
	}
	if s.fake != nil {
		if s.fake[f] {
			return nil
		}
		if s.lacks != nil {
			return s.lacks
		}
		return errFake
	}
	a := &s.answers[f]
	a.once.Do(func() { a.err = s.rows[f].probe(s) })
	return a.err
}

var errFake = fmt.Errorf("not among the features of this test")

// Kfunc returns the BTF number of a kernel function that programs may call; ok
// is false when the kernel has none of the name.
func (s *Set) Kfunc(name string) (id btf.ID, ok bool) {
	if s.fake != nil {
		f, known := kfuncFeature[name]
		// A Fake has no BTF: any number other than 0 will do.
		return btf.ID(f) + 1, known && s.fake[f]
	}
	if v, ok := s.kfuncs.Load(name); ok {
		return v.(btf.ID), v.(btf.ID) != 0
	}
	if spec, err := s.btf.Kernel(); err == nil {
		id, _ = spec.First(name, btf.KindFunc)
	}
	s.kfuncs.Store(name, id)
	return id, id != 0
}

// String returns the name of a feature, as probe doctor shows it.
func (f Feature) String() string {
	if f < featureCount {
		return rows[f].name
	}
	return fmt.Sprintf("Feature(%d)", uint8(f))
}

// Info describes a feature.
type Info struct {
	Feature Feature
	Name    string
	// About describes the feature, to complete the sentence "the kernel has …".
	About string
	// Since is the upstream version that introduced it; empty if that is older
	// than any kernel supported here or does not depend on the version. It is
	// for information only.
	Since string
}

// All returns every feature, in a fixed order.
func All() []Info {
	out := make([]Info, 0, len(rows))
	for i := range rows {
		out = append(out, Info{Feature(i), rows[i].name, rows[i].about, rows[i].since})
	}
	return out
}
