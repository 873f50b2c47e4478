package pass

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/ir"
	"probe/internal/golden"
)

// TestGolden runs passes on functions in testdata. The comment of a file says
// what it shows; its line "passes:" names the passes, or is "all".
func TestGolden(t *testing.T) {
	seen := map[string]bool{}
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, c *golden.Case) {
		names := strings.Split(c.Option("passes"), ", ")
		p, err := ir.Parse(c.Name, c.In("before"))
		if err != nil {
			t.Fatal(err)
		}
		if err := ir.Verify(p); err != nil {
			t.Fatal(err)
		}
		ran := 0
		for _, f := range p.Funcs {
			s := &state{f: f}
			for i := range Table {
				for _, n := range names {
					if Table[i].Name == n || n == "all" {
						ran++
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
		if ran == 0 {
			t.Fatal("the comment does not name passes")
		}
		c.Out("after", p.String())
	})
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
