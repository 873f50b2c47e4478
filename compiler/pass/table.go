package pass

import (
	"fmt"
	"runtime/debug"
	"slices"

	"probe/compiler/ir"
)

// Options controls Run. The zero value runs all passes without callbacks or
// checks.
type Options struct {
	// After is called after each pass that ran, with its name.
	After func(pass string, f *ir.Func)
	// Verify checks the invariants of the IR after each pass.
	Verify bool
	// Skip leaves out the passes with these names.
	Skip []string
}

// Pass is one row of the table.
type Pass struct {
	Name string
	Doc  string // what it does, in a line
	run  func(*state)
}

// Table lists the passes in the order in which they run.
var Table = []Pass{
	{"tidy", "join straight lines, drop empty blocks and parameters that are always the same", tidy},
	{"fold", "compute constants, simplify arithmetic, decide branches", fold},
	{"forward", "take loads from earlier stores and loads of the block", forward},
	{"gvn", "compute each value once", gvn},
	{"fold again", "fold what forward and gvn brought to light", fold},
	{"thread", "lead edges past branches whose outcome they decide", thread},
	{"tidy again", "clean up after thread", tidy},
	{"narrow", "drop masks and extensions of bits that nobody reads", narrow},
	{"address", "put constant offsets into loads and stores", address},
	{"fuse", "test bits in the branch itself", fuse},
	{"merge", "one copy of equal cold blocks and of equal ends", mergeTails},
	{"dead", "drop what is not used", dead},
	{"sink", "compute values where they are first used, behind the tests in front of it", sink},
	{"context", "load the last member of the context before the first call", context},
	{"place", "make constants and addresses where they are needed", place},
	{"split", "give every edge a place for moves", split},
}

// rule requires one pass to come before another, with the reason.
type rule struct{ first, then, why string }

var rules = []rule{
	{"tidy", "forward", "forward sees one block at a time, so blocks should be long"},
	{"fold", "gvn", "gvn compares canonical forms"},
	{"forward", "gvn", "values from memory take part in numbering"},
	{"gvn", "fold again", "equal operands are only equal after gvn"},
	{"fold again", "thread", "thread looks at comparisons with constants"},
	{"thread", "tidy again", "thread leaves empty and unreachable blocks"},
	{"fold again", "narrow", "narrow expects masks as and with a constant"},
	{"narrow", "fuse", "a mask that nobody needs must not become a bit test"},
	{"fold again", "address", "address expects constants on the right"},
	{"gvn", "address", "gvn moves address constants to the entry, where address shares bases"},
	{"address", "dead", "address leaves additions without use"},
	{"fuse", "dead", "fuse leaves masks without use"},
	{"tidy again", "merge", "merge compares whole blocks"},
	{"dead", "sink", "a dead use must not hold a value above a test"},
	{"sink", "context", "sink would move the load back"},
	{"sink", "place", "place looks at the final blocks of the uses"},
	{"place", "split", "split blocks must stay empty"},
}

// checkRules reports the first rule that Table breaks.
func checkRules() error {
	// Without a map, since it is checked whenever the program starts.
	at := func(name string) int {
		return slices.IndexFunc(Table, func(p Pass) bool { return p.Name == name })
	}
	for i := range Table {
		if name := Table[i].Name; at(name) != i {
			return fmt.Errorf("pass: %q is in the table twice", name)
		}
	}
	for i := range rules {
		r := &rules[i]
		x, y := at(r.first), at(r.then)
		if x < 0 || y < 0 {
			return fmt.Errorf("pass: rule about unknown pass: %q before %q", r.first, r.then)
		}
		if x >= y {
			return fmt.Errorf("pass: %q must come before %q: %s", r.first, r.then, r.why)
		}
	}
	return nil
}

// A wrong order of passes is a bug in this file, which every test then shows.
func init() {
	if err := checkRules(); err != nil {
		panic(err)
	}
}

// Error reports a pass that panicked or produced an invalid function. It is a
// bug in the compiler.
type Error struct {
	Pass  string
	Func  string
	Cause error
	Stack string // of a panic
}

// Error returns a message with the pass and the cause.
func (e *Error) Error() string {
	return fmt.Sprintf("pass %s of %s: %v", e.Pass, e.Func, e.Cause)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Run runs the passes on f. The error is always an *Error or nil.
func Run(f *ir.Func, opt Options) (err error) {
	s := states.Get().(*state)
	s.reset(f)
	defer func() {
		s.f = nil
		states.Put(s)
	}()
	for i := range Table {
		p := &Table[i]
		if skipped(opt.Skip, p.Name) {
			continue
		}
		if err := runOne(p, s); err != nil {
			return err
		}
		if opt.After != nil {
			opt.After(p.Name, f)
		}
		if opt.Verify {
			if err := ir.VerifyFunc(f); err != nil {
				return &Error{Pass: p.Name, Func: f.Name, Cause: err}
			}
		}
	}
	return nil
}

func skipped(skip []string, name string) bool {
	for _, s := range skip {
		if s == name {
			return true
		}
	}
	return false
}

// runOne runs one pass. A panic becomes an error, so that a bug in a pass does
// not end the user's session.
func runOne(p *Pass, s *state) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Pass: p.Name, Func: s.f.Name, Cause: fmt.Errorf("panic: %v", r), Stack: string(debug.Stack())}
		}
	}()
	p.run(s)
	return nil
}

func split(s *state) {
	ir.SplitCritical(s.f)
	s.shape()
}
