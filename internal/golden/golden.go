// Package golden compares results of code with the results that a file expects.
//
// A case is one file in txtar form. Its comment and some of its parts are the
// input; a test reads them with Comment and In, and hands each result to Out.
// The parts that Out names have to hold exactly these results, in this order.
// Run with -update, a test writes the results into the file instead:
//
//	go test ./lang/check -update
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the results into the expected parts of the files in testdata")

// Case is one file.
type Case struct {
	// Name is the file's name without folder and extension.
	Name string
	path string
	t    testing.TB
	has  *txtar.Archive
	got  txtar.Archive // the input that was read, and the results
}

// Run calls test for each file that matches the pattern, in a subtest with the
// file's name, and then compares the results. A part of a file that is neither
// read nor expected is an error, as is a pattern that matches no file.
func Run(t *testing.T, pattern string, test func(t *testing.T, c *Case)) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is like %s (%v)", pattern, err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		t.Run(name, func(t *testing.T) {
			c, err := open(t, path)
			if err != nil {
				t.Fatal(err)
			}
			test(t, c)
			if err := c.finish(*update); err != nil {
				t.Error(err)
			}
		})
	}
}

// Inputs returns the part with a name of each file that matches the pattern,
// keyed by the file's path.
func Inputs(t *testing.T, pattern, part string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is like %s (%v)", pattern, err)
	}
	out := map[string]string{}
	for _, path := range files {
		c, err := open(t, path)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = c.In(part)
	}
	return out
}

func open(t testing.TB, path string) (*Case, error) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	c := &Case{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), path: path, t: t, has: a}
	c.got.Comment = a.Comment
	return c, nil
}

// Comment returns the text before the first part.
func (c *Case) Comment() string { return string(c.has.Comment) }

// Option returns the value of the line "name: value" of the comment, "" if
// there is no such line.
func (c *Case) Option(name string) string {
	for line := range strings.Lines(c.Comment()) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// In returns a part of the file as input. The test fails if the file has no
// such part.
func (c *Case) In(name string) string {
	c.t.Helper()
	is := func(f txtar.File) bool { return f.Name == name }
	if i := slices.IndexFunc(c.has.Files, is); i >= 0 {
		if !slices.ContainsFunc(c.got.Files, is) {
			c.got.Files = append(c.got.Files, c.has.Files[i])
		}
		return string(c.has.Files[i].Data)
	}
	c.t.Fatalf("%s has no part %q", c.path, name)
	return ""
}

// Out adds a result, which the part with that name has to equal. An empty
// result means that the file must not have the part.
func (c *Case) Out(name, text string) {
	if text == "" {
		return
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	c.got.Files = append(c.got.Files, txtar.File{Name: name, Data: []byte(text)})
}

// mismatch is the error for a file whose expected results differ from the
// actual ones.
type mismatch struct{ path, diff string }

func (m *mismatch) Error() string {
	return m.path + ": run with -update if the result is right (-want +got):\n" + m.diff
}

// finish compares the file with the results, or writes them into it.
func (c *Case) finish(write bool) error {
	if c.t.Failed() {
		return nil // the test did not finish, so its results are incomplete
	}
	want, got := string(txtar.Format(c.has)), string(txtar.Format(&c.got))
	if want == got {
		return nil
	}
	if write {
		return os.WriteFile(c.path, []byte(got), 0o644)
	}
	return &mismatch{c.path, cmp.Diff(want, got)}
}
