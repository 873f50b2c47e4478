package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/lab"
)

func TestLabTable(t *testing.T) {
	var out strings.Builder
	a := &labRow{report: &lab.Report{Case: lab.Case{Name: "A", Title: "ifdown"}, Outcome: lab.Stopped}, verdict: verdictWriter{w: &out}}
	const text = "TIME\n\nverdict: lost: x[1] 10.0.0.1:1 -> 10.0.0.2:2\n  why: the address 10.0.0.1 is on no device any more, so all fails.\n       more\nverdict: blackholed: y\n  why: another.\n"
	for part := range strings.SplitSeq(text, "o") { // in pieces
		if _, err := a.verdict.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != strings.ReplaceAll(text, "o", "") {
		t.Errorf("passed on: %q", out.String())
	}
	a.verdict = verdictWriter{w: &out}
	for _, b := range []byte(text) {
		if _, err := a.verdict.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	b := &labRow{report: &lab.Report{Case: lab.Case{Name: "BB", Title: "link-down"}, Outcome: lab.Undecided, After: time.Second}}
	var table strings.Builder
	if err := labTable(&table, []*labRow{a, b, {}}); err != nil {
		t.Fatal(err)
	}
	want := `
The cases side by side:

case   fault       traffic                    verdict   why
A      ifdown      stopped                    lost      the address 10.0.0.1 is on no device any more
BB     link-down   undecided (not as usual)   -         -
?      ?           the case failed            -         -
`
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Error(diff)
	}
}
