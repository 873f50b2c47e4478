package accept

import (
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// lockdownCases are scripts on a kernel that is locked down in mode confidentiality: what
// their output has, or the message of what the lockdown forbids.
var lockdownCases = []struct{ script, want string }{
	{`begin { printf("hi %s %d\n", comm, pid > 0); }`, "hi probe 1"},
	{`begin { $s = "a"; $t = ($s, 1, 2); @[$t] = 1; }`, "@[a, 1, 2]: 1"},
	{`rawtracepoint:sched_switch { @ = count(); }`, "@: "},
	{`rawtracepoint:sys_enter { @[comm, tid > 0] = count(); }`, ", true]: "},
	{`profile:hz:99 { @[kstack(3)] = count(); }`, "+"},
	{`interval:ms:100 { @[cpu] = count(); }`, "@["},
	{`uprobe:/bin/busybox:0x1000 { @ = count(); }`, "needs-unsafe"},
	{`fentry:vfs_read { @ = count(); }`, "@: "},
	{`fentry:vfs_read { @[args.count > 0] = count(); }`, "@[true]: "},
	{`ret:vfs_read { @ = hist(retval); }`, "@:"},
	{`fentry:vfs_read { @ = *(uint64 *)kaddr("jiffies_64"); }`, "error[no-permission]: the kernel's lockdown forbids programs to read kernel memory by address"},
	{`rawtracepoint:sched_switch { @[str((uint8 *)arg1)] = count(); }`, "lockdown forbids programs to read kernel memory"},
	{`kprobe:vfs_read { @ = count(); }`, "kprobes cannot be used: the kernel's lockdown is in mode confidentiality, which forbids kprobes"},
	{`tracepoint:sched:sched_switch { @ = count(); }`, "the raw tracepoint needs no tracefs: rawtracepoint:sched_switch"},
	{`tracepoint:sched:* { @ = count(); }`, "tracepoints cannot be used: tracefs is empty"},
}

// Whatever needs nothing that a lockdown forbids runs; the rest names the lockdown.
func TestLockdown(t *testing.T) {
	guesttest.Each(t, []string{"6.12"}, func(t *testing.T, kernel string) {
		program, err := guesttest.Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		boot := func(mode string, cmds []string) []guest.Result {
			list := []guest.Cmd{{Args: []string{"mount", "-t", "securityfs", "securityfs", "/sys/kernel/security"}}}
			for _, c := range cmds {
				list = append(list, guest.Cmd{Args: []string{"sh", "-c", c}})
			}
			out, err := guest.RunBatch(t.Context(), guest.Options{Kernel: kernel, Params: "lockdown=" + mode, Files: map[string]string{"/bin/probe": program}}, list)
			if err != nil {
				t.Fatal(err)
			}
			return out[1:]
		}
		run := func(script string) string {
			return "(sleep 0.3; cat /etc/mtab >/dev/null) & probe run -q --for 1s -e '" + script + "' 2>&1; wait"
		}
		t.Run("confidentiality", func(t *testing.T) {
			cmds := []string{
				"probe doctor", "probe ls 'tracepoint:sched:*' 2>&1", "probe ls 'kprobe:vfs_read' 2>&1", "probe graph vfs_read -n 1 --for 1s 2>&1",
				// Without securityfs the mode is found out by trying.
				"umount /sys/kernel/security; " + run(`rawtracepoint:sched_switch { @[str((uint8 *)arg1)] = count(); }`),
			}
			others := []string{
				"lockdown     confidentiality: no kprobes", "tracefs is empty", "lockdown", "tracefs is empty",
				"lockdown forbids programs to read kernel memory",
			}
			var scripts []string
			for _, c := range lockdownCases {
				scripts = append(scripts, run(c.script))
			}
			out := boot("confidentiality", append(scripts, cmds...))
			for i, r := range out {
				name, want := "", ""
				if i < len(lockdownCases) {
					name, want = lockdownCases[i].script, lockdownCases[i].want
				} else {
					name, want = cmds[i-len(lockdownCases)], others[i-len(lockdownCases)]
				}
				if !strings.Contains(r.Stdout, want) || strings.Contains(r.Stdout, "verifier refused") || strings.Contains(r.Stdout, "run as root") {
					t.Errorf("%s: status %d, want %q\n%s%s", name, r.Code, want, r.Stdout, r.Stderr)
				}
			}
		})
		t.Run("integrity", func(t *testing.T) {
			out := boot("integrity", []string{
				run(`kprobe:vfs_read { @[comm] = count(); }`), run(`tracepoint:sched:sched_switch { @[args.next_comm] = count(); }`),
				run(`kprobe:vfs_read { @ = *(uint64 *)kaddr("jiffies_64"); }`), "probe doctor",
				"probe run --unsafe -e 'tracepoint:syscalls:sys_enter_read { write_user(args.buf, \"a\", 1); }' 2>&1",
			})
			for i, want := range []string{"@[", "@[", "@: ", "lockdown     integrity: programs may not write to user memory",
				"note: the kernel's lockdown is in mode integrity, which forbids it"} {
				if !strings.Contains(out[i].Stdout, want) {
					t.Errorf("command %d: want %q\n%s%s", i, want, out[i].Stdout, out[i].Stderr)
				}
			}
		})
	})
}
