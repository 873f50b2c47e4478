package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the check of a script may take, however large it is: processor time, and
// memory in kB.
const (
	largeTime   = 5 * time.Second
	largeMemory = 300_000
)

// TestLarge: a script of up to 32 MB is refused or checked within five seconds
// and 300 MB.
func TestLarge(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const mb = 1 << 20
	dir := t.TempDir()
	program := copySelf(t, dir)
	for _, tc := range []struct{ name, text, want string }{
		{"10 MB of braces", strings.Repeat("{", 10*mb), "too-long"},
		{"few braces", strings.Repeat("{", 150_000), "expected-token"},
		{"32 MB of statements", "begin { " + strings.Repeat("@a = 1; ", 4*mb-2) + "}", "too-long"},
		{"long names", "begin { " + strings.Repeat("@"+strings.Repeat("a", 240)+" = 1; ", 49_000) + "}", ""},
		{"variables", "begin { " + many(48_000, "$x%d = 1; ") + "}", ""},
		{"maps", "begin { " + many(48_000, "@x%d = 1; ") + "}", ""},
		{"blocks", "begin { " + strings.Repeat("{ $y = 1; } ", 32_000) + "}", ""},
		{"a sum", "begin { @a = " + strings.Repeat("1+", 90_000) + "1; }", "too-deep"},
		{"parentheses", "begin { @a = " + strings.Repeat("(", 150_000) + "1; }", "too-deep"},
		{"a tuple", "begin { print((" + strings.Repeat("1,", 90_000) + "1)); }", "too-complex"},
		{"a string", "begin { @a = \"" + strings.Repeat("x", 31*mb) + "\"; }", "string-too-long"},
		{"a comment", "/*" + strings.Repeat("x", 31*mb), "unterminated-comment"},
		{"blanks", "begin { @a = 1; " + strings.Repeat(" ", 31*mb) + "}", ""},
		{"constants", many(60_000, "#define A%d 1\n") + "begin { @ = A5; }", ""},
		{"structs", many(15_000, "struct s%d { int a; int b; };\n") + "begin { @ = 1; }", ""},
		{"lines", strings.Repeat("\n", 31*mb) + "begin { @ = 1; }", ""},
		{"members", "struct s { " + many(2_000_000, "int x%d; ") + "};\nbegin { @ = 1; }", "too-long"},
		{"a macro", "#define A " + strings.Repeat("x ", 15*mb) + "\nbegin { A; A; A; }", "too-long"},
		{"a condition", "#if " + strings.Repeat("1 + ", 7*mb) + "1\n#endif\nbegin { @ = 1; }", "too-long"},
		{"more than 32 MB", strings.Repeat(" ", 33*mb), "larger than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(dir, "large.pr")
			if err := os.WriteFile(file, []byte(tc.text), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), program, "check", "--no-warnings", "--kernel", "6.12", file)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			peak := make(chan int)
			done := make(chan struct{})
			go func() { peak <- watchMemory(cmd.Process.Pid, done) }()
			err := cmd.Wait()
			close(done)
			state := cmd.ProcessState
			if ok := err == nil; ok != (tc.want == "") || !strings.Contains(out.String(), tc.want) {
				t.Errorf("%v, want %q:\n%.500s", err, tc.want, out.String())
			}
			if used := state.UserTime() + state.SystemTime(); used > largeTime {
				t.Errorf("it took %v, want %v", used, largeTime)
			}
			if used := <-peak; used > largeMemory {
				t.Errorf("it took %d kB, want %d", used, largeMemory)
			}
		})
	}
}

// watchMemory returns the most memory in kB that a process has had, as of the
// last look before it ended. Its rusage also has what this process had when it
// started it.
func watchMemory(pid int, done chan struct{}) (peak int) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok {
			var kb int
			if _, err := fmt.Sscan(rest, &kb); err == nil {
				peak = max(peak, kb)
			}
		}
		select {
		case <-done:
			return peak
		case <-tick.C:
		}
	}
}
