package syntax

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"probe/lang/source"
)

// cSummary shows a C section in short.
func cSummary(s *CSection) string {
	var out []string
	for _, i := range s.Includes {
		out = append(out, fmt.Sprintf("include %s system=%t live=%t", i.Path, i.System, i.Live))
	}
	for _, st := range s.Structs {
		var b strings.Builder
		word := "struct"
		if st.Union {
			word = "union"
		}
		fmt.Fprintf(&b, "%s %s", word, st.Tag)
		if st.Packed {
			b.WriteString(" packed")
		}
		if st.Align > 0 {
			fmt.Fprintf(&b, " aligned(%d)", st.Align)
		}
		b.WriteString(" {")
		for _, f := range st.Fields {
			fmt.Fprintf(&b, " %s", f.Type)
			if f.Type.User || f.Type.Elem != nil && f.Type.Elem.User {
				b.WriteString(" user")
			}
			if f.Name != "" {
				b.WriteString(" " + f.Name)
			}
			if f.Bits >= 0 {
				fmt.Fprintf(&b, ":%d", f.Bits)
			}
			if f.Packed {
				b.WriteString(" packed")
			}
			if f.Align > 0 {
				fmt.Fprintf(&b, " aligned(%d)", f.Align)
			}
			b.WriteString(";")
		}
		out = append(out, b.String()+" }")
	}
	for _, e := range s.Enums {
		var items []string
		for _, i := range e.Items {
			v := fmt.Sprint(i.Value)
			if i.Big {
				v = fmt.Sprint(uint64(i.Value))
			}
			items = append(items, i.Name+"="+v)
		}
		out = append(out, fmt.Sprintf("enum %s { %s }", e.Tag, strings.Join(items, " ")))
	}
	for _, t := range s.Typedefs {
		out = append(out, fmt.Sprintf("typedef %s = %s", t.Name, t.Type))
	}
	var names []string
	for name := range s.Defines {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		d := s.Defines[name]
		word := "define"
		if d.Function {
			word = "function"
		}
		out = append(out, fmt.Sprintf("%s %s = %s", word, name, d.Body))
		if d.BodyAt.Valid() && d.BodyAt.Text() != d.Body {
			out = append(out, fmt.Sprintf("BodyAt of %s is %q", name, d.BodyAt.Text()))
		}
	}
	return strings.Join(out, "\n")
}

// TestCSection reads C sections; none of the scripts has an error.
func TestCSection(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
	}{
		{"fields", "struct s { int a; char *b, **c; unsigned long long d; bool e; u64 f; long int unsigned g; signed char h; };",
			"struct s { int a; char * b; char * * c; unsigned long long d; bool e; u64 f; unsigned long g; signed char h; }"},
		{"arrays", "struct s { char a[16]; int b[2][3]; int *c[4]; int (*d)[4]; char e[]; char f[0]; };",
			"struct s { char[16] a; int[3][2] b; int *[4] c; int[4] * d; char[] e; char[0] f; }"},
		{"bit-fields", "struct s { unsigned a:3, b : 5; int : 0; u64 c:1; };",
			"struct s { unsigned int a:3; unsigned int b:5; int:0; u64 c:1; }"},
		{"functions", "struct s { int (*f)(int, void *); void (*g[3])(void); struct s *(*h)(struct s *, char (*)[3]); };",
			"struct s { int () * f; void () *[3] g; struct s * () * h; }"},
		{"nested", "struct s { struct in { int x; } a; struct { int y; } b; union { int u; char v; }; enum e { A, B } c; struct tag; };",
			"struct in { int x; }\nstruct  { int y; }\nunion  { int u; char v; }\nstruct s { struct in a; struct { … } b; union { … }; enum e c; }\nenum e { A=0 B=1 }"},
		{"attributes", "struct __attribute__((packed)) a { int x; } __attribute__((aligned(8))); struct b { int x __attribute__((aligned(16), unused)); char y __attribute__((packed)); } __attribute__((__packed__)) __attribute__((aligned));",
			"struct a packed aligned(8) { int x; }\nstruct b packed aligned(16) { int x aligned(16); char y packed; }"},
		{"user", "struct s { const char __user *p; struct s __rcu *next; volatile int v; };",
			"struct s { char * user p; struct s * next; int v; }"},
		{"enums", "enum { A, B = 5, C, D = -1, E = 1 << 3 | 1, F = (B + 1) * 2, G = 'a', H = 0xffffffffffffffff, I = ~0, J = 3 > 2 ? 7 : 8, };",
			"enum  { A=0 B=5 C=6 D=-1 E=9 F=12 G=97 H=18446744073709551615 I=-1 J=7 }"},
		{"typedefs", "typedef unsigned long ul, *ulp; typedef struct { int a; } s_t; typedef int (*fn_t)(int); typedef char name_t[16];",
			"struct  { int a; }\ntypedef ul = unsigned long\ntypedef ulp = unsigned long *\ntypedef s_t = struct { … }\ntypedef fn_t = int () *\ntypedef name_t = char[16]"},
		{"optional semicolon", "struct a { int x; }\nstruct b { int y; }", "struct a { int x; }\nstruct b { int y; }"},
		{"defines", "#define A 1\n#define B (A + 2) // c\n#define C /* x */ \"s\" /* y */\n#define D\n#define E(x) ((x) + 1)\n#define F (x)\n#undef A\n# define G 1 /* a */ + 2",
			"define B = (A + 2)\ndefine C = \"s\"\ndefine D = \nfunction E = (x) ((x) + 1)\ndefine F = (x)\ndefine G = 1 /* a */ + 2"},
		{"defines in structs", "#define N 4\n#define M (N * 2)\n#define T unsigned int\nstruct s { char a[N]; T b[M]; T c : N; };\nenum { X = M };",
			"struct s { char[4] a; unsigned int[8] b; unsigned int c:4; }\nenum  { X=8 }\ndefine M = (N * 2)\ndefine N = 4\ndefine T = unsigned int"},
		{"self reference", "#define N N\nenum { N };", "enum  { N=0 }\ndefine N = N"},
		{"ifdef", "#ifdef HAVE\n#include <a.h>\nstruct a { int x; };\n#else\n#include \"b.h\"\nstruct b { int x; };\n#endif",
			"include a.h system=true live=true\ninclude b.h system=false live=false\nstruct a { int x; }\ndefine HAVE = 1"},
		{"ifndef", "#ifndef HAVE\nstruct a { int x; };\n#else\nstruct b { int x; };\n#endif", "struct b { int x; }\ndefine HAVE = 1"},
		{"elif", "#if 0\n#define A 1\n#elif defined(NOT) || defined HAVE && 2 > 1\n#define A 2\n#elif 1\n#define A 3\n#else\n#define A 4\n#endif",
			"define A = 2\ndefine HAVE = 1"},
		{"nested conditionals", "#if 0\n#if 1\n#define A 1\n#else\n#define A 2\n#endif\n#elif HAVE\n#if !defined(X)\n#define A 3\n#endif\n#endif",
			"define A = 3\ndefine HAVE = 1"},
		{"if expressions", "#if UNKNOWN\n#define A 1\n#endif\n#if (1 + 2 * 3 == 7) && !0 && 8 % 3 == 2 && (1 ? 2 : 0) && 1u < 2ul && -1 < 0 && (6 & 3) == 2 && (4 | 1) == 5 && (7 ^ 2) == 5 && 16 >> 2 == 4 && HAVE == 1\n#define B 1\n#endif",
			"define B = 1\ndefine HAVE = 1"},
		{"dead errors", "#if 0\n#error no\n#defien\n#include\n#endif", ""},
		{"inside structs", "struct s {\n int a;\n#ifdef HAVE\n int b;\n#else\n int c;\n#endif\n};", "struct s { int a; int b; }\ndefine HAVE = 1"},
		{"comments", "/* a */ struct /* b */ s { // c\n int /* d */ a; /* } */\n};", "struct s { int a; }"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := parseOK(t, "t", c.in+"\nbegin { }")
			predefined := map[string]string{}
			if strings.Contains(c.in, "HAVE") {
				predefined["HAVE"] = "1"
			}
			s, diags := ParseCSection(f.Items, CInput{Predefined: predefined})
			for _, d := range diags.All {
				t.Errorf("unexpected message:\n%s", d)
			}
			if got := cSummary(s); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
			roundTrip(t, f)
		})
	}
}

// TestCReject checks code, place and wording of messages about C sections.
func TestCReject(t *testing.T) {
	for _, c := range []struct{ in, code, text string }{
		{"struct s { int a «int» b; };", "c-syntax", "expected `;`, found `int`"},
		{"struct s { int «;» };", "c-syntax", "the name of the member"},
		{"struct s { «3» a; };", "c-syntax", "a type"},
		{"struct s { «unsigned unsigned» a; };", "c-syntax", "no C type"},
		{"struct s { «long short» a; };", "c-syntax", ""},
		{"struct s { int a[«X»]; };", "c-constant", "`X` is no constant"},
		{"struct s { int a[1 «/» 0]; };", "c-constant", "division by zero"},
		{"struct s { int a[«99999999999»]; };", "c-constant", "elements"},
		{"struct s { int a : «65»; };", "c-constant", "bit-field"},
		{"struct s { int a; } __attribute__((aligned(«3»)));", "c-constant", "power of two"},
		{"struct s { int a; int «a»; };", "c-redefinition", "redefinition of `a`"},
		{"struct s { int a; };\nstruct «s» { int b; };", "c-redefinition", "first defined here"},
		{"enum e { A };\nenum f { «A» };", "c-redefinition", ""},
		{"enum { A «B» };", "c-syntax", "`,` or `}`"},
		{"enum { A = «\"x\"» };", "c-constant", ""},
		{"typedef int«;»", "c-syntax", "the name of the type"},
		{"«#endif»", "c-conditional", "without `#if`"},
		{"«#else»", "c-conditional", ""},
		{"#if 1\n#else\n«#else»\n#endif", "c-conditional", "after `#else`"},
		{"«#if 1»", "c-conditional", "#endif"},
		{"#if 1 «+»\n#endif", "c-conditional", "expected a value"},
		{"#if «1s»\n#endif", "c-conditional", "invalid number"},
		{"#if 1 «1»\n#endif", "c-conditional", "an operator"},
		{"#«ifdef»\n#endif", "c-preprocessor", "the name of a macro"},
		{"#if «defined»(\n#endif", "c-preprocessor", ""},
		{"«#define»", "c-preprocessor", "the name of a macro"},
		{"«#define 3»", "c-preprocessor", ""},
		{"«#undef»", "c-preprocessor", ""},
		{"«#include x.h»", "c-preprocessor", "a file name"},
		{"#«frob» x", "c-preprocessor", "unknown preprocessor directive `#frob`"},
		{"«#error no luck»", "c-error", "#error no luck"},
		{"«#warning beware»", "c-error", "#warning beware"},
	} {
		t.Run(c.in, func(t *testing.T) {
			start := strings.Index(c.in, "«")
			end := strings.Index(c.in, "»") - len("«")
			f := parseOK(t, "t", strings.NewReplacer("«", "", "»", "").Replace(c.in)+"\nbegin { }")
			_, diags := ParseCSection(f.Items, CInput{})
			if len(diags.All) != 1 {
				t.Fatalf("%d messages, want 1: %v", len(diags.All), diags.All)
			}
			d := diags.All[0]
			if string(d.Code) != c.code || d.Span.Start != start || d.Span.End != end {
				t.Errorf("%s at %d-%d %q, want %s at %d-%d", d.Code, d.Span.Start, d.Span.End, d.Span.Text(), c.code, start, end)
			}
			if !strings.Contains(d.String(), c.text) {
				t.Errorf("message lacks %q:\n%s", c.text, d)
			}
		})
	}
}

// TestCSeveralErrors finds one error in each definition and keeps what is good.
func TestCSeveralErrors(t *testing.T) {
	f := parseOK(t, "t", "struct a { int; };\nstruct b { int x; };\nstruct c { char n[Q]; } __attribute__((packed));\nenum { X Y };\nstruct d { int y; };\nbegin { }")
	s, diags := ParseCSection(f.Items, CInput{})
	if n := len(diags.All); n != 3 {
		t.Errorf("%d messages, want 3: %v", n, diags.All)
	}
	if got := cSummary(s); got != "struct b { int x; }\nstruct d { int y; }" {
		t.Errorf("got:\n%s", got)
	}
}

// TestCHeader reads a header with declarations that a script has no use for.
func TestCHeader(t *testing.T) {
	f := source.New("x.h", `#ifndef X_H
#define X_H
#define LONG(a) \
	((a) + \
	 1)
extern int counter;
static inline int twice(int x) { return 2 * x; }
int f(struct s *p, ...);
struct s { int a; };
struct s global = { .a = 1 };
enum e { A, B };
typedef struct s s_t;
void g(void);
#endif
`)
	s, diags := ParseCHeader(f, CInput{})
	for _, d := range diags.All {
		t.Errorf("unexpected message:\n%s", d)
	}
	want := "struct s { int a; }\nenum e { A=0 B=1 }\ntypedef s_t = struct s\nfunction LONG = (a) \\\n\t((a) + \\\n\t 1)\ndefine X_H = "
	if got := cSummary(s); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestCBounded gives C sections that would take for ever or recurse too far.
func TestCBounded(t *testing.T) {
	var doubling strings.Builder
	doubling.WriteString("#define A0 1\n")
	for i := 1; i < 64; i++ {
		fmt.Fprintf(&doubling, "#define A%d A%d + A%d\n", i, i-1, i-1)
	}
	for name, text := range map[string]string{
		"doubling macros": doubling.String() + "enum { X = A63 };",
		"macro chain":     macroChain(5000) + "enum { X = A5000 };",
		"nested structs":  strings.Repeat("struct { ", 5000) + "int a; " + strings.Repeat("};", 5000),
		"nested parens":   "struct s { int " + strings.Repeat("(*", 5000) + "a" + strings.Repeat(")", 5000) + "; };",
		"nested constant": "enum { X = " + strings.Repeat("(", 50000) + "1" + strings.Repeat(")", 50000) + " };",
		"prefix chain":    "enum { X = " + strings.Repeat("-", 50000) + "1 };",
		"open struct":     "struct s { " + strings.Repeat("int a; ", 100),
		"open ifs":        strings.Repeat("#if 1\n", 10000),
	} {
		t.Run(name, func(t *testing.T) {
			f, diags := Parse(source.New("t", text))
			_, more := ParseCSection(f.Items, CInput{})
			if len(diags.All)+len(more.All) == 0 {
				t.Error("no message")
			}
		})
	}
}

// macroChain defines A1 to An, each as the one before.
func macroChain(n int) string {
	var b strings.Builder
	b.WriteString("#define A0 1\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "#define A%d A%d\n", i, i-1)
	}
	return b.String()
}
