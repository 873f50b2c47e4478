package symbol

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// perfMap is the list of functions that a just-in-time compiler writes to
// /tmp/perf-PID.map: a line "START SIZE name" each, numbers in hexadecimal.
// See the kernel's tools/perf/Documentation/jit-interface.txt.
type perfMap struct {
	entries []jitEntry // sorted by start; of equal ones the last written last
	key     fileKey
	read    time.Time
}

type jitEntry struct {
	start, size uint64
	name        string
}

// maxPerfMap bounds the file; the process that writes it is not trusted.
const maxPerfMap = 256 << 20

// jitted looks an address up among the functions a process has compiled.
func (u *User) jitted(p *process, addr uint64, loc Location) (Location, bool) {
	if p.perf == nil {
		p.perf = &perfMap{}
		p.perf.reload(p)
		p.perf.read = u.now()
	}
	e, ok := p.perf.find(addr)
	if !ok && !p.gone && u.now().Sub(p.perf.read) >= checkEvery {
		p.perf.reload(p)
		p.perf.read = u.now()
		e, ok = p.perf.find(addr)
	}
	if !ok {
		return loc, false
	}
	loc.Name, loc.Offset = e.name, addr-e.start
	return loc, true
}

// reload reads the file if it has changed. The PID in the file's name is the
// one in the process's own PID namespace.
func (m *perfMap) reload(p *process) {
	proc := "/proc/" + strconv.Itoa(p.pid)
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		return
	}
	inside, uid := p.pid, -1
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		switch {
		case len(f) > 1 && f[0] == "NSpid:":
			inside, _ = strconv.Atoi(f[len(f)-1])
		case len(f) > 2 && f[0] == "Uid:":
			uid, _ = strconv.Atoi(f[2]) // effective user id
		}
	}
	// The file is in a directory that anyone can write: O_NOFOLLOW and
	// O_NONBLOCK keep a symbolic link from leading elsewhere and a pipe from
	// blocking.
	path := proc + "/root/tmp/perf-" + strconv.Itoa(inside) + ".map"
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || sys.Uid != 0 && int(sys.Uid) != uid {
		return // another user's file: /tmp is open to all
	}
	key := keyOf(st)
	if key == m.key {
		return
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPerfMap))
	if err != nil {
		return
	}
	m.key, m.entries = key, parsePerfMap(text)
}

func parsePerfMap(text []byte) []jitEntry {
	var out []jitEntry
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		start, rest, ok1 := strings.Cut(string(line), " ")
		size, name, ok2 := strings.Cut(rest, " ")
		if !ok1 || !ok2 || name == "" {
			continue
		}
		a, err1 := strconv.ParseUint(strings.TrimPrefix(start, "0x"), 16, 64)
		n, err2 := strconv.ParseUint(strings.TrimPrefix(size, "0x"), 16, 64)
		if err1 == nil && err2 == nil {
			out = append(out, jitEntry{a, n, name})
		}
	}
	slices.SortStableFunc(out, func(a, b jitEntry) int { return cmp.Compare(a.start, b.start) })
	return out
}

// find prefers the entry that starts last, and of those the one written last:
// compilers reuse the memory of functions they drop.
func (m *perfMap) find(addr uint64) (jitEntry, bool) {
	i := sort.Search(len(m.entries), func(i int) bool { return m.entries[i].start > addr }) - 1
	for back := 0; i >= 0 && back < 16; i, back = i-1, back+1 {
		if e := m.entries[i]; addr-e.start < e.size {
			return e, true
		}
	}
	return jitEntry{}, false
}
