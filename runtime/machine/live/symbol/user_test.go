package symbol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/elf"
)

// role makes the test program play another: to echo its input, and then to
// become the program named after a blank.
const role = "PROBE_SYMBOL_TEST_ROLE"

func TestMain(m *testing.M) {
	play, next, _ := strings.Cut(os.Getenv(role), " ")
	if play != "echo" {
		os.Exit(m.Run())
	}
	in := make([]byte, 64)
	for {
		n, err := os.Stdin.Read(in)
		if err != nil {
			os.Exit(0)
		}
		os.Stdout.Write(in[:n])
		if next != "" {
			err := syscall.Exec(next, []string{next}, []string{role + "=echo"})
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// self returns the path of the test program.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// copySelf makes another file of the test program.
func copySelf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// child is a running program that echoes its input.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs a program and waits until it answers, so that all it needs has
// been mapped.
func start(t *testing.T, name, playing string) *child {
	t.Helper()
	cmd := exec.Command(name)
	cmd.Env = append(os.Environ(), role+"="+playing)
	cmd.Stderr = os.Stderr
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
	c := &child{cmd, in, bufio.NewReader(out)}
	t.Cleanup(c.stop)
	return c
}

func (c *child) echo(t *testing.T) {
	t.Helper()
	fmt.Fprintln(c.in, "ready")
	if _, err := c.out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
}

func (c *child) stop() {
	c.in.Close()
	c.cmd.Wait()
}

// inLibc returns the address of a function of the C library in a process.
func inLibc(t *testing.T, pid int, name string) uint64 {
	t.Helper()
	maps, err := elf.Maps(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range maps {
		if !m.Executable() || !strings.HasPrefix(filepath.Base(m.Path), "libc.so") {
			continue
		}
		f, err := elf.Open(m.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s, err := f.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		off, err := f.Offset(s.Addr)
		if err != nil || off < m.Offset {
			t.Fatal(off, err)
		}
		return off - m.Offset + m.Start
	}
	t.Skip("the program is not linked with libc.so here")
	return 0
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}

func TestUserLookup(t *testing.T) {
	c := start(t, lookPath(t, "cat"), "")
	c.echo(t)
	pid := c.cmd.Process.Pid
	addr := inLibc(t, pid, "getppid")
	u := NewUser()
	clock := time.Now()
	u.now = func() time.Time { return clock }
	check := func(when string) {
		t.Helper()
		loc, ok := u.Lookup(pid, addr+3)
		if !ok || loc.Name != "getppid" || loc.Offset != 3 || !strings.HasPrefix(filepath.Base(loc.Module), "libc") {
			t.Errorf("%s: Lookup = %+v, %v, want getppid+3 in libc", when, loc, ok)
		}
	}
	check("alive")
	for _, bad := range []uint64{0, 1, 1 << 62, ^uint64(0)} {
		if loc, ok := u.Lookup(pid, bad); ok {
			t.Errorf("Lookup(%#x) = %+v", bad, loc)
		}
	}
	c.stop()
	clock = clock.Add(time.Hour)
	check("gone")
	u.Forget(pid)
	if loc, ok := u.Lookup(pid, addr); ok {
		t.Errorf("Lookup in a forgotten process that is gone = %+v", loc)
	}
	if err := u.Load(pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of a process that is gone: %v", err)
	}
}

// The symbols of a process loaded in time outlive it, without having been used.
func TestUserLoad(t *testing.T) {
	c := start(t, lookPath(t, "cat"), "")
	c.echo(t)
	pid := c.cmd.Process.Pid
	addr := inLibc(t, pid, "getppid")
	u := NewUser()
	if err := u.Load(pid); err != nil {
		t.Fatal(err)
	}
	c.stop()
	if loc, ok := u.Lookup(pid, addr); !ok || loc.Name != "getppid" {
		t.Errorf("Lookup = %+v, %v", loc, ok)
	}
}

// A program whose file has been deleted, and replaced by another.
func TestUserDeleted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may open the files in map_files")
	}
	path := copySelf(t, "deleted")
	c := start(t, path, "echo")
	c.echo(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another file"), 0o755); err != nil {
		t.Fatal(err)
	}
	maps, err := elf.Maps(c.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(maps, func(m elf.Mapping) bool { return m.Executable() && m.Path == path })
	if i < 0 || !maps[i].Deleted {
		t.Fatalf("no deleted mapping of %s", path)
	}
	u := NewUser()
	loc, _ := u.Lookup(c.cmd.Process.Pid, maps[i].Start+16)
	if loc.Module != path {
		t.Errorf("Module = %q, want %q", loc.Module, path)
	}
	if p := u.procs[c.cmd.Process.Pid]; p.find(maps[i].Start).file == nil {
		t.Error("the deleted file was not opened")
	}
}

// After an exec the same number is another program.
func TestUserExec(t *testing.T) {
	c := start(t, self(t), "echo "+copySelf(t, "other"))
	pid := c.cmd.Process.Pid
	u := NewUser()
	clock := time.Now()
	u.now = func() time.Time { return clock }
	if err := u.Load(pid); err != nil {
		t.Fatal(err)
	}
	before := u.procs[pid]
	if u.process(pid) != before {
		t.Error("a process read a moment ago was read again")
	}
	c.echo(t) // and then the exec
	c.echo(t)
	clock = clock.Add(checkEvery)
	if u.process(pid) == before {
		t.Error("the exec went unnoticed")
	}
	clock = clock.Add(checkEvery)
	after := u.procs[pid]
	if u.process(pid) != after {
		t.Error("an unchanged process was read again")
	}
}

func TestUserVdso(t *testing.T) {
	maps, err := elf.Maps(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(maps, func(m elf.Mapping) bool { return m.Path == "[vdso]" })
	if i < 0 {
		t.Skip("this kernel maps no vdso")
	}
	image := memory(os.Getpid(), maps[i].Start, maps[i].End)
	f, err := elf.New(bytes.NewReader(image), "[vdso]")
	if err != nil {
		t.Fatal(err)
	}
	var want elf.Symbol
	if err := f.Symbols(func(s elf.Symbol) bool { want = s; return s.Kind != elf.Func }); err != nil || want.Name == "" {
		t.Fatalf("no function in the vdso: %v", err)
	}
	off, err := f.Offset(want.Addr)
	if err != nil {
		t.Fatal(err)
	}
	loc, ok := NewUser().Lookup(os.Getpid(), maps[i].Start+off+1)
	if !ok || loc.Module != "[vdso]" || loc.Offset != 1 || !strings.Contains(loc.Name, strings.TrimPrefix(want.Name, "__vdso_")) {
		t.Errorf("Lookup = %+v, %v, want %s+1", loc, ok, want.Name)
	}
}

func TestUserPerfMap(t *testing.T) {
	code, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Skip("no executable memory:", err)
	}
	defer unix.Munmap(code)
	maps, err := elf.Maps(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(maps, func(m elf.Mapping) bool { return m.Executable() && m.Inode == 0 && m.Path == "" })
	if i < 0 {
		t.Fatal("our own mapping is not listed")
	}
	addr := maps[i].Start
	path := fmt.Sprintf("/tmp/perf-%d.map", os.Getpid())
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Remove(path) })
	u := NewUser()
	clock := time.Now()
	u.now = func() time.Time { return clock }
	if loc, ok := u.Lookup(os.Getpid(), addr); ok {
		t.Fatalf("Lookup without a map = %+v", loc)
	}
	write(fmt.Sprintf("%x 10 old name\n%x 20 LazyCompile:*main /srv/a b.js:3\n", addr, addr))
	if _, ok := u.Lookup(os.Getpid(), addr); ok {
		t.Error("the file is read again at once")
	}
	clock = clock.Add(checkEvery)
	loc, ok := u.Lookup(os.Getpid(), addr+0x1f)
	if diff := cmp.Diff(Location{Name: "LazyCompile:*main /srv/a b.js:3", Offset: 0x1f}, loc); diff != "" || !ok {
		t.Errorf("Lookup: %v, -want +got:\n%s", ok, diff)
	}
	if loc, ok := u.Lookup(os.Getpid(), addr+0x20); ok {
		t.Errorf("Lookup beyond the last entry = %+v", loc)
	}
	// A link is not followed: the map belongs to a directory open to all.
	os.Remove(path)
	target := filepath.Join(t.TempDir(), "map")
	if err := os.WriteFile(target, fmt.Appendf(nil, "%x 100 linked\n", addr), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if loc, ok := NewUser().Lookup(os.Getpid(), addr); ok {
		t.Errorf("Lookup through a link = %+v", loc)
	}
	os.Remove(path)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if loc, ok := NewUser().Lookup(os.Getpid(), addr); ok { // must not hang
		t.Errorf("Lookup through a pipe = %+v", loc)
	}
}

func TestParsePerfMap(t *testing.T) {
	m := perfMap{entries: parsePerfMap([]byte("2000 10 b\n0x1000 0x1000 a\nzz 1 x\n3000\n3000 10\n1800 8 c\n\n1000 4 a2\n"))}
	for addr, want := range map[uint64]string{
		0x0fff: "", 0x1000: "a2", 0x1003: "a2", 0x1004: "a", 0x17ff: "a", 0x1800: "c", 0x1808: "a", 0x2000: "b", 0x2010: "", 0x3000: "",
	} {
		if e, _ := m.find(addr); e.name != want {
			t.Errorf("find(%#x) = %q, want %q", addr, e.name, want)
		}
	}
}

func FuzzParsePerfMap(f *testing.F) {
	f.Add([]byte("1000 10 name\n"), uint64(0x1004))
	f.Fuzz(func(t *testing.T, text []byte, addr uint64) {
		m := perfMap{entries: parsePerfMap(text)}
		if e, ok := m.find(addr); ok && addr-e.start >= e.size {
			t.Fatalf("find(%#x) = %+v", addr, e)
		}
	})
}

func TestEvict(t *testing.T) {
	u := NewUser()
	clock := time.Now()
	u.now = func() time.Time { return clock }
	for pid := range maxProcs {
		u.procs[1_000_000+pid] = &process{pid: 1_000_000 + pid, used: clock.Add(time.Duration(pid))}
	}
	if err := u.Load(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	if n := len(u.procs); n != maxProcs*3/4+1 {
		t.Errorf("%d processes kept, want %d", n, maxProcs*3/4+1)
	}
	if u.procs[1_000_000] != nil || u.procs[1_000_000+maxProcs-1] == nil {
		t.Error("the wrong ones were dropped")
	}
}

func BenchmarkUserLookup(b *testing.B) {
	u := NewUser()
	maps, err := elf.Maps(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	i := slices.IndexFunc(maps, func(m elf.Mapping) bool { return m.Executable() })
	b.ReportAllocs()
	for b.Loop() {
		u.Lookup(os.Getpid(), maps[i].Start+100)
	}
}
