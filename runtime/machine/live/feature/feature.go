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

// Set answers for one kernel. It is safe for concurrent use.
type Set struct {
	// rows is the table. It comes in here because the questions in it may ask
	// others, which the table could not refer to itself.
	rows    *[featureCount]row
	btf     *btf.Host
	tracefs func() (*tracefs.FS, error)
	comm    func() int // see CommOffset
	fake    map[Feature]bool
	lacks   error // why fake lacks what it has not; nil in tests
	answers [featureCount]answer
	helpers sync.Map // helperKey -> *answer
	kfuncs  sync.Map // name -> btf.ID, 0 when missing
}

// answer is what the kernel said, once it has been asked.
type answer struct {
	once sync.Once
	err  error // nil when the kernel has the feature
}

// New answers for the running kernel, of which the types and the tracing
// directory are given.
func New(types *btf.Host, tracing func() (*tracefs.FS, error)) *Set {
	return &Set{rows: &rows, btf: types, tracefs: tracing, comm: sync.OnceValue(findComm)}
}

// Fake answers from a list, for tests of what depends on features. Features
// that are not listed are missing; a helper or kfunc is there if the feature
// that stands for it is.
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

// Why says in words why the kernel lacks a feature; empty when it has it.
func (s *Set) Why(f Feature) string {
	if err := s.ask(f); err != nil {
		return err.Error()
	}
	return ""
}

// Err is Why as an error, nil when the kernel has the feature.
func (s *Set) Err(f Feature) error {
	if err := s.ask(f); err != nil {
		return &MissingError{Feature: f, Reason: err}
	}
	return nil
}

// MissingError says that the kernel lacks a feature.
type MissingError struct {
	Feature Feature
	Reason  error
}

// Error implements error.
func (e *MissingError) Error() string {
	row := &rows[e.Feature]
	switch {
	case errors.Is(e.Reason, ErrLockdown), errors.Is(e.Reason, tracefs.ErrHidden):
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
		// Any number other than 0 will do.
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
	// About says what it is, to complete "the kernel has …".
	About string
	// Since is the upstream version that brought it; empty where that is older
	// than any kernel supported here or not a matter of versions. It is for
	// information only.
	Since string
}

// All lists every feature in a fixed order.
func All() []Info {
	out := make([]Info, 0, len(rows))
	for i := range rows {
		out = append(out, Info{Feature(i), rows[i].name, rows[i].about, rows[i].since})
	}
	return out
}
