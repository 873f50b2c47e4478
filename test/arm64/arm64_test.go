// Package arm64 runs the program that is built for arm64 in a guest with such a
// processor.
package arm64

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// crossCompiler is the C compiler for the program with a static probe.
const crossCompiler = "aarch64-linux-gnu-gcc"

// The parts of the language that depend on the processor work: arguments and results of
// functions in the kernel and in programs, numbers of system calls, stacks, static
// probes, and the instructions of the programs as such.
func TestInAGuest(t *testing.T) {
	if os.Getenv("PROBE_ARM64") == "" {
		t.Skip("make test-all runs it, or PROBE_ARM64=1: it needs qemu-system-aarch64 and a kernel of its own")
	}
	workload, err := guest.BuildProgramFor(t.Context(), "arm64", "./test/arm64/workload")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"/bin/workload": workload}
	static := compileUSDT(t)
	if static != "" {
		files["/bin/usdt"] = static
	}
	guesttest.RunOn(t, guest.ARM64, guesttest.Setup{Files: files}, func(t *testing.T, g *guest.Guest) {
		t.Logf("Linux %s, booted in %v", g.Release, g.BootTime.Round(time.Second))
		for _, c := range []struct{ name, args, script, want string }{
			{"begin and end", "", `begin { printf("%d\n", 6 * 7); exit(); } end { print("end"); }`, "42\nend\n"},
			{"tracepoint", "-c 'workload getppid 100'",
				`tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @n = count(); } tracepoint:raw_syscalls:sys_enter /pid == cpid && args.id == 173/ { @name[syscall_name(args.id)] = count(); }`,
				"@n: 100\n@name[getppid]: 100\n"},
			{"kprobe", "-c 'workload nanosleep 3'",
				`kprobe:hrtimer_nanosleep /tid == cpid/ { @ns[(uint64)args.rqtp, arg0] = count(); } kretprobe:hrtimer_nanosleep /tid == cpid/ { @ret[(int64)retval] = count(); }`,
				"@ns[1000000, 1000000]: 3\n@ret[0]: 3\n"},
			{"call and ret", "-c 'workload nanosleep 3'",
				`call:hrtimer_nanosleep /tid == cpid/ { @in[(uint64)args.rqtp, comm] = count(); } ret:hrtimer_nanosleep /tid == cpid/ { @out[retval, duration > 900us] = count(); }`,
				"@in[1000000, workload]: 3\n@out[0, true]: 3\n"},
			{"uprobe", "-c 'workload add 3'",
				`uprobe:/bin/workload:target_add { @args[arg0, arg1] = count(); } uretprobe:/bin/workload:target_add { @sum = sum(retval); }`,
				"@args[0, 40]: 1\n@args[1, 40]: 1\n@args[2, 40]: 1\n@sum: 123\n"},
			{"current task", "-c 'workload getppid 1'",
				`tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @[curtask->comm, task(pid) == curtask, task(1)->tgid] = count(); }`,
				"@[workload, true, 1]: 1\n"},
			{"stack", "-c 'workload nanosleep 1'",
				`kprobe:hrtimer_nanosleep /tid == cpid/ { @[kstack(3)] = count(); }`, "hrtimer_nanosleep+"},
		} {
			t.Run(c.name, func(t *testing.T) {
				begin := time.Now()
				out := guesttest.Sh(t, g, "probe run --budget off "+c.args+" -e '"+c.script+"' 2>/tmp/err || cat /tmp/err")
				t.Logf("took %v", time.Since(begin).Round(100*time.Millisecond))
				if c.name == "stack" {
					if !strings.Contains(out, c.want) {
						t.Errorf("printed %q", out)
					}
					return
				}
				if !same(out, c.want) {
					t.Errorf("printed %q, want %q", out, c.want)
				}
			})
		}
		t.Run("static probe", func(t *testing.T) {
			if static == "" {
				t.Skipf("needs %s (Debian: gcc-aarch64-linux-gnu)", crossCompiler)
			}
			out := guesttest.Sh(t, g, `probe run --budget off -c usdt -e 'usdt:/bin/usdt:demo:fire { @[arg0, arg1] = count(); }'`)
			if want := "@[0, 7]: 1\n@[100, 7]: 1\n@[200, 7]: 1\n@[300, 7]: 1\n@[400, 7]: 1\n"; !same(out, want) {
				t.Errorf("printed %q, want %q", out, want)
			}
		})
	})
}

// same reports whether two outputs have the same lines, apart from empty ones. Keys of
// maps with equal values come in any order.
func same(a, b string) bool {
	lines := func(text string) []string {
		list := slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" })
		slices.Sort(list)
		return list
	}
	return slices.Equal(lines(a), lines(b))
}

// compileUSDT returns the program with a static probe, "" without a compiler.
func compileUSDT(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath(crossCompiler); err != nil {
		return ""
	}
	out := filepath.Join(t.TempDir(), "usdt")
	if text, err := exec.Command(crossCompiler, "-O2", "-static", "-nostdlib", "-o", out, "testdata/usdt.c").CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", crossCompiler, err, text)
	}
	return out
}
