package accept

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// toolSuite is the Debian suite whose bpftrace package gives the classic
// tools. The suite of kernel 7.2 has the tools for the language as it is now.
const toolSuite = "sid"

// classicTools are the tools' files on the host.
var classicTools = sync.OnceValues(func() ([]string, error) {
	root, err := guest.Package(context.Background(), toolSuite, "bpftrace")
	if err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(root, "usr/sbin/*.bt"))
})

// TestTools checks, loads and attaches the classic tools, as they are in
// Debian's package, on all kernels. Those that cannot work on a kernel are
// listed in testdata/tools.txt with what probe says.
func TestTools(t *testing.T) {
	tools, err := classicTools()
	if err != nil {
		if r := os.Getenv("PROBE_REQUIRE"); r == "all" || r == "guest" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if len(tools) < 30 {
		t.Fatalf("the package has %d tools", len(tools))
	}
	expected, err := readExpected("testdata/tools.txt")
	if err != nil {
		t.Fatal(err)
	}
	guesttest.RunWith(t, setup(t), func(t *testing.T, g *guest.Guest) {
		m := guestMachine(t, g)
		for _, tool := range tools {
			name := filepath.Base(tool)
			t.Run(name, func(t *testing.T) {
				runTool(t, m, "/tools/"+name, expected.of(name, g.Kernel.Name))
			})
		}
	})
}

// runTool attaches a tool and ends it. want is the piece of an error, or "".
func runTool(t *testing.T, m *machine, tool, want string) {
	job := &Job{Probe: []string{"run", "--dry-run", tool}, Timeout: time.Minute}
	r, err := m.do(job)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := messages(string(r.Stderr))
	var errs []string
	for _, msg := range all {
		if msg.severity == "error" {
			errs = append(errs, msg.text)
		}
	}
	text := strings.Join(errs, "\n")
	switch {
	case r.Problem != "" || r.Signal != "":
		t.Errorf("probe run --dry-run %s: %s%s\n%s", tool, r.Problem, r.Signal, r.Stderr)
	case want == "" && r.Status != 0:
		t.Errorf("probe run --dry-run %s: status %d\n%s", tool, r.Status, text)
	case want != "" && r.Status == 0:
		t.Errorf("%s works; its line in testdata/tools.txt can go", path.Base(tool))
	case want != "" && !strings.Contains(strings.ToLower(text), strings.ToLower(want)):
		t.Errorf("probe run --dry-run %s: no error with %q\n%s", tool, want, text)
	}
}

// expectation is one line of testdata/tools.txt.
type expectation struct {
	tool    string
	kernels []string
	piece   string
}

type expectations []expectation

// of returns the expected piece of an error, or "".
func (e expectations) of(tool, kernel string) string {
	for _, x := range e {
		if x.tool == tool && (x.kernels[0] == "all" || slices.Contains(x.kernels, kernel)) {
			return x.piece
		}
	}
	return ""
}

// readExpected reads a list of lines "TOOL KERNEL,KERNEL|all piece of the
// error"; "#" starts a comment.
func readExpected(name string) (out expectations, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		part := strings.SplitN(text, " ", 3)
		if len(part) != 3 {
			return nil, fmt.Errorf("%s:%d: wants a tool, kernels and a piece of the error", name, n)
		}
		out = append(out, expectation{part[0], strings.Split(part[1], ","), strings.TrimSpace(part[2])})
	}
	return out, lines.Err()
}
