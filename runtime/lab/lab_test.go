package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// longLabEnv makes the test binary run a lab that lasts until it is killed.
const longLabEnv = "PROBE_LAB_TEST_LONG"

func TestMain(m *testing.M) {
	MaybeChild()
	if os.Getenv(longLabEnv) != "" {
		longLab()
	}
	os.Exit(m.Run())
}

// longLab runs a lab, and prints the pids of its client and server.
func longLab() {
	_, err := Run(context.Background(), Options{
		Case: "B", After: time.Hour,
		Watch: func(_ context.Context, l *Lab) (func() error, error) {
			fmt.Println(l.Client.PID, l.Server.PID)
			return nil, nil
		},
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// needLab skips a test where labs cannot run for want of privilege, which is
// the only reason to skip it.
func needLab(t *testing.T, ipv6 bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a lab needs root")
	}
	if err := onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }); errors.Is(err, unix.EPERM) {
		t.Skip("a lab needs CAP_SYS_ADMIN, which root does not have here")
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); ipv6 && err != nil {
		t.Skip("the kernel runs without IPv6")
	}
}

// checkGone fails the test if a lab of the given pid left anything behind.
func checkGone(t *testing.T, pid int) {
	t.Helper()
	for _, dir := range []string{netnsDir, stateRoot} {
		left, err := filepath.Glob(filepath.Join(dir, namePrefix+strconv.Itoa(pid)+"[.\\-]*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}

// Every case ends as it should, and takes down what it built. All run at the
// same time: they do little but wait.
func TestLab(t *testing.T) {
	needLab(t, false)
	type result struct {
		report  *Report
		err     error
		out     bytes.Buffer
		stopped int
	}
	results := make(map[string]*result)
	var all sync.WaitGroup
	each := func(f func(name string, o Options, c Case)) {
		for _, scenario := range Scenarios() {
			for _, c := range scenario.Cases {
				for _, ipv6 := range []bool{false, true} {
					f(fmt.Sprintf("%s/%s/ipv6=%v", scenario.Name, c.Name, ipv6),
						Options{Scenario: scenario.Name, Case: c.Name, IPv6: ipv6, After: 4 * time.Second, Verbose: true}, c)
				}
			}
		}
	}
	each(func(name string, o Options, c Case) {
		if _, err := os.Stat("/proc/sys/net/ipv6"); o.IPv6 && err != nil {
			return
		}
		r := new(result)
		results[name] = r
		o.Stdout = &r.out
		o.Watch = func(_ context.Context, l *Lab) (func() error, error) {
			if l.Case.Name != c.Name || l.IPv6 != o.IPv6 || l.Client.Addr.Addr().Is6() != o.IPv6 {
				t.Errorf("%s: got the lab %+v", name, l)
			}
			check := func() {
				checkEndpoint(t, l.Client)
				checkEndpoint(t, l.Server)
			}
			check()
			return func() error { r.stopped++; check(); return nil }, nil // both still run
		}
		all.Go(func() { r.report, r.err = Run(t.Context(), o) })
	})
	all.Wait()
	each(func(name string, o Options, c Case) {
		t.Run(name, func(t *testing.T) {
			r := results[name]
			if r == nil {
				t.Skip("the kernel runs without IPv6")
			}
			t.Logf("%s", &r.out)
			if r.err != nil {
				t.Fatal(r.err)
			}
			if r.stopped != 1 {
				t.Errorf("the tracing was stopped %d times, want once", r.stopped)
			}
			checkReport(t, r.report)
		})
	})
	checkGone(t, os.Getpid())
}

// checkReport checks what holds for every lab that was not disturbed.
func checkReport(t *testing.T, r *Report) {
	t.Helper()
	var text strings.Builder
	r.Text(&text)
	t.Logf("%s", &text)
	want := Stopped
	if r.Case.goesOn(r.IPv6) {
		want = Continued
	}
	if r.Outcome != want || !r.AsExpected() {
		t.Errorf("outcome: got %s, want %s", r.Outcome, want)
	}
	// send() goes on to succeed in every case; what is not delivered is queued.
	if r.SendErrors != 0 || len(r.ErrorNames) != 0 {
		t.Errorf("%d sends failed: %v", r.SendErrors, r.ErrorNames)
	}
	if sent := r.FaultTook + r.After + DefaultBefore; r.Sends < int(sent/sendEvery)/2 {
		t.Errorf("the client sent %d times in %v", r.Sends, sent)
	}
	if want == Stopped && r.QueuedFor < gapLimit {
		t.Errorf("%d bytes queued for %v while nothing is delivered", r.Queued, r.QueuedFor)
	}
	if want == Continued && r.Received+3*11 < r.Sent {
		t.Errorf("received %d bytes of %d", r.Received, r.Sent)
	}
	if r.Interrupted || r.Method == "" || r.FaultAt == 0 {
		t.Errorf("got the report %+v", r)
	}
}

// checkEndpoint checks that a side runs where and as what it says.
func checkEndpoint(t *testing.T, e Endpoint) {
	t.Helper()
	proc := "/proc/" + strconv.Itoa(e.PID)
	comm, err := os.ReadFile(proc + "/comm")
	if err != nil || string(comm) != e.Comm+"\n" {
		t.Errorf("the process of %+v is called %q (%v)", e, comm, err)
	}
	link, err := os.Readlink(proc + "/ns/net")
	if want := fmt.Sprintf("net:[%d]", e.NetnsInode); err != nil || link != want {
		t.Errorf("the process of %+v is in %q (%v), want %q", e, link, err, want)
	}
	var named unix.Stat_t
	if err := unix.Stat(filepath.Join(netnsDir, e.Netns), &named); err != nil || named.Ino != e.NetnsInode {
		t.Errorf("the namespace %s has the inode %d (%v), want %d", e.Netns, named.Ino, err, e.NetnsInode)
	}
	if e.Addr.Port() == 0 {
		t.Errorf("%+v has no port", e)
	}
}

func TestWatchBeforeClient(t *testing.T) {
	needLab(t, false)
	t.Parallel()
	var seen Lab
	report, err := Run(t.Context(), Options{
		Case: "C", After: MinAfter, BeforeClient: true,
		Watch: func(_ context.Context, l *Lab) (func() error, error) {
			seen = *l
			return nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen.Client.PID != 0 || seen.Server.PID != 0 || seen.Client.Netns == "" || seen.Client.Addr.Port() != 0 {
		t.Errorf("before there is a client: got %+v", seen)
	}
	if report.Client.PID == 0 || report.Server.PID == 0 {
		t.Errorf("afterwards: got %+v and %+v", report.Client, report.Server)
	}
}

// An end of the context ends the lab early: after the fault with a report.
func TestInterrupt(t *testing.T) {
	needLab(t, false)
	t.Parallel()
	for _, after := range []time.Duration{0, 3 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stopped := 0
			began := time.Now()
			report, err := Run(ctx, Options{
				Case: "B", After: time.Hour,
				Watch: func(context.Context, *Lab) (func() error, error) {
					time.AfterFunc(after, cancel)
					return func() error { stopped++; return nil }, nil
				},
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v, want %v", err, context.Canceled)
			}
			if stopped != 1 {
				t.Errorf("the tracing was stopped %d times, want once", stopped)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
			if (report != nil) != (after > 0) || report != nil && (!report.Interrupted || report.Sends == 0) {
				t.Errorf("got the report %+v", report)
			}
		})
	}
}

// What goes wrong in the callback ends the lab, and nothing stays behind.
func TestWatchFails(t *testing.T) {
	needLab(t, false)
	errWatch := errors.New("no such probe")
	checkDead := func(t *testing.T, l *Lab) {
		t.Helper()
		for _, e := range []Endpoint{l.Client, l.Server} {
			if processExists(e.PID) {
				t.Errorf("%s (pid %d) still runs", e.Comm, e.PID)
			}
			if _, err := os.Stat(filepath.Join(netnsDir, e.Netns)); err == nil {
				t.Errorf("%s is still there", e.Netns)
			}
		}
	}
	t.Run("start", func(t *testing.T) {
		t.Parallel()
		var lab *Lab
		report, err := Run(t.Context(), Options{Case: "A", Watch: func(_ context.Context, l *Lab) (func() error, error) {
			lab = l
			return func() error { t.Error("stop was called"); return nil }, errWatch
		}})
		if report != nil || !errors.Is(err, errWatch) {
			t.Errorf("got %v, %v, want the error of Watch", report, err)
		}
		checkDead(t, lab)
	})
	t.Run("stop", func(t *testing.T) {
		t.Parallel()
		var lab *Lab
		report, err := Run(t.Context(), Options{Case: "B", After: MinAfter, Watch: func(_ context.Context, l *Lab) (func() error, error) {
			lab = l
			return func() error { return errWatch }, nil
		}})
		if report != nil || !errors.Is(err, errWatch) {
			t.Errorf("got %v, %v, want the error of stop", report, err)
		}
		checkDead(t, lab)
	})
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		var lab *Lab
		func() {
			defer func() {
				if got := recover(); got != errWatch {
					t.Errorf("recovered %v, want the panic of Watch", got)
				}
			}()
			Run(t.Context(), Options{Case: "A", Watch: func(_ context.Context, l *Lab) (func() error, error) {
				lab = l
				panic(errWatch)
			}})
		}()
		checkDead(t, lab)
	})
	t.Run("client dies", func(t *testing.T) {
		t.Parallel()
		var lab *Lab
		report, err := Run(t.Context(), Options{Case: "A", Watch: func(_ context.Context, l *Lab) (func() error, error) {
			lab = l
			return nil, unix.Kill(l.Client.PID, unix.SIGKILL)
		}})
		if report != nil || err == nil || !strings.Contains(err.Error(), "lab-client ended early") {
			t.Errorf("got %v, %v, want an error that names the client", report, err)
		}
		checkDead(t, lab)
	})
}

// A panic on the thread that enters a namespace is one of the caller, and the
// caller's own namespace is the same as before.
func TestOnThread(t *testing.T) {
	needLab(t, false)
	before, err := os.Readlink(threadNetns)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if got := recover(); got != "ouch" {
				t.Errorf("recovered %v, want ouch", got)
			}
		}()
		onThread(func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				t.Error(err)
			}
			inside, err := os.Readlink(threadNetns)
			if err != nil || inside == before {
				t.Errorf("on the thread: got the namespace %q (%v), want another than %q", inside, err, before)
			}
			panic("ouch")
		})
	}()
	// Whatever threads there are, all must be back.
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(tasks) == 0 {
		t.Fatal(tasks, err)
	}
	for _, task := range tasks {
		if now, err := os.Readlink(task); err == nil && now != before {
			t.Errorf("%s: got %q, want %q", task, now, before)
		}
	}
}

// A killed lab takes its processes along at once, and the next one removes the
// rest.
func TestKilledLab(t *testing.T) {
	needLab(t, false)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), longLabEnv+"=1")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatalf("the lab said nothing: %v, %v", lines.Err(), cmd.Wait())
	}
	var client, server int
	if _, err := fmt.Sscan(lines.Text(), &client, &server); err != nil {
		t.Fatalf("the lab said %q: %v", lines.Text(), err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for deadline := time.Now().Add(5 * time.Second); running(client) || running(server); {
		if time.Now().After(deadline) {
			t.Fatalf("the client (%d) or the server (%d) survived", client, server)
		}
		time.Sleep(10 * time.Millisecond)
	}
	pid := cmd.Process.Pid
	if left, _ := filepath.Glob(filepath.Join(netnsDir, namePrefix+strconv.Itoa(pid)+"-*")); len(left) != 3 {
		t.Fatalf("after a kill there are %v, want three namespaces", left)
	}
	removed, err := removeLeftovers()
	if err != nil {
		t.Fatal(err)
	}
	if len(removed) < 4 { // three namespaces and the folder
		t.Errorf("removed %v", removed)
	}
	checkGone(t, pid)
	if _, err := os.Stat(filepath.Join(stateRoot, namePrefix+strconv.Itoa(pid))); err == nil {
		t.Error("the lab's folder is still there")
	}
}

// running reports whether a process runs. One that ended may stay as a zombie
// where the first process of the system does not collect them.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
