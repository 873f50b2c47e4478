package ctype

import (
	"testing"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
)

// read enters the C section of a script.
func read(t *testing.T, text string) (*Section, *diag.List) {
	t.Helper()
	f, ds := syntax.Parse(source.New("c.pr", text))
	if ds.HasErrors() {
		t.Fatal(ds.All[0].Message)
	}
	out := &diag.List{}
	s := New(out, nil)
	s.Read(f.Items)
	return s, out
}

// TestLayout compares offsets and sizes with what a C compiler for LP64 gives.
func TestLayout(t *testing.T) {
	type want struct {
		name         string
		offset, size int
	}
	for _, c := range []struct {
		name, def   string
		size, align int
		members     []want
	}{
		{"padding", "struct s { char a; int b; char c; long d; };", 24, 8, []want{{"a", 0, 1}, {"b", 4, 4}, {"c", 8, 1}, {"d", 16, 8}}},
		{"packed", "struct s { char a; int b; } __attribute__((packed));", 5, 1, []want{{"a", 0, 1}, {"b", 1, 4}}},
		{"array", "struct s { short a[3]; int b; };", 12, 4, []want{{"a", 0, 6}, {"b", 8, 4}}},
		{"pointer to itself", "struct s { struct s *next; char c; };", 16, 8, []want{{"next", 0, 8}, {"c", 8, 1}}},
		{"anonymous union", "struct s { int t; union { long l; char c; }; };", 16, 8, []want{{"t", 0, 4}, {"l", 8, 8}, {"c", 8, 1}}},
		{"bit-fields", "struct s { unsigned int a : 3; unsigned int b : 5; int c; };", 8, 4, []want{{"a", 0, 4}, {"b", 0, 4}, {"c", 4, 4}}},
		{"floating point", "struct s { char a; float f; double d; char b; long double l; };", 48, 16, []want{{"f", 4, 4}, {"d", 8, 8}, {"b", 16, 1}, {"l", 32, 16}}},
		{"no last semicolon", "struct s { int a; struct { char x } in; char b };", 8, 4, []want{{"in", 4, 1}, {"b", 5, 1}}},
		{"length by sizeof", "struct s { char a[64 / (8 * sizeof(unsigned long))]; char b[sizeof(char *) + sizeof(short int)]; };", 11, 1, []want{{"a", 0, 1}, {"b", 1, 10}}},
		{"typedef before the struct", "struct s; typedef struct s s_t; struct s { s_t *next; char c; };", 16, 8, []want{{"next", 0, 8}, {"c", 8, 1}}},
		{"bits by the order of bytes", "struct s {\n#if defined(__LITTLE_ENDIAN_BITFIELD)\nint a : 4, b : 4;\n#else\nint x;\n#endif\n};", 4, 4, []want{{"a", 0, 4}, {"b", 0, 4}}},
		{"pointer to what holds it", "struct in { struct s *up; int n; }; struct s { struct in in; char c; };", 24, 8, []want{{"in", 0, 16}, {"c", 16, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, out := read(t, c.def+" begin { }")
			st, ok := s.Named("struct", "s")
			if !ok || out.HasErrors() {
				t.Fatalf("not read: %v", out.All)
			}
			if st.Size != c.size || st.Struct.Align != c.align {
				t.Errorf("size %d, alignment %d; want %d, %d", st.Size, st.Struct.Align, c.size, c.align)
			}
			for _, m := range c.members {
				f, ok := st.Struct.Field(m.name)
				if !ok || f.Offset != m.offset || f.Type.Size != m.size {
					t.Errorf("%s: %+v, want offset %d and size %d", m.name, f, m.offset, m.size)
				}
			}
		})
	}
}

// TestNames: the script's names win over those of C, words come in any order,
// and a constant of an enum has its value.
func TestNames(t *testing.T) {
	s, _ := read(t, "typedef long u8; enum color { RED, GREEN = 5, BLUE }; begin { }")
	if ty, ok := s.Named("", "u8"); !ok || ty.Size != 8 {
		t.Errorf("u8 is %v, the script says long", ty)
	}
	if ty, ok := s.Named("", "int long unsigned"); !ok || ty.Size != 8 || ty.Signed {
		t.Errorf("int long unsigned is %v", ty)
	}
	if _, v, ok := s.Enumerator("BLUE"); !ok || v != 6 {
		t.Errorf("BLUE is %d", v)
	}
	if e, ok := s.EnumOf("RED"); !ok || e.Name != "color" {
		t.Errorf("RED belongs to %v", e)
	}
	if _, ok := s.Named("struct", "nothing"); ok {
		t.Error("struct nothing is known")
	}
}
