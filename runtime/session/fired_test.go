package session

import (
	"testing"

	"probe/lang/value"
	"probe/runtime/event"
)

func TestFirings(t *testing.T) {
	for _, tc := range []struct {
		list []firing
		want string
	}{
		{[]firing{{"kprobe:a", 0}}, "kprobe:a fired 0 times"},
		{[]firing{{"kprobe:a", 0}, {"kprobe:b", 1}, {"kprobe:c", 20}}, "kprobe:c fired 20 times, kprobe:b fired 1 time, kprobe:a fired 0 times"},
		{[]firing{{"a", 0}, {"b", 0}, {"c", 0}, {"d", 0}, {"e", 0}, {"f", 0}, {"g", 0}, {"h", 5}, {"i", 0}},
			"h fired 5 times, a fired 0 times, b fired 0 times, c fired 0 times, d fired 0 times, e fired 0 times, 3 more 0 times"},
	} {
		if got := firings(tc.list); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.list, got, tc.want)
		}
	}
}

func TestShows(t *testing.T) {
	full := &event.Map{Entries: []value.Entry{{}}}
	for _, tc := range []struct {
		e    event.Event
		want bool
	}{
		{&event.Printf{}, true}, {&event.Value{}, true}, {full, true}, {&event.Map{}, false},
		{&event.End{}, false}, {&event.Attached{}, false}, {&event.Receipt{}, false}, {&event.Log{}, false},
	} {
		if got := shows(tc.e); got != tc.want {
			t.Errorf("shows(%T) = %v", tc.e, got)
		}
	}
}
