package symbol

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"probe/runtime/machine/live/elf"
)

// Location is the place that an address belongs to: a function and a file.
type Location struct {
	// Name is the function, empty when none is known.
	Name string
	// Offset is the distance from the function's start in bytes.
	Offset uint64
	// Module is the file as the process sees it, "[vdso]", or empty for
	// memory without a file.
	Module string
	// File and Line are the place in the source, "" and 0 if it is not known;
	// Inlined is set for a function that was inlined into the one after it in a
	// list. User.Frames sets them.
	File    string
	Line    int
	Inlined bool
}

// User resolves addresses of processes. What it has read of a process stays
// usable after the process has gone. It is safe for concurrent use.
type User struct {
	mu    sync.Mutex
	procs map[int]*process
	files map[fileKey]*elf.File // nil for files that are no ELF
	vdso  map[uint64]*elf.File  // by a hash of the image
	// programs holds the files given to Program, which resolve addresses of
	// processes that were never seen.
	programs map[string]*fixed
	seed     maphash.Seed
	// DebugDirs are folders with separate debug files.
	DebugDirs []string
	now       func() time.Time
}

// fileKey identifies a file and a version of it.
type fileKey struct {
	dev, inode   uint64
	mtime, ctime syscall.Timespec
	size         int64
}

// process is what is known of a process. It is checked again when it is older
// than checkEvery.
type process struct {
	pid     int
	start   string // start time in the words of /proc/PID/stat
	exe     fileKey
	maps    []mapping // executable ones, sorted by address
	perf    *perfMap
	read    time.Time // when the maps were read
	checked time.Time // when it was last seen to be the same process
	used    time.Time
	gone    bool
	doubted bool // it was checked again because of an address in none of its maps
}

type mapping struct {
	elf.Mapping
	file  *elf.File
	tried bool
}

const (
	// checkEvery bounds how long an exec or the reuse of a process id stays
	// unnoticed, and missEvery how often an unknown address causes the map to
	// be read again.
	checkEvery = 20 * time.Millisecond
	missEvery  = 50 * time.Millisecond
	// maxProcs bounds the number of processes kept.
	maxProcs = 4096
)

// NewUser returns an empty resolver.
func NewUser() *User {
	return &User{
		procs:    make(map[int]*process),
		files:    make(map[fileKey]*elf.File),
		vdso:     make(map[uint64]*elf.File),
		programs: make(map[string]*fixed),
		seed:     maphash.MakeSeed(),
		now:      time.Now,
	}
}

// Lookup returns what is at an address of a process. ok is false when no
// function is known for it; Module may be set all the same. pid is the number
// of the process, not of a thread, as /proc of this namespace shows it.
func (u *User) Lookup(pid int, addr uint64) (loc Location, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.process(pid)
	if p == nil {
		return u.inPrograms(addr)
	}
	m := p.find(addr)
	if m == nil && !p.doubted {
		// It may have called exec just after it was read.
		p.doubted, p.checked = true, time.Time{}
		if p = u.process(pid); p == nil {
			return u.inPrograms(addr)
		}
		m = p.find(addr)
	}
	if m == nil && !p.gone && u.now().Sub(p.read) >= missEvery {
		u.readMaps(p) // something may have been mapped since
		m = p.find(addr)
	}
	switch {
	case m == nil && p.gone: // it may have called exec and ended unseen
		return u.inPrograms(addr)
	case m == nil:
		return Location{}, false
	}
	if m.Path == "[vdso]" || m.Inode != 0 {
		loc.Module = m.Path
	}
	if file := u.fileOf(p, m); file != nil {
		at, err := file.Addr(addr - m.Start + m.Offset)
		if err != nil {
			return loc, false
		}
		s, ok := file.At(at)
		if !ok {
			return loc, false
		}
		loc.Name, loc.Offset = s.Name, at-s.Addr
		return loc, true
	}
	return u.jitted(p, addr, loc)
}

// Load reads the map of a process and the symbols of all it has mapped, so that
// its addresses can be resolved after it has ended.
func (u *User) Load(pid int) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.process(pid)
	if p == nil {
		return fmt.Errorf("symbols of process %d: %w", pid, os.ErrNotExist)
	}
	for i := range p.maps {
		u.fileOf(p, &p.maps[i])
	}
	u.jitted(p, 0, Location{})
	return nil
}

// Remember reads the memory map of a process, so that its addresses can be
// resolved after it has ended, as long as its files exist. It costs far less
// than Load. A process that has ended already is not remembered.
func (u *User) Remember(pid int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.process(pid)
}

// Again reads the memory map of a process anew, with what was mapped since it was
// remembered. It keeps what is known of a process that has ended.
func (u *User) Again(pid int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if p := u.process(pid); p != nil && !p.gone {
		u.readMaps(p)
	}
}

// Program names a file that short-lived processes may run: if the file is
// loaded at a fixed address, an address in it can be resolved even when the
// process was never seen. The file is read when such an address is looked up.
func (u *User) Program(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.programs[path]; !known {
		u.programs[path] = &fixed{}
	}
}

// fixed is a program for addresses of unknown processes.
type fixed struct {
	file  *elf.File // nil when it cannot be read, or has no fixed place
	tried bool
}

// inPrograms looks an address of an unknown process up in the programs that
// have a fixed place. If two of them contain the address the result is
// ambiguous, and ok is false.
func (u *User) inPrograms(addr uint64) (loc Location, ok bool) {
	for path, p := range u.programs {
		if !p.tried {
			p.tried, p.file = true, openFixed(path)
		}
		if p.file == nil {
			continue
		}
		s, found := p.file.At(addr)
		if !found {
			continue
		}
		if ok {
			return Location{}, false
		}
		loc, ok = Location{Name: s.Name, Offset: addr - s.Addr, Module: path}, true
	}
	return loc, ok
}

// openFixed reads the symbols of a program with a fixed place; nil for others.
func openFixed(path string) *elf.File {
	file, err := elf.OpenMapped(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	if file.PositionIndependent() || file.Symbols(func(elf.Symbol) bool { return false }) != nil {
		return nil
	}
	return file
}

// Forget drops what is known of a process.
func (u *User) Forget(pid int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.procs, pid)
}

// process returns the state of a process, read or checked as needed; nil when
// the process is gone and nothing was known of it.
func (u *User) process(pid int) *process {
	now := u.now()
	p := u.procs[pid]
	if p != nil {
		p.used = now
		if now.Sub(p.checked) < checkEvery {
			return p
		}
		p.checked = now
		start, exe, err := identify(pid)
		p.gone = err != nil
		if p.gone || start == p.start && exe == p.exe {
			return p
		}
		// It is another program now: the process called exec, or its number was
		// reused.
	}
	start, exe, err := identify(pid)
	if err != nil {
		return nil
	}
	p = &process{pid: pid, start: start, exe: exe, checked: now, used: now}
	if !u.readMaps(p) {
		return nil
	}
	u.evict()
	u.procs[pid] = p
	return p
}

// evict makes room when very many processes are known.
func (u *User) evict() {
	if len(u.procs) < maxProcs {
		return
	}
	all := make([]*process, 0, len(u.procs))
	for _, p := range u.procs {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *process) int { return a.used.Compare(b.used) })
	for _, p := range all[:len(all)/4] {
		delete(u.procs, p.pid)
	}
}

// identify returns what distinguishes two processes that used one number (the
// start time), and two programs that one process ran (the executable).
func identify(pid int) (start string, exe fileKey, err error) {
	proc := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return "", exe, err
	}
	// The name in parentheses may hold anything; the start time is the
	// 20th field after it.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 20 {
		return "", exe, fmt.Errorf("%s/stat has %d fields", proc, len(f))
	}
	if f[0] == "Z" || f[0] == "X" {
		// It has no executable any more, which does not make it another program.
		return "", exe, fmt.Errorf("process %d has ended", pid)
	}
	if st, err := os.Stat(proc + "/exe"); err == nil { // kernel threads have none
		exe = keyOf(st)
	}
	return f[19], exe, nil
}

func keyOf(st os.FileInfo) fileKey {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return fileKey{}
	}
	return fileKey{dev: uint64(sys.Dev), inode: sys.Ino, mtime: sys.Mtim, ctime: sys.Ctim, size: sys.Size}
}

// readMaps reads the memory map. It returns false when the process has ended or
// has none.
func (u *User) readMaps(p *process) bool {
	p.read = u.now()
	all, err := elf.Maps(p.pid)
	if err != nil || len(all) == 0 {
		p.gone = err != nil
		return p.maps != nil
	}
	old := p.maps
	p.maps = nil
	for _, m := range all {
		if !m.Executable() {
			continue
		}
		n := mapping{Mapping: m}
		for i := range old {
			if old[i].Mapping == m {
				n = old[i]
			}
		}
		p.maps = append(p.maps, n)
	}
	return true
}

func (p *process) find(addr uint64) *mapping {
	i := sort.Search(len(p.maps), func(i int) bool { return p.maps[i].End > addr })
	if i < len(p.maps) && p.maps[i].Start <= addr {
		return &p.maps[i]
	}
	return nil
}

// fileOf opens the file behind a mapping, with its symbols read; nil when it
// is no ELF file.
func (u *User) fileOf(p *process, m *mapping) *elf.File {
	if m.tried {
		return m.file
	}
	m.tried = true
	switch {
	case m.Path == "[vdso]":
		m.file = u.vdsoOf(p, m)
	case m.Inode != 0:
		m.file = u.open(p, m)
	}
	return m.file
}

// open tries the ways to a mapped file: the kernel's own link, which opens it
// even when its name is gone or another mount hides it; its name below the
// process's root; and its name in our own root, for a process that has ended.
func (u *User) open(p *process, m *mapping) *elf.File {
	proc := "/proc/" + strconv.Itoa(p.pid)
	named := proc + "/root" + m.Path
	if _, err := os.Stat(named); err != nil {
		named = m.Path // its debug file is found from our own root
	}
	for _, path := range []string{fmt.Sprintf("%s/map_files/%x-%x", proc, m.Start, m.End), named, m.Path} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		file, ok := u.cached(f, m, named, path)
		f.Close()
		if ok {
			return file
		}
	}
	return nil
}

func (u *User) cached(f *os.File, m *mapping, named, path string) (*elf.File, bool) {
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return nil, false
	}
	key := keyOf(st)
	// A file opened by name may have replaced the mapped one.
	if strings.HasSuffix(path, m.Path) && key.inode != m.Inode {
		return nil, false
	}
	if file, ok := u.files[key]; ok {
		return file, true
	}
	file, err := elf.New(f, named)
	if err == nil {
		file.DebugDirs = u.DebugDirs
		// Read the symbols while the file is open.
		err = file.Symbols(func(elf.Symbol) bool { return false })
	}
	if err != nil {
		file = nil
	}
	u.files[key] = file
	return file, true
}

// vdsoOf reads the image that the kernel maps into every process, from the
// process or, if that has ended, from this one.
func (u *User) vdsoOf(p *process, m *mapping) *elf.File {
	image := memory(p.pid, m.Start, m.End)
	if image == nil {
		self, err := elf.Maps(os.Getpid())
		if err != nil {
			return nil
		}
		i := slices.IndexFunc(self, func(s elf.Mapping) bool { return s.Path == "[vdso]" && s.End-s.Start == m.End-m.Start })
		if i < 0 {
			return nil
		}
		if image = memory(os.Getpid(), self[i].Start, self[i].End); image == nil {
			return nil
		}
	}
	sum := maphash.Bytes(u.seed, image)
	if file, ok := u.vdso[sum]; ok {
		return file
	}
	file, err := elf.New(bytes.NewReader(image), "[vdso]")
	if err != nil {
		file = nil
	}
	u.vdso[sum] = file
	return file
}

func memory(pid int, start, end uint64) []byte {
	if end-start > 1<<20 {
		return nil
	}
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/mem")
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, end-start)
	if _, err := f.ReadAt(b, int64(start)); err != nil {
		return nil
	}
	return b
}
