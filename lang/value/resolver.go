package value

import "time"

// Clock says which clock a timestamp was read from (timestamp bytes 4 to 7).
type Clock uint32

// The clocks (F-NSECS).
const (
	ClockBoot Clock = iota
	ClockTAI
	ClockSoftwareTAI // boot clock plus an offset measured at start
	ClockMonotonic
)

// Frame is one line of a stack: what an address stands for.
type Frame struct {
	Name    string // demangled; "" when nothing is known
	Offset  uint64 // bytes from the start of the symbol
	Module  string // file the code comes from (user space)
	File    string // dir/file of the source line, "" without debug info
	Line    int
	Inlined bool // the function was inlined into the frame after it
}

// Resolver answers what only the running machine knows. Every answer may be
// empty; the text then shows the number instead.
type Resolver interface {
	// KSym is the name of the kernel symbol at or below an address.
	KSym(addr uint64) string
	// USym is the same in a process. probe is the id in the value, by which the
	// binary of an ended process is found.
	USym(addr uint64, pid, probe uint32) string
	// Stack is what was kept of a stack with this id: n words, one for each
	// frame (four in build_id mode); nil when it was not kept.
	Stack(id uint64, n int) []uint64
	// KStackFrame gives the frames at an address of a kernel stack, inlined
	// ones first.
	KStackFrame(addr uint64) []Frame
	// UStackFrame is the same in a process.
	UStackFrame(addr uint64, pid, probe uint32) []Frame
	// Graph is the call graph of a function: its text, or its JSON. shape asks
	// for what graphs of one key have in common: the calls without times and
	// results.
	Graph(id GraphID, form GraphForm) string
	// Username is the login name of a user id.
	Username(uid uint64) string
	// CgroupPath is the text of a cgroup id; filter is the id of the call's
	// filter string.
	CgroupPath(filter, id uint64) string
	// Sysctl is the value of a kernel setting, or its name and why it has none;
	// name is the id of the call's string.
	Sysctl(name uint64) string
	// Time formats a clock reading; format is the id of the call's format
	// string.
	Time(format uint32, clock Clock, ns uint64) string
	// Wall converts a clock reading to wall-clock time.
	Wall(clock Clock, ns uint64) (time.Time, bool)
	// TruncTrailer marks strings that fill their capacity (C-TRUNC).
	TruncTrailer() string
}

// NoResolver knows nothing. Embed it to answer a part of the questions.
type NoResolver struct{}

// KSym knows no symbol.
func (NoResolver) KSym(uint64) string { return "" }

// USym knows no symbol.
func (NoResolver) USym(uint64, uint32, uint32) string { return "" }

// Stack knows no stack.
func (NoResolver) Stack(uint64, int) []uint64 { return nil }

// KStackFrame knows no symbol.
func (NoResolver) KStackFrame(uint64) []Frame { return nil }

// UStackFrame knows no symbol.
func (NoResolver) UStackFrame(uint64, uint32, uint32) []Frame { return nil }

// Graph knows no graph.
func (NoResolver) Graph(GraphID, GraphForm) string { return "" }

// Username knows no user.
func (NoResolver) Username(uint64) string { return "" }

// CgroupPath knows no cgroup.
func (NoResolver) CgroupPath(uint64, uint64) string { return "" }

// Sysctl knows no setting.
func (NoResolver) Sysctl(uint64) string { return "" }

// Time knows no format.
func (NoResolver) Time(uint32, Clock, uint64) string { return "" }

// Wall knows no clock.
func (NoResolver) Wall(Clock, uint64) (time.Time, bool) { return time.Time{}, false }

// TruncTrailer returns the default of the configuration.
func (NoResolver) TruncTrailer() string { return ".." }

func orDefault(r Resolver) Resolver {
	if r == nil {
		return NoResolver{}
	}
	return r
}
