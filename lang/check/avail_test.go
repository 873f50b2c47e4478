package check_test

import (
	"fmt"
	"strings"
	"testing"

	"probe/lang/diag"
)

// heads are attach points of the fake machine by the columns of appendix B.
var heads = []struct{ col, head string }{
	{"kp", "kprobe:f"}, {"kr", "kretprobe:f"}, {"up", "uprobe:/bin/x:f"}, {"ur", "uretprobe:/bin/x:f"},
	{"tp", "tracepoint:a:b"}, {"fe", "fentry:f"}, {"fx", "fexit:f"}, {"pf", "profile:hz:99"}, {"in", "interval:s:1"}, {"sp", "begin"},
	{"call", "call:f"}, {"ret", "ret:f"},
}

// TestAvailability is appendix B for the probes of the fake machine.
func TestAvailability(t *testing.T) {
	const all = "kp kr up ur tp fe fx pf in sp call ret"
	for _, tc := range []struct{ row, body, where string }{
		{"A-AV-01", "print(arg0);", "kp up"},
		{"A-AV-01", "print(arg5);", "kp up"},
		{"B-ARGN", "print(arg6);", ""},
		{"A-AV-02", "print(args);", "tp fe fx call ret"},
		{"A-AV-03", "print(retval);", "kr ur fx ret"},
		{"A-AV-04", "print(func);", "kp kr up ur fe fx call ret"},
		{"A-AV-06", `print(reg("ip"));`, "kp kr up ur pf"},
		{"A-AV-05", "print(ctx);", "kp kr up ur pf"},
		{"A-AV-07", "print(kstack);", all},
		{"A-AV-07", "print(ustack);", all},
		{"A-AV-08", "print((pid, tid, uid, gid, comm, cgroup, curtask));", all},
		{"A-AV-09", "print((nsecs, elapsed, cpu, rand, ncpus, jiffies, numaid));", all},
		{"A-AV-15", `@m[1] = 2; printf("%s\n", str(1)); print(@m);`, all},
		{"X-CALL", "print(duration);", "ret"},
	} {
		for _, h := range heads {
			want := strings.Contains(" "+tc.where+" ", " "+h.col+" ")
			p, ds := run(t, fmt.Sprintf("%s { %s }", h.head, tc.body))
			if (p != nil) != want {
				t.Errorf("%s: %s { %s }: allowed %t\n%s", tc.row, h.head, tc.body, want, render(ds))
			}
			if p == nil && find(ds, "wrong-probe") == nil {
				t.Errorf("%s: %s { %s }: no wrong-probe in:\n%s", tc.row, h.head, tc.body, render(ds))
			}
		}
	}
}

// TestAdvice checks what is recommended where something is not available.
func TestAdvice(t *testing.T) {
	for _, tc := range []struct{ script, help string }{
		{"tracepoint:syscalls:sys_exit_open { print(retval); }", "use `args.ret`"},
		{"kprobe:f { print(retval); }", "trace the return: `kretprobe:f`"},
		{"uprobe:/bin/x:f { print(retval); }", "trace the return: `uretprobe:/bin/x:f`"},
		{"fentry:f { print(retval); }", "trace the return: `fexit:f`"},
		{"call:f { print(retval); }", "trace the return: `ret:f`"},
		{"kretprobe:f { print(arg0); }", "save it at entry: `kprobe:f { @a[tid] = arg0; }`"},
		{"fentry:f { print(arg0); }", "use `args.sk`"},
		{"kprobe:f { print(args.x); }", "use `arg0`, `arg1`"},
		{"kretprobe:f { print(args.x); }", "`ret:f` has the arguments of the entry"},
	} {
		_, ds := run(t, tc.script)
		d := find(ds, "wrong-probe")
		if d == nil || !strings.Contains(strings.Join(d.Helps, "\n"), tc.help) {
			t.Errorf("%s: no help %q in:\n%s", tc.script, tc.help, render(ds))
		}
	}
}

// TestWarnings checks scripts that run but are warned about, and that ordinary
// ones are not.
func TestWarnings(t *testing.T) {
	for _, tc := range []struct {
		row, body string
		code      diag.Code // "" for no message at all
	}{
		{"A-PX-04", "$a = (uint64)1; $a = (int64)-1; print($a);", "lossy-conversion"},
		{"T-PROM-05", "$a = (int64)-1; $a = nsecs; print($a);", "lossy-conversion"},
		{"T-PROM-05", "@m[(int64)-1] = 1; @m[nsecs] = 2;", "lossy-conversion"},
		{"T-PROM-05", "let $a : uint64 = curtask->pid; print($a);", "lossy-conversion"},
		{"T-PROM-05", "let $a : uint8 = 1; $a += 300; print($a);", "lossy-conversion"},
		{"T-PROM-05", "let $a : int16 = 1; $a = (int16)($a + 300); print($a);", ""},
		{"T-PROM-05", "let $a : uint64 = pid; $a *= 3; print($a);", ""},
		{"T-PROM-05", "@c = count(); $a = (int64)-1; $a = @c; print($a);", ""},
		{"T-PROM-05", "$a = -1; $a = 5; print($a);", ""},
		{"T-OP-05", "$a = curtask->pid; print($a / (int8)3);", ""}, // positive literal (D-26)
		{"T-OP-05", "$a = curtask->pid; print($a / pid);", "signed-division"},
		{"T-OP-05", "$a = curtask->pid; print($a % $a);", ""},
		{"D-26", "@s = nsecs; print((nsecs - @s) / 1000);", ""},
		{"T-PTR-02", "$p = curtask; if ($p == (struct sock *)5) { print(1); }", "distinct-pointers"},
		{"T-PTR-02", "$p = curtask; if ($p == (void *)5) { print(1); }", ""},
		{"A-ER-79", "5 + 5;", "discarded-value"},
		{"A-ER-79", "$x = 1; $x;", "discarded-value"},
		{"A-ER-79", "comm", "discarded-value"},
		{"L-LEX-11", "_ = comm;", ""},
		{"E-ASG-06", "@n++; $x = 1; $x--;", ""},
		{"E-ASG-06", "@m[1] = 1; delete(@m, 1);", ""},
		{"E-PRIM-07", `pid ? print("y") : print("n");`, ""},
		{"A-ER-80", "let $x; print($x);", "unassigned-variable"},
		{"A-ER-80", "let $x; $x = 1; print($x);", ""},
		{"A-CF-07", "let $z; if (1) { $z = 1; } print($z);", ""},
		{"T-VAR-05", "let $x; print(*(&$x));", ""},
		{"A-ER-81", "exit(); print(1);", "unreachable"},
		{"A-ER-81", "return; print(1);", "unreachable"},
		{"A-CF-08", "exit(3); print(1)", "unreachable"},
		{"E-JUMP-05", "for $i : 0..3 { break; print(1); }", "unreachable"},
		{"E-JUMP-05", "if (pid) { exit(); } print(1);", ""},
		{"A-ER-82", "print($1);", "missing-parameter"},
		{"A-ER-83", "$x = (uint32)pid; print($x);", "useless-cast"},
		{"A-ER-83", "$x = (int8)5; print($x);", ""},
		{"A-ER-84", "print(str(5, 4096));", "string-shortened"},
		{"A-ER-85", "@m[1] = 1; for $i : 0..3 { print(@m); }", "async-in-loop"},
		{"A-ER-85", "@m = stats(1); print(@m, 5);", "stats-arguments"},
		{"T-FOLD-03", `print("abc" + 7);`, "empty-literal"},
		{"T-AS-08", "$x = (uint64)kptr(5) + (uint64)uptr(6); print($x);", "space-mismatch"},
		{"T-MAP-10", "@x++; @y--; @z += 5; @w -= 1; @v[comm] += nsecs;", ""},
		{"T-OP-11", `if (comm == "abc" || comm != "d") { print(1); }`, ""},
		{"A-CF-11", "$x = 5; $y = $x++ + ++$x; print(($x, $y));", ""},
		{"A-CF-14", "print(10 / (uint64)4); print(7 % 4);", ""},
		{"T-OP-06", "$z = (uint64)0; print(8 / $z);", ""},
		{"T-OP-06", "print(pid / 0);", ""},
	} {
		p, ds := run(t, "begin { "+tc.body+" }")
		if p == nil {
			t.Errorf("%s: %s: %s", tc.row, tc.body, render(ds))
			continue
		}
		switch {
		case tc.code == "" && len(ds.All) > 0, tc.code != "" && (len(ds.All) != 1 || ds.All[0].Code != tc.code):
			t.Errorf("%s: %s: want %q, got:\n%s", tc.row, tc.body, tc.code, render(ds))
		}
	}
}
