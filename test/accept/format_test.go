package accept

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	text := `# a comment
NAME first
ROWS A-1 B-2
PROG begin { print(1); }
OPTS -f "json x"
ARGS 'a b' "c\"d" ""
RUN getppid 3
STDOUT 1

NAME second
ROWS A-1
CMD check x.bt
FILE x.bt
| begin {
|
|   print(1); }
DO
| stdout ^a b$
| signal TERM
ERROR one
ERROR two
TIMEOUT 1m
`
	got, err := Parse("dir/x.cases", text)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("got %d cases", len(got))
	}
	a, b := got[0], got[1]
	if diff := cmp.Diff([]string{"run", "-f", "json x", "-e", "begin { print(1); }", "a b", `c"d`, ""}, a.Command()); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Step{{Do: "attached"}, {Do: "release"}, {Do: "workload"}, {Do: "signal", Arg: "INT"}}, a.Do); diff != "" {
		t.Errorf("steps of a case with a workload (-want +got):\n%s", diff)
	}
	if a.File != "x" || a.Line != 2 || b.Line != 10 || a.Status != 0 || b.Status != 1 {
		t.Errorf("file %q, lines %d and %d, status %d and %d", a.File, a.Line, b.Line, a.Status, b.Status)
	}
	if got, want := b.Files["x.bt"], "begin {\n\n  print(1); }\n"; got != want {
		t.Errorf("file %q, want %q", got, want)
	}
	if diff := cmp.Diff([]Step{{Do: "stdout", Arg: "^a b$"}, {Do: "signal", Arg: "TERM"}}, b.Do); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"one", "two"}, b.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no name", "ROWS A\n", "starts with NAME"},
		{"unknown key", "NAME a\nSTDUOT x\n", `x:2: unknown key "STDUOT"`},
		{"same name", "NAME a\nROWS R\nPROG x\n\nNAME a\nROWS R\nPROG x\n", "taken by the case of line 1"},
		{"no script", "NAME a\nROWS R\n", "either PROG or CMD"},
		{"two scripts", "NAME a\nROWS R\nPROG x\nCMD run y\n", "either PROG or CMD"},
		{"no rows", "NAME a\nPROG x\n", "ROWS is missing"},
		{"open quote", "NAME a\nROWS R\nCMD run 'x\n", "quote is not closed"},
		{"unknown step", "NAME a\nROWS R\nPROG x\nDO wait\n", `unknown step "wait"`},
		{"step without argument", "NAME a\nROWS R\nPROG x\nDO signal\n", "argument"},
		{"workload missing", "NAME a\nROWS R\nPROG x\nDO release\n", "no RUN"},
		{"bad expression", "NAME a\nROWS R\nPROG x\nSTDOUT ~ (\n", "missing closing )"},
		{"open line inside", "NAME a\nROWS R\nPROG x\nSTDOUT\n| a\\\n| b\n", "last line only"},
		{"file with folders", "NAME a\nROWS R\nPROG x\nFILE ../x\n| a\n", "plain file name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("x", c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		name    string
		pattern []string
		text    string
		sorted  bool
		ok      bool
	}{
		{"equal", []string{"a", "b"}, "a\nb\n", false, true},
		{"nothing", nil, "", false, true},
		{"nothing wanted", nil, "a\n", false, false},
		{"too short", []string{"a", "b"}, "a\n", false, false},
		{"no line break", []string{"a"}, "a", false, false},
		{"no line break wanted", []string{`a\`}, "a", false, true},
		{"line break not wanted", []string{`a\`}, "a\n", false, false},
		{"blank line", []string{"a", "", "b"}, "a\n\nb\n", false, true},
		{"expression", []string{"~ a+"}, "aaa\n", false, true},
		{"expression is whole", []string{"~ a"}, "ab\n", false, false},
		{"expression with a placeholder", []string{"~ <<pid>> .*"}, "77 x\n", false, true},
		{"placeholder", []string{"<<pid>>"}, "77\n", false, true},
		{"gap", []string{"a", "...", "d"}, "a\nb\nc\nd\n", false, true},
		{"empty gap", []string{"a", "...", "b"}, "a\nb\n", false, true},
		{"gap at the end", []string{"a", "..."}, "a\nb\n", false, true},
		{"gaps try again", []string{"...", "a", "b", "...", "c"}, "a\na\nb\nx\nc\n", false, true},
		{"gap does not help", []string{"...", "z"}, "a\nb\n", false, false},
		{"any order", []string{"b", "~ .", "a"}, "a\nc\nb\n", true, true},
		{"any order, one too many", []string{"a"}, "a\na\n", true, false},
		{"any order, one missing", []string{"a", "a"}, "a\n", true, false},
		{"any order with a gap", []string{"b", "..."}, "a\nb\n", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := NewPattern(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			r := &Result{WorkloadPid: 77}
			if why := p.Match(c.text, r.Expand, c.sorted); (why == "") != c.ok {
				t.Errorf("got %q, want ok %v", why, c.ok)
			}
		})
	}
}

// result returns what a run of a case may give.
func result(out, err string, status int) *Result {
	return &Result{Stdout: []byte(out), Stderr: []byte(err), Status: status}
}

func TestJudge(t *testing.T) {
	const head = "NAME a\nROWS R\nPROG x\n"
	warning := "warning[useless-cast]: unnecessary cast\n --> x:1:1\n  |\nhelp: leave it out\n"
	for _, c := range []struct {
		name, keys string
		result     *Result
		want       []string // a piece of each complaint
	}{
		{"good", "STDOUT 1\nMAPS @: 2\n", result("1\n\n\n@: 2\n", "Attached 1 probe\n", 0), nil},
		{"nothing at all", "", result("\n\n", "Attached 1 probe\n", 0), nil},
		{"nothing at all, not even blank lines", "", result("", "Attached 1 probe\n", 0), nil},
		{"open line", "STDOUT 1\\\n", result("1\n\n", "", 0), nil},
		{"no end", "STDOUT 1\n", result("1\n", "", 0), []string{"standard output"}},
		{"status", "", result("\n\n", "", 3), []string{"status 3, want 0"}},
		{"status wanted", "STATUS 3\n", result("\n\n", "", 3), nil},
		{"raw", "RAW\nSTDOUT 1\n", result("1\n", "", 0), nil},
		{"sorted", "SORT\nSTDOUT\n| 1\n| 2\nMAPS 3\n", result("2\n1\n\n\n3\n", "", 0), nil},
		{"sorted maps", "SORT maps\nMAPS\n| 1\n| 2\n", result("\n\n2\n1\n", "", 0), nil},
		{"sorted maps are not output", "SORT maps\nSTDOUT\n| 1\n| 2\n", result("2\n1\n\n\n", "", 0), []string{"standard output"}},
		{"json", "OPTS -f json\nSTDOUT 1\n", result("{\"type\": \"attached_probes\", \"count\": 1}\n1\n", "", 0), nil},
		{"json without its head", "OPTS -f json\nSTDOUT 1\n", result("1\n", "", 0), []string{"attached_probes"}},
		{"warning", "WARN Unnecessary\n", result("\n\n", warning, 0), nil},
		{"warning not wanted", "", result("\n\n", warning, 0), []string{"unexpected warning"}},
		{"warning missing", "WARN this\n", result("\n\n", "", 0), []string{`no warning with "this"`}},
		{"one warning too many", "WARN cast\n", result("\n\n", warning+warning, 0), []string{"unexpected warning"}},
		{"one or more", "WARN + cast\n", result("\n\n", warning+warning, 0), nil},
		{"two", "WARN cast\nWARN cast\n", result("\n\n", warning+warning, 0), nil},
		{"bpftrace's form", "WARN Divide\nSTDERR last\n",
			result("\n\n", "x.bt:1:2-3: WARNING: Divide by 0\nAdditional Info - helper: x\nbegin { }\n  ~~~\nlast\n", 0), nil},
		{"without a place", "WARN Lost\n", result("\n\n", "WARNING: Lost some\n", 0), nil},
		{"error", "ERROR bad\n", result("", "error[x]: bad\n", 1), nil},
		{"other lines", "", result("\n\n", "panic: no\n", 0), []string{"standard error"}},
		{"signal", "", &Result{Stdout: []byte("\n\n"), Signal: "SIGSEGV", Status: -1}, []string{"SIGSEGV"}},
		{"problem", "", &Result{Stdout: []byte("\n\n"), Problem: "too slow"}, []string{"too slow"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cases, err := Parse("x", head+c.keys)
			if err != nil {
				t.Fatal(err)
			}
			got := cases[0].Judge(c.result)
			for i := range max(len(got), len(c.want)) {
				if i >= len(got) || i >= len(c.want) || !strings.Contains(got[i], c.want[i]) {
					t.Fatalf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}
