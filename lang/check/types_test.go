package check_test

import (
	"strings"
	"testing"

	"probe/lang/hir"
	"probe/lang/types"
)

// typeOf finds the type of "$a" (variable), "@m" (value) or "@m[]" (key).
func typeOf(t *testing.T, p *hir.Script, what string) string {
	t.Helper()
	if name, ok := strings.CutPrefix(what, "$"); ok {
		for _, pr := range p.Probes {
			for _, v := range pr.Vars {
				if v.Name == name {
					return v.Type.String()
				}
			}
		}
		t.Fatalf("no variable %s", what)
	}
	name, key := strings.CutSuffix(what[1:], "[]")
	for _, m := range p.Maps {
		if m.Name == name {
			if key {
				return m.Key.String()
			}
			return m.Value.String()
		}
	}
	t.Fatalf("no map %s", what)
	return ""
}

// TestTypes checks rows that give types: the script, what to look at, its
// type. A script without { is the body of a begin probe.
func TestTypes(t *testing.T) {
	for _, tc := range []struct{ row, script, what, want string }{
		// Promotion examples (appendix F).
		{"A-PX-01", "$a = 1; $a = 300;", "$a", "int16"},
		{"A-PX-02", "$a = 1; $a = (uint64)7;", "$a", "uint64"},
		{"A-PX-03", "$a = (uint8)1; $a = (int8)-1;", "$a", "int16"},
		{"A-PX-04", "$a = (uint64)1; $a = (int64)-1;", "$a", "int64"},
		{"A-PX-06", "let $a : uint8 = (uint8)-1;", "$a", "uint8"},
		{"A-PX-07", `@m["abc"] = 1; @m["abcdef"] = 2;`, "@m[]", "string[7]"},
		{"A-PX-08", "@m[1] = 1; @m[pid] = 2;", "@m[]", "uint32"},
		{"A-PX-12", `@t = (1, "ab"); @t = (1000, "abcd");`, "@t", "(int16,string[5])"},
		{"A-PX-13", "$d = (uint32)10 - (uint32)14;", "$d", "int64"},
		{"A-PX-14", "@start[tid] = nsecs; $d = nsecs - @start[tid];", "$d", "int64"},
		{"A-PX-15", "@start[tid] = nsecs; $d = (nsecs - @start[tid]) / 1000;", "$d", "int64"},
		{"A-PX-16", "kprobe:f { $p = (struct task_struct *)arg0; $p = curtask; }", "$p", "struct task_struct *"},
		{"A-PX-18", `$s = pid ? "a" : "abc";`, "$s", "string[4]"},

		// Literals (2.2).
		{"T-INT-01", "$a = 1;", "$a", "int8"},
		{"T-INT-01", "$a = 127;", "$a", "int8"},
		{"T-INT-01", "$a = 128;", "$a", "int16"},
		{"T-INT-01", "$a = 200;", "$a", "int16"},
		{"T-INT-01", "$a = 70000;", "$a", "int32"},
		{"T-INT-01", "$a = 0x80000000;", "$a", "int64"},
		{"T-INT-01", "$a = 18446744073709551615;", "$a", "uint64"},
		{"T-INT-02", "$a = -128;", "$a", "int8"},
		{"T-INT-02", "$a = -129;", "$a", "int16"},
		{"T-INT-02", "$a = -1; $a = (uint8)5;", "$a", "int16"},
		{"T-INT-03", "@s = TCP_CLOSE;", "@s", "enum tcp_state"},
		{"T-INT-03", "@s = TCP_CLOSE; @s = 5;", "@s", "uint64"},
		{"T-INT-03", "$s = TCP_CLOSE + 1;", "$s", "uint64"},
		{"T-INT-04", "$s = sizeof(int32); $t = $s;", "$s", "int8"},
		{"T-INT-04", "$s = offsetof(struct task_struct, flags);", "$s", "int8"},
		{"T-INT-05", "$p = pid;", "$p", "uint32"},
		{"T-INT-05", "$n = nsecs;", "$n", "uint64"},
		{"T-INT-05", "kprobe:f { $n = arg3; }", "$n", "uint64"},
		{"T-INT-05", "$f = curtask->pid;", "$f", "int32"},
		{"T-INT-05", "$f = curtask->flags;", "$f", "uint32"},

		// Promotion (2.3).
		{"T-PROM-01", "$a = @later; end { @later = (uint16)5; }", "$a", "uint16"},
		{"T-PROM-01", "@x = 1; end { @x = (uint64)5; }", "@x", "uint64"},
		{"T-PROM-02", "$a = (int8)1; $a = (int32)2;", "$a", "int32"},
		{"T-PROM-02", "$a = (uint16)1; $a = (uint8)2;", "$a", "uint16"},
		{"T-PROM-03", "$a = (uint8)1; $a = 200;", "$a", "uint16"},
		{"T-PROM-03", "$a = (uint16)1; $a = 5;", "$a", "uint16"},
		{"T-PROM-04", "$a = (int32)1; $a = (uint16)2;", "$a", "int32"},
		{"T-PROM-04", "$a = (int16)1; $a = (uint16)2;", "$a", "int32"},
		{"T-PROM-04", "$a = (int8)1; $a = (uint32)2;", "$a", "int64"},
		{"T-PROM-04", "$a = (int8)1; $a = (uint64)2;", "$a", "int64"},
		{"T-PROM-07", `$s = "a"; $s = comm;`, "$s", "string[16]"},
		{"T-PROM-07", `$s = "a"; if ("abcdef" == comm) { $s = "b"; }`, "$s", "string[2]"},
		{"T-PROM-08", `$t = (1, "a", (2, 3)); $t = (nsecs, "abc", (2, 300));`, "$t", "(uint64,string[4],(int8,int16))"},
		{"T-PROM-08", `$r = (a = 1, b = "x"); $r = (b = "xyz", a = 500);`, "$r", "record { .a = int16, .b = string[4] }"},
		{"T-PROM-09", `$b = buf("abc", 3); $b = buf("abcdef", 6);`, "$b", "buffer[6]"},
		{"T-PROM-09", "kprobe:f { $p = (void *)arg0; $p = (int32 *)arg1; }", "$p", "void *"},
		{"T-PROM-11", `let $s : string; $s = "abc"; $s = "a";`, "$s", "string[4]"},
		{"T-PROM-11", "let $x : uint16; $x = 5;", "$x", "uint16"},

		// Operators (2.4).
		{"T-OP-01", "$a = pid + 1;", "$a", "uint64"},
		{"T-OP-01", "$a = pid + (int8)1;", "$a", "int64"},
		{"T-OP-01", "$a = pid * tid;", "$a", "uint64"},
		{"T-OP-01", "$a = pid & 0xff;", "$a", "uint64"},
		{"T-OP-01", "$a = curtask->pid | 1;", "$a", "int64"},
		{"T-OP-02", "$a = pid - tid;", "$a", "int64"},
		{"T-OP-03", "$a = pid << 3;", "$a", "uint64"},
		{"T-OP-03", "$a = curtask->pid >> pid;", "$a", "int64"},
		{"T-OP-04", "$a = pid == 1;", "$a", "bool"},
		{"T-OP-04", "$a = pid && tid;", "$a", "bool"},
		{"T-OP-04", "$a = !pid;", "$a", "bool"},
		{"T-OP-05", "$a = nsecs / 3;", "$a", "uint64"},
		{"T-OP-07", "$a = -pid;", "$a", "uint64"},
		{"T-OP-07", "$a = ~curtask->pid;", "$a", "int64"},
		{"T-OP-07", "$a = !curtask;", "$a", "bool"},
		{"T-OP-08", "$a = (int16)5; $a++;", "$a", "int64"},
		{"T-OP-08", "$a = (uint16)5; $a++;", "$a", "uint64"},
		{"T-OP-08", "$a = (uint16)5; $a--;", "$a", "int64"},
		{"T-OP-08", "@n++;", "@n", "int64"},
		{"T-OP-08", "@n++; @n = (uint32)5;", "@n", "uint64"},
		{"T-OP-08", "$p = curtask; $p++;", "$p", "struct task_struct *"},
		{"T-OP-09", "$a = (pid == 1) + (tid == 1);", "$a", "bool"},
		{"T-OP-09", "$a = (pid == 1) + pid;", "$a", "uint64"},
		{"T-OP-09", "$a = (pid == 1) + 1;", "$a", "uint64"},
		{"T-OP-10", "@c = count(); $a = @c + 1;", "$a", "uint64"},
		{"T-OP-10", "@s = sum(-1); $a = @s + 1;", "$a", "int64"},

		// Folding (2.5).
		{"T-FOLD-01", "$a = -7 / 2;", "$a", "int8"},
		{"T-FOLD-01", "$a = 100 + 100;", "$a", "int16"},
		{"T-FOLD-01", "$a = 1 << 63;", "$a", "uint64"},
		{"T-FOLD-02", "$a = ~0;", "$a", "uint64"},
		{"T-FOLD-02", "$a = !5;", "$a", "bool"},
		{"T-FOLD-02", "$a = -9223372036854775808;", "$a", "int64"},
		{"T-FOLD-03", `$s = "abc" + 1;`, "$s", "string[3]"},
		{"T-FOLD-03", `$s = "a" + "b";`, "$s", "string[3]"},
		{"T-FOLD-04", `$s = "abc" < "abd";`, "$s", "bool"},
		{"T-FOLD-04", `$s = "abc"[0];`, "$s", "int8"},
		{"T-FOLD-05", `$s = (1, "x")[1 - 1];`, "$s", "int8"},
		{"T-FOLD-05", `$s = (1, "x").1;`, "$s", "string[2]"},
		{"T-FOLD-05", `$s = (1, "x") == (1, "y");`, "$s", "bool"},

		// Casts (2.6).
		{"T-CAST-02", "$a = (int8)pid;", "$a", "int8"},
		{"T-CAST-03", "$a = (struct task_struct *)5;", "$a", "struct task_struct *"},
		{"T-CAST-03", "$a = (uint64)curtask;", "$a", "uint64"},
		{"T-CAST-05", "$a = (uint8[4])curtask->pid;", "$a", "uint8[4]"},
		{"T-CAST-05", "$a = (uint8[])nsecs;", "$a", "uint8[8]"},
		{"T-CAST-05", "$a = (uint16[2])curtask->pid;", "$a", "uint16[2]"},
		{"T-CAST-06", `$a = (uint32)pton("10.0.0.1");`, "$a", "uint32"},
		{"T-CAST-07", "$a = (bool)nsecs;", "$a", "bool"},
		{"T-CAST-07", "$a = (int32)(pid == 1);", "$a", "int32"},
		{"T-CAST-07", "$a = (bool[4])curtask->pid;", "$a", "bool[4]"},
		{"T-CAST-08", "$a = (string[32])comm;", "$a", "string[32]"},
		{"T-CAST-08", "$a = (int8[16])comm;", "$a", "int8[16]"},
		{"T-CAST-08", "$a = (int8[])comm;", "$a", "int8[16]"},
		{"T-CAST-09", "$a = (enum tcp_state)7;", "$a", "enum tcp_state"},
		{"T-CAST-09", "$a = (enum tcp_state)pid;", "$a", "enum tcp_state"},
		{"T-CAST-10", "@c = count(); $a = (uint64)@c;", "$a", "uint64"},
		{"T-CAST-10", "@c = count(); @d = (int64)@c;", "@d", "int64"},
		{"T-CAST-11", "$a = (username_t)uid;", "$a", "username_t"},
		{"T-CAST-14", "$a = (typeof(curtask->flags))nsecs;", "$a", "uint32"},
		{"T-CAST-01", "$a = (pid)*tid;", "$a", "uint64"},
		{"T-CAST-01", "$p = (pid_t)5;", "$p", "int32"},

		// Strings and arrays (2.7).
		{"L-STR-05", `$s = "abc";`, "$s", "string[4]"},
		{"T-STR-01", "$s = curtask->comm;", "$s", "string[16]"},
		{"T-STR-02", "kprobe:f { $s = str(arg0); }", "$s", "string[1024]"},
		{"T-STR-02", "kprobe:f { $s = str(arg0, 8); }", "$s", "string[9]"},
		{"T-STR-02", "config = { max_strlen = 64 } kprobe:f { $s = str(arg0); }", "$s", "string[64]"},
		{"T-STR-05", "$c = comm[0];", "$c", "int8"},
		{"T-ARR-01", "$c = curtask->counts[1];", "$c", "uint64"},
		{"T-ARR-01", "for $i : 0..4 { $c = curtask->counts[$i]; }", "$c", "uint64"},
		{"T-ARR-02", "$c = curtask->counts[pid];", "$c", "uint64"},
		{"T-ARR-03", "kprobe:f { $c = ((int16 *)arg0)[3]; }", "$c", "int16"},
		{"T-ARR-04", "@a = curtask->counts;", "@a", "uint64[4]"},
		{"T-KIND-22", "let $a : int32*[4];", "$a", "int32 *[4]"},
		{"T-KIND-22", "let $a : int32[4]*;", "$a", "int32[4] *"},
		{"T-KIND-22", "let $a : string[9];", "$a", "string[9]"},
		{"T-KIND-22", "let $a : inet;", "$a", "inet[24]"},
		{"T-KIND-21", "let $a : unsigned long;", "$a", "uint64"},
		{"T-KIND-21", "let $a : uint64_t;", "$a", "uint64"},
		{"A-BT-14", "let $a : long unsigned int;", "$a", "uint64"},

		// Pointers and structs (2.8).
		{"T-PTR-01", "$p = curtask + 1;", "$p", "struct task_struct *"},
		{"T-PTR-01", "$p = 1 + curtask;", "$p", "struct task_struct *"},
		{"T-PTR-02", "$b = curtask == 0;", "$b", "bool"},
		{"T-PTR-03", "$b = curtask && curtask;", "$b", "bool"},
		{"T-PTR-03", "$b = curtask && pid;", "$b", "bool"},
		{"T-PTR-04", "$t = *curtask;", "$t", "struct task_struct"},
		{"T-PTR-04", "kprobe:f { $t = *arg0; }", "$t", "uint64"},
		{"T-PTR-05", "$x = *curtask; $p = (&$x)->pid;", "$p", "int32"},
		{"T-PTR-05", "$x = (uint16)5; $y = *(&$x);", "$y", "uint16"},
		{"T-PTR-05", "$x = (uint16)5; $p = &$x; $y = *$p;", "$p", "uint16 *"},
		{"T-PTR-05", "@m[1] = 5; $p = &@m;", "$p", "int8 *"},
		{"T-STRUCT-01", "kprobe:f { $p = (struct task_struct **)arg0; $c = $p->comm; }", "$c", "string[16]"},
		{"T-STRUCT-01", "$c = curtask->real_parent->real_parent.pid;", "$c", "int32"},
		{"T-STRUCT-03", "kprobe:f { $s = (struct sock *)arg0; $a = $s->__sk_common.skc_daddr; }", "$a", "uint32"},
		{"T-STRUCT-03", "kprobe:f { $s = (struct sock *)arg0; $a = $s->__sk_common.skc_state; }", "$a", "int8"},
		{"T-STRUCT-04", "@s = *curtask; $c = @s.comm;", "$c", "string[16]"},
		{"T-STRUCT-06", "kprobe:f { $s = (struct sock *)arg0; $u = $s->sk_user; }", "$u", "int8 *"},
		{"T-TUP-01", "$t = (1, 2);", "$t", "(int8,int8)"},
		{"T-TUP-01", "$t = (1,);", "$t", "(int8)"},
		{"T-TUP-01", "$t = (1, 300); $x = $t.1;", "$x", "int16"},
		{"T-REC-01", `$t = (name = "x", n = 2); $x = $t.n;`, "$x", "int8"},
		{"T-VAR-04", "let $x = 5;", "$x", "int8"},
		{"T-VAR-04", "let $x; $x = 300;", "$x", "int16"},

		// Maps (2.11, 2.12).
		{"T-MAP-03", "@m[1, 2] = 5; @m[(3, 300)] = 6;", "@m[]", "(int8,int16)"},
		{"T-MAP-08", "@m = count();", "@m", "count_t"},
		{"T-AGG-03", "@m = sum((uint64)5);", "@m", "usum_t"},
		{"T-AGG-03", "@m = sum(5);", "@m", "sum_t"},
		{"T-AGG-03", "@m = sum(5); @m = sum(nsecs);", "@m", "usum_t"},
		{"M-MIN", "@m = min(nsecs);", "@m", "umin_t"},
		{"M-MAX", "@m = max(-1);", "@m", "max_t"},
		{"M-AVG", "@m = avg(pid);", "@m", "uavg_t"},
		{"M-STATS", "@m = stats(-1);", "@m", "stats_t"},
		{"M-HIST", "@m = hist(pid);", "@m", "hist_t"},
		{"M-LHIST", "@m = lhist(pid, 0, 100, 10);", "@m", "lhist_t"},
		{"T-MAP-06", "@m[kstack] = 1;", "@m[]", "kstack_bpftrace_127"},
		{"T-MAP-06", "@m[kstack(perf, 5)] = 1;", "@m[]", "kstack_perf_5"},
		{"C-STACKMODE", "config = { stack_mode = perf } begin { @m[ustack(3)] = 1; }", "@m[]", "ustack_perf_3"},
		{"T-MAP-06", "@c = count(); @m[@c] = 1;", "@m[]", "uint64"},

		// Control flow (3.4).
		{"E-PRIM-04", "$x = { let $y = 2; $y * 3 };", "$x", "int64"},
		{"E-PRIM-05", "$x = if pid { 1 } else { 200 };", "$x", "int16"},
		{"E-PREC-01", "$a = 0; $b = $a ?: 900;", "$b", "int16"},
		{"E-FOR-01", "for $i : 0..10 { print($i); }", "$i", "int8"},
		{"E-FOR-01", "for $i : 0..ncpus { print($i); }", "$i", "uint64"},
		{"E-FOR-02", "@m[1, 2] = 3; for ($kv : @m) { print($kv.0.1); }", "$kv", "((int8,int8),int8)"},
		{"E-FOR-02", "@m[comm] = count(); for ($kv : @m) { print($kv); }", "$kv", "(string[16],uint64)"},
		{"F-FIND", "@m[1] = (uint16)5; if (find(@m, 1, $v)) { print($v); }", "$v", "uint16"},

		// Arguments and returns.
		{"P-FENTRY-03", "fentry:tcp_sendmsg { $s = args.sk; }", "$s", "struct sock *"},
		{"P-FENTRY-04", "fexit:tcp_sendmsg { $r = retval; }", "$r", "int32"},
		{"X-RET", "ret:sk_lookup { $r = retval->sk_err; $d = duration; }", "$r", "int32"},
		{"X-CALL", "ret:sk_lookup { $d = duration; }", "$d", "uint64"},
		{"P-TRACE-02", "tracepoint:syscalls:sys_enter_open { $c = args.comm; }", "$c", "string[16]"},
		{"B-RETVAL", "kretprobe:f { $r = retval; }", "$r", "uint64"},
		{"F-GETOPT", `$o = getopt("v");`, "$o", "bool"},
		{"F-GETOPT", `$o = getopt("n", 3);`, "$o", "uint64"},
		{"F-GETOPT", `$o = getopt("n", -3);`, "$o", "int64"},
	} {
		t.Run(tc.row+" "+tc.script, func(t *testing.T) {
			script := tc.script
			if !strings.HasPrefix(script, "config") && !startsProbe(script) {
				// What follows a closing brace at the end may be more probes.
				body, rest := script, ""
				if i := strings.Index(script, "; end {"); i >= 0 {
					body, rest = script[:i+1], script[i+1:]
				}
				script = "begin { " + body + " }" + rest
			}
			p, ds := run(t, script)
			if p == nil {
				t.Fatalf("%s\n%s", script, render(ds))
			}
			if got := typeOf(t, p, tc.what); got != tc.want {
				t.Errorf("%s\ntype of %s = %s, want %s", script, tc.what, got, tc.want)
			}
		})
	}
}

func startsProbe(script string) bool {
	for _, w := range []string{"kprobe:", "kretprobe:", "fentry:", "fexit:", "ret:", "call:", "tracepoint:", "begin", "end", "uprobe:", "interval:"} {
		if strings.HasPrefix(script, w) {
			return true
		}
	}
	return false
}

// TestSpaces checks the address spaces of pointers (2.9).
func TestSpaces(t *testing.T) {
	for _, tc := range []struct {
		row, script, what string
		want              types.Space
	}{
		{"T-AS-02", "kprobe:f { $p = (int8 *)arg0; }", "$p", types.Kernel},
		{"T-AS-02", "uprobe:/bin/x:f { $p = (int8 *)arg0; }", "$p", types.User},
		{"T-AS-02", "begin { $p = (int8 *)5; }", "$p", types.SpaceNone},
		{"T-AS-03", "tracepoint:syscalls:sys_enter_open { $p = args.filename; }", "$p", types.User},
		{"T-AS-04", "begin { $p = curtask; }", "$p", types.Kernel},
		{"T-AS-04", "begin { $p = curtask->name; }", "$p", types.Kernel},
		{"T-AS-05", "uprobe:/bin/x:f { @p[tid] = arg0; } interval:s:1 { $p = (int8 *)@p[tid]; }", "$p", types.User},
		{"T-AS-05", "interval:s:1 { $p = (int8 *)@p[tid]; } kprobe:f { @p[tid] = arg0; }", "$p", types.Kernel},
		{"T-AS-05", "kprobe:f { @p = arg0; } uprobe:/bin/x:f { @p = arg0; } interval:s:1 { $p = (int8 *)@p; }", "$p", types.User},
		{"T-AS-06", "kprobe:f { $p = uptr((int8 *)arg0); }", "$p", types.User},
		{"T-STRUCT-06", "kprobe:f { $p = ((struct sock *)arg0)->sk_user; }", "$p", types.User},
		{"T-AS-05", "kprobe:f { $p = (int8 *)(arg0 + 8); }", "$p", types.Kernel},
	} {
		t.Run(tc.row+" "+tc.script, func(t *testing.T) {
			p, ds := run(t, tc.script)
			if p == nil {
				t.Fatalf("%s\n%s", tc.script, render(ds))
			}
			for _, pr := range p.Probes {
				for _, v := range pr.Vars {
					if "$"+v.Name == tc.what && v.Type.Space != tc.want {
						t.Errorf("%s\nspace of %s = %d, want %d", tc.script, tc.what, v.Type.Space, tc.want)
					}
				}
			}
		})
	}
}

// TestSelfTypedMaps: maps that are computed from themselves take the type of
// what else is in the expression, or int64.
func TestSelfTypedMaps(t *testing.T) {
	for script, want := range map[string]string{
		"kprobe:f { @m = @m + arg2; }":                            "int64",
		"kprobe:f { @m[tid] = @m[tid] + 1; }":                     "int64",
		"begin { @m = @m || pid == 1; }":                          "bool",
		"begin { @m = !@m; }":                                     "bool",
		"begin { @m = @m > 5; }":                                  "bool",
		"begin { @m = @m == 0 ? nsecs : @m; }":                    "uint64",
		"begin { @m = @m ?: nsecs; }":                             "uint64",
		"begin { @m = @a + 2; @a = @m - 1; }":                     "int64",
		"begin { @m = @m + 1; } end { @m = nsecs; }":              "uint64",
		"kprobe:f { @m = @m; if (pid) { @m = @m + 1; } }":         "int64",
		"begin { @m = @a; @a = @m + 1; }":                         "int64",
		"begin { @m = (@m == 0 ? (uint32)pid : @m); print(@m); }": "uint32",
	} {
		p, ds := run(t, script)
		if p == nil {
			t.Errorf("%s\n%s", script, render(ds))
			continue
		}
		for _, m := range p.Maps {
			if got := m.Value.String(); m.Name == "m" && got != want {
				t.Errorf("%s: @m is %s, want %s", script, got, want)
			}
		}
		for _, bad := range verify(p) {
			t.Errorf("%s: %s", script, bad)
		}
	}
}
