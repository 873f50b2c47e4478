package symbol

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"probe/runtime/machine/live/elf"
)

// TestFrames: an address has the functions that were inlined there, each with
// its line, while the process runs and after it has ended.
func TestFrames(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no compiler is here: the guests have none, the host has")
	}
	bin := filepath.Join(t.TempDir(), "inline")
	if out, err := exec.Command("gcc", "-O2", "-g", "-o", bin, "testdata/inline.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	cmd := exec.Command(bin)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if _, err := io.ReadAll(stdout); err != nil { // until it waits
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	f, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	base := loadedAt(t, pid, f)
	u := NewUser()
	look := func(fn string, want []string) uint64 {
		t.Helper()
		s, err := f.Lookup(fn)
		if err != nil {
			t.Fatal(err)
		}
		var all [][]string
		for off := range s.Size {
			var got []string
			for _, l := range u.Frames(pid, base+s.Addr+off, false) {
				line := fmt.Sprintf("%s %s:%d", l.Name, filepath.Base(l.File), l.Line)
				if l.Inlined {
					line += " inlined"
				}
				got = append(got, line)
			}
			if slices.Equal(got, want) {
				return base + s.Addr + off
			}
			all = append(all, got)
		}
		t.Errorf("%s: no address has the frames %q; they are %q", fn, want, all)
		return 0
	}
	at := look("leaf", []string{"deep inline.c:6 inlined", "middle inline.c:10 inlined", "leaf inline.c:14"})
	look("leaf", []string{"leaf inline.c:15"})
	// The address where a call returns to is that of the next line.
	back := look("outer", []string{"outer inline.c:20"})
	if l := u.Frames(pid, back, true); len(l) == 0 || l[len(l)-1].Line != 19 {
		t.Errorf("the call before %#x is at %+v, want line 19", back, l)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if l := u.Frames(pid, at, false); len(l) != 3 || l[0].Line != 6 {
		t.Errorf("after the process has ended: %+v", l)
	}
}

// loadedAt returns the address that a process has loaded a file at.
func loadedAt(t *testing.T, pid int, f *elf.File) uint64 {
	t.Helper()
	all, err := elf.Maps(pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Path == f.Path() && m.Executable() {
			at, err := f.Addr(m.Offset)
			if err != nil {
				t.Fatal(err)
			}
			return m.Start - at
		}
	}
	t.Fatal("the process has not mapped its program")
	return 0
}

func TestDemangle(t *testing.T) {
	for _, c := range [][2]string{
		{"_ZN2ns2fnEd", "ns::fn(double)"},
		{"_ZN3foo3barB5abi12Ev", "foo::bar[abi:abi12]()"},
		{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
		{"_RNvCskwGfYPst2Cb_3foo16example_function", "foo::example_function"},
		{"main.main", "main.main"}, {"_start", "_start"}, {"_Znonsense", "_Znonsense"}, {"_Z", "_Z"}, {"", ""},
	} {
		if got := Demangle(c[0]); got != c[1] {
			t.Errorf("%s: got %q, want %q", c[0], got, c[1])
		}
	}
}
