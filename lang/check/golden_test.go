package check_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The marks between the parts of a golden file, which is in txtar form.
const (
	scriptMark = "-- script.pr --\n"
	hirMark    = "-- hir --\n"
)

// TestHIR compares the typed form of whole scripts with testdata/hir.
func TestHIR(t *testing.T) {
	files, err := filepath.Glob("testdata/hir/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			head, rest, ok := strings.Cut(string(text), scriptMark)
			script, want, done := strings.Cut(rest, hirMark)
			if !ok || !done && !*update {
				t.Fatalf("%s lacks a part; run with -update and read the result", name)
			}
			p, ds := run(t, script)
			var got strings.Builder
			got.WriteString(render(ds))
			if p != nil {
				p.Dump(&got)
			}
			if *update {
				whole := head + scriptMark + script + hirMark + got.String()
				if err := os.WriteFile(name, []byte(whole), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(want, got.String()); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		})
	}
}
