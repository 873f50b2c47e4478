package machine

import (
	"time"

	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/lang/value"
	"probe/stdlib/fgraph"
)

// Machine is what a script is checked against, compiled for and run on. All
// methods are safe for concurrent use.
type Machine interface {
	// View is what one script sees of the machine.
	View(q Query) View
	// Warm starts to read in the background what a script will probably ask for
	// (check.Foresee). It returns at once.
	Warm(ahead hir.Foresight)
	// List calls yield with the probes that match a pattern, "TYPE:REST" or a
	// bare name, until yield returns false. "" lists the probes of the kernel.
	List(pattern string, yield func(Listed) bool) error
	// Refuses reports why programs cannot run on this machine, nil if they can
	// as far as is known before it is tried.
	Refuses() *diag.Diagnostic
}

// Query is what the surroundings of a script say about its run.
type Query struct {
	// Options are the named parameters of the script (getopt).
	Options map[string]string
	// PID and Comm limit the run to a process and to threads of a name; 0 and
	// "" do not.
	PID  int
	Comm string
	// Child is the process that is run along with the script (cpid); 0 for
	// none.
	Child int
	// Deep are the structs that call graphs with args=deep look into.
	Deep []fgraph.Deep
}

// View is what one script sees of a machine.
type View interface {
	// Probes turns attach points into the places of the machine.
	Probes() hir.Probes
	// Types are its named types.
	Types() hir.Types
	// Env answers what signatures ask.
	Env() types.Env
	// Target says what the programs of a script may use out of what they need
	// (compiler.Needs). Of everything else it says that it is not there.
	Target(needs target.Set) (*target.Target, error)
	// KeyLimit is how many bytes the key of a map may have; 0 is no limit. It
	// may have to try, so it is asked for large keys only.
	KeyLimit() int
	// Interprets reports whether programs stay in the compiler's intermediate
	// form, for an interpreter.
	Interprets() bool
	// Partial reports whether the machine has only some of the events that the
	// probes of a script may be about. Probes that it has nothing for are left
	// out then, with a warning of Probes, unless no other probe is left.
	Partial() bool
	// Checked is called with the messages of the checker, once and before the
	// script is compiled. It adds to them what the checker cannot know.
	Checked(list *diag.List)
	// Compiled complains of what a compiled script wants that the machine
	// cannot give.
	Compiled(tree *syntax.File, obj *object.Object) diag.List
}

// Listed is one probe of a listing.
type Listed struct {
	Name string // "kprobe:vfs_read"
	// Params gives the parameters, one "type name" each, and the result as
	// "type retval" (P-LIST-03); nil when there are none.
	Params func() ([]string, error)
}

// Facts are what only the machine knows while values are shown. What is not
// known is empty.
type Facts interface {
	// KSym is the name of the kernel symbol at or below an address.
	KSym(addr uint64) string
	// USym is the same in a process.
	USym(addr uint64, pid uint32) string
	// KFrame and UFrame give the frames at an address of a stack, inlined ones
	// first.
	KFrame(addr uint64) []value.Frame
	UFrame(addr uint64, pid uint32) []value.Frame
	// Username is the login name of a user.
	Username(uid uint64) string
	// Sysctl is the value of a kernel setting, or its name and why it has none.
	Sysctl(name string) string
	// CgroupPath is the text of a cgroup's id. pattern is a wildcard for the
	// names of hierarchies; "" means all.
	CgroupPath(pattern string, id uint64) string
	// Boot is the wall-clock time at zero of the boot clock.
	Boot() time.Time
}

// NoFacts knows nothing. Embed it to answer a part of the questions.
type NoFacts struct{}

var _ Facts = NoFacts{}

// KSym knows no symbol.
func (NoFacts) KSym(uint64) string { return "" }

// USym knows no symbol.
func (NoFacts) USym(uint64, uint32) string { return "" }

// KFrame knows no symbol.
func (NoFacts) KFrame(uint64) []value.Frame { return nil }

// UFrame knows no symbol.
func (NoFacts) UFrame(uint64, uint32) []value.Frame { return nil }

// Username knows no user.
func (NoFacts) Username(uint64) string { return "" }

// Sysctl knows no setting.
func (NoFacts) Sysctl(string) string { return "" }

// CgroupPath knows no control group.
func (NoFacts) CgroupPath(string, uint64) string { return "" }

// Boot returns the Unix epoch.
func (NoFacts) Boot() time.Time { return time.Unix(0, 0) }

// SmallKey is the largest key of a map, in bytes, on kernels before 5.11.
const SmallKey = 512

// Whole is embedded by views of machines that have everything a script may ask
// for: they add nothing to what the checker says.
type Whole struct{}

// KeyLimit is no limit.
func (Whole) KeyLimit() int { return 0 }

// Interprets is false.
func (Whole) Interprets() bool { return false }

// Partial is false.
func (Whole) Partial() bool { return false }

// Checked adds nothing.
func (Whole) Checked(*diag.List) {}

// Compiled complains of nothing.
func (Whole) Compiled(*syntax.File, *object.Object) diag.List { return diag.List{} }
