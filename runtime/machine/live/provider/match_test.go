package provider

import (
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "x", true}, {"", "", true}, {"", "x", false},
		{"vfs_*", "vfs_read", true}, {"vfs_*", "xvfs_read", false}, {"*read", "vfs_read", true}, {"*read", "vfs_readv", false},
		{"a*b", "abcb", true}, {"a*b", "abc", false}, {"a*b*c", "a1b2c", true}, {"a**c", "abc", true},
		{"[ab]", "[ab]", true}, {"[ab]", "a", false}, {"exact", "exact", true}, {"exact", "exac", false},
	} {
		if got := match(tc.pattern, tc.name); got != tc.want {
			t.Errorf("match(%q, %q) = %v", tc.pattern, tc.name, got)
		}
	}
}

// TestMatchIsLinear: a pattern of stars must not try every split.
func TestMatchIsLinear(t *testing.T) {
	start := time.Now()
	if match(strings.Repeat("a*", 200)+"b", strings.Repeat("a", 2000)) {
		t.Error("matched")
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestDuration(t *testing.T) {
	for _, tc := range []struct {
		text string
		want uint64
		ok   bool
	}{
		{"10ms", 10e6, true}, {"1s", 1e9, true}, {"1500", 1500, true}, {"2h", 7200e9, true}, {"3ns", 3, true},
		{"", 0, false}, {"ms", 0, false}, {"1x", 0, false}, {"-1s", 0, false}, {"99999999999h", 0, false}, {"18446744073709551616", 0, false},
	} {
		if got, ok := duration(tc.text); got != tc.want || ok != tc.ok {
			t.Errorf("duration(%q) = %d, %v", tc.text, got, ok)
		}
	}
}

func FuzzExpandText(f *testing.F) {
	for _, s := range []string{"kprobe:vfs_read", "tracepoint:a:b", "uprobe:/bin/x:f+1", "interval:s:1", "call:a|b", "\"q:\":x", "*:*", "fentry:a:b:c"} {
		f.Add(s)
	}
	s := fakeKernel(f, nil)
	f.Fuzz(func(t *testing.T, text string) {
		sites, out := expand(s, text, nil)
		for _, site := range sites {
			if site.Name == "" || site.Provider == "" {
				t.Fatalf("%q gives the site %+v", text, site)
			}
		}
		if len(sites) == 0 && len(out.All) == 0 && text != "" && !strings.Contains(text, "*") {
			t.Fatalf("%q gives neither a site nor a message", text) // the checker complains for patterns
		}
	})
}
