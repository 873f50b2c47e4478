package syntax

import (
	"strings"
	"testing"

	"probe/lang/source"
)

// TestFormat checks the print table: how scripts look when they are formatted.
func TestFormat(t *testing.T) {
	long := strings.Repeat("a", 40)
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"blank", "\n\n \t\n", ""},
		{"one line", "kprobe:f{@x=1;}", "kprobe:f { @x = 1; }\n"},
		{"no semicolon", "kprobe:f{@x=1}", "kprobe:f { @x = 1; }\n"},
		{"value", "kprobe:f{f(1,2)}", "kprobe:f { f(1, 2) }\n"},
		{"several lines", "kprobe:f\n{\n@x=1;@y=2}", "kprobe:f {\n    @x = 1;\n    @y = 2;\n}\n"},
		{"empty body", "kprobe:f{}", "kprobe:f { }\n"},
		{"attach points", "kprobe:f,kprobe:g{}", "kprobe:f,\nkprobe:g\n{ }\n"},
		{"predicate", "kprobe:f/pid==1/{}", "kprobe:f/pid==1/\n{ }\n"},
		{"predicate 2", "kprobe:f /pid==1/{}", "kprobe:f /pid == 1/ { }\n"},
		{"long predicate", "kprobe:f /" + long + "&&" + long + "&&$x/{}",
			"kprobe:f\n/" + long + " && " + long + " && $x/\n{ }\n"},
		{"alternatives", "ret:a|b  |  ret:c { }", "ret:a|b | ret:c { }\n"},
		{"named probe", "probe  a.b=ret:x|ret:y ;", "probe a.b = ret:x | ret:y;\n"},
		{"config", "config={a=1;b=\"x\";c=yes}", "config = {\n    a = 1;\n    b = \"x\";\n    c = yes;\n}\n"},
		{"empty config", "config={ }", "config = { }\n"},
		{"import", "import\"x\" ;", "import \"x\";\n"},
		{"map", "let@x=hash(0x10)", "let @x = hash(0x10);\n"},
		{"macro", "macro m($a,@b,c){$a+c}", "macro m($a, @b, c) { $a + c }\n"},
		{"fn", "fn f($a:int8,$b:string[4]):uint64{return 1}", "fn f($a : int8, $b : string[4]) : uint64 { return 1; }\n"},
		{"preproc", "#define X   1  \n#include <a>\nbegin{}", "#define X   1\n#include <a>\nbegin { }\n"},
		{"c definition", "struct s {\n\tint a;   // x\n};\n\n\n\nbegin{}", "struct s {\n\tint a;   // x\n};\n\nbegin { }\n"},
		{"if", "begin{if(1){f()}else if $x{g()}else{h();}}", "begin { if (1) { f() } else if $x { g() } else { h(); } }\n"},
		{"if lines", "begin{\nif(1)\n{\nf();}else\n{ }}", "begin {\n    if (1) {\n        f();\n    } else { }\n}\n"},
		{"if value", "macro m(){ if (1) { 2 } else { 3 }; }", "macro m() { if (1) { 2 } else { 3 }; }\n"},
		{"loops", "begin{for $i:0..3{f();}while(1){break}unroll 3{continue;}for($k:@){}}",
			"begin {\n    for ($i : 0..3) { f(); }\n    while (1) { break; }\n    unroll 3 { continue; }\n    for ($k : @) { }\n}\n"},
		{"let", "begin{let $x;let $y:uint8=1;let $z=2}", "begin { let $x; let $y : uint8 = 1; let $z = 2; }\n"},
		{"stray semicolons", "begin{;;f();;}", "begin { f(); }\n"},
		{"operators", "begin{$x=-1+~$y*!$z;$x=a?b:c;$x=a?:b;$x<<=1}",
			"begin { $x = -1 + ~$y * !$z; $x = a ? b : c; $x = a ?: b; $x <<= 1; }\n"},
		{"minus", "begin{$x=- -1;$x=- --$y;$x=1- -1}", "begin { $x = - -1; $x = - --$y; $x = 1 - -1; }\n"},
		{"types", "begin{$x=(struct s*)1;$x=(const char  **)1;$x=(struct s __user*)1;$x=(u8[4])1;$x=(int*[3])1}",
			"begin {\n    $x = (struct s *)1;\n    $x = (const char **)1;\n    $x = (struct s __user *)1;\n    $x = (u8[4])1;\n    $x = (int *[3])1;\n}\n"},
		{"tuples", "begin{$x=();$x=(1,);$x=(1,2,);$x=(a=1,b=2,)}", "begin { $x = (); $x = (1,); $x = (1, 2); $x = (a = 1, b = 2); }\n"},
		{"kept numbers", "begin{f(0x1F,1_000,5ms,1e6,010)}", "begin { f(0x1F, 1_000, 5ms, 1e6, 010) }\n"},
		{"kept strings", `begin{f("\x41\101")}`, "begin { f(\"\\x41\\101\") }\n"},
		{"long call", "begin {\n f(\"" + long + "\", " + long + ", $x, $y, 1234567); }",
			"begin {\n    f(\"" + long + "\", " + long + ", $x, $y,\n        1234567);\n}\n"},
		{"long assignment", "begin {\n $x = " + long + " + " + long + " + 12345; }",
			"begin {\n    $x = " + long + " + " + long + " +\n        12345;\n}\n"},
		{"comments", "// a\n\n\n// b\nbegin { // c\n// d\nf(); // e\n// f\n} // g\n// h",
			"// a\n\n// b\nbegin { // c\n    // d\n    f(); // e\n    // f\n} // g\n// h\n"},
		{"comment in empty block", "begin { /* nothing */ }", "begin { /* nothing */\n}\n"},
		{"comment in call", "begin { f(1, /* two */ 2); }", "begin {\n    f(1, /* two */ 2);\n}\n"},
		{"line comment in call", "begin { f(1, // one\n2); }", "begin {\n    f(1, // one\n        2);\n}\n"},
		{"aligned comment", "begin {\n\t/*\n\t * x\n\t */\n\tf();\n}", "begin {\n    /*\n     * x\n     */\n    f();\n}\n"},
		{"comment behind head", "begin // x\n{ }", "begin // x\n{ }\n"},
		{"shebang", "#!/bin/x\nbegin{}", "#!/bin/x\nbegin { }\n"},
		{"shebang and blank", "\n#!/bin/x\n\n\n// c\nbegin{}", "#!/bin/x\n\n// c\nbegin { }\n"},
		{"crlf", "// a\r\nbegin {\r\n\t/* b\r\n\t * c */\r\n\tf();\r\n}\r\n", "// a\nbegin {\n    /* b\n     * c */\n    f();\n}\n"},
		{"same line", "begin{f();}end{g();}", "begin { f(); }\nend { g(); }\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := parseOK(t, "t", c.in)
			if c.name == "predicate" {
				return // a '/' behind a ':' belongs to the attach point
			}
			if got := roundTrip(t, f); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

// TestFormatBroken formats scripts with errors: the wrong parts are copied.
func TestFormatBroken(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"begin { $x = ;  f( ); }", "begin { $x = ; f(); }\n"},
		{"macro   {  }\nbegin{f();}", "macro   {  }\nbegin { f(); }\n"},
	} {
		f, diags := Parse(source.New("t", c.in))
		if !diags.HasErrors() {
			t.Errorf("%q has no error", c.in)
		}
		if got := Format(f); got != c.want {
			t.Errorf("%q is formatted as %q, want %q", c.in, got, c.want)
		}
	}
}

// TestFormatRewritten prints trees that no text gave: operands get the
// parentheses they need.
func TestFormatRewritten(t *testing.T) {
	v := func(name string) Expr { return &Var{Name: name} }
	sum := &Binary{Op: "+", X: v("a"), Y: v("b")}
	for _, c := range []struct {
		x    Expr
		want string
	}{
		{&Binary{Op: "*", X: sum, Y: v("c")}, "($a + $b) * $c"},
		{&Binary{Op: "-", X: v("c"), Y: sum}, "$c - ($a + $b)"},
		{&Binary{Op: "-", X: sum, Y: v("c")}, "$a + $b - $c"},
		{&Unary{Op: "-", X: sum}, "-($a + $b)"},
		{&Unary{Op: "-", X: &Unary{Op: "-", X: v("a")}}, "- -$a"},
		{&Cast{Type: &TypeExpr{Name: "int8"}, X: sum}, "(int8)($a + $b)"},
		{&Field{X: &Unary{Op: "*", X: v("p")}, Name: "f"}, "(*$p).f"},
		{&Index{X: &Cast{Type: &TypeExpr{Name: "T"}, X: v("p")}, I: &IntLit{Value: 3}}, "((T)$p)[3]"},
		{&Ternary{Cond: &Ternary{Cond: v("a"), Then: v("b"), Else: v("c")}, Else: v("d")}, "($a ? $b : $c) ?: $d"},
		{&Binary{Op: "&&", X: &Ternary{Cond: v("a"), Then: v("b"), Else: v("c")}, Y: v("d")}, "($a ? $b : $c) && $d"},
		{&StringLit{Value: "a\"\x01\n1"}, `"a\"\001\n1"`},
		{&Comptime{X: sum}, "comptime ($a + $b)"},
		{&Tuple{Elems: []Expr{sum}}, "($a + $b,)"},
		{&BlockExpr{Block: &Block{Stmts: []Stmt{&Assign{Target: v("a"), Op: "=", X: sum}}, Value: v("a")}},
			"{\n    $a = $a + $b;\n    $a\n}"},
		{&If{Cond: v("a"), Then: &Block{}, Else: &If{Cond: v("b"), Then: &Block{Value: sum}}}, "if $a { } else if $b {\n    $a + $b\n}"},
	} {
		if got := formatExpr(c.x); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
