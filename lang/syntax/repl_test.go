package syntax

import (
	"testing"

	"probe/lang/source"
)

func TestIncomplete(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"", false}, {"1 + 2", false}, {"print(1);", false}, {"print(", true}, {"@m[1,", true}, {"{ $x = 1;", true},
		{"if ($x) {", true}, {"if ($x) { }", false}, {"kprobe:f {", true}, {"kprobe:f { }", false},
		{"kprobe:f,", true}, {"kprobe:f, kprobe:g", false}, {"kprobe:f /pid == 1", true}, {"kprobe:f /pid == 1/", true},
		{"kprobe:f /pid == 1/ { print(1); }", false}, {"/* comment", true}, {"1 /* c */", false}, {"// {", false},
		{`print("{")`, false}, {`print("abc`, true}, {`"abc`, false}, {"macro m() {", true}, {"macro m()", true},
		{"struct s {", true}, {"struct s { int a; };", false}, {"config = {", true}, {"config = { a = 1 }", false},
		{"print(1))", false}, {"}", false}, {"begin { if (1) { }", true}, {"begin { } end {", true},
		{"import \"net\";", false}, {"let @m = hash(1);", false}, {"#define X 1", false}, {"begin { /* x", true},
		{"fn f() : int8", true}, {"probe a = kprobe:f;", false},
	} {
		if got := Incomplete(c.text); got != c.want {
			t.Errorf("Incomplete(%q) = %t, want %t", c.text, got, c.want)
		}
	}
}

func TestIsItem(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"", false}, {"// x", false}, {"kprobe:f { }", true}, {"begin { }", true}, {"BEGIN{}", true}, {"i:s:1 { }", true},
		{"route.lookup { }", true}, {"kprobe:a, kprobe:b { }", true}, {"begin /pid/ { }", true}, {"x=kprobe:f { }", true},
		{"macro m() { }", true}, {"fn f() : int8 { }", true}, {"let @m = hash(1);", true}, {"struct s { int a; };", true},
		{"#define X 1", true}, {"config = { }", true}, {"import \"x\";", true}, {"probe a = k:f;", true},
		{"// c\nkprobe:f { }", true},
		{"let $x = 1;", false}, {"$x = 1", false}, {"@m[1]", false}, {"print(@m);", false}, {"if (1) { }", false},
		{"for ($i : 0..1) { }", false}, {"while (1) { }", false}, {"unroll (1) { }", false}, {"{ 1 }", false},
		{"1 << 20", false}, {"sizeof(struct sock)", false}, {"pid", false}, {"comm == \"x\"", false}, {"a / b", false},
		{"pid ? 1 : 2", false}, {"x ? a : b", false}, {"_ = f()", false}, {"return", false}, {"(1, 2)", false}, {"-1", false},
	} {
		if got := IsItem(c.text); got != c.want {
			t.Errorf("IsItem(%q) = %t, want %t", c.text, got, c.want)
		}
	}
}

func TestParseStmts(t *testing.T) {
	for _, c := range []struct {
		text  string
		stmts int
		value string
	}{
		{"", 0, ""}, {"1 << 20", 0, "1 << 20"}, {"$x = 1", 1, ""}, {"$x = 1; $x", 1, "$x"}, {"print(1); print(2);", 2, ""},
		{"@m[\"x\"]", 0, `@m["x"]`}, {"if (1) { 2 } else { 3 }", 0, "if (1) { 2 } else { 3 }"}, {"let $x = 1", 1, ""},
		{"for ($i : 0..3) { print($i); }", 1, ""}, {"10 / 2", 0, "10 / 2"}, {"// c\n5", 0, "5"}, {"{ 1 }", 0, "{ 1 }"},
	} {
		b, diags := ParseStmts(source.New("repl", c.text))
		if diags.HasErrors() {
			t.Errorf("%q: %v", c.text, diags.Err())
			continue
		}
		value := ""
		if b.Value != nil {
			value = formatExpr(b.Value)
		}
		if len(b.Stmts) != c.stmts || value != c.value {
			t.Errorf("%q gave %d statements and the value %q, want %d and %q", c.text, len(b.Stmts), value, c.stmts, c.value)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"1 +", "repl:1:4: error[expected-token]: expected an expression, found the end of the script"},
		{"print(1", "repl:1:8: error[expected-token]: expected `,` or `)`, found the end of the script"},
		{"}", "repl:1:1: error[expected-token]: expected a statement, found `}`"},
		{"{ 1", "repl:1:4: error[unclosed-brace]: expected `}`, found the end of the script"},
		{"1 2", "repl:1:2: error[expected-token]: expected `;`, found the number `2`"},
		{"kprobe:f", "repl:1:7: error[expected-token]: expected `;`, found `:`"},
	} {
		_, diags := ParseStmts(source.New("repl", c.text))
		if err := diags.Err(); err == nil || err.Error() != c.want {
			t.Errorf("%q gave\n%v, want\n%s", c.text, err, c.want)
		}
	}
}

func TestParseExprRefuses(t *testing.T) {
	for _, text := range []string{"", "$x = 1", "1; 2", "1; $x = 2;", "if (1) { }; 2", "let $x"} {
		if x, diags := ParseExpr(source.New("t", text)); !diags.HasErrors() || x != nil {
			t.Errorf("ParseExpr(%q) = %v without an error", text, x)
		}
	}
	if x, diags := ParseExpr(source.New("t", "1 + 2;")); diags.HasErrors() || formatExpr(x) != "1 + 2" {
		t.Errorf("one expression with a ';' gave %v, %v", x, diags.Err())
	}
}

func TestParseMacroBody(t *testing.T) {
	for _, c := range []struct {
		body, want string
	}{
		{"(4 * 1024)", "(4 * 1024)"}, {"2", "2"}, {`"x"`, `"x"`}, {"A + B", "A + B"}, {"", ""}, {"do { } while (0)", ""},
		{"1 2", ""}, {"{ 1", ""}, {"((x)", ""}, {"a b", ""}, {"'x'", ""}, {"struct s", ""}, {"/* c */ 5", "5"},
	} {
		f := source.New("t", "#define X "+c.body+"\nbegin { junk(( }")
		x, ok := ParseMacroBody(source.Span{File: f, Start: 10, End: 10 + len(c.body)})
		got := ""
		if ok {
			got = formatExpr(x)
		}
		if got != c.want {
			t.Errorf("body %q was read as %q, want %q", c.body, got, c.want)
		}
	}
}
