package value

import "time"

// Clock is the clock a timestamp was read from (timestamp bytes 4 to 7).
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

// Resolver answers questions that only the running machine can answer. If an
// answer is empty, the text shows the number instead.
type Resolver interface {
	// KSym returns the name of the kernel symbol at or below an address.
	KSym(addr uint64) string
	// USym is like KSym for an address in a process. probe is the probe id in
	// the value, which leads to the binary if the process has ended.
	USym(addr uint64, pid, probe uint32) string
	// Stack returns the kept words of the stack with this id: n words, one per
	// frame (four in build_id mode), or nil if it was not kept.
	Stack(id uint64, n int) []uint64
	// KStackFrame returns the frames at an address of a kernel stack, inlined
	// ones first.
	KStackFrame(addr uint64) []Frame
	// UStackFrame is like KStackFrame for an address in a process. call is set
	// if a call returns to the address.
	UStackFrame(addr uint64, pid, probe uint32, call bool) []Frame
	// Graph returns the call graph of a function in the given form.
	Graph(id GraphID, form GraphForm) string
	// Username returns the login name of a user id.
	Username(uid uint64) string
	// CgroupPath returns the path of a cgroup id; filter is the id of the
	// call's filter string.
	CgroupPath(filter, id uint64) string
	// Sysctl returns the value of a kernel setting, or its name and the reason
	// why it could not be read. name is the id of the call's string.
	Sysctl(name uint64) string
	// Time formats a clock reading; format is the id of the call's format
	// string.
	Time(format uint32, clock Clock, ns uint64) string
	// Wall converts a clock reading to wall-clock time.
	Wall(clock Clock, ns uint64) (time.Time, bool)
	// TruncTrailer returns the text appended to strings that fill their
	// capacity (C-TRUNC).
	TruncTrailer() string
}

// NoResolver gives empty answers. Embed it in a Resolver that answers only some
// questions.
type NoResolver struct{}

// KSym returns no name.
func (NoResolver) KSym(uint64) string { return "" }

// USym returns no name.
func (NoResolver) USym(uint64, uint32, uint32) string { return "" }

// Stack returns no words.
func (NoResolver) Stack(uint64, int) []uint64 { return nil }

// KStackFrame returns no frames.
func (NoResolver) KStackFrame(uint64) []Frame { return nil }

// UStackFrame returns no frames.
func (NoResolver) UStackFrame(uint64, uint32, uint32, bool) []Frame { return nil }

// Graph returns no text.
func (NoResolver) Graph(GraphID, GraphForm) string { return "" }

// Username returns no name.
func (NoResolver) Username(uint64) string { return "" }

// CgroupPath returns no path.
func (NoResolver) CgroupPath(uint64, uint64) string { return "" }

// Sysctl returns no text.
func (NoResolver) Sysctl(uint64) string { return "" }

// Time returns no text.
func (NoResolver) Time(uint32, Clock, uint64) string { return "" }

// Wall returns no time.
func (NoResolver) Wall(Clock, uint64) (time.Time, bool) { return time.Time{}, false }

// TruncTrailer returns the default of the configuration.
func (NoResolver) TruncTrailer() string { return ".." }

func orDefault(r Resolver) Resolver {
	if r == nil {
		return NoResolver{}
	}
	return r
}
