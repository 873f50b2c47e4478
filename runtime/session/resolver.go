package session

import (
	"encoding/binary"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/lang/value"
	"probe/runtime/graph"
	"probe/runtime/graph/store"
	"probe/runtime/machine/live/symbol"
)

// Resolver answers what only the running machine knows while values are shown
// (value.Resolver). Nothing is read before it is asked for. It is safe for
// concurrent use.
type Resolver struct {
	mu      sync.Mutex
	strings []string
	trailer string
	user    *symbol.User
	names   map[uint64]string // user names by id
	cgroups map[[2]uint64]string
	stacks  stacks
	graphs  *store.Store
	facts   Facts // in place of the running machine, if set

	clockOnce sync.Once
	boot      time.Time // wall-clock time at zero of the boot clock
}

var _ value.Resolver = (*Resolver)(nil)

// NewResolver makes a Resolver.
func NewResolver() *Resolver {
	return &Resolver{trailer: "..", user: symbol.NewUser(), names: map[uint64]string{}, cgroups: map[[2]uint64]string{}, graphs: store.NewStore()}
}

// Facts are what is known of a machine that was recorded.
type Facts interface {
	// KSym is the name of a kernel symbol, "" where that is not known.
	KSym(addr uint64) string
	// Boot is the wall-clock time at zero of the boot clock.
	Boot() time.Time
}

// ReplayResolver makes a Resolver that asks nothing of this machine.
func ReplayResolver(f Facts) *Resolver {
	r := NewResolver()
	r.facts = f
	return r
}

// SetGraphStyle chooses how call graphs are printed.
func (r *Resolver) SetGraphStyle(s graph.Style) { r.graphs.SetStyle(s) }

// use switches to the interned strings of the object whose values come next.
func (r *Resolver) use(strings []string, trailer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.strings, r.trailer = strings, trailer
}

func (r *Resolver) interned(n uint64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n < uint64(len(r.strings)) {
		return r.strings[n]
	}
	return ""
}

// KSym is the name of a kernel symbol.
func (r *Resolver) KSym(addr uint64) string {
	if r.facts != nil {
		return r.facts.KSym(addr)
	}
	t, err := symbol.Kernel()
	if err != nil {
		return ""
	}
	name, _, _, _ := t.Lookup(addr)
	return name
}

// USym is the name of a symbol of a process.
func (r *Resolver) USym(addr uint64, pid, _ uint32) string {
	if r.facts != nil {
		return ""
	}
	loc, ok := r.user.Lookup(int(pid), addr)
	if !ok {
		return ""
	}
	return loc.Name
}

// KStackFrame names an address of a kernel stack.
func (r *Resolver) KStackFrame(addr uint64) []value.Frame {
	t, err := symbol.Kernel()
	if err != nil {
		return nil
	}
	name, offset, module, ok := t.Lookup(addr)
	if !ok {
		return nil
	}
	return []value.Frame{{Name: name, Offset: offset, Module: module}}
}

// UStackFrame names an address of a user stack.
func (r *Resolver) UStackFrame(addr uint64, pid, _ uint32) []value.Frame {
	loc, ok := r.user.Lookup(int(pid), addr)
	if !ok && loc.Module == "" {
		return nil
	}
	return []value.Frame{{Name: loc.Name, Offset: loc.Offset, Module: loc.Module}}
}

// Graph is the call graph of a function in a form.
func (r *Resolver) Graph(id value.GraphID, form value.GraphForm) string {
	return r.graphs.Text(id, form)
}

// Username is the login name of a user.
func (r *Resolver) Username(uid uint64) string {
	if r.facts != nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if name, ok := r.names[uid]; ok {
		return name
	}
	name := ""
	if u, err := user.LookupId(strconv.FormatUint(uid, 10)); err == nil {
		name = u.Username
	}
	r.names[uid] = name
	return name
}

// Sysctl is the value of a kernel setting at this moment, or its name and why
// it has none; name is the number of an interned string.
func (r *Resolver) Sysctl(name uint64) string {
	text, err := readSysctl("/proc/sys", r.interned(name))
	if err != nil {
		return err.Error()
	}
	return text
}

// Time formats a clock reading; format is the number of an interned string.
func (r *Resolver) Time(format uint32, clock value.Clock, ns uint64) string {
	t, ok := r.Wall(clock, ns)
	if !ok {
		return ""
	}
	return string(value.AppendStrftime(nil, r.interned(uint64(format)), t))
}

// Wall converts a clock reading to wall-clock time (R-CLK-01).
func (r *Resolver) Wall(clock value.Clock, ns uint64) (time.Time, bool) {
	switch {
	case ns == 0:
		return time.Time{}, false
	case clock == value.ClockTAI || clock == value.ClockSoftwareTAI:
		return time.Unix(0, int64(ns)), true
	case clock == value.ClockBoot:
		return r.bootTime().Add(time.Duration(ns)), true
	}
	return time.Time{}, false
}

// TruncTrailer marks strings that were cut.
func (r *Resolver) TruncTrailer() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trailer
}

// now reads a clock of the kernel in nanoseconds.
func now(clock int32) int64 {
	var ts unix.Timespec
	// The clocks used here exist on every kernel that is supported.
	_ = unix.ClockGettime(clock, &ts)
	return ts.Nano()
}

// bootTime is the wall-clock time of the boot clock's zero: the best of five
// pairs of readings.
func (r *Resolver) bootTime() time.Time {
	if r.facts != nil {
		return r.facts.Boot()
	}
	r.clockOnce.Do(func() {
		best := int64(1) << 62
		for range 5 {
			a := now(unix.CLOCK_BOOTTIME)
			wall := now(unix.CLOCK_REALTIME)
			b := now(unix.CLOCK_BOOTTIME)
			if b-a < best {
				best = b - a
				r.boot = time.Unix(0, wall-(a+(b-a)/2))
			}
		}
	})
	return r.boot
}

// CgroupPath is the text of a cgroup id; filter is the number of an interned
// wildcard for the hierarchy's name (F-CGROUPPATH).
func (r *Resolver) CgroupPath(filter, id uint64) string {
	r.mu.Lock()
	text, ok := r.cgroups[[2]uint64{filter, id}]
	r.mu.Unlock()
	if ok {
		return text
	}
	pattern := r.interned(filter)
	var parts []string
	for _, h := range hierarchies() {
		if pattern != "" {
			if ok, err := filepath.Match(pattern, h.name); err != nil || !ok {
				continue
			}
		}
		if path, ok := h.path(id); ok {
			parts = append(parts, h.name+":"+path)
		}
	}
	text = strings.Join(parts, ",")
	r.mu.Lock()
	r.cgroups[[2]uint64{filter, id}] = text
	r.mu.Unlock()
	return text
}

// hierarchy is a mounted tree of cgroups.
type hierarchy struct {
	name, dir string
}

// hierarchies lists the mounts: version 2 first under the name "unified", then
// version 1 by directory name.
func hierarchies() []hierarchy {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	var two, one []hierarchy
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		switch {
		case len(f) < 3:
		case f[2] == "cgroup2":
			two = append(two, hierarchy{"unified", f[1]})
		case f[2] == "cgroup":
			one = append(one, hierarchy{filepath.Base(f[1]), f[1]})
		}
	}
	return append(two[:min(len(two), 1)], one...)
}

// path finds the directory of an id, which is a file handle of kernfs.
func (h hierarchy) path(id uint64) (string, bool) {
	root, err := unix.Open(h.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", false
	}
	defer unix.Close(root)
	const kernfsHandle = 0xfe // FILEID_KERNFS of include/linux/exportfs.h
	raw := (*[8]byte)(unsafe.Pointer(&id))
	fd, err := unix.OpenByHandleAt(root, unix.NewFileHandle(kernfsHandle, raw[:]), unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return "", false
	}
	defer unix.Close(fd)
	full, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return "", false
	}
	rel := strings.TrimPrefix(full, h.dir)
	if rel == "" {
		rel = "/"
	}
	return rel, true
}

// putClocks writes the start time and the distance of the TAI clock where
// programs read them.
func putClocks(data []byte, startOff, taiOff int) {
	boot := now(unix.CLOCK_BOOTTIME)
	for off, v := range map[int]int64{startOff: boot, taiOff: now(unix.CLOCK_TAI) - boot} {
		if off >= 0 && off+8 <= len(data) {
			binary.LittleEndian.PutUint64(data[off:], uint64(v))
		}
	}
}
