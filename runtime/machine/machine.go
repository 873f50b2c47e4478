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

// Machine is a machine that scripts are checked against, compiled for and run
// on. All methods are safe for concurrent use.
type Machine interface {
	// View returns the machine as one script sees it.
	View(q Query) View
	// Warm starts to read, in the background, what a script will probably need
	// (check.Foresee). It returns at once.
	Warm(ahead hir.Foresight)
	// List calls yield with each probe that matches a pattern, "TYPE:REST" or a
	// bare name, until yield returns false. "" lists the probes of the kernel.
	List(pattern string, yield func(Listed) bool) error
	// Refuses returns the reason why programs cannot run on this machine, nil
	// if none is known before trying.
	Refuses() *diag.Diagnostic
}

// Query describes the run that a script is checked for.
type Query struct {
	// Options holds the named parameters of the script (getopt).
	Options map[string]string
	// PID and Comm restrict the run to a process and to threads with a name; 0
	// and "" mean no restriction.
	PID  int
	Comm string
	// Child is the id of the process that runs along with the script (cpid); 0
	// for none.
	Child int
	// Unwind is the process whose stacks dw_ustack walks, if it is neither PID nor
	// Child; 0 for none.
	Unwind int
	// Deep lists the structs whose members call graphs with args=deep record.
	Deep []fgraph.Deep
}

// View is a machine as one script sees it.
type View interface {
	// Probes resolves attach points to places on the machine.
	Probes() hir.Probes
	// Types resolves the names of types.
	Types() hir.Types
	// Env answers the questions of builtin functions during the check.
	Env() types.Env
	// Target returns which of the features that a script needs (compiler.Needs)
	// its programs may use. All other features are absent from the result.
	Target(needs target.Set) (*target.Target, error)
	// KeyLimit returns the maximum size in bytes of the key of a map; 0 means
	// no limit. It may have to create a map to find out, so it is called only
	// for scripts with large keys.
	KeyLimit() int
	// Interprets reports whether programs stay in the compiler's intermediate
	// form, for an interpreter.
	Interprets() bool
	// Partial reports whether the machine has only some of the events that the
	// probes of a script may be about. Probes then skips, with a warning,
	// attach points without such events; it is an error if none is left.
	Partial() bool
	// Checked is called with the messages of the checker, once and before the
	// script is compiled. It may add to them what the checker cannot know.
	Checked(list *diag.List)
	// Compiled returns messages about what a compiled script needs and the
	// machine lacks.
	Compiled(tree *syntax.File, obj *object.Object) diag.List
}

// Listed is one probe of a listing.
type Listed struct {
	Name string // "kprobe:vfs_read"
	// Params returns the parameters, each as "type name", and the result as
	// "type retval" (P-LIST-03). It is nil for a probe without parameters.
	Params func() ([]string, error)
	// Definition returns the module and the C definition of a type of the
	// kernel; it is nil for probes (P-LIST-04).
	Definition func() string
}

// Facts answers questions about values that only the machine can answer. An
// answer that is not known is empty.
type Facts interface {
	// KSym returns the name of the kernel symbol at or below an address.
	KSym(addr uint64) string
	// USym returns the name of the symbol of a process at or below an address.
	USym(addr uint64, pid uint32) string
	// KFrame and UFrame return the frames at an address of a stack, inlined
	// ones first. at says what of a frame is wanted.
	KFrame(addr uint64) []value.Frame
	UFrame(addr uint64, pid uint32, at FrameAt) []value.Frame
	// Username returns the login name of a user.
	Username(uid uint64) string
	// Sysctl returns the value of a kernel setting, or its name and the reason
	// why it has none.
	Sysctl(name string) string
	// CgroupPath returns the path of the cgroup with an id. pattern is a
	// wildcard for the names of hierarchies; "" means all.
	CgroupPath(pattern string, id uint64) string
	// Boot returns the wall-clock time at which the boot clock was zero.
	Boot() time.Time
}

// FrameAt describes an address of a stack.
type FrameAt struct {
	// Call is set if a call returns to the address.
	Call bool
	// Lines asks for the places in the source and for inlined functions.
	Lines bool
}

// NoFacts answers no question. A type embeds it to answer only some of them.
type NoFacts struct{}

var _ Facts = NoFacts{}

// KSym knows no symbol.
func (NoFacts) KSym(uint64) string { return "" }

// USym knows no symbol.
func (NoFacts) USym(uint64, uint32) string { return "" }

// KFrame knows no symbol.
func (NoFacts) KFrame(uint64) []value.Frame { return nil }

// UFrame knows no symbol.
func (NoFacts) UFrame(uint64, uint32, FrameAt) []value.Frame { return nil }

// Username knows no user.
func (NoFacts) Username(uint64) string { return "" }

// Sysctl knows no setting.
func (NoFacts) Sysctl(string) string { return "" }

// CgroupPath knows no control group.
func (NoFacts) CgroupPath(string, uint64) string { return "" }

// Boot returns the Unix epoch.
func (NoFacts) Boot() time.Time { return time.Unix(0, 0) }

// SmallKey is the maximum size of the key of a map, in bytes, on kernels before
// 5.11.
const SmallKey = 512

// Whole is embedded by views of complete machines, which restrict scripts in
// nothing and add nothing to the checker's messages.
type Whole struct{}

// KeyLimit returns 0: there is no limit.
func (Whole) KeyLimit() int { return 0 }

// Interprets returns false.
func (Whole) Interprets() bool { return false }

// Partial returns false.
func (Whole) Partial() bool { return false }

// Checked adds nothing.
func (Whole) Checked(*diag.List) {}

// Compiled returns no messages.
func (Whole) Compiled(*syntax.File, *object.Object) diag.List { return diag.List{} }
