package main

import "testing"

func TestLostPattern(t *testing.T) {
	for text, want := range map[string]string{
		"Lost 12 events": "12",
		"note: 7 events of tracepoint:a:b were lost (full)": "7",
		"3 events were lost": "3",
		"nothing here":       "",
	} {
		got := ""
		if m := lostPattern.FindStringSubmatch(text); m != nil {
			got = m[1] + m[2]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
