package live

import (
	"fmt"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/lang/value"
	"probe/runtime/machine"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/symbol"
)

// facts implements machine.Facts: it answers questions about values that only
// the running system can answer. It reads nothing before it is asked.
type facts struct {
	symbols *symbol.Kernel
	user    *symbol.User

	mu      sync.Mutex
	names   map[uint64]string // user names by id
	cgroups map[cgroup]string
	clock   func() time.Time
	hidden  func() bool
}

// cgroup is the key of the cache of control group paths.
type cgroup struct {
	pattern string
	id      uint64
}

func newFacts(symbols *symbol.Kernel) facts {
	return facts{symbols: symbols, user: symbol.NewUser(), names: map[uint64]string{}, cgroups: map[cgroup]string{}, clock: sync.OnceValue(bootTime), hidden: sync.OnceValue(hidesKernel)}
}

// HidesKernel reports whether the kernel shows its addresses to this process as zero: where
// kernel.kptr_restrict is 1 or 2 and the process lacks CAP_SYSLOG. With CAP_PERFMON it can
// still read them as numbers; they do not get into output by being a pointer.
func (m *Machine) HidesKernel() bool { return m.hidden() }

func hidesKernel() bool {
	restrict, err := readSysctl("/proc/sys", "kernel.kptr_restrict")
	if err != nil || restrict == "0" {
		return false
	}
	caps, err := rights.Counted()
	return err == nil && caps.Lacks(rights.Syslog) != 0
}

// Processes resolves addresses of processes.
func (m *Machine) Processes() *symbol.User { return m.user }

// KSym implements machine.Facts.
func (m *Machine) KSym(addr uint64) string {
	t, err := m.symbols.Table()
	if err != nil {
		return ""
	}
	name, _, _, _ := t.Lookup(addr)
	return name
}

// USym implements machine.Facts.
func (m *Machine) USym(addr uint64, pid uint32) string {
	loc, ok := m.user.Lookup(int(pid), addr)
	if !ok {
		return ""
	}
	return loc.Name
}

// KFrame implements machine.Facts.
func (m *Machine) KFrame(addr uint64) []value.Frame {
	t, err := m.symbols.Table()
	if err != nil {
		return nil
	}
	name, offset, module, ok := t.Lookup(addr)
	if !ok {
		return nil
	}
	return []value.Frame{{Name: name, Offset: offset, Module: module}}
}

// UFrame implements machine.Facts.
func (m *Machine) UFrame(addr uint64, pid uint32, at machine.FrameAt) []value.Frame {
	if !at.Lines {
		loc, ok := m.user.Lookup(int(pid), addr)
		if !ok && loc.Module == "" {
			return nil
		}
		return []value.Frame{{Name: loc.Name, Offset: loc.Offset, Module: loc.Module}}
	}
	var out []value.Frame
	for _, l := range m.user.Frames(int(pid), addr, at.Call) {
		out = append(out, value.Frame{Name: l.Name, Offset: l.Offset, Module: l.Module, File: l.File, Line: l.Line, Inlined: l.Inlined})
	}
	return out
}

// Username implements machine.Facts.
func (m *Machine) Username(uid uint64) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name, ok := m.names[uid]; ok {
		return name
	}
	name := ""
	if u, err := user.LookupId(strconv.FormatUint(uid, 10)); err == nil {
		name = u.Username
	}
	m.names[uid] = name
	return name
}

// Sysctl implements machine.Facts.
func (m *Machine) Sysctl(name string) string {
	text, err := readSysctl("/proc/sys", name)
	if err != nil {
		return err.Error()
	}
	return text
}

// readSysctl reads a key of /proc/sys by its dotted name. Keys with dots in a
// part (interface names) may be written with slashes instead.
func readSysctl(root, name string) (string, error) {
	key := name
	if !strings.Contains(key, "/") {
		key = strings.ReplaceAll(key, ".", "/")
	}
	clean := path.Clean("/" + key)
	if name == "" || strings.ContainsRune(name, 0) || clean == "/" {
		return "", fmt.Errorf("%q is no sysctl key", name)
	}
	b, err := os.ReadFile(root + clean)
	if err != nil {
		if os.IsNotExist(err) {
			return "", fmt.Errorf("%s: no such key", name)
		}
		if os.IsPermission(err) {
			return "", fmt.Errorf("%s: permission denied", name)
		}
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimRight(string(b), "\n"), nil
}

// Boot implements machine.Facts.
func (m *Machine) Boot() time.Time { return m.clock() }

// bootTime returns the wall-clock time of the boot clock's zero: it takes the
// best of five pairs of readings, since the thread can be interrupted between
// the two of a pair.
func bootTime() time.Time {
	var boot time.Time
	best := int64(1) << 62
	for range 5 {
		a := now(unix.CLOCK_BOOTTIME)
		wall := now(unix.CLOCK_REALTIME)
		b := now(unix.CLOCK_BOOTTIME)
		if b-a < best {
			best = b - a
			boot = time.Unix(0, wall-(a+(b-a)/2))
		}
	}
	return boot
}

// now reads a clock of the kernel in nanoseconds.
func now(clock int32) int64 {
	var ts unix.Timespec
	// Ignore the error: the clocks used here exist on every supported kernel.
	_ = unix.ClockGettime(clock, &ts)
	return ts.Nano()
}

// CgroupPath implements machine.Facts.
func (m *Machine) CgroupPath(pattern string, id uint64) string {
	m.mu.Lock()
	text, ok := m.cgroups[cgroup{pattern, id}]
	m.mu.Unlock()
	if ok {
		return text
	}
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
	m.mu.Lock()
	m.cgroups[cgroup{pattern, id}] = text
	m.mu.Unlock()
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
