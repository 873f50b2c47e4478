package check_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"probe/lang/diag"
)

var expectation = regexp.MustCompile(`// (ERROR|WARNING) ("[^"]*")`)

// TestCases checks the scripts of testdata: every message has to be announced
// on its line by // ERROR "part of the message", and the other way round.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.case.pr")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	covered := map[diag.Code]bool{}
	for _, name := range files {
		code := diag.Code(strings.SplitN(filepath.Base(name), ".", 2)[0])
		covered[code] = true
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			script := string(text)
			_, ds := run(t, script)
			if find(ds, code) == nil {
				t.Errorf("code %s is not raised", code)
			}
			checkExpectations(t, script, ds)
		})
	}
	for code := range raised(t) {
		if !covered[code] && !needsMachine[code] {
			t.Errorf("code %s has no case in testdata", code)
		}
	}
}

// needsMachine are codes that no script raises by itself; they have tests of
// their own.
var needsMachine = map[diag.Code]bool{
	"bad-option":          true, // TestOptions: needs an option on the command line
	"unknown-environment": true, // TestConfig
}

func checkExpectations(t *testing.T, script string, ds diag.List) {
	t.Helper()
	want := map[int][]string{}
	for i, line := range strings.Split(script, "\n") {
		for _, m := range expectation.FindAllStringSubmatch(line, -1) {
			want[i+1] = append(want[i+1], strings.ToLower(m[1])+": "+strings.Trim(m[2], `"`))
		}
	}
	for _, d := range ds.All {
		line := 1
		if d.Span.Valid() {
			line, _ = d.Span.File.Position(d.Span.Start)
		}
		found := false
		for i, w := range want[line] {
			sev, frag, _ := strings.Cut(w, ": ")
			if sev == d.Severity.String() && (strings.Contains(d.Message, frag) || strings.Contains(d.Label, frag)) {
				want[line] = append(want[line][:i:i], want[line][i+1:]...)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("line %d: unexpected %s[%s]: %s (%s)", line, d.Severity, d.Code, d.Message, d.Label)
		}
	}
	for line, ws := range want {
		for _, w := range ws {
			t.Errorf("line %d: missing %s", line, w)
		}
	}
}
