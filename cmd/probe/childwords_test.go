package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitWords(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want []string
		err  string
	}{
		{"", nil, ""},
		{"  ping  -c 1\t127.0.0.1 ", []string{"ping", "-c", "1", "127.0.0.1"}, ""},
		{`sh -c 'echo "a b"; exit 3'`, []string{"sh", "-c", `echo "a b"; exit 3`}, ""},
		{`a"b c"d 'e'f`, []string{"ab cd", "ef"}, ""},
		{`x "" ''`, []string{"x", "", ""}, ""},
		{`a\ b \'c "\$HOME \n \"q\""`, []string{"a b", "'c", `$HOME \n "q"`}, ""},
		{`'\'`, []string{`\`}, ""},
		{"äö 'ü ß'", []string{"äö", "ü ß"}, ""},
		{"a *.go $HOME", []string{"a", "*.go", "$HOME"}, ""},
		{"sh -c 'x", nil, "the quote ' is not closed"},
		{`a "b`, nil, `the quote " is not closed`},
		{`a \`, nil, "a backslash ends the command"},
	} {
		got, err := splitWords(tc.in)
		if tc.err != "" {
			if err == nil || err.Error() != tc.err {
				t.Errorf("%q: %v, want %q", tc.in, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tc.in, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q: %s", tc.in, diff)
		}
	}
}
