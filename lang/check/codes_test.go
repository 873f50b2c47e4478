package check_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"probe/lang/diag"
)

// raised finds the codes that the checker and the library raise, by the text
// of their source.
func raised(t *testing.T) map[diag.Code]bool {
	t.Helper()
	pattern := regexp.MustCompile(`(?:rrorf\(|arnf\(|problem\(|Code: )"([a-z-]+)"`)
	out := map[diag.Code]bool{"bad-operands": true, "type-mismatch": true}
	for _, dir := range []string{".", "infer", "ctype", "../../stdlib"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
				out[diag.Code(m[1])] = true
			}
		}
	}
	return out
}

func find(l diag.List, code diag.Code) *diag.Diagnostic {
	for _, d := range l.All {
		if d.Code == code {
			return d
		}
	}
	return nil
}

// TestCodesHaveRows proves that every code that is raised has a row, and that
// the row's script raises it.
func TestCodesHaveRows(t *testing.T) {
	for code := range raised(t) {
		e, ok := diag.Lookup(code)
		if !ok {
			t.Errorf("code %s is raised but has no row in lang/diag", code)
			continue
		}
		if e.Wrong == "" {
			continue
		}
		t.Run(string(code), func(t *testing.T) {
			_, ds := run(t, e.Wrong)
			d := find(ds, code)
			if d == nil {
				t.Fatalf("the row's script does not raise it:\n%s\ngot:\n%s", e.Wrong, render(ds))
			}
			if (d.Severity == diag.Warning) != e.Warning {
				t.Errorf("severity %s does not fit the row", d.Severity)
			}
			t.Log("\n" + render(ds))
		})
	}
}
