package diag

import (
	"errors"
	"testing"

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
