package watchdog

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the program that is watched: TestMain does what main
// does, and then what the variable says.
func TestMain(m *testing.M) {
	act := os.Getenv("WATCHDOG_TEST")
	if act == "" {
		os.Exit(m.Run())
	}
	dir := os.Getenv("WATCHDOG_DIR")
	Init(Program{
		Restore: func() error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "restored"), nil, 0o600), os.Remove(filepath.Join(dir, "changed")))
		},
		Crashed: func(text string, err error) {
			first, _, _ := strings.Cut(text, "\n")
			fmt.Fprintf(os.Stderr, "CRASHED %q %v", first, err)
		},
	})
	defer Report()
	change := func() (release func()) {
		release = Start()
		if err := os.WriteFile(filepath.Join(dir, "changed"), nil, 0o600); err != nil {
			panic(err)
		}
		return release
	}
	switch act {
	case "ends":
		release, other := change(), Start()
		os.Remove(filepath.Join(dir, "changed"))
		release()
		release() // a second call does nothing
		if PID() == 0 {
			fmt.Println("ended too early")
		}
		other()
		fmt.Println("running:", PID() != 0)
	case "killed":
		change()
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "group":
		change()
		status := fmt.Sprintf("/proc/%d/status", dog.proc.Pid)
		for { // it ignores SIGTERM, bit 14, a few milliseconds after its start
			text, _ := os.ReadFile(status)
			_, mask, _ := strings.Cut(string(text), "SigIgn:\t")
			mask, _, _ = strings.Cut(mask, "\n")
			if bits, err := strconv.ParseUint(mask, 16, 64); err != nil || bits&(1<<14) != 0 {
				break
			}
		}
		syscall.Kill(dog.proc.Pid, syscall.SIGTERM) // as the end of a service does
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "fatal":
		change()
		go panic("unseen")
		select {}
	case "main":
		change()
		panic("in main")
	case "goroutine":
		change()
		forget := OnCrash(func() { fmt.Println("forgotten") })
		OnCrash(func() { fmt.Println("terminal") })
		forget()
		go func() {
			defer Report()
			var p *int
			*p = 1
		}()
		select {}
	case "quit":
		change()
		syscall.Kill(os.Getpid(), syscall.SIGQUIT)
		select {}
	}
}

func TestEnds(t *testing.T) {
	tests := []struct {
		act, status, out string // status as exec says it; out is in the output
		absent           string
		restored         bool
	}{
		{"ends", "", "running: false", "ended too early", false},
		{"killed", "signal: killed", "", "CRASHED", true},
		{"group", "signal: killed", "", "CRASHED", true},
		{"fatal", "exit status 2", `CRASHED "panic: unseen" <nil>`, "", true},
		{"main", "exit status 2", `CRASHED "panic: in main" <nil>`, "goroutine 1", true},
		{"goroutine", "exit status 2", `CRASHED "panic: runtime error: invalid memory address or nil pointer dereference" <nil>`, "forgotten", true},
		{"quit", "exit status 2", "SIGQUIT", "CRASHED", true},
	}
	for _, tt := range tests {
		t.Run(tt.act, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "WATCHDOG_TEST="+tt.act, "WATCHDOG_DIR="+dir)
			text, err := cmd.CombinedOutput() // until the watchdog has ended, too
			status := ""
			if err != nil {
				status = err.Error()
			}
			out := string(text)
			if status != tt.status || !strings.Contains(out, tt.out) || tt.absent != "" && strings.Contains(out, tt.absent) {
				t.Errorf("status %q, output:\n%s", status, out)
			}
			if tt.act == "goroutine" && !strings.Contains(out, "terminal") {
				t.Error("OnCrash was not called")
			}
			_, restored := os.Stat(filepath.Join(dir, "restored"))
			if (restored == nil) != tt.restored {
				t.Errorf("restored: %v", restored)
			}
			if _, err := os.Stat(filepath.Join(dir, "changed")); err == nil {
				t.Error("the change is still there")
			}
		})
	}
}

func TestEnding(t *testing.T) {
	if Ending(os.Getpid()) || Started(os.Getpid()) == 0 {
		t.Error("this process has ended")
	}
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if Ending(cmd.Process.Pid) || Started(cmd.Process.Pid) == 0 {
		t.Error("a process that sleeps has ended")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if !Ending(cmd.Process.Pid) {
		t.Error("a process that was killed goes on")
	}
	for end := time.Now().Add(10 * time.Second); Started(cmd.Process.Pid) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a process that waits for its parent has not ended")
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process was not killed")
	}
	if !Ending(cmd.Process.Pid) {
		t.Error("a process that is gone goes on")
	}
}

func TestCrashStart(t *testing.T) {
	for text, want := range map[string]int{
		"panic: x\n": 0, "fatal error: all goroutines\n": 0, "SIGQUIT: quit\nPC=1\n": -1, "": -1,
		"SIGSEGV\nfatal error: x": 8, "unpanic: x": -1,
	} {
		if got := crashStart(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// BenchmarkStart measures what a process pays for its watchdog: to start it and
// to end it.
func BenchmarkStart(b *testing.B) {
	program.Store(&Program{})
	defer program.Store(nil)
	b.Setenv("WATCHDOG_TEST", "child")
	start := time.Hour
	for b.Loop() {
		at := time.Now()
		release := Start()
		start = min(start, time.Since(at))
		release()
	}
	b.ReportMetric(float64(start.Nanoseconds()), "ns/fastest-start")
}
