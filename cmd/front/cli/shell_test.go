package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// breaks is bash's COMP_WORDBREAKS unless somebody changes it.
const breaks = " \t\n\"'@><=;|&(:"

func TestSplitLine(t *testing.T) {
	for _, tc := range []struct {
		line  string
		words []string
		quote byte
		start int
	}{
		{"probe ", []string{"probe", ""}, 0, 0},
		{"probe ls kprobe:vfs", []string{"probe", "ls", "kprobe:vfs"}, 0, 7},
		{"probe ls a:b:c", []string{"probe", "ls", "a:b:c"}, 0, 4},
		{"probe -e 'kprobe:vfs", []string{"probe", "-e", "kprobe:vfs"}, '\'', 0},
		{"probe -e 'a b' c", []string{"probe", "-e", "a b", "c"}, 0, 0},
		{`probe -e "a\"b $x`, []string{"probe", "-e", `a"b $x`}, '"', 0},
		{`probe -e "a\nb`, []string{"probe", "-e", `a\nb`}, '"', 0},
		{`probe a\ b`, []string{"probe", "a b"}, 0, 0},
		{`probe x\`, []string{"probe", "x"}, 0, 0},
		{"probe --format=j", []string{"probe", "--format=j"}, 0, 9},
		{"probe 'a'b", []string{"probe", "ab"}, 0, 0},
		{"probe ''", []string{"probe", ""}, 0, 0},
	} {
		l := splitLine(tc.line, breaks)
		if diff := cmp.Diff(tc.words, l.words); diff != "" {
			t.Errorf("%q: -want +got\n%s", tc.line, diff)
		}
		if l.quote != tc.quote || l.start != tc.start {
			t.Errorf("%q: quote %q, start %d; want %q, %d", tc.line, l.quote, l.start, tc.quote, tc.start)
		}
	}
}

func TestInsertion(t *testing.T) {
	for _, tc := range []struct {
		line, candidate string
		head            int
		want            string
	}{
		{"probe ls kprobe:vfs", "kprobe:vfs_read", 0, "vfs_read"},
		{"probe -e 'kprobe:vfs", "kprobe:vfs_read", 0, "kprobe:vfs_read"},
		{"probe -e 'it", "it's", 0, `it'\''s`},
		{`probe -e "x`, "x$y", 0, `x\$y`},
		{"probe -e cou", "count(", 0, `count\(`},
		{"probe --format=j", "json", 9, "json"},
		{"probe --only=kprobe:a", "kprobe:ab", 7, "ab"},
		{`probe a\ b`, "a bc", 0, `a\ bc`},
	} {
		l := splitLine(tc.line, breaks)
		if got := l.insertion(tc.candidate, tc.head); got != tc.want {
			t.Errorf("%q to %q: %q, want %q", tc.line, tc.candidate, got, tc.want)
		}
	}
}
