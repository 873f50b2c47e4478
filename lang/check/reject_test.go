package check_test

import (
	"strings"
	"testing"

	"probe/lang/check"
	"probe/lang/diag"
)

// rejections are scripts with the place of the message between « and ». A
// script that starts no probe is the body of one.
var rejections = []struct {
	row, script string
	code        diag.Code
	fragment    string // of the message, its label or a help
}{
	// Folding.
	{"A-ER-32", "print(«1 / 0»);", "literal-overflow", "overflow or underflow"},
	{"A-ER-32", "print(«1 % 0»);", "literal-overflow", "overflow or underflow"},
	{"A-ER-32", "print(«1 << 64»);", "literal-overflow", "overflow or underflow"},
	{"A-ER-32", "print(«1 << -1»);", "literal-overflow", "overflow or underflow"},
	{"A-ER-32", "print(«18446744073709551615 + 1»);", "literal-overflow", "overflow or underflow"},
	{"A-ER-32", "print(«-9223372036854775808 - 1»);", "literal-overflow", "overflow or underflow"},
	{"T-FOLD-02", "print(«-9223372036854775809»);", "literal-overflow", "negative value will underflow"},
	{"T-FOLD-03", `print(«"abc" * 2»);`, "literal-operation", "illegal literal operation with strings"},

	// Names and arguments.
	{"L-MAPD-01", "@x = «lruhash»();", "unknown-name", "let @name = lruhash(1000);"},
	{"F-GEN-02", `print(errname(«"x"»));`, "bad-argument", "only supports integer or pointer arguments (`string` provided)"},
	{"T-OP-14", `@x = 1; «@x += "s"»;`, "bad-operands", "types `int8` and `string`"},
	{"A-ER-33", "print(«$x»);", "undefined-variable", "undefined or undeclared variable"},
	{"A-ER-33", "$count = 1; print(«$cout»);", "undefined-variable", "similar name exists: `$count`"},
	{"A-CF-06", "if (1) { $z = 1; } print(«$z»);", "undefined-variable", "let $z;"},
	{"A-ER-34", "$x = 1; let «$x» = 2;", "shadowed-name", "shadowing is not allowed"},
	{"A-ER-34", "let $x = 1; if (1) { let «$x» = 2; }", "shadowed-name", "shadowing is not allowed"},
	{"A-ER-35", "$i = 0; for «$i» : 0..3 { print($i); }", "shadowed-name", "loop declaration shadows"},
	{"A-ER-36", "«print()»;", "argument-count", "requires at least one argument (0 provided)"},
	{"A-ER-36", "@ = «count(1)»;", "argument-count", "requires no arguments (1 provided)"},
	{"A-ER-36", "«strncmp(comm, comm)»;", "argument-count", "requires 3 arguments (2 provided)"},
	{"A-ER-36", "@ = «hist(1, 2, 3)»;", "argument-count", "takes up to 2 arguments (3 provided)"},
	{"A-ER-36", "@ = «kstack(3, 4)»;", "argument-count", "takes fewer arguments"},
	{"A-ER-37", `config = { max_strlen = 4 } begin { @ = «"abcd"»; }`, "string-too-long", "string is too long"},
	{"A-ER-38", "unroll («101») { }", "bad-unroll", "unroll maximum value"},
	{"A-ER-38", "unroll («0») { }", "bad-unroll", "unroll minimum value"},
	{"A-ER-38", "unroll («pid») { }", "bad-unroll", "invalid unroll value"},
	{"E-UNROLL-01", "«unroll(100) { unroll(100) { unroll(100) { @x++; } } }»", "too-complex", "this probe is too complex"},
	{"A-ER-39", "@ = hist(1, «6»);", "hist-bits", "must be 0..5"},
	{"A-ER-40", "@ = lhist(1, 0, 10, «0»);", "lhist-parameters", "lhist() step must be"},
	{"A-ER-40", "@ = lhist(1, 0, 100000, «1»);", "lhist-parameters", "too many buckets"},
	{"A-ER-40", "@ = lhist(1, «pid», 10, 1);", "literal-expected", "lhist() expects an integer literal"},
	{"A-ER-41", `kprobe:f { print(reg(«"eax"»)); }`, "unknown-register", "not a valid register"},
	{"A-ER-42", "print(sizeof({ «@x = 1»; 5 }));", "effect-in-type", "not allowed inside of"},
	{"A-ER-43", `«system»("date");`, "unsafe-function", "unsafe function"},
	{"A-ER-44", `begin { print(«reg»("ip")); }`, "wrong-probe", "can not be used with"},

	// Types.
	{"A-ER-45", "print(«NO_SUCH_CONSTANT»);", "unknown-name", "unknown identifier"},
	{"A-ER-45", "print(«TCP_CLOSED»);", "unknown-name", "unknown identifier"},
	{"N-01", "print(«AF_INET»);", "unknown-name", "begin the script with `#include <linux/socket.h>`"},
	{"E-COMP-03", `static_assert(«pid», "x");`, "not-comptime", "unable to resolve"},
	{"E-COMP-03", `static_assert(1, «comm»);`, "literal-expected", "expects a string literal"},
	{"E-COMP-03", `«static_assert(1)»;`, "argument-count", "requires 2 arguments"},
	{"E-COMP-03", `fail("%d", «pid»);`, "literal-expected", "expects literals only"},
	{"E-COMP-03", `fail(«5»);`, "literal-expected", "expects a string literal"},
	{"E-COMP-03", `«fail()»;`, "argument-count", "requires one argument"},
	{"E-COMP-02", `if comptime («pid») { print(1); }`, "not-comptime", "unable to resolve"},
	{"E-COMP-04", "print(«is_str()»);", "argument-count", "requires one argument"},
	{"F-ISSCALAR", "print(is_scalar(«5»));", "map-expected", "expects a map"},
	{"F-CONTAINEROF", "print(container_of(curtask, «5», pid));", "bad-argument", "expects a type"},
	{"F-CONTAINEROF", "print(container_of(curtask, typeof(struct sock), «5»));", "bad-argument", "expects the name of a member"},
	{"F-CONTAINEROF", "print(container_of(«comm», typeof(struct sock), sk_err));", "bad-argument", "only supports pointer"},
	{"F-CONTAINEROF", "print(container_of(curtask, typeof(struct sock), «nope»));", "unknown-field", "does not contain"},
	{"F-GETOPT", "print(«getopt()»);", "argument-count", "at least one argument"},
	{"F-GETOPT", `print(getopt("x", «(1, 2)»));`, "literal-expected", "integer, bool or string"},
	{"F-GETOPT", `print(getopt("x", 1, "a")); print(«getopt("x", 1, "b")»);`, "different-option", "different description"},
	{"E-PREC-01", `$x = «pid ?: "x"»;`, "branch-mismatch", "branches must return"},
	{"E-PREC-01", `$x = «comm» ?: "x";`, "bad-condition", "invalid condition"},
	{"E-PRIM-05", "$x = «if pid { 1 }»;", "no-value", "no value"},
	{"T-TUP-01", "$t = (1, 2); print($t.«name»);", "bad-field", "elements of a tuple have numbers"},
	{"B-CONFIG", "print(config.«max_strlem»);", "unknown-field", "similar name exists: `max_strlen`"},
	{"T-PROM-06", `let $t : typeof((1, 2)); $t = «("a", 2)»;`, "type-mismatch", "type mismatch for $t"},
	{"T-PROM-06", `let $t : typeof((1, 2)) = «(300, 2)»;`, "type-mismatch", "type mismatch for $t"},
	{"T-PROM-06", `let $s : string[4] = «"abcdef"»;`, "type-mismatch", "type mismatch for $s"},
	{"F-FIND", `@m[1] = "s"; $v = 1; find(@m, 1, «$v»);`, "type-mismatch", "type mismatch for $v"},
	{"F-FIND", `@m[1] = hist(5); find(@m, 1, «$v»);`, "aggregation-read", "cannot be assigned to a scratch variable"},
	{"T-ARR-01", `print(comm[«"x"»]);`, "bad-index", "must be an integer"},
	{"T-ARR-01", `print(comm[«-1»]);`, "index-out-of-bounds", "out of bounds"},
	{"T-PTR-04", `kprobe:f { print(«*(void *)arg0»); }`, "bad-dereference", "void *"},
	{"T-REC-01", `$r = (a = 1); print($r.«b»);`, "unknown-field", "does not contain"},
	{"T-PROM-08", `$r = (a = 1); $r = «(b = 1)»;`, "type-mismatch", "type mismatch for $r"},
	{"E-OFF-01", "print(offsetof(struct sock, «sk_err.x»));", "bad-field", "has no field named"},
	{"T-KIND-22", "let $x : int8[«pid»];", "bad-type", "non-negative integer literal"},
	{"T-KIND-21", "let $x : enum «no_such»;", "unknown-type", "unknown enum"},
	{"L-STR-04", `config = { max_strlen = 4 } begin { print(«str($1)»); }`, "string-too-long", "the text of $1"},
	{"F-GEN-02", `print(strncmp(comm, «5», 2));`, "bad-argument", "usage: `strncmp"},
	{"A-ER-46", "«cuont»();", "unknown-name", "similar name exists: `count`"},
	{"A-ER-47", "print(«@x»);", "undefined-map", "undefined map"},
	{"A-ER-47", "@reads = 1; print(«@raeds»);", "undefined-map", "similar name exists: `@reads`"},
	{"A-ER-48", "@x = 1; «@x[1]» = 2;", "map-key", "used as a map"},
	{"A-ER-48", "@x[1] = 1; «@x» = 2;", "map-key", "without an explicit key"},
	{"A-ER-48", "@x = 1; print(has_key(@x, «1»));", "map-key", "expects a map with explicit keys"},
	{"A-ER-49", `$x = 1; $x = «"s"»;`, "type-mismatch", "type mismatch for $x"},
	{"A-PX-05", "let $a : uint8 = «300»;", "type-mismatch", "type mismatch for $a"},
	{"A-PX-06", "let $a : uint8 = «-1»;", "type-mismatch", "`(uint8)-1`"},
	{"T-PROM-06", "let $a : bool = «curtask->pid»;", "type-mismatch", "already has type `bool`"},
	{"A-PX-10", `@x = 1; @x = «"s"»;`, "type-mismatch", "type mismatch for @x"},
	{"A-PX-11", "@x = count(); @x = «5»;", "type-mismatch", "type mismatch for @x"},
	{"T-MAP-08", "@x = count(); @x = «sum(5)»;", "type-mismatch", "type mismatch for @x"},
	{"T-MAP-08", "@x = 5; @x = «count()»;", "type-mismatch", "type mismatch for @x"},
	{"T-MAP-08", "@x = avg(5); @x = «stats(5)»;", "type-mismatch", "type mismatch for @x"},
	{"A-PX-09", `@m[1, "a"] = 1; @m[«2»] = 1;`, "key-mismatch", "argument mismatch for @m"},
	{"A-ER-51", `@m["a"] = 1; print(@m[«1»]);`, "key-mismatch", "argument mismatch for @m"},
	{"T-PROM-09", "kprobe:f { $p = curtask; $p = «(struct sock *)arg0»; }", "type-mismatch", "type mismatch for $p"},
	{"T-PROM-10", "$p = curtask; $p = «0»;", "type-mismatch", "type mismatch for $p"},
	{"T-PROM-12", "$x = 1; if comptime (sizeof($x) == 1) { $x = «70000»; }", "locked-type", "this type has been locked"},
	{"A-ER-52", `if («comm == 1») { exit(); }`, "type-mismatch", "type mismatch for '=='"},
	{"A-ER-52", "kprobe:f { if («arg0 == \"x\"») { exit(); } }", "type-mismatch", "`str(arg0)`"},
	{"A-ER-53", "print(«comm + 1»);", "bad-operands", "operator can not be used"},
	{"T-PTR-01", "print(«1 - curtask»);", "bad-operands", "operator can not be used"},
	{"T-PTR-01", "print(«curtask - curtask»);", "bad-operands", "operator can not be used"},
	{"A-ER-54", "$p = (struct «no_such» *)0;", "unknown-type", "unknown struct/union"},
	{"A-ER-54", "let $p : «no_such_t»;", "unknown-type", "cannot resolve unknown type"},
	{"A-ER-54", "$p = (struct «task_strukt» *)0;", "unknown-type", "similar name exists: `struct task_struct`"},
	{"A-ER-55", "print(curtask->«pjd»);", "unknown-field", "does not contain a field named"},
	{"A-ER-55", "print(curtask->«pjd»);", "unknown-field", "similar name exists: `pid`"},
	{"A-ER-56", "$x = 5; print(«$x.name»);", "bad-field", "can not access field"},
	{"T-REC-02", "kprobe:f { print(«((void *)arg0)->name»); }", "bad-field", "can not access field"},
	{"A-ER-57", "$t = (1, 2); print($t.«5»);", "tuple-index", "invalid tuple index"},
	{"A-ER-57", "$t = (1, 2); print($t[«5»]);", "tuple-index", "invalid tuple index"},
	{"A-ER-58", "print(curtask->counts[«4»]);", "index-out-of-bounds", "out of bounds for array"},
	{"A-ER-59", "print(curtask->counts[«curtask->pid»]);", "signed-index", "non-negative integer indices"},
	{"A-ER-59", "for $i : -1..4 { print(curtask->counts[«$i»]); }", "signed-index", "could be negative"},
	{"A-ER-59", "for $i : 0..4 { $i = -1; print(curtask->counts[«$i»]); }", "signed-index", "could be negative"},
	{"T-ARR-03", "kprobe:f { print(«((void *)arg0)[1]»); }", "bad-index", "void *"},
	{"T-PTR-04", "print(«*(*curtask)»);", "bad-dereference", "it is not a pointer"},
	{"A-ER-60", "$x = «count()»;", "aggregation-misplaced", "must be assigned directly to a map"},
	{"A-ER-60", "print(«count()»);", "aggregation-misplaced", "must be assigned directly to a map"},
	{"A-ER-61", "@a = count(); «@b = @a»;", "aggregation-copy", "cannot be assigned from one map to another"},
	{"A-ER-62", "@h[1] = hist(5); print(«@h[1]»);", "aggregation-read", "must print the whole map"},
	{"T-TUP-03", "@h = stats(5); $t = (1, «@h»);", "aggregation-read", "whole map"},
	{"A-ER-63", `«printf("%d %d", 1)»;`, "format-arguments", "not enough arguments for format string (1 supplied, 2 expected)"},
	{"A-ER-63", `«printf("%% %-5q", 1)»;`, "format-arguments", "%-5q is not a conversion of printf"},
	{"A-ER-32", "print(«5 / 0»);", "literal-overflow", "division by zero"},
	{"A-ER-63", `«printf("%d", 1, 2)»;`, "format-arguments", "too many arguments for format string"},
	{"A-ER-63", `printf("%d", «comm»);`, "format-type", "unsupported format specifier for type 'string[16]': d"},
	{"A-ER-63", `printf("%r", «comm»);`, "format-type", "unsupported format specifier"},
	{"A-ER-63", `printf(«"%5.2f"», 1);`, "bad-format", "unsupported format specifier: f"},
	{"FMT-15", "$f = comm; printf(«$f»);", "literal-expected", "printf() expects a string literal"},
	{"FMT-03", `printf("%s", «print(1)»);`, "no-value", "no value"},
	{"A-ER-64", "if («comm») { exit(); }", "bad-condition", "invalid condition"},
	{"A-ER-64", `kprobe:f /«"x"»/ { }`, "bad-condition", "invalid condition"},
	{"A-ER-66", "kprobe:f { for $i : 0..3 { print(«arg0»); } }", "context-in-loop", "not allowed in a for-loop"},
	{"A-ER-66", "kretprobe:f { for $i : 0..3 { print(«retval»); } }", "context-in-loop", "not allowed in a for-loop"},
	{"A-ER-66", `kprobe:f { for $i : 0..3 { print(«reg("ip")»); } }`, "context-in-loop", "not allowed in a for-loop"},
	{"A-ER-66", "fentry:f { for $i : 0..3 { print(«args.size»); } }", "context-in-loop", "not allowed in a for-loop"},
	{"A-ER-67", "@x = 1; for ($kv : «@x») { }", "bad-loop", "no explicit keys"},
	{"E-FOR-02", "@h[1] = hist(1); for ($kv : «@h») { }", "bad-loop", "loop expression does not support type"},
	{"E-FOR-01", `for $i : 0..«"x"» { }`, "bad-range", "must be integers"},
	{"A-ER-68", `$x = «pid ? 1 : "x"»;`, "branch-mismatch", "branches must return"},
	{"A-ER-68", `$x = «if pid { 1 } else { "x" }»;`, "branch-mismatch", "branches must return"},
	{"A-ER-69", "$x = «(uint64)comm»;", "bad-cast", "cannot cast from"},
	{"T-CAST-04", "$v = *curtask; $x = «(struct sock)$v»;", "bad-cast", "cannot cast from"},
	{"T-CAST-08", "$x = «(string[4])comm»;", "bad-cast", "cannot cast from"},
	{"T-CAST-05", "$x = «(uint64[])curtask->pid»;", "bad-cast", "not a multiple of 8"},
	{"A-ER-71", "kprobe:f { @[kstack(«1025»)] = 1; }", "stack-limit", "limit shouldn't exceed"},
	{"A-ER-72", `print(kaddr(«"nope"»));`, "unknown-symbol", "failed to resolve kernel symbol"},
	{"A-ER-73", "@ = hist(1, 1); @ = «hist(1, 2)»;", "different-parameters", "different bits in a single map"},
	{"A-ER-73", "@ = lhist(1, 0, 10, 1); @ = «lhist(1, 0, 10, 2)»;", "different-parameters", "in a single map"},
	{"A-ER-74", "print(getopt(«pid»));", "literal-expected", "getopt() expects a string literal"},
	{"A-ER-74", `print(getopt("n", «pid»));`, "literal-expected", "getopt() expects a literal"},
	{"A-ER-74", `print(getopt("n", 1)); print(«getopt("n", 2)»);`, "different-option", "getopt"},
	{"A-ER-75", "let @m = «hash»(10); begin { @m[1] = count(); }", "map-kind-mismatch", "incompatible map types"},
	{"A-ER-75", "let @m = «percpuhash»(10); begin { @m[1] = 1; }", "map-kind-mismatch", "incompatible map types"},
	{"L-MAPD-02", "let @m = «stack»(10); begin { @m[1] = 1; }", "bad-map-kind", "invalid bpf map type"},
	{"L-MAPD-01", "let @m = hash(«0»); begin { @m[1] = 1; }", "bad-map-kind", "positive integer"},

	// Control flow.
	{"E-JUMP-04", "«break»;", "jump-outside-loop", "`break` outside of a loop"},
	{"E-JUMP-04", "if (1) { «continue»; }", "jump-outside-loop", "`continue` outside of a loop"},
	{"E-JUMP-02", `return «comm»;`, "bad-return", "can only be integers"},
	{"T-VAR-06", "@h = hist(1); $x = «@h»;", "aggregation-read", "whole map"},
	{"T-VAR-06", "let $x : «hist_t»;", "unknown-type", "unknown type"},
	{"E-PRIM-04", "$x = «{ $y = 1; }»;", "no-value", "no value"},
	{"F-FIND", "@x = 1; find(@x, «1», $v);", "map-key", "expects a map with explicit keys"},
	{"F-CLEAR", "clear(«5»);", "map-expected", "expects a map"},
	{"F-CLEAR", "@m[1] = 1; clear(«@m[1]»);", "map-expected", "without a key"},
	{"L-PARM-08", `print(kaddr(«$9»));`, "literal-expected", "use `str($9)`"},
	{"E-COMP-01", "print(«comptime nsecs»);", "not-comptime", "unable to resolve comptime"},
	{"E-COMP-03", `«static_assert(1 == 2, "never")»;`, "static-assert", "never"},
	{"E-COMP-03", `«fail("size %d of %s", 5, "x")»;`, "static-assert", "size 5 of x"},
	{"E-TYPEINFO-01", "print(«typeinfo(int8)»);", "unstable-feature", "unstable_typeinfo"},
	{"E-OFF-01", "print(offsetof(struct task_struct, «nope»));", "unknown-field", "does not contain a field named"},
	{"B-PID", "print(pid(«other»));", "unknown-word", "invalid PID namespace mode"},
	{"F-STACK", "kprobe:f { @[kstack(«fast»)] = 1; }", "unknown-word", "expected one of bpftrace, perf, raw, build_id"},
	{"T-KIND-05", "let $x : «void[4]»;", "bad-type", "an array needs elements with a size"},
	{"B-SARG", "kprobe:f { print(«sarg0»); }", "removed", "is deleted"},
	{"T-STRUCT-07", "tracepoint:a:b { print(args.«common_pid»); }", "unknown-field", "does not support accessing common tracepoint fields"},
	{"P-FENTRY-03", "fentry:f { print(args.«szie»); }", "unknown-field", "similar name exists: `size`"},
	{"X-CALL", "call:f { print(«duration»); }", "wrong-probe", "use `ret:f`"},
	{"X-FGRAPH", "ret:f { print(«graph»); }", "wrong-probe", `can not be used with "ret" probes`},
	{"F-UADDR", `uprobe:/bin/x:f { print(uaddr(«"x y"»)); }`, "bad-argument", "cannot be the name of a symbol"},
	{"X-FN", "print(enumname(1, «\"RTN_UNIKAST\"»));", "unknown-name", "no enum has the enumerator `RTN_UNIKAST`"},
	{"X-FN", "print(«netns»);", "not-supported", "not supported yet"},
	{"M-TSERIES", "@ = tseries(1, «0», 10);", "tseries-parameters", "interval"},
	{"M-TSERIES", "@ = tseries(1, 1s, «0»);", "tseries-parameters", "at least 1"},
	{"M-TSERIES", "@ = tseries(1, 1s, «1000001»);", "tseries-parameters", "1000000"},
	{"M-TSERIES", "@ = tseries(1, 1s, 5, «\"median\"»);", "tseries-parameters", "avg, max, min or sum"},
	{"T-PTR-05", "$p = &«$x»;", "undefined-variable", "undefined or undeclared variable"},
	{"T-MAP-06", "kprobe:f { @[«ctx»] = 1; }", "bad-key", "context cannot be part of a map key"},
}

// mark cuts the marks out of a script and tells where they stood.
func mark(t *testing.T, script string) (text string, start, end int) {
	t.Helper()
	if !startsProbe(script) && !strings.HasPrefix(script, "config") && !strings.HasPrefix(script, "let @") {
		script = "begin { " + script + " }"
	}
	before, rest, ok := strings.Cut(script, "«")
	in, after, ok2 := strings.Cut(rest, "»")
	if !ok || !ok2 {
		t.Fatalf("no marks in %q", script)
	}
	return before + in + after, len(before), len(before) + len(in)
}

func TestRejections(t *testing.T) {
	for _, tc := range rejections {
		t.Run(tc.row+" "+tc.script, func(t *testing.T) {
			script, start, end := mark(t, tc.script)
			in, ds := newInput(t, script)
			if ds.HasErrors() {
				t.Fatalf("%s\n%s", script, render(ds))
			}
			in.Params = []string{"parameter"}
			p, _, ds := check.Check(in)
			if p != nil {
				t.Fatalf("accepted: %s", script)
			}
			d := find(ds, tc.code)
			if d == nil {
				t.Fatalf("%s\nno %s in:\n%s", script, tc.code, render(ds))
			}
			if n := ds.Count(diag.Error); n != 1 {
				t.Errorf("%s\n%d errors for one cause:\n%s", script, n, render(ds))
			}
			if d.Span.Start != start || d.Span.End != end {
				t.Errorf("%s\nplace %q, want %q", script, d.Span.Text(), script[start:end])
			}
			all := strings.Join(append([]string{d.Message, d.Label}, d.Helps...), "\n")
			for _, l := range d.Labels {
				all += "\n" + l.Text
			}
			if !strings.Contains(all, tc.fragment) {
				t.Errorf("%s\n%q not in:\n%s", script, tc.fragment, all)
			}
			if d.Row == "" {
				t.Errorf("%s: the message names no row", script)
			}
		})
	}
}

// Only what is as wide as an address is called one.
func TestAddressOfString(t *testing.T) {
	for script, want := range map[string]bool{
		`kprobe:f { if (arg0 == "s") { exit(); } }`: true,
		`begin { @x = 1; @x += "s"; }`:              false,
		`begin { if (pid == "s") { exit(); } }`:     false,
	} {
		in, ds := newInput(t, script)
		if ds.HasErrors() {
			t.Fatalf("%s\n%s", script, render(ds))
		}
		_, _, ds = check.Check(in)
		if !ds.HasErrors() {
			t.Errorf("accepted: %s", script)
		}
		var helps []string
		for _, d := range ds.All {
			helps = append(helps, d.Helps...)
		}
		if strings.Contains(strings.Join(helps, "\n"), "read the string at an address") != want {
			t.Errorf("%s: help is wanted: %v\n%s%q", script, want, render(ds), helps)
		}
	}
}
