package elf

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrNotFound is wrapped when no file of a name exists where it was looked for.
var ErrNotFound = errors.New("no such program or library")

// Binary is a program or library that Find has found.
type Binary struct {
	// Path opens the file from here.
	Path string
	// Name is the path as the process sees it; the same as Path unless the
	// process has a root of its own.
	Name string
	// Matches lists all the paths that the name can stand for, Name first. The
	// user should be told when there is more than one.
	Matches []string
}

// Find finds a program or library.
//
//   - A name with a slash is a path.
//   - libNAME, such as "libc" or "libssl.so.3", is looked up among the files
//     that process pid has mapped, in the loader's cache and in the usual
//     directories; if that fails, like any other name.
//   - Another name is looked up in the current directory and in PATH.
//   - The empty name is the program that process pid runs.
//
// pid 0 means no process. The files of a process with a root or mount
// namespace of its own are looked up below /proc/PID/root, with its PATH.
func Find(name string, pid int) (Binary, error) {
	f, err := newFinder(pid)
	if err != nil {
		return Binary{}, err
	}
	return f.find(name)
}

// finder looks for files as one process sees them.
type finder struct {
	pid  int
	root string // "" or /proc/PID/root
	path string
	cwd  string
}

func newFinder(pid int) (*finder, error) {
	f := &finder{pid: pid, path: os.Getenv("PATH")}
	f.cwd, _ = os.Getwd()
	if pid == 0 {
		return f, nil
	}
	proc := "/proc/" + strconv.Itoa(pid)
	if _, err := os.Stat(proc); err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, fs.ErrNotExist)
	}
	if separate(proc) {
		f.root = proc + "/root"
		f.path = environ(proc, "PATH")
		f.cwd, _ = os.Readlink(proc + "/cwd")
	}
	return f, nil
}

// separate reports whether a process has a root directory or mount namespace
// other than ours, so that the same path can be another file.
func separate(proc string) bool {
	ours, err1 := os.Readlink("/proc/self/ns/mnt")
	its, err2 := os.Readlink(proc + "/ns/mnt")
	if err1 == nil && err2 == nil && ours != its {
		return true
	}
	a, err1 := os.Stat("/")
	b, err2 := os.Stat(proc + "/root/")
	return err1 == nil && err2 == nil && !os.SameFile(a, b)
}

func environ(proc, name string) string {
	env, err := os.ReadFile(proc + "/environ")
	if err != nil {
		return ""
	}
	for v := range strings.SplitSeq(string(env), "\x00") {
		if val, ok := strings.CutPrefix(v, name+"="); ok {
			return val
		}
	}
	return ""
}

func (f *finder) find(name string) (Binary, error) {
	switch {
	case strings.ContainsRune(name, 0):
		return Binary{}, fmt.Errorf("%w: %q", ErrNotFound, name)
	case name == "":
		return f.program()
	case strings.Contains(name, "/"):
		b, ok := f.at(name)
		if !ok {
			return Binary{}, fmt.Errorf("%w: %s", ErrNotFound, name)
		}
		return b, nil
	}
	var found []string
	where := "the current directory and PATH"
	if strings.HasPrefix(name, "lib") {
		found = f.libraries(name)
		where = "the loader's cache, the library directories, " + where
	}
	if found == nil {
		found = f.programs(name)
	}
	found = f.distinct(found)
	if len(found) == 0 {
		return Binary{}, fmt.Errorf("%w: %s is not in %s", ErrNotFound, name, where)
	}
	b, _ := f.at(found[0])
	b.Matches = found
	return b, nil
}

// distinct drops paths that do not exist and those that lead to a file already
// seen, as /bin/x and /usr/bin/x do on most systems.
func (f *finder) distinct(paths []string) []string {
	var out []string
	var seen []os.FileInfo
	for _, path := range paths {
		b, ok := f.at(path)
		if !ok {
			continue
		}
		st, err := os.Stat(b.Path)
		if err != nil || slices.ContainsFunc(seen, func(s os.FileInfo) bool { return os.SameFile(s, st) }) {
			continue
		}
		out, seen = append(out, path), append(seen, st)
	}
	return out
}

// program returns the executable of the process.
func (f *finder) program() (Binary, error) {
	if f.pid == 0 {
		return Binary{}, fmt.Errorf("%w: no name, and no process to take the program of", ErrNotFound)
	}
	link := "/proc/" + strconv.Itoa(f.pid) + "/exe"
	name, err := os.Readlink(link)
	if err != nil {
		return Binary{}, fmt.Errorf("program of process %d: %w", f.pid, err)
	}
	b, ok := f.at(name)
	if !ok || strings.HasSuffix(name, " (deleted)") {
		// Open the link: it works even when the file was deleted.
		b = Binary{Path: link, Name: name}
	}
	b.Matches = []string{b.Name}
	return b, nil
}

// at turns a path of the process into one that opens in this process; ok is
// false if there is no file.
func (f *finder) at(name string) (Binary, bool) {
	if !filepath.IsAbs(name) && f.root != "" {
		name = filepath.Join(f.cwd, name)
	}
	path := name
	if f.root != "" {
		var err error
		if path, err = below(f.root, name); err != nil {
			return Binary{}, false
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.IsDir() {
		return Binary{}, false
	}
	return Binary{Path: path, Name: name, Matches: []string{name}}, true
}

// below resolves the links of a path below a root. The kernel would resolve an
// absolute link found under /proc/PID/root from our root, not the process's.
func below(root, path string) (string, error) {
	const maxLinks = 40 // MAXSYMLINKS in the kernel's include/linux/namei.h
	done := root
	todo := strings.Split(path, "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if done != root {
				done = filepath.Dir(done)
			}
			continue
		}
		next := done + "/" + part
		target, err := os.Readlink(next)
		if err != nil {
			// Not a link, or not there: opening the result reports which.
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many links", path)
		}
		if filepath.IsAbs(target) {
			done = root
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return done, nil
}

// programs lists the executables of a name in the current directory and PATH.
func (f *finder) programs(name string) []string {
	var out []string
	for _, dir := range append([]string{"."}, filepath.SplitList(f.path)...) {
		if dir == "" {
			dir = "."
		}
		path := filepath.Join(dir, name)
		if dir == "." {
			path = "./" + name
			if f.cwd != "" {
				path = filepath.Join(f.cwd, name)
			}
		}
		b, ok := f.at(path)
		if !ok {
			continue
		}
		if st, err := os.Stat(b.Path); err == nil && st.Mode()&0o111 != 0 {
			out = append(out, path)
		}
	}
	return out
}

// libraries lists the files of a library: what the process has mapped, else
// what the loader would take.
func (f *finder) libraries(name string) []string {
	if f.pid != 0 {
		if out := f.mapped(name); out != nil {
			return out
		}
	}
	var out []string
	if b, ok := f.at("/etc/ld.so.cache"); ok {
		if text, err := os.ReadFile(b.Path); err == nil {
			out = fromCache(text, name)
		}
	}
	if out == nil {
		out = f.inDirectories(name)
	}
	return out
}

func (f *finder) mapped(name string) []string {
	maps, err := Maps(f.pid)
	if err != nil {
		return nil
	}
	var out []string
	for _, m := range maps {
		if m.Inode != 0 && isLibrary(filepath.Base(m.Path), name) && !slices.Contains(out, m.Path) {
			out = append(out, m.Path)
		}
	}
	return out
}

// isLibrary reports whether file is a file name of the library name: "libc" is
// libc.so and libc.so.6 (and libc-2.31.so in maps, where links are resolved).
func isLibrary(file, name string) bool {
	rest, ok := strings.CutPrefix(file, name)
	if !ok {
		return false
	}
	if rest == "" || strings.HasPrefix(rest, ".so") {
		return true
	}
	// libssl.so.3 is the link; the file may be libssl.so.3.0.11.
	if strings.Contains(name, ".so") {
		return rest[0] == '.'
	}
	return rest[0] == '-' && len(rest) > 1 && '0' <= rest[1] && rest[1] <= '9' && strings.Contains(rest, ".so")
}

// fromCache lists the libraries with a name from the loader's cache, those for
// every processor first: which of the variants for newer processors the loader
// takes depends on the machine.
func fromCache(text []byte, name string) []string {
	libs, err := parseLdCache(text)
	if err != nil {
		return nil
	}
	var plain, special []string
	for _, l := range libs {
		if l.name != name && !strings.HasPrefix(l.name, name+".so") {
			continue
		}
		if l.hwcap == 0 {
			plain = append(plain, l.path)
		} else {
			special = append(special, l.path)
		}
	}
	return append(plain, special...)
}

// inDirectories lists the libraries with a name in the usual directories, for
// systems whose loader has no cache, such as musl's.
func (f *finder) inDirectories(name string) []string {
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	var out []string
	for _, dir := range []string{
		"/lib/" + triple, "/usr/lib/" + triple, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
	} {
		path, err := below(f.root, dir)
		if err != nil {
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			continue
		}
		var here []string
		for _, e := range entries {
			if isLibrary(e.Name(), name) {
				here = append(here, dir+"/"+e.Name())
			}
		}
		slices.SortFunc(here, func(a, b string) int { return byVersion(b, a) }) // newest first
		out = append(out, here...)
	}
	return out
}

// byVersion compares names, and digits in them as numbers, so that libx.so.10
// follows libx.so.9.
func byVersion(a, b string) int {
	for a != "" && b != "" {
		x, y := leadingDigits(a), leadingDigits(b)
		if x != "" && y != "" {
			a, b = a[len(x):], b[len(y):]
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func leadingDigits(s string) string {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return s[:n]
}
