package syntax

import (
	"os"
	"path/filepath"
	"testing"

	"probe/lang/source"
)

func TestSmoke(t *testing.T) {
	for _, s := range []string{
		`kprobe:f { @[comm] = count(); }`,
		"kprobe:f /pid == 1/ { $x = (uint64)arg0; print($x) }",
		"begin { printf(\"%d\\n\", 1 + 2 * 3) ; if ($x) { } else if $y { } }",
		"macro f($a, @b, c) { $a + c }",
		"fn f($a : int64, $b : string[16]) : int64 { return $a; }",
		"config = { a = 1 }\nlet @m = hash(10);",
		"import \"net\"; ret:a|b { }",
		"probe route.lookup = ret:a | ret:b;",
		"fgraph:f:depth=12:only=a_*,b_*:args=on { print(graph); }",
	} {
		f, d := Parse(source.New("t", s))
		for _, x := range d.All {
			t.Errorf("%s: %v", s, x)
		}
		_ = f
	}
	files, _ := filepath.Glob("/usr/sbin/*.bt")
	for _, n := range files {
		b, _ := os.ReadFile(n)
		_, d := Parse(source.New(n, string(b)))
		for _, x := range d.All {
			t.Errorf("%v", x)
		}
	}
	t.Log(len(files))
}

func BenchmarkParse(b *testing.B) {
	f := source.New("t", "kprobe:vfs_read /pid == 1/ { @[comm] = count(); printf(\"%d\\n\", pid); }")
	for b.Loop() {
		Parse(f)
	}
}
