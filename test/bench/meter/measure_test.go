package main

import (
	"os"
	"testing"
)

func TestLostPattern(t *testing.T) {
	for text, want := range map[string]uint64{
		"Lost 12 events": 12,
		"note: 7 events of tracepoint:a:b were lost (full)": 7,
		"3 events were lost": 3,
		"nothing here":       0,
		"warning: at least 12 event(s) were lost; --buffer":                                                                 12,
		"note: 3 events of fgraph:f were lost: the ring buffer was full\nnote: 4 call graphs of fgraph:f were not recorded": 7,
		"overrun: 5\ncommit overrun: 0\noverrun: 6":                                                                         11,
	} {
		if got := sum(text, lostPattern); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestTreeTime(t *testing.T) {
	if parentOf(os.Getpid()) != os.Getppid() {
		t.Errorf("the parent is %d, want %d", parentOf(os.Getpid()), os.Getppid())
	}
	own := processTime(os.Getpid())
	if own == 0 {
		t.Skip("no schedstat")
	}
	if all := treeTime(os.Getpid()); all < own {
		t.Errorf("the tree took %d ns, less than the process, %d", all, own)
	}
}
