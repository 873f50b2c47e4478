package syntax

import (
	"testing"

	"probe/lang/source"
)

// TestExpressions reads expressions and shows how they were grouped.
func TestExpressions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// E-PREC: ten binary levels, left to right.
		{"1 || 2 && 3", "[1 || [2 && 3]]"},
		{"1 && 2 | 3", "[1 && [2 | 3]]"},
		{"1 | 2 ^ 3", "[1 | [2 ^ 3]]"},
		{"1 ^ 2 & 3", "[1 ^ [2 & 3]]"},
		{"1 & 2 == 3", "[1 & [2 == 3]]"},
		{"1 == 2 < 3", "[1 == [2 < 3]]"},
		{"1 < 2 << 3", "[1 < [2 << 3]]"},
		{"1 << 2 + 3", "[1 << [2 + 3]]"},
		{"1 + 2 * 3", "[1 + [2 * 3]]"},
		{"1 * 2 + 3", "[[1 * 2] + 3]"},
		{"1 - 2 - 3", "[[1 - 2] - 3]"},
		{"8 / 4 % 3 * 2", "[[[8 / 4] % 3] * 2]"},
		{"1 != 2 == 3", "[[1 != 2] == 3]"},
		{"1 >= 2 <= 3 > 4", "[[[1 >= 2] <= 3] > 4]"},
		{"1 >> 2 << 3", "[[1 >> 2] << 3]"},
		{"(1 + 2) * 3", "[([1 + 2]) * 3]"},
		{"a ? b : c ? d : e", "[a ? b : [c ? d : e]]"},
		{"a ? b ? 1 : 2 : 3", "[a ? [b ? 1 : 2] : 3]"},
		{"a ?: b ?: c", "[a ?  : [b ?  : c]]"},
		{"a || b ? c + 1 : d", "[[a || b] ? [c + 1] : d]"},
		{"-1 + ~2", "[[-1] + [~2]]"},
		{"!!$x", "[![!$x]]"},
		{"- -1", "[-[-1]]"},
		{"-$x.f", "[-[$x.f]]"},
		{"*$p.f", "[*[$p.f]]"},
		{"**$p", "[*[*$p]]"},
		{"*$a * *$b", "[[*$a] * [*$b]]"},
		{"1 - -2", "[1 - [-2]]"},
		{"&$x", "[&$x]"},
		{"&@m[1]", "[&@m(1)]"},
		{"$x++ + ++$x", "[[$x++] + [++$x]]"},
		{"@m[1]--", "[@m(1)--]"},
		{"comptime 1 + 2", "[[comptime 1] + 2]"},
		{"comptime (1 + 2)", "[comptime ([1 + 2])]"},
		{"-(int8)$y.f", "[-[<int8> [$y.f]]]"},
		// Postfix forms.
		{"a.b->c.0[1].d", "[[[[[a.b].c].0] at 1].d]"},
		{"$t.0.1", "[[$t.0].1]"},
		{"@m[1, 2][3]", "[@m(1, 2) at 3]"},
		{"(*$p).x", "[([*$p]).x]"},
		{"f(1)(2)", ""},
		{"f(g(1), (2, 3))", "f(g(1), tuple(2, 3))"},
		{`"abc"[1]`, `["abc" at 1]`},
		{"args.if", "[args.if]"},
		// Casts (T-CAST-01): a word is a type if something that starts an
		// operand follows; reserved builtin words never are.
		{"(uint8)$x + 1", "[[<uint8> $x] + 1]"},
		{"(uint8)($x + 1)", "[<uint8> ([$x + 1])]"},
		{"(pid)*tid", "[(pid) * tid]"},
		{"(arg0)-1", "[(arg0) - 1]"},
		{"(myt)*$p", "[<myt> [*$p]]or[(myt) * $p]"},
		{"(LIMIT)-1", "[<LIMIT> [-1]]or[(LIMIT) - 1]"},
		{"2 * (LIMIT)-1", "[2 * [<LIMIT> [-1]]]"},
		{"2 + (LIMIT)-1", "[2 + [<LIMIT> [-1]]]"},
		{"(LIMIT)-1*2", "[[<LIMIT> [-1]] * 2]"},
		{"(LIMIT)*3+4", "[[<LIMIT> [*3]]or[(LIMIT) * 3] + 4]"},
		{"(LIMIT)+1", "[(LIMIT) + 1]"},
		{"(LIMIT)&3", "[(LIMIT) & 3]"},
		{"(myt)&$x", "[<myt> [&$x]]or[(myt) & $x]"},
		{"(LIMIT)", "(LIMIT)"},
		{"(x)(1)", "[<x> (1)]"},
		{"(x)y", "[<x> y]"},
		{"(x)!y", "[<x> [!y]]"},
		{"(a + b) - 1", "[([a + b]) - 1]"},
		{"(a * b) - 1", "[([a * b]) - 1]"},
		{"(a[1]) + 1", "[([a at 1]) + 1]"},
		{"(a.b) - 1", "[([a.b]) - 1]"},
		{"(struct sock *)arg0", "[<struct sock *> arg0]"},
		{"((struct sock *)arg0)->x", "[([<struct sock *> arg0]).x]"},
		{"(struct sock *)arg0->x", "[<struct sock *> [arg0.x]]"},
		{"(const char *)p", "[<const char *> p]"},
		{"(struct file __user *)p", "[<struct file __user *> p]"},
		{"(unsigned long)x", "[<unsigned long> x]"},
		{"(long unsigned int)-1", "[<long unsigned int> [-1]]"},
		{"(uint64_t)-1", "[<uint64_t> [-1]]"},
		{"(int8[4])x", "[<int8[4]> x]"},
		{"(int32*[4])x", "[<int32 *[4]> x]"},
		{"(int32[4]*)x", "[<int32[4]*> x]"},
		{"(uint8[])x", "[<uint8[]> x]"},
		{"(u8[LEN + 1])x", "[<u8[LEN + 1]> x]"},
		{"(typeof($x))y", "[<typeof($x)> y]"},
		{"(typeof(struct s) *)y", "[<typeof(struct s) *> y]"},
		{"(enum e)1", "[<enum e> 1]"},
		{"(int8)(uint8)-1", "[<int8> [<uint8> [-1]]]"},
		{"(bool)(x)", "[<bool> (x)]"},
		// Groups, tuples, records.
		{"()", "tuple()"},
		{"(1,)", "tuple(1)"},
		{"(1, 2,)", "tuple(1, 2)"},
		{"(1)", "(1)"},
		{"(a = 1, b = (2,))", "record(1, tuple(2))"},
		{"(a = 1,)", "record(1)"},
		{"(pid == 1)", "([pid == 1])"},
		// sizeof and friends (A-GR-25).
		{"sizeof(x)", "sizeof<x>"},
		{"sizeof((x))", "sizeof((x))"},
		{"sizeof($x)", "sizeof($x)"},
		{"sizeof(x + 1)", "sizeof([x + 1])"},
		{"sizeof(int8[3])", "sizeof<int8[3]>"},
		{"sizeof(struct s*)", "sizeof<struct s *>"},
		{"sizeof(pid)", "sizeof(pid)"},
		{"sizeof(unsigned long)", "sizeof<unsigned long>"},
		{"sizeof(x.y)", "sizeof([x.y])"},
		{"f(typeof(x), typeof(1 + 2))", "f(<typeof(x)>, <typeof(1 + 2)>)"},
	} {
		t.Run(c.text, func(t *testing.T) {
			x, diags := ParseExpr(source.New("t", c.text))
			if c.want == "" {
				if !diags.HasErrors() {
					t.Errorf("%s was read as %s, want an error", c.text, grouped(x))
				}
				return
			}
			if diags.HasErrors() {
				t.Fatalf("%s: %v", c.text, diags.Err())
			}
			if got := grouped(x); got != c.want {
				t.Errorf("%s was read as\n%s, want\n%s", c.text, got, c.want)
			}
		})
	}
}

// TestAltReadings puts ambiguous casts where the second reading would change
// the grouping around it, and checks that it is only kept where it does not.
func TestAltReadings(t *testing.T) {
	for _, c := range []struct {
		text string
		alt  bool
	}{
		{"(A) - 1", true},
		{"(A) - 1 + 2", true},
		{"(A) - 1 * 2", false}, // binary: (A) - (1 * 2), cast: ((A)-1) * 2
		{"3 - (A) - 1", false}, // binary: (3 - (A)) - 1
		{"3 == (A) - 1", true},
		{"-(A) - 1", false}, // binary: (-(A)) - 1
		{"f((A) - 1)", true},
		{"(A)++", false},
	} {
		f, diags := Parse(source.New("t", "begin { $x = "+c.text+"; }"))
		got := false
		Walk(f, func(n Node) {
			if cast, ok := n.(*Cast); ok && cast.Alt != nil {
				got = true
			}
		})
		if got != c.alt {
			t.Errorf("%s: second reading kept: %t, want %t (%v)", c.text, got, c.alt, diags.Err())
		}
	}
}

// TestValues shows which expression without ';' is the value of its block.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		body  string
		value bool
		stmts int
	}{
		{"{ 1 }", true, 0},
		{"{ 1; }", false, 1},
		{"{ $x = 1 }", false, 1},
		{"{ $x = 1; $x }", true, 1},
		{"{ $x++ }", true, 0},
		{"{ f() }", true, 0},
		{"{ if (1) { 2 } else { 3 } }", true, 0},
		{"{ if (1) { 2 } else { 3 }; }", false, 1},
		{"{ if (1) { 2 } else if (2) { 3 } else { 4 } }", true, 0},
		{"{ if (1) { 2 } else if (2) { 3 } }", false, 1},
		{"{ if (1) { 2 } else if (2) { 3; } else { 4 } }", false, 1},
		{"{ if (1) { 2; } else { 3 } }", false, 1},
		{"{ if (1) { 2 } }", false, 1},
		{"{ { 2 } }", true, 0},
		{"{ { 2; } }", false, 1},
		{"{ { 2 } 3 }", true, 1},
		{"{ }", false, 0},
	} {
		f := parseOK(t, "t", "macro m() "+c.body)
		b := f.Items[0].(*Macro).Body
		if (b.Value != nil) != c.value || len(b.Stmts) != c.stmts {
			t.Errorf("%s: value %t and %d statements, want %t and %d", c.body, b.Value != nil, len(b.Stmts), c.value, c.stmts)
		}
	}
}
