package syntax

import (
	"strings"
	"testing"

	"probe/lang/diag"
	"probe/lang/source"
)

// rejects are wrong scripts: «…» marks the place of the message, in order if
// there are several.
var rejects = []struct {
	script string
	codes  string // the codes in order, separated by blanks
	text   string // part of the first message, label or help
}{
	// A-ER-01: missing ';'
	{"begin { print(1)«» print(2); }", "expected-token", "expected `;` after this statement"},
	{"begin { $x = 1«»\n$y = 2«»\nprint($x); }", "expected-token expected-token", "expected `;`, found `$y`"},
	{"begin { int«» x = 5; }", "expected-token", "let $x : int"},
	{"begin { $a = $b«» = 1; }", "expected-token", "cannot be chained"},
	{"begin { print«» \"x\"; }", "expected-token", "print(\"x\")"},
	{"kprobe:f { if (1) { f(); }\n«kprobe:g» { }", "unclosed-brace", "expected `}`, found `kprobe:g`"},
	{"kprobe:f { if (1) { f(); }\n«kprobe:g» { $x = «;» }\nend { $y = «)»; }", "unclosed-brace expected-token expected-token", "a block is still open"},
	// A-ER-02: unclosed things
	{"begin { print(1);«»", "unclosed-brace", "expected `}`, found the end of the script"},
	{"begin { { print(1); }«»", "unclosed-brace", ""},
	{"begin { print(«\"abc); }»\n", "unterminated-string", "unterminated string"},
	{"begin { print(«\"abc\\\"); }»", "unterminated-string", ""},
	{"begin { print(«\"abc»\n); print(«;»); }", "unterminated-string expected-token", ""},
	{"begin { print(1«»", "expected-token unclosed-brace", "expected `,` or `)`"},
	{"begin { } «/*» no end", "unterminated-comment", "*/"},
	{"uprobe:«\"/bin/x:f { }»\nbegin { }", "unterminated-string", ""},
	// A-ER-03 to A-ER-05: order
	{"begin { }\n«config = { }»", "config-order", "config must appear before"},
	{"macro m() { }\n«config = {»\n a = 1 }", "config-order", ""},
	{"config = { }\n«config = { }»\nbegin { }", "duplicate-config", "duplicate config block"},
	{"begin { }\n«config = { }»\n«config = { }»", "config-order duplicate-config", ""},
	{"begin { }\n«#define X 1»\n«struct x { int a; }»", "c-definitions-order c-definitions-order", "C definitions must appear before"},
	{"config = { }\n«enum { A };»", "c-definitions-order", ""},
	{"let @m = hash(1);\n«import \"x\";»", "import-order", "root imports must appear before"},
	// A-ER-06: strings
	{"begin { print(\"a«\\q»b«\\%»\"); }", "bad-escape bad-escape", "invalid escape character `q`"},
	{"begin { print(\"«\\400»\"); }", "bad-escape", "above 255"},
	{"begin { print(\"«\\x»g\"); }", "bad-escape", "hexadecimal"},
	{"begin { print(«'x'»); }", "bad-character", "\"x\""},
	// A-ER-07 to A-ER-09: numbers
	{"begin { print(«12»e3); }", "bad-integer", "coefficient part of scientific literal must be 1-9"},
	{"begin { print(«0»e3); }", "bad-integer", "coefficient"},
	{"begin { print(1«e»); }", "bad-integer", "exponent"},
	{"begin { print(1«e0»); }", "bad-integer", "exponent"},
	{"begin { print(1«x»); }", "bad-integer", "invalid integer suffix `x`"},
	{"begin { print(«18446744073709551616»); }", "bad-integer", "overflow error, maximum value is 18446744073709551615"},
	{"begin { print(«9e99»); }", "bad-integer", "overflow"},
	{"begin { print(«4294967296u»); }", "bad-integer", "4294967295"},
	{"begin { print(«9223372036854775808l»); }", "bad-integer", "9223372036854775807"},
	{"begin { print(«213504d»); }", "bad-integer", "overflow"},
	{"begin { print(1000«_»); }", "bad-integer", "cannot end in `_`"},
	{"begin { print(«0x»); }", "bad-integer", ""},
	{"begin { print(0xff«UL»); }", "bad-integer", "hexadecimal number takes no suffix"},
	{"begin { print(07«8»); }", "bad-integer", "octal"},
	{"begin { print(0«b101»); }", "bad-integer", "invalid integer suffix"},
	{"begin { print(«1.5»); }", "bad-integer", "no floating point"},
	{"begin { print(«$0»); }", "bad-positional", "out of integer range"},
	{"begin { print(«$99999999999»); }", "bad-positional", ""},
	// A-ER-10 to A-ER-14: targets and loops
	{"begin { «$t.0» = 1; «$s.x» += 1; «$p->x» = 2; }", "immutable-target immutable-target immutable-target", "immutable"},
	{"begin { «1» = 2; «f()» = 3; «($x)» = 4; «$x[1]» = 5; }", "invalid-target invalid-target invalid-target invalid-target", "invalid assignment target"},
	{"begin { «x» = 5; }", "invalid-target", "`$x = …`"},
	{"begin { «1»++; ++«f()»; «$x.y»--; }", "needs-variable needs-variable needs-variable", "requires a variable or map"},
	{"begin { «x»++; }", "needs-variable", "`$x++`"},
	{"begin { $p = «&1»; $q = «&$x.y»; }", "address-of address-of", "address-of operator"},
	{"begin { for ($x : «$y») { } print(«;»); }", "for-range expected-token", "expected a map or a range"},
	{"begin { for ($i : «0..$n + 1») { } }", "for-range", "0..($n + 1)"},
	{"begin { for ($i : «@m[1]») { } }", "for-range", ""},
	{"begin { for («i» = 0; i < 3; i++) { } }", "for-range", "expected a loop variable like `$i`, found `i`"},
	{"begin { for ($i «=» 0; $i < 3; $i++) { } }", "for-range", "for ($i : 0..10)"},
	// A-ER-86
	{"begin { «while» (1) { } }", "while-loop", "deprecated"},
	// heads of items
	{"kprobe:f«»", "expected-token", "a probe has a body in braces"},
	{"kprobe:f «kprobe:g» { print(«;»); }", "expected-token expected-token", "attach points are separated by `,`"},
	{"kprobe:f «printf(\"x\");»", "expected-token", "put the statements of a probe in braces"},
	{"kprobe:f /pid == 1 «{» print(1); }", "expected-token", "`/` at the end of the predicate"},
	{"tracepoint:a:b/pid «==» 1/ { }", "expected-token", "put a space before the predicate"},
	{"kprobe:f /«»", "expected-token", "expected an expression"},
	{"«}» begin { }", "expected-token", "no `{` is open here"},
	{"begin { } «)»", "expected-token", ""},
	{"«{» print(1); }", "expected-token", "kprobe:vfs_read { … }"},
	{"macro «{» }", "expected-token", "the name of the macro"},
	{"macro m «{» 1 }", "expected-token", "the parentheses are needed"},
	{"macro m(a «b») { }", "expected-token", "`,` or `)`"},
	{"macro m(«1») { }", "expected-token", "a parameter, or `)`"},
	{"macro m() «kprobe» : f { }", "expected-token", "the body of the macro"},
	{"macro m(«pid») { } macro n(«arg1», «if») { }", "reserved-name reserved-name reserved-name", "`pid` cannot be the name of a parameter"},
	{"macro m(a, $a, @a, «a», «$a») { }", "duplicate-parameter duplicate-parameter", ""},
	{"macro «if»() { }", "reserved-name", ""},
	{"fn f($a «,» $b : int8) : int8 { }", "expected-token", "the type of the parameter"},
	{"fn f() «{» }", "expected-token", "the type of the result"},
	{"fn f($a : int8, «$a» : int8) : int8 { }", "duplicate-parameter", ""},
	{"fn f($a : «)») : int8 { print(«;»); }", "expected-token expected-token", "expected a type"},
	{"import «net»;\nbegin { }", "expected-token", "the name of a module in quotes"},
	{"import \"net\"«»\nbegin { }", "expected-token", "expected `;`, found the end of the line"},
	{"config = { «=» 1 }", "expected-token", "a setting like"},
	{"config = { a «b» }", "expected-token", "`=`"},
	{"config = { a = 1 «b» = 2 }", "expected-token", "settings are separated by `;`"},
	{"config = { a = «}»", "expected-token", ""},
	{"config «{» a = 1 }", "expected-token", "config = {"},
	{"let @m = «1»(2);\nbegin { }", "expected-token", "the kind of the map"},
	{"let @m = hash(1 «begin» { }", "expected-token", "`)`"},
	{"let @m«»\nbegin { }", "expected-token", "expected `=`, found the end of the line"},
	{"«let $x = 1;»\nbegin { }", "root-let", "only map declarations are allowed"},
	{"«let $x = 1»\nbegin { }", "root-let", ""},
	{"let «m» = hash(1);\nbegin { }", "expected-token", "a map like `@seen`"},
	{"probe «=» kprobe:f;", "expected-token", "the name of the probe"},
	{"probe a.b «kprobe:f»;", "expected-token", "`=`"},
	{"probe a.b = kprobe:f«»\nbegin { }", "expected-token", "`|` or `;`"},
	{"probe a.b = kprobe:f | «;»", "expected-token", "an attach point"},
	{"uprobe:/bin/x:«$»main { }", "attach-parameter", "double quotes"},
	// statements
	{"begin { let «@m» = 1; }", "expected-token", "outside probes"},
	{"begin { let «x» = 1; }", "expected-token", "`let $x`"},
	{"begin { if «{» } }", "expected-token", "a condition after `if`"},
	{"begin { if (1) «print»(1); print(«;»); }", "expected-token expected-token", "needs braces"},
	{"begin { if ($x «=» 1) { } }", "expected-token", "`==` compares"},
	{"begin { f(1, «)»; }", "expected-token", "an argument"},
	{"begin { f(1 «2»); g(1«;» }", "expected-token expected-token", "expected `,` or `)`"},
	{"begin { $x = «;» $y = «)»; $z = @m[«]»; }", "expected-token expected-token expected-token", "expected an expression, found `;`"},
	{"begin { $x = $y.«;» $x = $y->«1»; }", "expected-token expected-token", "a field name"},
	{"begin { $x = (a = 1, «a» = 2, b = 3, «b» = 4); }", "duplicate-field duplicate-field", "first here"},
	{"begin { $x = (a = 1, «2»); }", "expected-token", "the name of a field"},
	{"begin { $x = $c ? 1«;» }", "expected-token", "`:`"},
	{"begin { let $x : «1»; let $y : struct «*»; }", "expected-token expected-token", "expected a type"},
	{"begin { import «x»; }", "expected-token", "a module"},
	{"begin { $x = offsetof(struct s«)»; }", "expected-token", "the name of a field"},
	{"begin { $x = «for»; }", "expected-token", "expected an expression, found `for`"},
	{"begin { if (1) «print»(1); else print(2); $y = «;» }", "expected-token expected-token", "needs braces"},
	{"begin { «else» { } }", "expected-token", "no `if` belongs to it"},
	{"begin { print(1)«»); }", "expected-token", "nothing open here"},
	{"begin { $x«» := 3; }", "expected-token", "written with `=`"},
	{"begin { if ($x «=»> 3) { } }", "expected-token", "write `>=`"},
	{"begin { @x[pid «=» 1; }", "expected-token", "`==` compares"},
	{"begin { unroll «{» } }", "expected-token", "the number of repetitions"},
	{"begin { } «else» { }", "expected-token", "expected a probe, found `else`"},
	// characters
	{"begin { print(«“»x«”»); }", "bad-character bad-character", "typographic quote"},
	{"begin {«\u00a0»print(1); }", "bad-character", "no-break space"},
	{"begin { «\x00\x01»print(1); }", "bad-character", "control character"},
	{"begin { «\xff\xfe»print(1); }", "bad-character", "not UTF-8"},
	{"begin { «#define X 1»\n print(1); }", "bad-character", "top of the script"},
	{"begin { $x = «$»; }", "bad-character expected-token", "`$name`"},
	{"begin { print(1«`»); }", "bad-character", "backquote"},
}

// TestReject checks code, place and wording of the messages for wrong scripts.
func TestReject(t *testing.T) {
	for _, c := range rejects {
		t.Run(c.script, func(t *testing.T) {
			var text strings.Builder
			var starts, ends []int
			for i := 0; i < len(c.script); {
				switch {
				case strings.HasPrefix(c.script[i:], "«"):
					starts = append(starts, text.Len())
					i += len("«")
				case strings.HasPrefix(c.script[i:], "»"):
					ends = append(ends, text.Len())
					i += len("»")
				default:
					text.WriteByte(c.script[i])
					i++
				}
			}
			_, diags := Parse(source.New("t", text.String()))
			want := strings.Fields(c.codes)
			var got []string
			for _, d := range diags.All {
				got = append(got, string(d.Code))
			}
			if strings.Join(got, " ") != c.codes {
				t.Errorf("codes: %s\nwant:  %s", strings.Join(got, " "), c.codes)
				for _, d := range diags.All {
					t.Log(d)
				}
				return
			}
			for i := range want {
				if i >= len(starts) {
					break
				}
				if s := diags.All[i].Span; s.Start != starts[i] || s.End != ends[i] {
					t.Errorf("message %d is at %d-%d %q, want %d-%d", i, s.Start, s.End, s.Text(), starts[i], ends[i])
				}
			}
			if first := diags.All[0].String(); !strings.Contains(first, c.text) {
				t.Errorf("message lacks %q:\n%s", c.text, first)
			}
		})
	}
}

// TestCodes checks that the wrong script of each code of this package raises
// it, and that no code is raised that has no row.
func TestCodes(t *testing.T) {
	for _, e := range diag.Codes() {
		if e.Phase != diag.PhaseParse || e.Wrong == "" {
			continue
		}
		if !contains(codesOf(e.Wrong), string(e.Code)) {
			t.Errorf("the script of %s raises %v:\n%s", e.Code, codesOf(e.Wrong), e.Wrong)
		}
		if e.Cause == "" || e.Cure == "" {
			t.Errorf("%s has no cause or no cure", e.Code)
		}
	}
	for _, c := range rejects {
		for _, code := range codesOf(strings.NewReplacer("«", "", "»", "").Replace(c.script)) {
			if _, ok := diag.Lookup(diag.Code(code)); !ok {
				t.Errorf("%s raises %s, which has no row", c.script, code)
			}
		}
	}
}

// codesOf returns the codes that a script raises, in the script and its C
// section.
func codesOf(text string) []string {
	f, diags := Parse(source.New("t", text))
	_, more := ParseCSection(f.Items, CInput{})
	return codesIn(append(diags.All, more.All...))
}

func codesIn(list []*diag.Diagnostic) []string {
	var out []string
	for _, d := range list {
		out = append(out, string(d.Code))
	}
	return out
}
