package elf

import (
	"bytes"
	"debug/elf"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"
)

// debugDir is the directory where distributions install separate debug
// information.
const debugDir = "/usr/lib/debug"

// maxMini bounds the unpacked size of embedded debug information.
const maxMini = 256 << 20

// readDebug adds the symbols that stripping moved elsewhere: to a file found by
// build id, to one found by name, or to the packed section that some
// distributions leave in the file. It ignores what cannot be read: the symbols
// in the file itself still serve.
func (f *File) readDebug(t *table) {
	for _, path := range f.debugFiles() {
		if f.readDebugFile(t, path) {
			return
		}
	}
	packed, err := f.Section(".gnu_debugdata")
	if err != nil || packed == nil {
		return
	}
	r, err := xz.NewReader(bytes.NewReader(packed))
	if err != nil {
		return
	}
	image, err := io.ReadAll(io.LimitReader(r, maxMini))
	if err != nil {
		return
	}
	if mini, err := New(bytes.NewReader(image), f.path); err == nil {
		f.adopt(t, mini)
	}
}

// root returns the prefix of a path below another root, "/proc/PID/root", or
// empty.
func (f *File) root() string {
	rest, ok := strings.CutPrefix(f.path, "/proc/")
	pid, _, found := strings.Cut(rest, "/root/")
	if !ok || !found || strings.Contains(pid, "/") {
		return ""
	}
	return "/proc/" + pid + "/root"
}

func (f *File) debugFiles() []string {
	var out []string
	if id := f.BuildID(); len(id) > 2 {
		for _, dir := range f.debugDirs() {
			out = append(out, filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug"))
		}
	}
	link, err := f.Section(".gnu_debuglink")
	name, _, ok := bytes.Cut(link, []byte{0})
	if err != nil || !ok || len(name) == 0 || bytes.ContainsRune(name, '/') {
		return out
	}
	dir := filepath.Dir(f.path)
	out = append(out, filepath.Join(dir, string(name)), filepath.Join(dir, ".debug", string(name)))
	for _, d := range f.debugDirs() {
		out = append(out, filepath.Join(d, strings.TrimPrefix(dir, f.root()), string(name)))
		if d != filepath.Join(f.root(), debugDir) {
			out = append(out, filepath.Join(d, string(name)))
		}
	}
	return out
}

// debugDirs returns the folders with debug files: those that the user names,
// then the one of the distribution, below the root of the process that the file
// belongs to.
func (f *File) debugDirs() []string {
	return append(slices.Clone(f.DebugDirs), filepath.Join(f.root(), debugDir))
}

// readDebugFile adds the symbols of a separate file if it belongs to this one.
func (f *File) readDebugFile(t *table, path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	if a, err := os.Stat(f.path); err == nil {
		if b, err := file.Stat(); err == nil && os.SameFile(a, b) {
			return false
		}
	}
	debug, err := New(file, path)
	if err != nil || !f.belongs(debug, file) {
		return false
	}
	return f.adopt(t, debug)
}

// belongs reports whether debug is the debug file of f: their build ids are
// equal or, where f has none, the checksum in f's debug link is that of the
// file.
func (f *File) belongs(debug *File, r io.ReaderAt) bool {
	if id := f.BuildID(); id != "" {
		return debug.BuildID() == id
	}
	link, err := f.Section(".gnu_debuglink")
	if err != nil || len(link) < 4 {
		return false
	}
	want := f.f.ByteOrder.Uint32(link[len(link)-4:])
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, 1<<40)); err != nil {
		return false
	}
	return sum.Sum32() == want
}

// adopt adds the symbols of a debug image. Its segments describe the stripped
// file's memory but hold no bytes, so f's segments decide which symbols are
// code.
func (f *File) adopt(t *table, debug *File) bool {
	debug.segments = f.segments
	before := len(t.entries)
	if debug.read(t, elf.SHT_SYMTAB) != nil {
		t.entries = t.entries[:before]
	}
	return len(t.entries) > before
}
