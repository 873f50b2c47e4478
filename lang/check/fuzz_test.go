package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"probe/lang/check"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/stdlib"
)

// FuzzCheck: no script makes the checker panic, a refused script has an error,
// and an accepted one keeps the promises of package hir.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{oneLiner, twentyLines, fmt.Sprintf(setup, "")} {
		f.Add(s)
	}
	for _, r := range rejections {
		f.Add(strings.NewReplacer("«", "", "»", "").Replace(r.script))
	}
	for _, glob := range []string{"testdata/*.pr", "testdata/hir/*.txtar"} {
		files, _ := filepath.Glob(glob)
		for _, name := range files {
			if text, err := os.ReadFile(name); err == nil && len(text) < 1500 {
				f.Add(string(text))
			}
		}
	}
	sigs := stdlib.Signatures()
	f.Fuzz(func(t *testing.T, script string) {
		start := cpuTime()
		file, parseErrors := syntax.Parse(source.New("fuzz.pr", script))
		if d := cpuTime() - start; d > 2*time.Second {
			t.Fatalf("parsing %d bytes took %s", len(script), d)
		}
		start = cpuTime()
		ft := newFakeTypes()
		p, info, ds := check.Check(&check.Input{File: file, Builtins: sigs, Probes: &fakeProbes{types: ft}, Types: ft, Env: &fakeEnv{}, Params: []string{"7", "x"}})
		if d := cpuTime() - start; d > 2*time.Second {
			t.Fatalf("checking %d bytes took %s", len(script), d)
		}
		start = cpuTime()
		describeInfo(info, file)
		if d := cpuTime() - start; d > 4*time.Second {
			t.Fatalf("looking at %d bytes took %s", len(script), d)
		}
		if parseErrors.HasErrors() {
			return // callers stop there; it only must not panic
		}
		if (p == nil) != ds.HasErrors() {
			t.Fatalf("program %v but errors %v", p != nil, ds.HasErrors())
		}
		if p != nil {
			for _, bad := range verify(p) {
				t.Error(bad)
			}
			p.Dump(new(strings.Builder))
		}
	})
}

// TestHuge: large and deep scripts end, in reasonable time.
func TestHuge(t *testing.T) {
	for name, script := range map[string]string{
		"long sum":       "begin { print(" + strings.Repeat("pid + ", 50000) + "1); }",
		"long string":    `begin { print("` + strings.Repeat("x", 1<<20) + `"); }`,
		"many strings":   "begin { $x = " + strings.Repeat(`"abc" + `, 20000) + `"d"; }`,
		"many probes":    strings.Repeat("kprobe:f { @[comm] = count(); }\n", 900),
		"many maps":      "begin { " + repeatf("@m%d = 1; ", 5000) + "}",
		"many variables": "begin { " + repeatf("$v%d = 1; ", 3000) + "}",
		"deep blocks":    "begin { " + strings.Repeat("if (1) { ", 400) + strings.Repeat("}", 400) + " }",
		"deep parens":    "begin { print(" + strings.Repeat("(", 400) + "1" + strings.Repeat(")", 400) + "); }",
		"deep tuples":    "begin { print(" + strings.Repeat("(1, ", 300) + "1" + strings.Repeat(")", 300) + "); }",
		"many errors":    "begin { " + strings.Repeat("print($x); ", 20000) + "}",
		"wide tuple":     "begin { $t = (" + strings.Repeat("1, ", 20000) + "1); print($t); }",
		"macro growth":   "macro a(e) { e + e } begin { print(" + strings.Repeat("a(", 40) + "pid" + strings.Repeat(")", 40) + "); }",
		"pointer type":   "begin { let $x : int8" + strings.Repeat("*", 10000) + "; }",
		"array type":     "begin { let $x : int8" + strings.Repeat("[9]", 500) + "; }",
		"union of maps":  "begin { " + repeatf("@a%d = @a1; ", 300) + "@a1 = 5; }",
	} {
		t.Run(name, func(t *testing.T) {
			start := cpuTime()
			p, info, _, ds := learn(t, script)
			if p == nil && !ds.HasErrors() {
				t.Error("neither a program nor an error")
			}
			for _, d := range info.Defs() {
				info.UsesOf(d)
			}
			if d := cpuTime() - start; d > 5*time.Second {
				t.Errorf("took %s", d)
			}
		})
	}
}

func repeatf(format string, n int) string {
	var sb strings.Builder
	for i := range n {
		fmt.Fprintf(&sb, format, i)
	}
	return sb.String()
}

// cpuTime returns the CPU time that this process has used. Limits are set in it,
// since the wall clock also counts what other processes do.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
