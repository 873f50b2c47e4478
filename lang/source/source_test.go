package source

import "testing"

func TestPosition(t *testing.T) {
	f := New("t", "ab\n\ncd\r\né")
	for _, c := range []struct{ offset, line, col int }{
		{-1, 1, 1}, {0, 1, 1}, {2, 1, 3}, {3, 2, 1}, {4, 3, 1}, {6, 3, 3}, {8, 4, 1}, {10, 4, 3}, {99, 4, 3},
	} {
		if line, col := f.Position(c.offset); line != c.line || col != c.col {
			t.Errorf("offset %d is %d:%d, want %d:%d", c.offset, line, col, c.line, c.col)
		}
	}
	for n, want := range []string{"", "ab", "", "cd", "é", ""} {
		if got := f.Line(n); got != want {
			t.Errorf("line %d is %q, want %q", n, got, want)
		}
	}
	for n, want := range []int{10, 0, 3, 4, 8, 10} {
		if got := f.LineStart(n); got != want {
			t.Errorf("line %d starts at %d, want %d", n, got, want)
		}
	}
	if f.Lines() != 4 || New("", "").Lines() != 1 {
		t.Error("wrong number of lines")
	}
}

func TestSpan(t *testing.T) {
	f, g := New("t", "0123456789"), New("u", "x")
	a, b := Span{f, 2, 4}, Span{f, 6, 8}
	if got := a.To(b); got != (Span{f, 2, 8}) {
		t.Errorf("To gives %v", got)
	}
	if got := b.To(a); got != b {
		t.Errorf("To an earlier place gives %v", got)
	}
	if got := (Span{}).To(a); got != a {
		t.Errorf("To from no place gives %v", got)
	}
	if got := a.To(Span{g, 0, 1}); got != a {
		t.Errorf("To another file gives %v", got)
	}
	if a.Text() != "23" || a.String() != "t:1:3" {
		t.Errorf("%q at %s", a.Text(), a)
	}
	for _, s := range []Span{{}, {f, -1, 3}, {f, 5, 4}, {f, 5, 99}} {
		if s.Text() != "" {
			t.Errorf("%v has the text %q", s, s.Text())
		}
	}
	if (Span{}).Valid() || (Span{}).String() != "-" {
		t.Error("the zero Span is a place")
	}
}
