package check_test

import (
	"fmt"
	"testing"
)

// TestLayout checks C layouts by sizeof and offsetof (L-PRE-08). The expected
// numbers are those of the System V ABI for x86-64.
func TestLayout(t *testing.T) {
	for _, tc := range []struct {
		def  string
		want map[string]int // "s" is the size of struct s, "s.f" the offset of a member
	}{
		{"struct s { char c; int i; short h; long l; };", map[string]int{"s": 24, "s.i": 4, "s.h": 8, "s.l": 16}},
		{"struct s { char a; char b; };", map[string]int{"s": 2, "s.b": 1}},
		{"struct s { char c; int i; } __attribute__((packed));", map[string]int{"s": 5, "s.i": 1}},
		{"struct s { char c; int i __attribute__((packed)); };", map[string]int{"s": 5, "s.i": 1}},
		{"struct s { char c; } __attribute__((aligned(16)));", map[string]int{"s": 16}},
		{"struct s { char c; char d __attribute__((aligned(8))); };", map[string]int{"s": 16, "s.d": 8}},
		{"struct s { int a[3]; char *p; };", map[string]int{"s": 24, "s.p": 16}},
		{"struct s { char m[3][5]; int x; };", map[string]int{"s": 20, "s.x": 16}},
		{"union s { char c; long l; int a[5]; };", map[string]int{"union s": 24}},
		{"struct in { char c; long l; }; struct s { char x; struct in i; };", map[string]int{"s": 24, "s.i": 8, "s.i.l": 16}},
		{"struct s { int a; union { int b; long c; }; int d; };", map[string]int{"s": 24, "s.b": 8, "s.c": 8, "s.d": 16}},
		{"struct s { int a; struct { char p; struct { short q; }; }; };", map[string]int{"s": 8, "s.p": 4, "s.q": 6}},
		{"struct s { unsigned a : 3; unsigned b : 5; unsigned c : 25; };", map[string]int{"s": 8, "s.a": 0, "s.b": 0, "s.c": 4}},
		{"struct s { char x; unsigned a : 3; };", map[string]int{"s": 4, "s.a": 0}},
		{"struct s { unsigned a : 3; unsigned : 0; unsigned b : 3; };", map[string]int{"s": 8, "s.b": 4}},
		{"struct s { unsigned long a : 33; unsigned long b : 31; unsigned long c : 1; };", map[string]int{"s": 16, "s.b": 0, "s.c": 8}},
		{"enum e { A }; struct s { char c; enum e v; };", map[string]int{"s": 8, "s.v": 4}},
		{"enum e { A = 1, B = 200 } __attribute__((packed)); struct s { char c; enum e v; };", map[string]int{"s": 2, "s.v": 1}},
		{"enum e { A = -1, B = 200 } __attribute__((packed)); struct s { char c; enum e v; };", map[string]int{"s": 4, "s.v": 2}},
		{"enum e { A = 1, B = 0x100000000 }; struct s { char c; enum e v; };", map[string]int{"s": 16, "s.v": 8}},
		{"struct s { void (*fn)(int); int (*arr)[4]; };", map[string]int{"s": 16, "s.arr": 8}},
		{"struct s { bool b; _Bool c; uint64_t d; u32 e; __u8 f; size_t g; };", map[string]int{"s": 32, "s.d": 8, "s.e": 16, "s.f": 20, "s.g": 24}},
		{"struct s { struct s *next; long v; };", map[string]int{"s": 16, "s.v": 8}},
		{"struct s { int n; char data[]; };", map[string]int{"s": 4, "s.data": 4}},
		{"typedef struct { int a; long b; } pair_t; struct s { char c; pair_t p; };", map[string]int{"s": 24, "s.p": 8, "s.p.b": 16}},
		{"struct s { struct task_struct t; int x; };", map[string]int{"s": 136, "s.t.flags": 32, "s.x": 128}},
	} {
		for what, want := range tc.want {
			expr := fmt.Sprintf("sizeof(struct %s)", what)
			if len(what) > 6 && what[:6] == "union " {
				expr = fmt.Sprintf("sizeof(%s)", what)
			} else if len(what) > 1 {
				expr = fmt.Sprintf("offsetof(struct s, %s)", what[2:])
			}
			script := fmt.Sprintf("%s\nbegin { static_assert(%s == %d, \"wrong\"); }", tc.def, expr, want)
			if p, ds := run(t, script); p == nil {
				_, got := run(t, fmt.Sprintf("%s\nbegin { fail(\"%%d\", %s); }", tc.def, expr))
				t.Errorf("%s\n%s is not %d:\n%s%s", tc.def, expr, want, render(ds), render(got))
			}
		}
	}
}

// TestCMembers checks the types of members, and what user definitions do to
// the kernel's.
func TestCMembers(t *testing.T) {
	for _, tc := range []struct{ row, def, expr, want string }{
		{"A-BT-06", "struct s { char n[8]; };", "->n", "string[8]"},
		{"A-BT-06", "struct s { unsigned char n[8]; };", "->n", "string[8]"},
		{"A-BT-07", "struct s { int n[8]; };", "->n", "int32[8]"},
		{"A-BT-07", "struct s { char n[2][8]; };", "->n", "string[8][2]"},
		{"L-PRE-08", "struct s { unsigned short n : 3; };", "->n", "uint16"},
		{"L-PRE-08", "struct s { int (*f)(void); };", "->f", "void *"},
		{"L-PRE-08", "struct s { pid_t p; };", "->p", "int32"},
		{"L-PRE-08", "struct s { struct sock *sk; };", "->sk->sk_err", "int32"},
		{"L-PRE-08", "struct s { struct s *next; int v; };", "->next->next->v", "int32"},
		{"L-PRE-08", "struct s { struct unheard_of *p; };", "->p", "struct unheard_of *"},
		{"L-PRE-08", "struct s { const char *p; };", "->p", "int8 *"},
		{"L-PRE-08", "enum c { RED }; struct s { enum c v; };", "->v", "enum c"},
		{"L-PRE-10", "struct task_struct { long mine; }; struct s { struct task_struct t; };", "->t.mine", "int64"},
	} {
		p, ds := run(t, tc.def+"\nkprobe:f { $v = ((struct s *)arg0)"+tc.expr+"; }")
		if p == nil {
			t.Errorf("%s: %s: %s", tc.row, tc.def, render(ds))
			continue
		}
		if got := typeOf(t, p, "$v"); got != tc.want {
			t.Errorf("%s: %s: %s is %s, want %s", tc.row, tc.def, tc.expr, got, tc.want)
		}
	}
}

// TestCErrors checks definitions that cannot be laid out.
func TestCErrors(t *testing.T) {
	for _, script := range []string{
		"struct s { no_such_t x; };\nbegin { }",
		"struct s { struct no_such x; };\nbegin { }",
		"struct s { struct s x; };\nbegin { }",
		"struct a { struct b x; }; struct b { struct a y; };\nbegin { }",
		"struct s { int x[99999999]; };\nbegin { }",
		"struct s { int x[9999][9999]; };\nbegin { }",
		"typedef struct t t_t; struct s { t_t x; };\nbegin { }",
		"begin { print(((struct unheard_of *)0)->x); }",
		"struct s { struct unheard_of *p; };\nkprobe:f { print(((struct s *)arg0)->p->x); }",
		"struct s { struct unheard_of *p; };\nkprobe:f { print(*((struct s *)arg0)->p); }",
	} {
		if p, ds := run(t, script); p != nil || !ds.HasErrors() {
			t.Errorf("accepted: %s", script)
		}
	}
}
