package syntax

import "testing"

// TestFragments parses the program fragments that the language's rules are
// explained with: promotion, values, printf, histograms, control flow.
func TestFragments(t *testing.T) {
	for _, body := range []string{
		// promotion
		`$a = 1; $a = 300;`,
		`$a = 1; $a = (uint64)7;`,
		`$a = (uint8)1; $a = (int8)-1;`,
		`$a = (uint64)1; $a = (int64)-1;`,
		`let $a : uint8 = 300;`,
		`let $a : uint8 = -1;`,
		`@m["abc"] = 1; @m["abcdef"] = 2;`,
		`@m[1] = 1; @m[pid] = 2;`,
		`@m[1, "a"] = 1; @m[2] = 1;`,
		`@x = 1; @x = "s";`,
		`@x = count(); @x = 5;`,
		`@t = (1, "ab"); @t = (1000, "abcd");`,
		`$d = (uint32)10 - (uint32)14;`,
		`nsecs - @start[tid]`,
		`(nsecs - @start[tid]) / 1000`,
		`$p = (struct task_struct *)arg0; $p = curtask;`,
		`cond ? 1 : "x"`,
		`cond ? "a" : "abc"`,
		// values
		`print(7); print("x y"); print((1, "a", (2, 3)));`,
		`@b[1] = 2; @a["k"] = 1;`,
		`@m["x", 1] = 10; @m["y", 2] = 3;`,
		`@c["k"] = count(); @c["k"] = count();`,
		`@v = avg(10); @v = stats(15); @v = min(4); @w = max(9);`,
		`print((true, (uint8)255, -1));`,
		`print(*(struct P *)arg0)`,
		`print((a=1, b="z"));`,
		`print(BLUE); printf("%d %s\n", BLUE, RED);`,
		`print(ntop(16777343)); print(ntop(pton("::1")));`,
		`@ = buf("a\x02b", 3); print(@); clear(@);`,
		`@x[3] = 1; delete(@x, 3); @y = 1; clear(@y);`,
		`@h[1] = 10; @h[2] = 30; print(@h, 2, 10); clear(@h);`,
		// printf
		`printf("[%5d]", 42); printf("[%-5d]", 42); printf("%x %X %o", 255, 255, 8)`,
		`printf("%d %ld", 4294967301, 4294967301)`,
		`printf("%u %d", (uint32)4294967295, (uint32)4294967295)`,
		`printf("[%8s|%-8s]", "abc", "abc")`,
		`printf("%r", buf("a\x01", 2)); printf("100%%\n")`,
		`printf("%p", (void *)4096)`,
		// histograms
		`@ = hist(0); @ = hist(-5); @ = hist(9, 2);`,
		`@ = lhist(5, 0, 20, 10); @ = lhist(-1, 0, 20, 10);`,
		`@["a"] = hist(1);`,
		// control flow and scoping
		`for ($i : 0..3) { printf("%d ", $i); }`,
		`$n = 3; for $i : 0..$n { $n = 10; printf("%d ", $i); }`,
		`for ($i : 0..9) { if ($i == 1) { continue; } if ($i == 3) { break; } printf("%d ", $i); } printf("end");`,
		`for ($i : 0..9) { return; } printf("never");`,
		`@m[1,2] = 3; for ($kv : @m) { print(($kv.0.1, $kv.1)); }`,
		`if (1) { $z = 1; } print($z);`,
		`let $z; if (1) { $z = 1; } print($z);`,
		`exit(3); print(1);`,
		`$x = { let $y = 2; $y * 3 }; print($x);`,
		`$x = 5; $y = $x++ + ++$x; print(($x, $y));`,
		`unroll(3) { printf("a"); }`,
		`$a = 0; $b = $a ?: 9; print($b);`,
		`print(10 / (uint64)4); print(7 % 4);`,
		`$z = (uint64)0; print(8 / $z);`,
		// compile time
		`static_assert(sizeof(x) == 4, "msg"); fail("fmt", 1);`,
		`if comptime (is_str($x) || is_array($x)) { 1 } else { strlen($x) }`,
		`$ret = comptime is_tid ? f((uint32)$sig) : g((uint32)$sig);`,
		`sizeof((exp[0])); sizeof(str((int8 *)0)); typeinfo(e).1 == "int"`,
		`f((int8*)&$h, (int8*)$p, (size_t)n, &$v)`,
		`cond ? print("y") : print("n");`,
		// parameters
		`printf("%d %s %d\n", $1, str($2), $#);`,
		`print(getopt("n", 3)); print(getopt("v"));`,
		`if ($1 > 0 && str($2) == comm) { exit(); }`,
	} {
		f := parseOK(t, body, "begin { "+body+" }")
		checkSpans(t, f)
		roundTrip(t, f)
	}
}
