package syntax

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/source"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata")

// TestTrees compares scripts with their trees: testdata/tree/*.txtar hold the
// files "script" and "tree", and "messages" for a script with errors.
func TestTrees(t *testing.T) {
	names, err := filepath.Glob("testdata/tree/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden trees: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			comment, rest, ok := strings.Cut(string(text), "-- script --\n")
			if !ok {
				t.Fatal("the first file must be \"script\"")
			}
			script, _, _ := strings.Cut(rest, "-- tree --\n")
			f, diags := Parse(source.New("script", script))
			got := comment + "-- script --\n" + script + "-- tree --\n" + Dump(f)
			if len(diags.All) > 0 {
				got += "-- messages --\n"
				for _, d := range diags.All {
					got += d.Error() + "\n"
				}
			}
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), got); diff != "" {
				t.Errorf("run with -update if this is right (-want +got):\n%s", diff)
			}
		})
	}
}
