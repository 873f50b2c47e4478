package elf

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Mapping is one line of a process's memory map, /proc/PID/maps.
type Mapping struct {
	Start, End uint64
	// Offset is where in the file the mapping starts.
	Offset uint64
	// Perm holds the letters r, w, x, then p (private) or s (shared).
	Perm [4]byte
	// Dev and Inode identify the file; Inode 0 means there is none.
	Dev   string
	Inode uint64
	// Path is the file as the process's root sees it, a name in brackets such
	// as "[vdso]", or empty. Deleted is set when the file was deleted after it
	// was mapped.
	Path    string
	Deleted bool
}

// Executable reports whether code may run in the mapping.
func (m *Mapping) Executable() bool { return m.Perm[2] == 'x' }

// Maps reads the memory map of a process. The error is os.ErrNotExist when the
// process is gone.
func Maps(pid int) ([]Mapping, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	return ParseMaps(text), nil
}

// ParseMaps parses the text of /proc/PID/maps; lines of another form are
// skipped. The format is that of show_map_vma in the kernel's
// fs/proc/task_mmu.c.
func ParseMaps(text []byte) []Mapping {
	out := make([]Mapping, 0, bytes.Count(text, []byte{'\n'}))
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		if m, ok := parseMapping(string(line)); ok {
			out = append(out, m)
		}
	}
	return out
}

// parseMapping parses "START-END PERM OFFSET DEV INODE   PATH".
func parseMapping(line string) (m Mapping, ok bool) {
	var f [5]string
	rest := line
	for i := range f {
		if f[i], rest, ok = strings.Cut(rest, " "); !ok && i < len(f)-1 {
			return m, false
		}
	}
	start, end, ok := strings.Cut(f[0], "-")
	if !ok || len(f[1]) != len(m.Perm) {
		return m, false
	}
	var err [4]error
	m.Start, err[0] = strconv.ParseUint(start, 16, 64)
	m.End, err[1] = strconv.ParseUint(end, 16, 64)
	m.Offset, err[2] = strconv.ParseUint(f[2], 16, 64)
	m.Inode, err[3] = strconv.ParseUint(f[4], 10, 64)
	for _, e := range err {
		if e != nil {
			return m, false
		}
	}
	copy(m.Perm[:], f[1])
	m.Dev = f[3]
	m.Path = strings.TrimLeft(rest, " ")
	// A newline in a name is written \012; that is the only escape.
	m.Path = strings.ReplaceAll(m.Path, `\012`, "\n")
	if m.Inode != 0 {
		m.Path, m.Deleted = strings.CutSuffix(m.Path, " (deleted)")
	}
	return m, m.End > m.Start
}
