package elf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMaps(t *testing.T) {
	const text = `55d0c8a00000-55d0c8a02000 r--p 00000000 fd:01 1048602                    /usr/bin/cat
55d0c8a02000-55d0c8a07000 r-xp 00002000 fd:01 1048602                    /usr/bin/cat
7f0000000000-7f0000001000 rwxs 00000000 00:01 77                         /dev/zero (deleted)
7f0000001000-7f0000002000 r-xp 00001000 00:2b 99                         /opt/with a blank/and\012newline
7f0000002000-7f0000003000 rw-p 00000000 00:00 0
7ffd5c9f1000-7ffd5c9f3000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
rubbish
5-4 r-xp 0 0:0 0
zz-yy r-xp 00000000 00:00 0
`
	x, rx := [4]byte([]byte("--xp")), [4]byte([]byte("r-xp"))
	want := []Mapping{
		{0x55d0c8a00000, 0x55d0c8a02000, 0, [4]byte([]byte("r--p")), "fd:01", 1048602, "/usr/bin/cat", false},
		{0x55d0c8a02000, 0x55d0c8a07000, 0x2000, rx, "fd:01", 1048602, "/usr/bin/cat", false},
		{0x7f0000000000, 0x7f0000001000, 0, [4]byte([]byte("rwxs")), "00:01", 77, "/dev/zero", true},
		{0x7f0000001000, 0x7f0000002000, 0x1000, rx, "00:2b", 99, "/opt/with a blank/and\nnewline", false},
		{0x7f0000002000, 0x7f0000003000, 0, [4]byte([]byte("rw-p")), "00:00", 0, "", false},
		{0x7ffd5c9f1000, 0x7ffd5c9f3000, 0, rx, "00:00", 0, "[vdso]", false},
		{0xffffffffff600000, 0xffffffffff601000, 0, x, "00:00", 0, "[vsyscall]", false},
	}
	if diff := cmp.Diff(want, ParseMaps([]byte(text))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	maps, err := Maps(os.Getpid())
	if err != nil || !slices.ContainsFunc(maps, func(m Mapping) bool { return m.Executable() && m.Inode != 0 }) {
		t.Errorf("our own map has no code: %v, %v", maps, err)
	}
	if _, err := Maps(1 << 30); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("map of a process that is not there: %v", err)
	}
}

func FuzzParseMaps(f *testing.F) {
	f.Add([]byte("55d0c8a00000-55d0c8a02000 r--p 00000000 fd:01 1048602   /usr/bin/cat\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, m := range ParseMaps(text) {
			if m.End <= m.Start {
				t.Fatalf("empty mapping %+v", m)
			}
		}
	})
}

// ldCache builds a loader cache; entries are name, path, flags, hwcap.
func ldCache(old bool, entries [][4]string) []byte {
	le := binary.LittleEndian
	var out []byte
	if old {
		out = append([]byte("ld.so-1.7.0\x00"), 1, 0, 0, 0)
		out = append(out, make([]byte, 12+4)...)
	}
	table := append([]byte("glibc-ld.so.cache1.1"), le.AppendUint32(nil, uint32(len(entries)))...)
	table = append(table, make([]byte, 24)...)
	var strs []byte
	at := len(table) + 24*len(entries)
	for _, e := range entries {
		var flags, hwcap uint64
		fmt.Sscan(e[2], &flags)
		fmt.Sscan(e[3], &hwcap)
		name := at + len(strs)
		strs = append(append(strs, e[0]...), 0)
		path := at + len(strs)
		strs = append(append(strs, e[1]...), 0)
		for _, w := range []uint32{uint32(flags), uint32(name), uint32(path), 0} {
			table = le.AppendUint32(table, w)
		}
		table = le.AppendUint64(table, hwcap)
	}
	return append(out, append(table, strs...)...)
}

func TestLdCache(t *testing.T) {
	entries := [][4]string{
		{"libssl.so.3", "/lib/hwcaps/libssl.so.3", "0x303", "4611686018427387904"},
		{"libssl.so.3", "/lib/libssl.so.3", "0x303", "0"},
		{"libssl.so.1.1", "/lib/libssl.so.1.1", "0x303", "0"},
		{"libssl.so.3", "/lib32/libssl.so.3", "0x3", "0"},
		{"libssl3.so", "/lib/libssl3.so", "0x303", "0"},
		{"relative.so", "lib/relative.so", "0x303", "0"},
	}
	if hostFlags() != 0x303 {
		for i := range entries {
			entries[i][2] = strings.Replace(entries[i][2], "0x303", fmt.Sprint(hostFlags()), 1)
		}
	}
	for _, old := range []bool{false, true} {
		text := ldCache(old, entries)
		for name, want := range map[string][]string{
			"libssl":      {"/lib/libssl.so.3", "/lib/libssl.so.1.1", "/lib/hwcaps/libssl.so.3"},
			"libssl.so.3": {"/lib/libssl.so.3", "/lib/hwcaps/libssl.so.3"},
			"libssl3":     {"/lib/libssl3.so"},
			"libs":        nil,
			"relative":    nil,
		} {
			if diff := cmp.Diff(want, fromCache(text, name)); diff != "" {
				t.Errorf("%s, after an old table: %v, -want +got:\n%s", name, old, diff)
			}
		}
		for n := range text {
			fromCache(text[:n], "libssl") // must not panic
		}
	}
	if _, err := parseLdCache([]byte("something else")); !errors.Is(err, errLdCache) {
		t.Errorf("rubbish: %v", err)
	}
}

func TestIsLibrary(t *testing.T) {
	for _, test := range []struct {
		file, name string
		want       bool
	}{
		{"libc.so.6", "libc", true},
		{"libc-2.31.so", "libc", true},
		{"libc.so", "libc.so", true},
		{"libcrypt.so.1", "libc", false},
		{"libc-client.so.2007e", "libc", false},
		{"libssl.so.3.0.11", "libssl.so.3", true},
		{"libssl.so.30", "libssl.so.3", false},
		{"libc.a", "libc", false},
	} {
		if got := isLibrary(test.file, test.name); got != test.want {
			t.Errorf("isLibrary(%q, %q) = %v", test.file, test.name, got)
		}
	}
}

func TestByVersion(t *testing.T) {
	names := []string{"libx.so", "libx.so.10", "libx.so.9", "libx.so.9.1", "libx.so.010"}
	slices.SortFunc(names, func(a, b string) int { return byVersion(b, a) })
	if diff := cmp.Diff([]string{"libx.so.10", "libx.so.010", "libx.so.9.1", "libx.so.9", "libx.so"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFindProgram(t *testing.T) {
	dir := t.TempDir()
	a := program.write(t, filepath.Join(dir, "a", "tool"), 0o755)
	b := program.write(t, filepath.Join(dir, "b", "tool"), 0o755)
	program.write(t, filepath.Join(dir, "a", "plain"), 0o644)
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", strings.Join([]string{dir + "/none", dir + "/a", dir + "/link", dir + "/b"}, ":"))
	t.Chdir(dir)
	got, err := Find("tool", 0)
	if diff := cmp.Diff(Binary{Path: a, Name: a, Matches: []string{a, b}}, got); diff != "" || err != nil {
		t.Errorf("Find(tool): %v, -want +got:\n%s", err, diff)
	}
	if got, err := Find("b/tool", 0); err != nil || got.Path != "b/tool" {
		t.Errorf("Find(b/tool) = %+v, %v", got, err)
	}
	t.Chdir(dir + "/b")
	if got, err := Find("tool", 0); err != nil || got.Path != b {
		t.Errorf("Find(tool) in the current directory = %+v, %v", got, err)
	}
	for _, name := range []string{"plain", "nothing", "./nothing", "/", "x\x00y", "libnothing_at_all", ""} {
		if got, err := Find(name, 0); !errors.Is(err, ErrNotFound) {
			t.Errorf("Find(%q) = %+v, %v, want ErrNotFound", name, got, err)
		}
	}
	if _, err := Find("tool", 1<<30); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Find for a process that is not there: %v", err)
	}
}

// below resolves links as the process would, never into our own root.
func TestBelow(t *testing.T) {
	root := t.TempDir()
	for path, target := range map[string]string{
		"lib": "usr/lib", "usr/lib/libx.so": "libx.so.1", "abs": "/usr/lib/libx.so.1", "up": "../../../../etc/target",
		"loop": "loop", "usr/back": "../abs",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, full); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/lib/libx.so": "/usr/lib/libx.so.1", "/abs": "/usr/lib/libx.so.1", "/up": "/etc/target",
		"/usr/back": "/usr/lib/libx.so.1", "/../../x": "/x", "/plain//./y": "/plain/y",
	} {
		if got, err := below(root, path); got != root+want || err != nil {
			t.Errorf("below(%s) = %s, %v, want %s", path, strings.TrimPrefix(got, root), err, want)
		}
	}
	if got, err := below(root, "/loop"); err == nil {
		t.Errorf("below(/loop) = %s, want an error", got)
	}
}

// A process of ours: its program, and a library it has mapped.
func TestFindInProcess(t *testing.T) {
	sleep, err := exec.LookPath("cat")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(sleep)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	fmt.Fprintln(in, "ready") // its libraries are mapped when this comes back
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	b, err := Find("", cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	maps, err := Maps(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(maps, func(m Mapping) bool { return strings.HasPrefix(filepath.Base(m.Path), "libc.so") }) {
		t.Skip("cat is not linked with libc.so here")
	}
	lib, err := Find("libc", cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Open(lib.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if s, err := file.Lookup("getpid"); err != nil || s.Size == 0 {
		t.Errorf("Lookup(getpid) in %s = %+v, %v", lib.Path, s, err)
	}
	if own, err := Find("libc", 0); err != nil || filepath.Base(own.Path) == "" {
		t.Errorf("Find(libc) = %+v, %v", own, err)
	}
}
