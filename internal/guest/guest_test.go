package guest_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// setup is what the tests of the harness itself share.
var setup = guesttest.Setup{
	Modules:  []string{"veth", "bridge"},
	Programs: []string{"ip", "bash"},
	Files:    map[string]string{"/data/guest_test.go": "guest_test.go"},
	NoProbe:  true,
}

func TestBoot(t *testing.T) {
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		t.Logf("booted %s in %v (hardware virtualisation: %v)", g.Release, g.BootTime.Round(time.Millisecond), g.KVM)
		if got := strings.TrimSpace(guesttest.Command(t, g, "uname", "-r")); got != g.Release || !strings.HasPrefix(got, g.Kernel.Name+".") {
			t.Errorf("uname -r says %q, the guest %q, asked for was %s", got, g.Release, g.Kernel.Name)
		}
		// What a tracer needs is mounted and allowed.
		guesttest.Sh(t, g, `
			test -e /sys/kernel/tracing/available_filter_functions
			test -d /sys/kernel/debug/tracing/events
			test -e /sys/kernel/btf/vmlinux
			test -e /sys/fs/cgroup/cgroup.procs
			grep -q ' /sys/fs/bpf bpf ' /proc/mounts
			test "$(ulimit -l)" = unlimited
			ip -br link show lo | grep -q UP`)
		// Modules are in and work together; busybox's tools are there.
		guesttest.Sh(t, g, `
			ip link add br0 type bridge
			ip link add v0 type veth peer name v1
			ip link set v0 master br0 up
			ip link show v0 | awk '/master br0/ {found = 1} END {exit !found}'
			ip link del v0
			ip link del br0`)
		got, err := g.Get(t.Context(), "/data/guest_test.go")
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("guest_test.go")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("a file of Options.Files has %d bytes in the guest, %d here, or they differ", len(got), len(want))
		}
	})
}

func TestRun(t *testing.T) {
	tests := []struct {
		name   string
		cmd    guest.Cmd
		stdout string
		stderr string
		code   int
		signal int
	}{
		{"status", guest.Cmd{Args: []string{"sh", "-c", "exit 7"}}, "", "", 7, 0},
		{"both streams", guest.Cmd{Args: []string{"sh", "-c", "echo out; echo err >&2"}}, "out\n", "err\n", 0, 0},
		{"signal", guest.Cmd{Args: []string{"sh", "-c", "kill -TERM $$"}}, "", "", -1, 15},
		{"environment", guest.Cmd{Args: []string{"sh", "-c", "echo $A-$HOME"}, Env: []string{"A=x y"}}, "x y-/root\n", "", 0, 0},
		{"folder", guest.Cmd{Args: []string{"pwd"}, Dir: "/sys/kernel"}, "/sys/kernel\n", "", 0, 0},
		{"no input", guest.Cmd{Args: []string{"cat"}}, "", "", 0, 0},
		{"input", guest.Cmd{Args: []string{"wc", "-c"}, Stdin: strings.Repeat("x", 300_000)}, "300000\n", "", 0, 0},
		{"binary output", guest.Cmd{Args: []string{"printf", `\000\001\377`}}, "\x00\x01\xff", "", 0, 0},
		{"background", guest.Cmd{Args: []string{"sh", "-c", "sleep 60 & echo on"}}, "on\n", "", 0, 0},
	}
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				res, err := g.Run(t.Context(), tt.cmd)
				if err != nil {
					t.Fatal(err)
				}
				if res.Stdout != tt.stdout || res.Stderr != tt.stderr || res.Code != tt.code || res.Signal != tt.signal {
					t.Errorf("%q: got %+v, want stdout %q, stderr %q, status %d, signal %d",
						tt.cmd.Args, res, tt.stdout, tt.stderr, tt.code, tt.signal)
				}
			})
		}
		if _, err := g.Run(t.Context(), guest.Cmd{Args: []string{"no-such-program"}}); err == nil || g.Err() != nil {
			t.Errorf("a program that does not exist: error %v, guest %v", err, g.Err())
		}
		// Console text in the middle of a command corrupts nothing.
		res, err := g.Run(t.Context(), guest.Cmd{Args: []string{"sh", "-c",
			"for i in 1 2 3 4 5; do echo line $i; echo noise $i > /dev/console; done"}})
		if want := "line 1\nline 2\nline 3\nline 4\nline 5\n"; err != nil || res.Stdout != want {
			t.Errorf("with a noisy console: %q, %v", res.Stdout, err)
		}
		if !strings.Contains(g.ConsoleText(), "noise 5") {
			t.Errorf("the console does not show what was printed on it: %q", g.ConsoleText())
		}
	})
}

func TestRunLimits(t *testing.T) {
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		begin := time.Now()
		// The grandchild must go down with its parents.
		res, err := g.Run(t.Context(), guest.Cmd{
			Args:    []string{"sh", "-c", "echo begun; sh -c 'sleep 1234; true'; true"},
			Timeout: time.Second,
		})
		var timeout *guest.TimeoutError
		if !errors.As(err, &timeout) || res.Stdout != "begun\n" || res.Signal != 9 {
			t.Errorf("a command over its time: %+v, %v", res, err)
		}
		if d := time.Since(begin); d > 20*time.Second {
			t.Errorf("it took %v to kill it", d)
		}
		if left := guesttest.Command(t, g, "ps"); strings.Contains(left, "sleep 1234") {
			t.Errorf("processes left of it: %s", left)
		}

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		if _, err := g.Run(ctx, guest.Cmd{Args: []string{"sleep", "1000"}}); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled command: %v", err)
		}

		res, err = g.Run(t.Context(), guest.Cmd{Args: []string{"yes"}, MaxOutput: 100_000})
		if !errors.Is(err, guest.ErrOutput) || len(res.Stdout) != 100_000 {
			t.Errorf("a command without end of output: %d bytes, %v", len(res.Stdout), err)
		}
	})
}

func TestStart(t *testing.T) {
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p, err := g.Start(ctx, guest.Cmd{Args: []string{"sh", "-c", `
			trap 'echo caught; exit 4' INT
			echo ready $$ >&2
			while read line; do echo "got $line"; done
			while true; do sleep 0.1; done`}, Input: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.ExpectStderr(ctx, `ready \d+\n`); err != nil {
			t.Fatal(err)
		}
		// Another command runs meanwhile.
		guesttest.Sh(t, g, "test -d /proc/"+strconv.Itoa(p.Pid))
		if err := p.Send("a\nb\n"); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"a", "b"} {
			m, err := p.Expect(ctx, `got (.)\n`)
			if err != nil || m[1] != want {
				t.Fatalf("matched %q, %v; want %q", m, err, want)
			}
		}
		if err := p.CloseStdin(); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(2); err != nil {
			t.Fatal(err)
		}
		res, err := p.Wait(ctx)
		if err != nil || res.Code != 4 || !strings.HasSuffix(res.Stdout, "caught\n") {
			t.Errorf("after the signal: %+v, %v", res, err)
		}
		if _, err := p.Expect(ctx, "never"); !errors.Is(err, guest.ErrEnded) {
			t.Errorf("waiting for output of an ended command: %v", err)
		}
	})
}

func TestPTY(t *testing.T) {
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		res, err := g.Run(t.Context(), guest.Cmd{
			Args: []string{"bash", "--norc", "-i"},
			Env:  []string{"PS1=ready> "},
			PTY:  true, Rows: 30, Cols: 100,
			// Keys go to a program that is known to wait for them: typed
			// while the shell sets its terminal up, they may get lost.
			Script: []guest.Step{
				{Expect: `ready> `, Send: "tty && stty size\r"},
				{Expect: `/dev/pts/\d+\r\n30 100\r\n.*ready> `, Send: "sh -c 'echo u''p; exec sleep 1000'\r"},
				{Expect: `\nup\r\n`, Send: "\x03"}, // Ctrl-C reaches the foreground
				{Expect: `ready> `, Send: "echo $((6 * 7))\r"},
				{Expect: `\n42\r\n.*ready> `, Send: "\x04"}, // Ctrl-D ends the shell
				{Expect: `exit`},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if res.Code != 130 && res.Code != 0 {
			t.Errorf("the shell ended with status %d; its terminal shows %q", res.Code, res.Stdout)
		}

		_, err = g.Run(t.Context(), guest.Cmd{
			Args: []string{"cat"}, PTY: true,
			Script: []guest.Step{{Send: "abc\r"}, {Expect: "xyz", Timeout: time.Second}},
		})
		var script *guest.ScriptError
		if !errors.As(err, &script) || script.Step != 1 || !strings.Contains(script.Seen, "abc") {
			t.Errorf("a step that does not come true: %v", err)
		}
	})
}

func TestPutGet(t *testing.T) {
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		data := make([]byte, 3<<20+17)
		r := rand.NewChaCha8([32]byte{1})
		r.Read(data)
		for _, want := range [][]byte{nil, []byte("x"), data} {
			begin := time.Now()
			if err := g.Put(t.Context(), "/tmp/a/b/file", want, 0o750); err != nil {
				t.Fatal(err)
			}
			got, err := g.Get(t.Context(), "/tmp/a/b/file")
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes came back as %d, or changed: %v", len(want), len(got), err)
			}
			t.Logf("%d bytes there and back in %v", len(want), time.Since(begin).Round(time.Microsecond))
		}
		if got := guesttest.Command(t, g, "stat", "-c", "%a", "/tmp/a/b/file"); got != "750\n" {
			t.Errorf("permission bits are %q, want 750", got)
		}
		if got := guesttest.Command(t, g, "ls", "-A", "/tmp/a/b"); got != "file\n" {
			t.Errorf("left in the folder: %q", got)
		}
		text, err := g.Get(t.Context(), "/proc/version")
		if err != nil || !strings.Contains(string(text), g.Release) {
			t.Errorf("a file without a size: %q, %v", text, err)
		}
		if _, err := g.Get(t.Context(), "/no/such/file"); err == nil {
			t.Error("a file that does not exist gave no error")
		}
		if err := g.Put(t.Context(), "/proc/version", []byte("x"), 0o644); err == nil {
			t.Error("a place that cannot be written gave no error")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Put(ctx, "/tmp/cancelled", data, 0o644); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled Put: %v", err)
		}
		guesttest.Sh(t, g, "test ! -e /tmp/cancelled; test -z \"$(ls -A /tmp | grep put)\"")
	})
}

func TestInsert(t *testing.T) {
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		if err := g.Insert(t.Context(), "sch_netem", "dummy", "veth", "virtio-console"); err != nil {
			t.Fatal(err)
		}
		guesttest.Sh(t, g, "ip link add d0 type dummy; ip link del d0; grep -q ^sch_netem /proc/modules")
		if err := g.Insert(t.Context(), "no_such_module"); !errors.Is(err, guest.ErrNoModule) {
			t.Errorf("a module that does not exist: %v", err)
		}
	})
}

// TestCrash sees to it that a guest that goes down, in whatever way, is never
// taken for one that ended well.
func TestCrash(t *testing.T) {
	tests := []struct {
		name, script string
		reason       string
		kind         error
	}{
		{"panic", "sleep 0.5; echo c > /proc/sysrq-trigger", "sysrq triggered crash", guest.ErrCrashed},
		{"power off", "poweroff -f", "", guest.ErrCrashed},
		{"agent killed", "kill -9 $PPID", "agent ended by signal killed", guest.ErrCrashed},
		{"agent stopped", "kill -STOP $PPID", "did not end within", guest.ErrHung},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			guesttest.Each(t, nil, func(t *testing.T, kernel string) {
				g, err := guest.Boot(t.Context(), guest.Options{Kernel: kernel, MemoryMB: 512})
				if err != nil {
					t.Fatal(err)
				}
				g.SetGrace(3 * time.Second)
				_, err = g.Run(t.Context(), guest.Cmd{
					Args:    []string{"sh", "-c", "echo going down > /dev/console; " + tt.script + "; sleep 100"},
					Timeout: 5 * time.Second,
				})
				var crash *guest.CrashError
				if !errors.As(err, &crash) || !errors.Is(err, tt.kind) {
					t.Fatalf("the command's error is %v", err)
				}
				if !strings.Contains(crash.Reason, tt.reason) || !strings.Contains(crash.Console, "going down") {
					t.Errorf("reason %q does not contain %q, or the console lacks what was printed: %q", crash.Reason, tt.reason, crash.Console)
				}
				if _, again := g.Run(t.Context(), guest.Cmd{Args: []string{"true"}}); !errors.Is(again, tt.kind) {
					t.Errorf("the next command's error is %v", again)
				}
				if err := g.Close(); !errors.Is(err, tt.kind) {
					t.Errorf("closing it: %v", err)
				}
			})
		})
	}
}

// TestOutOfMemory runs a guest out of memory: the command goes, the guest
// stays.
func TestOutOfMemory(t *testing.T) {
	guesttest.Each(t, nil, func(t *testing.T, kernel string) {
		g, err := guest.Boot(t.Context(), guest.Options{Kernel: kernel, MemoryMB: 256})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		res, err := g.Run(t.Context(), guest.Cmd{Args: []string{"tail", "/dev/zero"}})
		if err != nil || res.Signal != 9 {
			t.Errorf("a command that needs more memory than there is: %+v, %v", res, err)
		}
		guesttest.Command(t, g, "true")
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestBatch runs commands in a guest of their own.
func TestBatch(t *testing.T) {
	guesttest.Each(t, nil, func(t *testing.T, kernel string) {
		out, err := guest.RunBatch(t.Context(), guest.Options{Kernel: kernel, KASLR: true, SMP: 1, Params: "probe.test=1"}, []guest.Cmd{
			{Args: []string{"sh", "-c", "grep -c nokaslr /proc/cmdline; nproc"}},
			{Args: []string{"grep", "-q", "probe.test=1", "/proc/cmdline"}},
			{Args: []string{"false"}},
		})
		if err != nil || len(out) != 3 {
			t.Fatalf("%d results, %v", len(out), err)
		}
		if out[0].Stdout != "0\n1\n" || out[1].Code != 0 || out[2].Code != 1 {
			t.Errorf("results: %+v", out)
		}
	})
}

// TestIcount checks that counted time repeats: the same loop costs the same.
func TestIcount(t *testing.T) {
	guesttest.Each(t, nil, func(t *testing.T, kernel string) {
		g, err := guest.Boot(t.Context(), guest.Options{Kernel: kernel, Icount: true})
		if err != nil {
			t.Fatal(err)
		}
		loop := guest.Cmd{Args: []string{"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done"}}
		var cost []time.Duration
		for range 3 {
			res, err := g.Run(t.Context(), loop)
			if err != nil || !res.OK() {
				t.Fatalf("%+v, %v", res, err)
			}
			cost = append(cost, res.User+res.System)
		}
		t.Logf("the loop cost %v, booted in %v", cost, g.BootTime.Round(time.Millisecond))
		if a, b := slices.Min(cost), slices.Max(cost); a < time.Millisecond || b-a > a/20 {
			t.Errorf("counted CPU times differ by more than 5 %%: %v", cost)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}
