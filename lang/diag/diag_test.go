package diag

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"probe/lang/source"
)

func TestListSort(t *testing.T) {
	f := source.New("t", "0123456789")
	at := func(n int) source.Span { return source.Span{File: f, Start: n, End: n + 1} }
	var l List
	l.Warnf("w", at(1), "early warning")
	l.Errorf("b", at(5), "second")
	l.Errorf("a", at(2), "first")
	l.Errorf("b", at(5), "second")
	l.Add(&Diagnostic{Severity: Note, Message: "note"})
	l.Sort()
	var got []string
	for _, d := range l.All {
		got = append(got, d.Message)
	}
	want := []string{"first", "second", "early warning", "note"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if !l.HasErrors() || l.Count(Warning) != 1 {
		t.Error("wrong counts")
	}
	var d *Diagnostic
	if err := l.Err(); !errors.As(err, &d) || err.Error() != "t:1:3: error[a]: first" {
		t.Errorf("Err is %v", l.Err())
	}
	if (&List{}).Err() != nil {
		t.Error("an empty list has an error")
	}
}

// A name of any length must not become a message of that length.
func TestLongTexts(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 10<<20), strings.Repeat("ü", 1<<20), "a" + strings.Repeat("☂", 1<<20)} {
		var l List
		d := l.Errorf("bad-name", source.Span{}, "no variable named `%s`", text).WithLabel("this is `%s`", text)
		d.At(source.Span{}, "`%s` is here", text)
		for _, s := range []string{d.Message, d.Label, d.Labels[0].Text} {
			if len(s) > maxText+len("…") {
				t.Errorf("a text of %d bytes, want at most %d", len(s), maxText)
			}
			if !utf8.ValidString(s) || !strings.Contains(s, "…") {
				t.Errorf("cut badly: %q", s)
			}
		}
	}
	short := strings.Repeat("x", maxText)
	if got := sprintf("%s", short); got != short {
		t.Errorf("a text of %d bytes was cut", len(short))
	}
}
