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
		"warning: at least 12 event(s) were lost; --buffer": 12,
		"overrun: 5\ncommit overrun: 0\noverrun: 6":         11,
	} {
		if got := sum(text, lostPattern); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// A line about events while they are lost counts once, with the sum at the end.
func TestTold(t *testing.T) {
	const text = "Lost 3 events\nnote: stdin:1:7: 3 events of fgraph:f were lost (the ring buffer was full)\n" +
		"note: 1 call graph of fgraph:f was not recorded (the call was under way already)\nkept 4 trees and 9 events in /dev/null\n"
	if got := sum(text, toldPattern); got != 4 {
		t.Errorf("%d lost", got)
	}
	if got := sum(text+"5 trees\n1 tree in /dev/null\n", seenPattern); got != 10 {
		t.Errorf("%d seen", got)
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
