package pass

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"probe/compiler/ir"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata")

// TestGolden runs passes on functions in testdata. The comment of an archive
// says what it shows; its last line is "passes: " and their names, or all.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Files) != 2 || a.Files[0].Name != "before" || a.Files[1].Name != "after" {
				t.Fatal("want the files before and after")
			}
			lines := strings.Split(strings.TrimSpace(string(a.Comment)), "\n")
			names, ok := strings.CutPrefix(lines[len(lines)-1], "passes: ")
			if !ok {
				t.Fatal("the comment does not name passes")
			}
			p, err := ir.Parse(file, string(a.Files[0].Data))
			if err != nil {
				t.Fatal(err)
			}
			if err := ir.Verify(p); err != nil {
				t.Fatal(err)
			}
			for _, f := range p.Funcs {
				s := &state{f: f}
				for i := range Table {
					for _, n := range strings.Split(names, ", ") {
						if Table[i].Name == n || n == "all" {
							seen[Table[i].Name] = true
							if err := runOne(&Table[i], s); err != nil {
								t.Fatal(err)
							}
							if err := ir.VerifyFunc(f); err != nil {
								t.Fatalf("after %s: %v\n%s", n, err, f)
							}
						}
					}
				}
			}
			got := p.String()
			if *update {
				a.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(got, string(a.Files[1].Data)); d != "" {
				t.Errorf("-got +want (go test -update writes what it got)\n%s", d)
			}
		})
	}
	for _, p := range Table {
		name := strings.TrimSuffix(p.Name, " again")
		if !seen[p.Name] && !seen[name] {
			t.Errorf("no testdata for pass %s", p.Name)
		}
	}
}

func TestRules(t *testing.T) {
	if err := checkRules(); err != nil {
		t.Error(err)
	}
	saved, savedRules := Table, rules
	defer func() { Table, rules = saved, savedRules }()
	for name, spoil := range map[string]func(){
		"must come before": func() { Table = append([]Pass(nil), Table...); Table[0], Table[2] = Table[2], Table[0] },
		"twice":            func() { Table = append(append([]Pass(nil), Table...), Table[0]) },
		"unknown pass":     func() { rules = append(rules[:len(rules):len(rules)], rule{"fold", "nothing", "a test"}) },
	} {
		Table, rules = saved, savedRules
		spoil()
		if err := checkRules(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

// TestRunErrors: a pass that panics or leaves a broken function is named.
func TestRunErrors(t *testing.T) {
	saved := Table
	defer func() { Table = saved }()
	for _, tt := range []struct {
		run  func(*state)
		want string
	}{
		{func(*state) { panic("oops") }, "pass broken of f: panic: oops"},
		{func(s *state) { s.f.Blocks[0].Term = ir.Term{} }, "pass broken of f: ir: f b0: none: block has no end"},
	} {
		Table = []Pass{{Name: "broken", run: tt.run}}
		p, err := ir.Parse("t", "func f()\nb0\n  ret\n")
		if err != nil {
			t.Fatal(err)
		}
		err = Run(p.Funcs[0], Options{Verify: true})
		var pe *Error
		if !errors.As(err, &pe) || pe.Pass != "broken" || err.Error() != tt.want {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

func TestRunOptions(t *testing.T) {
	p, err := ir.Parse("t", "func f()\nb0\n  ret\n")
	if err != nil {
		t.Fatal(err)
	}
	var ran []string
	opt := Options{Skip: []string{"gvn", "sink"}, After: func(name string, _ *ir.Func) { ran = append(ran, name) }}
	if err := Run(p.Funcs[0], opt); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range Table {
		if p.Name != "gvn" && p.Name != "sink" {
			want = append(want, p.Name)
		}
	}
	if d := cmp.Diff(ran, want); d != "" {
		t.Errorf("-ran +want\n%s", d)
	}
}
