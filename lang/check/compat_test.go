package check_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/diag"
)

// TestBpftraceMessages compares messages with those of bpftrace 0.27.1, as
// observed: testdata/bpftrace.txt has scripts of one line, each followed by the
// heads and hints of the messages that bpftrace prints for it.
func TestBpftraceMessages(t *testing.T) {
	text, err := os.ReadFile("testdata/bpftrace.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimSpace(string(text)), "\n\n")
	if len(cases) < 100 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		script, want, _ := strings.Cut(c, "\n")
		_, list := run(t, script)
		var out strings.Builder
		if err := diag.RenderBpftrace(&out, &list, false); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range strings.Split(out.String(), "\n") {
			if strings.Contains(line, "ERROR") || strings.Contains(line, "WARNING") || strings.HasPrefix(line, "HINT") {
				got = append(got, strings.TrimRight("| "+strings.Replace(line, "test.pr:", "stdin:", 1), " "))
			}
		}
		if diff := cmp.Diff(strings.TrimSpace(want), strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s\n(-bpftrace +probe):\n%s", script, diff)
		}
	}
}
