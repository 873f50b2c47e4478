package session_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"probe/runtime/engine"
	"probe/runtime/session"
)

// TestChild: the command runs only once everything is attached, and its end
// ends the run.
func TestChild(t *testing.T) {
	needBPF(t)
	mark := filepath.Join(t.TempDir(), "mark")
	c, err := session.NewChild([]string{"sh", "-c", "echo $$ > " + mark + "; exit 7"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := os.Stat(mark); err == nil || c.PID() == 0 {
		t.Fatal("the command runs before it is let go")
	}
	s := &script{text: `interval:s:10 { } end { printf("end\n"); }`, change: func(o *session.Options, _ *engine.CheckOptions) { o.Child = c }}
	res, err := s.run(t, t.Context())
	if err != nil || res.Exit != 0 {
		t.Fatalf("exit %d, %v; the child's status is not ours", res.Exit, err)
	}
	b, err := os.ReadFile(mark)
	if err != nil || strings.TrimSpace(string(b)) != strconv.Itoa(c.PID()) {
		t.Errorf("the command saw pid %q, %v; held was %d", b, err, c.PID())
	}
	if s.out.String() == "" {
		t.Error("the end probe did not run")
	}
}

// TestChildIsEnded: exit() ends the command.
func TestChildIsEnded(t *testing.T) {
	needBPF(t)
	c, err := session.NewChild([]string{"sleep", "1000"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := &script{text: `interval:ms:20 { exit(); }`, change: func(o *session.Options, _ *engine.CheckOptions) { o.Child = c }}
	if _, err := s.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(c.PID(), 0); err != unix.ESRCH {
		t.Errorf("the command still exists: %v", err)
	}
}

// TestChildFails: a program that cannot be run is an error of the run.
func TestChildFails(t *testing.T) {
	needBPF(t)
	path := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(path, []byte("\x7fELF but not really"), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := session.NewChild([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := &script{text: `interval:s:10 { }`, change: func(o *session.Options, _ *engine.CheckOptions) { o.Child = c }}
	if _, err := s.run(t, t.Context()); err == nil || !strings.Contains(err.Error(), "failed to run child: exec format error") {
		t.Errorf("the run ended with %v", err)
	}
}

func TestChildNotFound(t *testing.T) {
	for _, argv := range [][]string{nil, {"no-such-command-here"}, {"/nonexistent/x"}} {
		if c, err := session.NewChild(argv); err == nil {
			c.Close()
			t.Errorf("%q was started", argv)
		}
	}
}

// TestHeldChildGivesUp: a child that is never let go ends without running.
func TestHeldChildGivesUp(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	c, err := session.NewChild([]string{"touch", mark})
	if err != nil {
		t.Fatal(err)
	}
	pid := c.PID()
	c.Close()
	if err := unix.Kill(pid, 0); err != unix.ESRCH {
		t.Errorf("the held child still exists: %v", err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the command ran all the same")
	}
}

// TestProcessEnds: the end of the process of -p ends the run.
func TestProcessEnds(t *testing.T) {
	needBPF(t)
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { cmd.Process.Kill(); cmd.Wait() })
	s := &script{text: `interval:s:10 { } end { printf("end\n"); }`, change: func(o *session.Options, _ *engine.CheckOptions) { o.PID = cmd.Process.Pid }}
	if _, err := s.run(t, t.Context()); err != nil || !strings.HasPrefix(s.out.String(), "end\n") {
		t.Errorf("error %v, output %q", err, s.out.String())
	}
	// A process that is gone already.
	s = &script{text: s.text, change: s.change}
	if _, err := s.run(t, t.Context()); err != nil {
		t.Errorf("with a process that is gone: %v", err)
	}
}

// TestOwnEvents attaches real probes, limited to a process of the test.
func TestOwnEvents(t *testing.T) {
	needBPF(t)
	s := &script{}
	s.compile(t, `begin { }`, engine.CheckOptions{}, nil)
	if _, err := s.machine.Tracefs(); err != nil {
		t.Skip(err)
	}
	c, err := session.NewChild([]string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=2000", "status=none"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s = &script{text: `tracepoint:syscalls:sys_enter_write { printf("%d %s\n", args.count, comm); @n = count(); @c[comm] = count(); }`,
		change: func(o *session.Options, cfg *engine.CheckOptions) { o.Child, o.PID, cfg.PID = c, c.PID(), c.PID() }}
	res, err := s.run(t, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := s.out.String()
	if n := strings.Count(out, "1 dd\n"); n != 2000 || !strings.Contains(out, "@n: 2000\n") || !strings.Contains(out, "@c[dd]: 2000\n") || !res.Complete {
		t.Errorf("%d of 2000 writes were printed, complete %v; the end is\n%s\n%s", n, res.Complete, out[max(len(out)-200, 0):], s.err.String())
	}
}
