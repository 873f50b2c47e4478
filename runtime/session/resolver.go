package session

import (
	"encoding/binary"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"probe/compiler/object"
	"probe/lang/hir"
	"probe/lang/value"
	"probe/runtime/graph"
	"probe/runtime/graph/store"
	"probe/runtime/machine"
	"probe/runtime/machine/live/symbol"
)

// Resolver implements value.Resolver: it turns the numbers in values into
// names, from what the machine knows and from the strings, stacks and call
// graphs that the session keeps. It is safe for concurrent use.
type Resolver struct {
	machine machine.Facts
	mu      sync.Mutex
	strings []string
	trailer string
	mangled bool // names are shown as the compiler has made them
	lines   bool // stacks have lines
	byDflt  bool // they have unless the script says otherwise
	stacks  stacks
	graphs  *store.Store
	unnamed map[unnamed]bool
}

// unnamed is an address without a symbol; pid is 0 in the kernel.
type unnamed struct {
	addr uint64
	pid  uint32
}

// maxUnnamed is how many addresses without a symbol are told apart.
const maxUnnamed = 1 << 16

// note counts an address without a symbol.
func (r *Resolver) note(addr uint64, pid uint32) {
	if addr == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unnamed == nil {
		r.unnamed = map[unnamed]bool{}
	}
	if len(r.unnamed) < maxUnnamed {
		r.unnamed[unnamed{addr, pid}] = true
	}
}

// Unnamed returns the number of different addresses that had no symbol, at most
// maxUnnamed.
func (r *Resolver) Unnamed() uint64 {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return uint64(len(r.unnamed))
}

var _ value.Resolver = (*Resolver)(nil)

// NewResolver returns a Resolver that asks a machine; nil means a machine that
// knows nothing.
func NewResolver(f machine.Facts) *Resolver {
	if f == nil {
		f = machine.NoFacts{}
	}
	return &Resolver{machine: f, trailer: hir.FindConfig("str_trunc_trailer").Default, graphs: store.NewStore()}
}

// SetGraphStyle chooses how call graphs are printed.
func (r *Resolver) SetGraphStyle(s graph.Style) { r.graphs.SetStyle(s) }

// SetLines decides whether user stacks show source lines and inlined functions
// when the script does not say.
func (r *Resolver) SetLines(show bool) { r.byDflt, r.lines = show, show }

// use switches to the object whose values are shown next.
func (r *Resolver) use(o *object.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.strings, r.trailer, r.mangled = o.Strings, o.StrTrailer, o.Mangled
	r.lines = r.byDflt
	if o.Lines != "" {
		r.lines = o.Lines == "true"
	}
	r.stacks.mu.Lock()
	defer r.stacks.mu.Unlock()
	r.stacks.depth = 0
	if o.HIR != nil {
		r.stacks.depth = int(o.HIR.ConfigInt("max_stack_frames"))
	}
}

// names returns how functions are shown.
func (r *Resolver) names() (mangled, lines bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mangled, r.lines
}

func (r *Resolver) interned(n uint64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n < uint64(len(r.strings)) {
		return r.strings[n]
	}
	return ""
}

// HidesKernel reports whether addresses of the kernel are shown as zero, as the machine
// shows them to this process itself.
func (r *Resolver) HidesKernel() bool {
	h, ok := r.machine.(interface{ HidesKernel() bool })
	return ok && h.HidesKernel()
}

// KSym returns the name of a kernel symbol.
func (r *Resolver) KSym(addr uint64) string {
	name := r.machine.KSym(addr)
	if name == "" {
		r.note(addr, 0)
	}
	return name
}

// USym returns the name of a symbol of a process.
func (r *Resolver) USym(addr uint64, pid, _ uint32) string {
	name := r.machine.USym(addr, pid)
	if name == "" {
		r.note(addr, pid)
	}
	if mangled, _ := r.names(); !mangled {
		name = symbol.Demangle(name)
	}
	return name
}

// KStackFrame names an address of a kernel stack.
func (r *Resolver) KStackFrame(addr uint64) []value.Frame {
	return r.named(r.machine.KFrame(addr), addr, 0)
}

// named counts an address whose frames have no name.
func (r *Resolver) named(frames []value.Frame, addr uint64, pid uint32) []value.Frame {
	if len(frames) == 0 || frames[0].Name == "" {
		r.note(addr, pid)
	}
	return frames
}

// UStackFrame names an address of a user stack.
func (r *Resolver) UStackFrame(addr uint64, pid, _ uint32, call bool) []value.Frame {
	mangled, lines := r.names()
	out := r.machine.UFrame(addr, pid, machine.FrameAt{Call: call, Lines: lines})
	for i := range out {
		if !mangled {
			out[i].Name = symbol.Demangle(out[i].Name)
		}
	}
	return r.named(out, addr, pid)
}

// Graph returns the call graph of a function in a form.
func (r *Resolver) Graph(id value.GraphID, form value.GraphForm) string {
	return r.graphs.Text(id, form)
}

// Username returns the login name of a user.
func (r *Resolver) Username(uid uint64) string { return r.machine.Username(uid) }

// Sysctl returns the value of a kernel setting at this moment, or its name and
// why it has none; name is the number of an interned string.
func (r *Resolver) Sysctl(name uint64) string { return r.machine.Sysctl(r.interned(name)) }

// Time formats a clock reading; format is the number of an interned string.
func (r *Resolver) Time(format uint32, clock value.Clock, ns uint64) string {
	t, ok := r.Wall(clock, ns)
	if !ok {
		return ""
	}
	return string(value.AppendStrftime(nil, r.interned(uint64(format)), t))
}

// Wall converts the reading of a clock to wall-clock time (R-CLK-01).
func (r *Resolver) Wall(clock value.Clock, ns uint64) (time.Time, bool) {
	switch {
	case clock == value.ClockTAI || clock == value.ClockSoftwareTAI:
		return time.Unix(0, int64(ns)), true
	case clock == value.ClockBoot:
		return r.machine.Boot().Add(time.Duration(ns)), true
	}
	return time.Time{}, false
}

// TruncTrailer returns the text that marks strings that were cut.
func (r *Resolver) TruncTrailer() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trailer
}

// now reads a clock of the kernel in nanoseconds.
func now(clock int32) int64 {
	var ts unix.Timespec
	// Ignore the error: the clocks used here exist on every supported kernel.
	_ = unix.ClockGettime(clock, &ts)
	return ts.Nano()
}

// CgroupPath returns the text of a cgroup id; filter is the number of an
// interned wildcard for the hierarchy's name (F-CGROUPPATH).
func (r *Resolver) CgroupPath(filter, id uint64) string {
	return r.machine.CgroupPath(r.interned(filter), id)
}

// putClocks writes the start time of the run and the offset of the TAI clock to
// memory that programs read.
func putClocks(data []byte, startOff, taiOff int) {
	boot := now(unix.CLOCK_BOOTTIME)
	for off, v := range map[int]int64{startOff: boot, taiOff: now(unix.CLOCK_TAI) - boot} {
		if off >= 0 && off+8 <= len(data) {
			binary.LittleEndian.PutUint64(data[off:], uint64(v))
		}
	}
}
