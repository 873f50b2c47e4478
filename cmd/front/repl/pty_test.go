package repl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"probe/internal/guest/guesttest"
	"probe/runtime/engine"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/tracefs"
)

// childPID in the environment makes the test binary an interactive session of
// the running kernel that traces the process with this id only.
const childPID = "PROBE_TEST_REPL_PID"

func TestMain(m *testing.M) {
	if text := os.Getenv(childPID); text != "" {
		os.Exit(child(text))
	}
	os.Exit(guesttest.Main(m))
}

func child(text string) int {
	if os.Getenv("PROBE_TEST_REPL_SHELL") != "" {
		fmt.Fprintln(os.Stderr, shell())
		return 2
	}
	var pid int
	if _, err := fmt.Sscan(text, &pid); err != nil || pid <= 0 {
		fmt.Fprintln(os.Stderr, "bad pid", text)
		return 2
	}
	code, err := Run(context.Background(), Config{
		Machine: live.New(live.Options{}), Check: engine.CheckOptions{PID: pid},
		Banner: "hello",
		In:     os.Stdin, Out: os.Stdout, Err: os.Stderr, Color: os.Getenv("PROBE_TEST_REPL_COLOR") != "",
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return code
}

// terminal is a session on a pseudo-terminal.
type terminal struct {
	t   *testing.T
	tty *os.File
	cmd *exec.Cmd
	vt  *vt

	mu   sync.Mutex
	raw  bytes.Buffer
	seen int // how much of raw Expect has passed
	more chan struct{}
}

// onTerminal starts a session that traces nothing but this test's process.
func onTerminal(t *testing.T, env ...string) *terminal {
	t.Helper()
	if d := live.New(live.Options{}).Refuses(); d != nil {
		t.Skip("needs the privileges to trace: " + d.Message)
	}
	x := &terminal{t: t, vt: &vt{}, more: make(chan struct{}, 1)}
	x.cmd = exec.Command(os.Args[0])
	x.cmd.Env = append(append(os.Environ(), "XDG_STATE_HOME="+t.TempDir(), "TERM=xterm",
		fmt.Sprint(childPID, "=", os.Getpid())), env...)
	var err error
	x.tty, err = pty.StartWithSize(x.cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatalf("start on a terminal: %v", err)
	}
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		_ = x.cmd.Wait()
		x.tty.Close()
	})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := x.tty.Read(buf)
			x.mu.Lock()
			x.raw.Write(buf[:n])
			x.mu.Unlock()
			x.vt.Write(buf[:n])
			select {
			case x.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return x
}

// expect waits until what came since the last call matches.
func (x *terminal) expect(pattern string) {
	x.t.Helper()
	if !x.came(pattern, 30*time.Second) {
		x.mu.Lock()
		rest := string(x.raw.Bytes()[x.seen:])
		x.mu.Unlock()
		x.t.Fatalf("%s did not come; since then came\n%q\nthe screen shows\n%s", pattern, rest, x.vt.text())
	}
}

// shows waits until the line of the cursor is as wanted, with colours and the cursor as
// vt.colored has them.
func (x *terminal) shows(want string) {
	x.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if x.vt.colored() == want {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("the line is\n%s\nwant\n%s\nthe screen shows\n%s", x.vt.colored(), want, x.vt.text())
		}
	}
}

// came waits for a match for a time.
func (x *terminal) came(pattern string, d time.Duration) bool {
	re := regexp.MustCompile(pattern)
	deadline := time.After(d)
	for {
		x.mu.Lock()
		m := re.FindIndex(x.raw.Bytes()[x.seen:])
		if m != nil {
			x.seen += m[1]
		}
		x.mu.Unlock()
		if m != nil {
			return true
		}
		select {
		case <-x.more:
		case <-deadline:
			return false
		}
	}
}

func (x *terminal) keys(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.tty, text); err != nil {
		x.t.Fatalf("type %q: %v", text, err)
	}
}

// enter types a line and waits for it to be taken.
func (x *terminal) enter(line, answer string) {
	x.t.Helper()
	x.keys(line + "\r")
	x.expect(answer)
}

// end waits for the session to end and gives its status.
func (x *terminal) end() int {
	x.t.Helper()
	done := make(chan error, 1)
	go func() { done <- x.cmd.Wait() }()
	select {
	case <-done:
		return x.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		x.t.Fatalf("the session does not end; the screen shows\n%s", x.vt.text())
		return -1
	}
}

func TestSessionOnATerminal(t *testing.T) {
	if _, err := tracefs.Find(); err != nil {
		t.Skipf("needs a tracepoint, and runs in guests, from TestCommandInAGuest: %v", err)
	}
	state := t.TempDir()
	x := onTerminal(t, "XDG_STATE_HOME="+state)
	x.expect(`hello\r\nprobe> `)
	x.enter("1 << 20", `\n1048576\r\nprobe> `)

	// A clause, and what it counted.
	x.enter(fmt.Sprintf("tracepoint:raw_syscalls:sys_enter /args.id == %d/ { @calls = count(); }", unix.SYS_GETPPID),
		`\[1\] attached 1 probe\r\nprobe> `)
	for range 50 {
		syscall.Getppid()
	}
	x.enter("@calls", `\n@calls: 50\r\nprobe> `)

	// Its output above the line that is being typed.
	x.enter(`interval:ms:100 { @t++; printf("tick %d\n", @t); }`, `\[2\] attached 1 probe\r\nprobe> `)
	x.keys("1 + ")
	x.expect(`tick 2\r\nprobe> 1 \+ `)
	x.expect(`tick 3\r\nprobe> 1 \+ `)
	x.enter("1", `\n2\r\n`)
	x.enter(":list", `\[1\] 1 probe, \d+s: tracepoint:raw_syscalls:sys_enter .*\r\n    ran \d+ times, \d+ ns each, \S+ % of a CPU\r\n\[2\] 1 probe, \d+s: interval:ms:100`)
	x.enter(":stop 2", `probe> `)
	x.enter(":list", `\[1\] 1 probe, .*\r\n    ran .*\r\nprobe> `)

	// Maps and variables that several inputs share.
	x.enter(`@m["x"] = 3`, `probe> `)
	x.enter(`@m["x"] += 300`, `probe> `)
	x.enter(`print(@m)`, `\n@m\[x\]: 303\r\n`)
	x.enter(`$me = pid`, `probe> `)
	x.enter(`$me == pid`, `\ntrue\r\n`)
	x.enter(`$pair = (1, "two")`, `probe> `)
	x.enter(`$pair`, `\n\(1, two\)\r\n`)
	x.enter(`$one = 1`, `probe> `)
	x.enter(`$one`, `\n1\r\n`)
	x.enter(`if (pid > 0) { 5 } else { 6 }`, `\n5\r\n`)
	x.enter(`if (pid > 0) { print("yes") }`, `\nyes\r\n`)
	x.enter(`begin { @m["y"] = 4; @m["y"] }`, `probe> `)
	x.enter(`for ($kv : @m) { @sum += $kv.1; } @sum`, `\n@sum: 307\r\n`)
	x.enter(":clear @m", `probe> `)
	x.enter("len(@m)", `\n0\r\n`)

	// Mistakes, more than one line, Ctrl-C, TAB, the history.
	x.enter("@calls = cuont()", `\n 1 \| @calls = cuont\(\)\r\n   \|          \^\^\^\^\^`)
	x.enter("if (1) {", `  \.\.\.> `)
	x.enter(`print("two lines");`, `  \.\.\.> `)
	x.enter("}", `\ntwo lines\r\nprobe> `)
	x.keys("nonsense ((")
	x.expect(`nonsense \(\(`)
	x.keys("\x03")
	x.expect(`\^C\r\nprobe> `)
	x.keys("tracepoint:raw_syscalls:sys_en\t")
	x.expect(`sys_enter`)
	x.keys(" { args.i\t")
	x.expect(`args\.id`)
	x.keys("\x15")
	x.keys("\x1b[A")
	x.expect(`if \(1\) \{↵print\("two lines"\);↵\}`)
	x.keys("\r")
	x.expect(`probe> if \(1\) \{\r\n  \.\.\.> print\("two lines"\);\r\n  \.\.\.> \}\r\n`)
	x.expect(`\ntwo lines\r\nprobe> `)

	x.keys("\x04")
	x.expect(`@calls: \d+\r\n`)
	if code := x.end(); code != 0 {
		t.Errorf("the status is %d", code)
	}
	tty, err := unix.IoctlGetTermios(int(x.tty.Fd()), unix.TCGETS)
	if err == nil && tty.Lflag&(unix.ECHO|unix.ICANON|unix.ISIG) != unix.ECHO|unix.ICANON|unix.ISIG {
		t.Errorf("the terminal is left without echo, lines or signals: %#x", tty.Lflag)
	}
	b, err := os.ReadFile(filepath.Join(state, "probe", "history"))
	if err != nil || !strings.Contains(string(b), "\nif (1) {↵print(\"two lines\");↵}\n") {
		t.Errorf("the history holds %q, %v", b, err)
	}
	if screen := x.vt.text(); strings.Contains(screen, "$me: ") || strings.Contains(screen, "@$") {
		t.Errorf("variables are shown as maps:\n%s", screen)
	}
}

func TestExitStatusOnATerminal(t *testing.T) {
	x := onTerminal(t)
	x.expect("probe> ")
	x.enter("interval:ms:50 { exit(); }", `\[1\] attached 1 probe`)
	x.enter(":wait", `\[1\] ended by exit\(\)`)
	x.keys("exit(7)\r")
	if code := x.end(); code != 7 {
		t.Errorf("the status is %d, want 7", code)
	}
}

// A signal that ends the session leaves the terminal as it was.
func TestSignalEndsTheSession(t *testing.T) {
	x := onTerminal(t)
	x.expect("probe> ")
	x.enter("@n = 5", "probe> ")
	x.keys("half a li")
	x.expect("half a li")
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	x.expect(`@n: 5\r\n`)
	if code := x.end(); code != 0 {
		t.Errorf("the status is %d", code)
	}
	if tty, err := unix.IoctlGetTermios(int(x.tty.Fd()), unix.TCGETS); err == nil && tty.Lflag&unix.ECHO == 0 {
		t.Error("the terminal is left without echo")
	}
}

// Ctrl-C ends what an input is doing and not the session.
func TestInterruptWhileAnInputRuns(t *testing.T) {
	x := onTerminal(t)
	x.expect("probe> ")
	x.keys(":wait 1h\r")
	x.expect(`:wait 1h\r\n`)
	// The first ones may still reach the editor, which only shows them.
	for !x.came("probe> ", 100*time.Millisecond) {
		x.keys("\x03")
	}
	x.enter("1 + 1", `\n2\r\n`)
	x.keys("\x04")
	if code := x.end(); code != 0 {
		t.Errorf("the status is %d", code)
	}
}

func TestDumbTerminal(t *testing.T) {
	x := onTerminal(t, "TERM=dumb")
	x.expect(`hello\r\nprobe> `)
	x.enter("1 + 1", `\n2\r\nprobe> `)
	x.enter("(1 +", `  \.\.\.> `)
	x.keys("\x03")
	x.expect(`probe> `)
	x.enter("2 + 2", `\n4\r\nprobe> `)
	x.keys("\x04")
	if code := x.end(); code != 0 {
		t.Errorf("the status is %d", code)
	}
}
