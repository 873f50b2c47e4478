package check_test

import (
	"strings"
	"testing"

	"probe/lang/check"
)

// TestFolding checks the values of literals (2.5): what print gets.
func TestFolding(t *testing.T) {
	for _, tc := range []struct{ row, expr, want string }{
		{"T-FOLD-01", "1 + 1", "2: int8"},
		{"T-FOLD-01", "-7 / 2", "-3: int8"},
		{"T-FOLD-01", "-7 % 2", "-1: int8"},
		{"T-FOLD-01", "5 - 9", "-4: int8"},
		{"T-FOLD-01", "(1 << 40) | 1", "1099511627777: int64"},
		{"T-FOLD-01", "18446744073709551615 - 1", "18446744073709551614: uint64"},
		{"T-FOLD-01", "9223372036854775807 + 1", "9223372036854775808: uint64"},
		{"T-FOLD-01", "-9223372036854775808 + 9223372036854775808", "0: int8"},
		{"T-FOLD-01", "4294967296 * 4294967295", "18446744069414584320: uint64"},
		{"T-FOLD-01", "-3 * 5", "-15: int8"},
		{"T-FOLD-01", "-1 & 255", "255: int16"},
		{"T-FOLD-01", "-1 | 1", "-1: int8"},
		{"T-FOLD-01", "-1 ^ -1", "0: int8"},
		{"T-FOLD-01", "5 ^ -1", "-6: int8"},
		{"T-FOLD-01", "-8 >> 1", "-4: int8"},
		{"T-FOLD-01", "-8 >> 60", "-1: int8"},
		{"T-FOLD-01", "256 >> 4", "16: int8"},
		{"T-FOLD-01", "-1 < 1", "true: bool"},
		{"T-FOLD-01", "-1 < 18446744073709551615", "true: bool"},
		{"T-FOLD-01", "18446744073709551615 >= -1", "true: bool"},
		{"T-FOLD-01", "-2 <= -2", "true: bool"},
		{"T-FOLD-01", "3 > 4", "false: bool"},
		{"T-FOLD-01", "3 != 4", "true: bool"},
		{"T-FOLD-01", "1 && 0", "false: bool"},
		{"T-FOLD-01", "1 || 0", "true: bool"},
		{"T-FOLD-02", "~0", "18446744073709551615: uint64"},
		{"T-FOLD-02", "~-1", "0: int8"},
		{"T-FOLD-02", "!3", "false: bool"},
		{"T-FOLD-02", "!0", "true: bool"},
		{"T-FOLD-02", "!true", "false: bool"},
		{"T-FOLD-02", "-(-5)", "5: int8"},
		{"T-FOLD-02", "-0", "0: int8"},
		{"T-OP-09", "true + 1", "2: int8"},
		{"T-OP-09", "true + true", "true: bool"},
		{"T-OP-09", "true == 1", "true: bool"},
		{"T-FOLD-03", `"abc" + 1`, `"bc": string[3]`},
		{"T-FOLD-03", `"abc" + 3`, `"": string[1]`},
		{"T-FOLD-03", `"a" + "b" + "c"`, `"abc": string[4]`},
		{"T-FOLD-04", `"abc" < "abd"`, "true: bool"},
		{"T-FOLD-04", `"b" <= "abd"`, "false: bool"},
		{"T-FOLD-04", `"a" == "a\0b"`, "true: bool"},
		{"T-FOLD-04", `"abc"[1]`, "98: int8"},
		{"T-FOLD-04", `"abc"[3]`, "0: int8"},
		{"D-16", `"a" && ""`, "false: bool"},
		{"D-16", `"" || "b"`, "true: bool"},
		{"T-FOLD-05", `(1, "x") == (1, "x")`, "true: bool"},
		{"T-FOLD-05", `(1, (2, "x")) != (1, (2, "y"))`, "true: bool"},
		{"T-FOLD-05", `(5, "x", 7)[3 - 1]`, "7: int8"},
		{"T-FOLD-05", `(a = 1, b = "x").b`, `"x": string[2]`},
		{"T-CAST-02", "(uint8)300", "44: uint8"},
		{"T-CAST-02", "(int8)200", "-56: int8"},
		{"T-CAST-02", "(uint64)-1", "18446744073709551615: uint64"},
		{"T-CAST-02", "(int64)(uint8)255", "255: int64"},
		{"T-CAST-07", "(bool)5", "true: bool"},
		{"T-CAST-09", "(enum tcp_state)7", "TCP_CLOSE: enum tcp_state"},
		{"E-SIZE-01", "sizeof(struct sock)", "64: int8"},
		{"E-SIZE-01", "sizeof(int32[3])", "12: int8"},
		{"E-SIZE-01", "sizeof(struct sock *)", "8: int8"},
		{"E-SIZE-01", `sizeof("abc")`, "4: int8"},
		{"E-SIZE-01", "sizeof(nsecs)", "8: int8"},
		{"E-SIZE-01", "sizeof((1, 70000, 2))", "12: int8"},
		{"E-SIZE-01", "sizeof(TCP_CLOSE)", "8: int8"},
		{"E-SIZE-01", "sizeof(comm)", "16: int8"},
		{"E-OFF-01", "offsetof(struct sock, __sk_common.skc_family)", "8: int8"},
		{"E-OFF-01", "offsetof(curtask, flags)", "32: int8"},
		{"E-OFF-01", "offsetof(*curtask, flags)", "32: int8"},
		{"E-COMP-01", "comptime (2 + 3)", "5: int8"},
		{"E-COMP-04", "is_str(comm)", "true: bool"},
		{"E-COMP-04", "is_str(5)", "false: bool"},
		{"E-COMP-04", "is_ptr(curtask)", "true: bool"},
		{"E-COMP-04", "is_array(curtask->counts)", "true: bool"},
		{"E-COMP-04", "is_integer(pid)", "true: bool"},
		{"E-COMP-04", "is_unsigned_integer(pid)", "true: bool"},
		{"E-COMP-04", "is_unsigned_integer(curtask->pid)", "false: bool"},
		{"E-COMP-04", "is_literal(5)", "true: bool"},
		{"E-COMP-04", `is_literal((1, "x"))`, "true: bool"},
		{"E-COMP-04", "is_literal(pid)", "false: bool"},
		{"B-PROBE", "probe", `"begin": string[6]`},
		{"B-PROBETYPE", "probetype", `"special": string[8]`},
		{"B-PROBE", "probe()", `"begin": string[6]`},
		{"B-CONFIG", "config.max_strlen", "1024: int16"},
		{"B-CONFIG", "config.stack_mode", `"bpftrace": string[9]`},
		{"B-CONFIG", "config.cpp_demangle", "true: bool"},
		{"E-TYPEOF-01", "sizeof(typeof(comm))", "16: int8"},
	} {
		got := dump(t, "begin { print("+tc.expr+"); }")
		if want := "eval print(" + tc.want + "): void"; !strings.Contains(got, want) {
			t.Errorf("%s: %s: %q not in:\n%s", tc.row, tc.expr, want, got)
		}
	}
}

// TestComptime checks what is decided while compiling (3.5).
func TestComptime(t *testing.T) {
	for _, tc := range []struct{ row, script, want, not string }{
		{"E-COMP-02", `begin { if comptime (is_str(comm)) { print(1); } else { print(comm + 5); } }`, "print(1", "print((comm"},
		{"E-COMP-02", `begin { if comptime (1 == 2) { fail("no"); } else { print(2); } }`, "print(2", "fail"},
		{"E-COMP-02", `begin { if comptime (1 == 2) { fail("no"); } print(3); }`, "print(3", "if"},
		{"E-COMP-02", `begin { $x = if comptime (true) { "a" } else { 5 }; print($x); }`, `$x = "a": string[2]`, ""},
		{"E-COMP-02", `macro show(e) { if comptime (is_str(e)) { printf("%s", e); } else { printf("%d", e); } } begin { show(comm); show(pid); }`,
			`printf("%d": string[3], pid()`, ""},
		{"E-COMP-02", `begin { @x = @y; if comptime (is_str(@x)) { print(1); } else { print(2); } } end { @y = "s"; }`, "print(1", "print(2"},
		{"E-COMP-03", `begin { static_assert(sizeof(int32) == 4, "no"); print(1); }`, "print(1", ""},
		{"E-TYPEINFO-01", `config = { unstable_typeinfo = enable } begin { print(typeinfo(pid).full_type); }`, `print("uint32": string[7])`, ""},
		{"E-TYPEINFO-01", `config = { unstable_typeinfo = enable } begin { print(typeinfo(struct sock *).base_type); }`, `print("pointer": string[8])`, ""},
		{"E-TYPEOF-01", `begin { @m["abc"] = 5; let $k : typeof(@m); $k = "x"; print($k); }`, "var $k: string[4]", ""},
		{"E-TYPEOF-01", `begin { @m = (uint16)5; let $v : typeof(@m); print($v); $v = 3; }`, "var $v: uint16", ""},
		{"F-ISSCALAR", `begin { @m = 1; @n[1] = 2; print((is_scalar(@m), is_scalar(@n))); }`, "print((true: bool, false: bool)", ""},
		{"F-CONTAINEROF", `kprobe:f { $s = container_of((struct sock_common *)arg0, typeof(struct sock), sk_err); print($s->sk_err); }`,
			"((struct sock *)((struct sock_common *)(arg#0: uint64)) + -24: int64): struct sock *", ""},
		{"B-CONFIG", `begin { print(config); }`, ".max_map_keys = int16", ""},
	} {
		got := dump(t, tc.script)
		if !strings.Contains(got, tc.want) || tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s: %s\n%q (and not %q) not in:\n%s", tc.row, tc.script, tc.want, tc.not, got)
		}
	}
}

// TestNoKernelTypes checks a machine without type information.
func TestNoKernelTypes(t *testing.T) {
	for _, tc := range []struct {
		script string
		want   string // part of a note or help, "" if accepted
	}{
		{"struct sock { int family; };\nkprobe:f { print(((struct sock *)arg0)->family); }", ""},
		{"struct s { uint64_t a; u32 b; size_t c; unsigned long d; };\nbegin { print(sizeof(struct s)); }", ""},
		{"#ifdef BPFTRACE_HAVE_BTF\n#include <x.h>\n#else\n#define A 1\n#endif\nbegin { print(A); }", ""},
		{"kprobe:f { print(((struct sock *)arg0)->family); }", "this kernel has no BTF"},
		{"begin { print(TCP_ESTAB); }", "this kernel has no BTF"},
		{"#include <net/sock.h>\nbegin { }", "this kernel has no BTF"},
	} {
		in, ds := newInput(t, tc.script)
		if ds.HasErrors() {
			t.Fatal(render(ds))
		}
		in.Types = &fakeTypes{none: true}
		p, _, ds := check.Check(in)
		if (p != nil) != (tc.want == "") {
			t.Errorf("%s:\n%s", tc.script, render(ds))
			continue
		}
		if p == nil {
			d := ds.All[0]
			if all := strings.Join(append(d.Notes, d.Helps...), "\n"); !strings.Contains(all, tc.want) {
				t.Errorf("%s: %q not in %q", tc.script, tc.want, all)
			}
		}
	}
	// No types at all, no environment, no probes: still no panic.
	in, _ := newInput(t, "begin { print(((struct sock *)5)->x); print(ncpus); print(kaddr(\"x\")); }")
	in.Types, in.Env, in.Probes = nil, nil, nil
	if p, _, ds := check.Check(in); p != nil || find(ds, "no-attach-points") == nil {
		t.Errorf("without probes:\n%s", render(ds))
	}
	in, _ = newInput(t, "begin { print(((struct sock *)5)->x); print(ncpus); print(kaddr(\"x\")); }")
	in.Types, in.Env = nil, nil
	if p, _, ds := check.Check(in); p != nil || find(ds, "unknown-type") == nil || find(ds, "unknown-symbol") == nil {
		t.Errorf("without a machine:\n%s", render(ds))
	}
}

// TestTypeNames checks C type names in every order of words (A-BT-14, L-PRE-12).
func TestTypeNames(t *testing.T) {
	for name, want := range map[string]string{
		"unsigned int": "uint32", "int unsigned": "uint32", "unsigned": "uint32", "signed": "int32", "signed int": "int32",
		"long unsigned int": "uint64", "unsigned long int": "uint64", "unsigned long long": "uint64", "long long int": "int64",
		"long": "int64", "short": "int16", "short unsigned int": "uint16", "unsigned char": "uint8", "char": "int8", "signed char": "int8",
		"const int": "int32", "__u32": "uint32", "ssize_t": "int64", "pid_t": "int32",
	} {
		p, ds := run(t, "begin { let $x : "+name+"; $x = 1; }")
		if p == nil {
			t.Errorf("%s: %s", name, render(ds))
			continue
		}
		if got := typeOf(t, p, "$x"); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
