package symbol

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/elf"
)

// A process that ended unseen has no map; its program is known all the same
// when that has a fixed place.
func TestProgram(t *testing.T) {
	u := NewUser()
	if loc, ok := u.Lookup(unusedPID(t), 0x401000); ok {
		t.Fatalf("an address of an unknown process is %+v", loc)
	}
	path := fixedProgram(t)
	addr := target(t, path)
	u.Program(path)
	u.Program(path)
	loc, ok := u.Lookup(unusedPID(t), addr+1)
	if !ok || loc.Name != "target" || loc.Offset != 1 || loc.Module != path {
		t.Errorf("got %+v, %v; want target+1 of %s", loc, ok, path)
	}
	u.Program(filepath.Join(t.TempDir(), "missing"))
	if _, ok := u.Lookup(unusedPID(t), addr); !ok {
		t.Error("a program that is missing hides the others")
	}
}

// TestRemember resolves an address of a process that has ended.
func TestRemember(t *testing.T) {
	path := fixedProgram(t)
	c := start(t, path, "")
	c.echo(t)
	u := NewUser()
	u.Remember(c.cmd.Process.Pid)
	c.stop()
	loc, ok := u.Lookup(c.cmd.Process.Pid, target(t, path))
	if !ok || loc.Name != "target" {
		t.Errorf("got %+v, %v; want target", loc, ok)
	}
}

// A process that calls exec after it was read, and ends, is known by its second program.
func TestRememberBeforeExec(t *testing.T) {
	path := fixedProgram(t)
	c := start(t, self(t), "echo "+path)
	pid := c.cmd.Process.Pid
	u := NewUser()
	clock := time.Now()
	u.now = func() time.Time { return clock }
	u.Program(path)
	u.Remember(pid)
	c.echo(t) // and then the exec
	c.echo(t)
	addr := target(t, path)
	if loc, ok := u.Lookup(pid, addr); !ok || loc.Name != "target" {
		t.Errorf("while it runs: got %+v, %v; want target", loc, ok)
	}
	u.Forget(pid)
	c.stop()
	if loc, ok := u.Lookup(pid, addr); !ok || loc.Name != "target" {
		t.Errorf("after its end: got %+v, %v; want target", loc, ok)
	}
}

// unusedPID returns the number of no process.
func unusedPID(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	return cmd.Process.Pid
}

// fixedProgram returns a program with a fixed place that echoes its input.
func fixedProgram(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no compiler is here: the guests have none, the host has")
	}
	path := filepath.Join(t.TempDir(), "fixed")
	source := path + ".c"
	const text = `
#include <stdio.h>
__attribute__((noinline)) int target(int c) { return putchar(c); }
int main(void)
{
	int c;
	while ((c = getchar()) != EOF) {
		target(c);
		fflush(stdout);
	}
}
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The address is one where a program of Go's, such as this test, has nothing.
	if out, err := exec.Command("gcc", "-O1", "-no-pie", "-Wl,-Ttext-segment=0x60000000", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// target returns the address of the function target of a program.
func target(t *testing.T, path string) uint64 {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := f.Lookup("target")
	if err != nil {
		t.Fatal(err)
	}
	return s.Addr
}

// A process that has ended and was not waited for keeps its number, but has
// neither a map nor an executable: what was read of it before stays usable.
func TestZombie(t *testing.T) {
	path := fixedProgram(t)
	c := start(t, path, "")
	c.echo(t)
	pid := c.cmd.Process.Pid
	u := NewUser()
	clock := time.Now()
	u.now = func() time.Time { return clock }
	u.Remember(pid)
	c.in.Close()
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(checkEvery)
	loc, ok := u.Lookup(pid, target(t, path))
	if !ok || loc.Name != "target" {
		t.Errorf("got %+v, %v; want target", loc, ok)
	}
}
