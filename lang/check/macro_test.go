package check_test

import (
	"strings"
	"testing"

	"probe/lang/diag"
)

// dump returns the HIR of a script as text; the script must be right.
func dump(t *testing.T, script string) string {
	t.Helper()
	p, ds := run(t, script)
	if p == nil {
		t.Fatalf("%s\n%s", script, render(ds))
	}
	var sb strings.Builder
	p.Dump(&sb)
	return sb.String()
}

// TestMacros checks what macros expand to.
func TestMacros(t *testing.T) {
	for _, tc := range []struct{ row, script, want string }{
		{"L-MAC-01", "macro five() { 5 } begin { print(five()); }", "eval print(5: int8): void"},
		{"L-MAC-03", "macro five() { 5 } begin { print(five); }", "eval print(5: int8): void"},
		{"A-CF-10", "macro sq(e) { e * e } begin { print(sq(3 + 1)); }", "eval print(16: int8): void"},
		{"L-MAC-04", "macro twice(e) { e; e; } begin { $x = 1; twice($x++); }", "{ eval $x++; eval $x++ }"},
		{"L-MAC-05", "macro m(e) { let $x = e; $x } begin { $x = 5; $y = m($x); print($y); }", "$y = { $x.2 = $x; value $x.2 }: int8"},
		{"L-MAC-02", "macro set($v) { $v = 300; } begin { $a = 1; set($a); }", "$a = 300: int16"},
		{"L-MAC-02", "macro set($v) { $v = 300; } begin { set($a); print($a); }", "$a = 300: int16"},
		{"L-MAC-02", "macro add(@m, k) { @m[k] = count(); } begin { add(@c, comm); }", "@c[comm(): string[16]] = count()"},
		{"L-MAC-06", "macro f(e) { 1 } macro f($v) { 2 } begin { $x = 1; print((f($x), f(9))); }", "print((2: int8, 1: int8)"},
		{"L-MAC-06", "macro f(a) { 1 } macro f(a, b) { 2 } begin { print((f(0), f(0, 0))); }", "print((1: int8, 2: int8)"},
		{"L-MAC-07", "macro strlen(e) { 7 } begin { print(strlen(comm)); }", "print(7: int8)"},
		{"L-MAC-07", "macro comm() { 7 } begin { print(comm); }", "print(7: int8)"},
		{"L-MAC-20", "macro strlen(a, b, c) { 7 } begin { print(strlen(comm)); }", "strlen(comm()"},
		{"L-MAC-06 library form", "macro delete(m, k) { 7 } begin { @m[1] = 1; delete(@m, 1); }", "discard delete(map @m, 1: int8)"},
		{"L-MAC-09", "macro f(n) { for $i : 0..n { if ($i == 2) { break; } } } begin { f(5); }", "break"},
		{"L-MAC-10", "macro size(T) { sizeof(T) } begin { print(size(typeof(struct sock))); }", "print(64: int8)"},
		{"L-MAC-10", "macro ptr(T, e) { (T*)e } begin { $p = ptr(typeof(struct sock), 5); print($p->sk_err); }", "struct sock *"},
		{"L-MAC-12", "macro off(f) { offsetof(struct sock, f) } begin { print(off(__sk_common.skc_family)); }", "print(8: int8)"},
		{"L-MAC-13", `macro show(fmt) { printf(fmt); } begin { show("hi\n"); }`, `printf("hi\n": string[4])`},
		{"L-MAC-13", `macro opt() { getopt("depth", 5) } begin { print(opt()); }`, "print(5: uint64)"},
		{"E-ASG-04", "macro c() { count() } begin { @x = c(); }", "@x = count()"},
		{"E-ASG-04", "macro c(e) { let $v = e; sum($v) } begin { @x = c(pid); }", "@x = sum("},
		{"nested", "macro a(e) { e + 1 } macro b(e) { a(a(e)) } begin { print(b(1)); }", "print(3: int8)"},
		{"word in caller", "macro id(e) { let $y = 2; e } begin { let $y = 9; print(id($y)); }", "value $y"},
	} {
		t.Run(tc.row+" "+tc.script, func(t *testing.T) {
			if got := dump(t, tc.script); !strings.Contains(got, tc.want) {
				t.Errorf("%s\n%q not in:\n%s", tc.script, tc.want, got)
			}
		})
	}
}

// TestMacroErrors checks refused macros: code, part of the message, and the
// callers that are named.
func TestMacroErrors(t *testing.T) {
	for _, tc := range []struct {
		row, script string
		code        diag.Code
		fragment    string
		callers     int // labels "expanded from here"
	}{
		{"L-MAC-05", "macro f() { @x = 1; } begin { f(); }", "unhygienic-map", "unhygienic access to map", 1},
		{"L-MAC-05", "macro f($v) { let $v = 1; } begin { $x = 1; f($x); }", "shadowed-name", "shadows the macro argument", 1},
		{"L-MAC-06", "macro f($v) { 1 } begin { print(f(5)); }", "macro-arguments", "do not match any definition", 0},
		{"L-MAC-06", "macro f(@m) { 1 } begin { @m[1] = 2; print(f(@m[1])); }", "macro-arguments", "do not match any definition", 0},
		{"L-MAC-06", "macro f(a) { 1 } begin { print(f()); }", "macro-arguments", "do not match any definition", 0},
		{"L-MAC-07", "macro f(a) { 1 } macro f(b) { 2 } begin { }", "duplicate-macro", "redefinition of macro", 0},
		{"L-MAC-08", "macro f() { f() } begin { f(); }", "recursive-macro", "f > f", 1},
		{"L-MAC-08", "macro f() { g() } macro g() { f() } begin { f(); }", "recursive-macro", "f > g > f", 2},
		{"L-MAC-09", "macro f() { break; } begin { for $i : 0..3 { f(); } }", "jump-in-macro", "not allowed in a macro", 1},
		{"L-MAC-09", "macro f() { return; } begin { f(); }", "jump-in-macro", "not allowed in a macro", 1},
		{"L-MAC-14", "macro f(e) { e + comm } macro g(e) { f(e) } begin { print(g(1)); }", "bad-operands", "operator can not be used", 2},
		{"L-MAC-02", "macro f($v) { print($v); } begin { f($x); }", "undefined-variable", "undefined", 1},
		{"L-CMAC-02", "#define A B\n#define B A\nbegin { print(A); }", "recursive-macro", "macro recursion: A->B->A", 2},
		{"L-CMAC-03", "#define A struct\nbegin { print(A); }", "bad-c-macro", "unable to expand macro", 0},
	} {
		t.Run(tc.row+" "+tc.script, func(t *testing.T) {
			p, ds := run(t, tc.script)
			d := find(ds, tc.code)
			if p != nil || d == nil {
				t.Fatalf("%s\nno %s in:\n%s", tc.script, tc.code, render(ds))
			}
			if !strings.Contains(d.Message, tc.fragment) {
				t.Errorf("%s\n%q not in %q", tc.script, tc.fragment, d.Message)
			}
			n := 0
			for _, l := range d.Labels {
				if l.Text == "expanded from here" {
					n++
				}
			}
			if n != tc.callers {
				t.Errorf("%s\n%d callers named, want %d", tc.script, n, tc.callers)
			}
			if c := ds.Count(diag.Error); c != 1 {
				t.Errorf("%s\n%d errors for one cause:\n%s", tc.script, c, render(ds))
			}
		})
	}
}

// TestCMacros checks C constants as expressions (1.6).
func TestCMacros(t *testing.T) {
	for _, tc := range []struct{ row, script, want string }{
		{"L-CMAC-01", "#define LIMIT (4 * 1024)\nkprobe:f /arg2 > LIMIT/ { }", "4096"},
		{"L-CMAC-02", "#define A 2\n#define B (A + 1)\nbegin { print(B); }", "print(3: int8)"},
		{"L-CMAC-04", "#define NAME \"abc\"\nbegin { print(NAME); }", `print("abc": string[4])`},
		{"L-CMAC-01", "#define P pid\nbegin { print(P); }", "print(pid(): uint32)"},
		{"L-CMAC-05", "begin { print(TCP_CLOSE); }", "print(TCP_CLOSE: enum tcp_state)"},
		{"L-CMAC-05", "enum e { AA = 3, BB }\nbegin { print(BB); }", "print(BB: enum e)"},
		{"L-PRE-04", "#ifdef BPFTRACE_HAVE_BTF\n#define X 1\n#else\n#define X 2\n#endif\nbegin { print(X); }", "print(1: int8)"},
		{"N-01", "#include <linux/socket.h>\nbegin { print(AF_INET6); }", "print(10: int8)"},
		{"N-01", "#include <linux/fcntl.h>\nbegin { print(AT_FDCWD); }", "print(-100: int8)"},
		{"L-PRE-03", "#ifndef BPFTRACE_HAVE_BTF\n#include <no/such.h>\n#endif\nbegin { print(1); }", "print(1: int8)"},
		{"L-PRE-09", "enum { AA = 3, BB }\nbegin { @ = hist(1, AA); }", "map @: hist_t"},
	} {
		if got := dump(t, tc.script); !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s\n%q not in:\n%s", tc.row, tc.script, tc.want, got)
		}
	}
}
