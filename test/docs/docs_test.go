package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest/guesttest"
	"probe/lang/diag"
	"probe/runtime/machine/live/feature"
	"probe/stdlib"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// root returns the source tree.
func root(t *testing.T) string {
	t.Helper()
	dir, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// read returns a document by its path below the root.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// each runs a subtest for every document.
func each(t *testing.T, fn func(t *testing.T, path, text string)) {
	t.Helper()
	files, err := Files(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(path), func(t *testing.T) { fn(t, path, string(b)) })
	}
}

// TestFresh fails when a generated section is not what the code says now.
func TestFresh(t *testing.T) {
	sections, err := Sections(root(t))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	each(t, func(t *testing.T, path, text string) {
		want, err := Fill(text, sections)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, text); diff != "" {
			t.Errorf("run `make docs`: -code +%s\n%s", path, diff)
		}
		for name := range sections {
			used[name] = used[name] || strings.Contains(text, strings.Replace(begin, "%s", name, 1))
		}
	})
	for name := range sections {
		if !used[name] {
			t.Errorf("no document has the section %q", name)
		}
	}
}

func TestFill(t *testing.T) {
	mark := func(name, body string) string {
		return strings.Replace(begin, "%s", name, 1) + body + strings.Replace(end, "%s", name, 1)
	}
	sections := map[string]string{"a": "new a\n", "b": "new b"}
	got, err := Fill("x\n"+mark("a", "old")+"\ny "+mark("b", "")+"\n", sections)
	if err != nil {
		t.Fatal(err)
	}
	want := "x\n" + mark("a", "\n\nnew a\n\n") + "\ny " + mark("b", "\n\nnew b\n\n") + "\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if again, err := Fill(got, sections); err != nil || again != got {
		t.Errorf("filled again: %q, %v", again, err)
	}
	for _, bad := range []string{mark("c", ""), strings.Replace(begin, "%s", "a", 1)} {
		if _, err := Fill(bad, sections); err == nil {
			t.Errorf("%q was filled", bad)
		}
	}
}

func TestTable(t *testing.T) {
	text := "| a | b |\n|---|---|\n| 1 | `x\\|y` |\n\n| c |\n|---|\n| 2 |\n```\n| a | no |\n```\n"
	if diff := cmp.Diff([][]string{{"1", "`x|y`"}}, Table(text, "a")); diff != "" {
		t.Error(diff)
	}
	if got := table([]string{"a", "b"}, [][]string{{"1", "`x|y`"}}); got != "| a | b |\n|---|---|\n| 1 | `x\\|y` |\n" {
		t.Errorf("table writes %q", got)
	}
}

// traceable are the functions that the documents' patterns may match.
const traceable = "vfs_read\nvfs_write\nvfs_open\ntcp_sendmsg\nip_route_output_flow\n__sk_dst_check\n"

// checker makes a Checker; the test is skipped where the machine does not let
// one read what it needs. The guests check the same scripts.
func checker(t *testing.T) *Checker { return checkerFor(t, traceable) }

// checkerFor is checker for scripts that trace other functions.
func checkerFor(t *testing.T, traceable string) *Checker {
	t.Helper()
	list := filepath.Join(t.TempDir(), "functions")
	if err := os.WriteFile(list, []byte(traceable), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := NewChecker(list)
	if err != nil {
		t.Skipf("scripts are checked in guests only: %v", err)
	}
	return c
}

// script is a script that a document shows as one that works.
type script struct {
	at   string // document and line
	text string
}

// scripts returns all blocks of the documents with the language "bt".
func scripts(t *testing.T) []script {
	t.Helper()
	files, err := Files(root(t))
	if err != nil {
		t.Fatal(err)
	}
	var out []script
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, blk := range Blocks(string(b)) {
			if blk.Lang == "bt" {
				out = append(out, script{filepath.Base(path) + ":" + itoa(blk.Line), blk.Text})
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("the documents show no scripts")
	}
	return out
}

// TestScripts checks every script that a document shows: no error, no warning.
func TestScripts(t *testing.T) {
	c := checker(t)
	for _, s := range scripts(t) {
		t.Run(s.at, func(t *testing.T) {
			if list := c.Check(s.text); len(list.All) > 0 {
				t.Errorf("%s\n%s", render(list), s.text)
			}
		})
	}
}

// refused returns the table of what is refused, from docs/language.md.
func refused(t *testing.T) (rows [][]string) {
	t.Helper()
	rows = Table(read(t, "docs/language.md"), "not supported yet")
	if len(rows) == 0 {
		t.Fatal("docs/language.md has no table of what is not supported")
	}
	return rows
}

// TestRefused checks that what the language page calls refused is refused, with
// the row that it names.
func TestRefused(t *testing.T) {
	c := checker(t)
	for _, cells := range refused(t) {
		what, row, text := cells[0], cells[1], strings.Trim(cells[2], "`")
		t.Run(what, func(t *testing.T) {
			list := c.Check(text)
			ok := slices.ContainsFunc(list.All, func(d *diag.Diagnostic) bool { return d.Code == "not-supported" && d.Row == row })
			if !ok {
				t.Errorf("%s: no message says that %s is not supported:\n%s", text, row, render(list))
			}
		})
	}
	for name, s := range stdlib.Signatures() {
		if !s.Missing {
			continue
		}
		row := s.Row
		list := c.Check("begin { " + name + "(1); }")
		if !slices.ContainsFunc(list.All, func(d *diag.Diagnostic) bool { return d.Code == "not-supported" && d.Row == row }) {
			t.Errorf("%s() is listed as missing and not refused with %s:\n%s", name, row, render(list))
		}
	}
}

// refusals finds the rows that the source refuses as not supported yet.
var refusals = regexp.MustCompile(`nsupported\([^"\n]*"([A-Z]+-[A-Z0-9-]+)"|otSupported\("([A-Z]+-[A-Z0-9-]+)"|"not supported yet: [^\n]*(?:\n[^\n]*)??WithRow\("([A-Z0-9-]+)"\)`)

// TestRefusedIsComplete finds every place of the source that refuses something
// as not supported yet, and looks for its row on the language page.
func TestRefusedIsComplete(t *testing.T) {
	page := read(t, "docs/language.md")
	found := 0
	for _, dir := range []string{"lang/check", "lang/check/ctype", "lang/check/infer", "runtime/machine/live/provider", "stdlib"} {
		files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(dir), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range refusals.FindAllStringSubmatch(string(b), -1) {
				found++
				row := m[1] + m[2] + m[3]
				if !regexp.MustCompile(`\b` + row + `\b`).MatchString(page) {
					t.Errorf("%s refuses %s, which docs/language.md does not say", name, row)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no refusal found in the source: the pattern of this test is out of date")
	}
}

// TestLinks follows the links of the documents to files and headings.
func TestLinks(t *testing.T) {
	each(t, func(t *testing.T, path, text string) {
		for _, link := range Links(text) {
			if strings.Contains(link, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(link, "#")
			target, body := path, text
			if file != "" {
				target = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
				b, err := os.ReadFile(target)
				if err != nil {
					t.Errorf("link to %s: %v", link, err)
					continue
				}
				body = string(b)
			}
			if anchor != "" && !slices.Contains(Anchors(body), anchor) {
				t.Errorf("link to %s: %s has no such heading", link, target)
			}
		}
	})
}

// sourcePath is code in a document that names a file or folder of the tree.
var sourcePath = regexp.MustCompile(`^(?:\.\./)?((?:cmd|compiler|docs|lang|runtime|scripts|stdlib|test)(?:/[\w.*-]+)*/?)(?::\w+)?$`)

// TestPaths looks for every file and folder that a document names as code.
func TestPaths(t *testing.T) {
	dir := root(t)
	each(t, func(t *testing.T, path, text string) {
		for _, c := range Code(text) {
			m := sourcePath.FindStringSubmatch(c)
			if m == nil || strings.Contains(c, "NAME") || !strings.Contains(c, "/") {
				continue
			}
			found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(m[1])))
			if err != nil || len(found) == 0 {
				t.Errorf("`%s` does not exist", c)
			}
		}
	})
}

// TestQuotes finds every piece of Go that a document shows in the source.
func TestQuotes(t *testing.T) {
	blank := regexp.MustCompile(`\s+`)
	squeeze := func(s string) string { return blank.ReplaceAllString(strings.TrimSpace(s), " ") }
	var sources []string
	for _, dir := range []string{"stdlib", "runtime/machine/live/provider", "runtime/sink", "compiler/pass"} {
		files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(dir), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, squeeze(string(b)))
		}
	}
	each(t, func(t *testing.T, path, text string) {
		for _, b := range Blocks(text) {
			if b.Lang != "go" {
				continue
			}
			want := squeeze(b.Text)
			if !slices.ContainsFunc(sources, func(s string) bool { return strings.Contains(s, want) }) {
				t.Errorf("line %d: the source has no such code:\n%s", b.Line, b.Text)
			}
		}
	})
}

// TestForm checks what every document has in common.
func TestForm(t *testing.T) {
	each(t, func(t *testing.T, path, text string) {
		if !strings.HasPrefix(text, "# ") || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
			t.Error("a document starts with a title and ends with one newline")
		}
		for i, line := range strings.Split(text, "\n") {
			if strings.TrimRight(line, " \t") != line {
				t.Errorf("line %d ends with a blank", i+1)
			}
			if strings.Contains(line, "TO"+"DO") || strings.Contains(line, "FIX"+"ME") {
				t.Errorf("line %d leaves something to do", i+1)
			}
		}
		if n := strings.Count(text, "\n```"); n%2 != 0 {
			t.Errorf("%d fences: one is not closed", n)
		}
	})
}

// featureUse is a place of the source that asks for a feature.
var featureUse = regexp.MustCompile(`feature\.([A-Z]\w+)\b[^(]`)

// TestKernels checks the hand-written table of docs/kernels.md: its names are
// features, and no feature that decides something is left out.
func TestKernels(t *testing.T) {
	text := read(t, "docs/kernels.md")
	rows := Table(text, "with it")
	if len(rows) == 0 {
		t.Fatal("docs/kernels.md has no table of what features are for")
	}
	known := map[string]bool{}
	for _, f := range feature.All() {
		known[f.Name] = true
	}
	has := map[string]bool{}
	for _, cells := range rows {
		for _, name := range submatches(codeRE, cells[len(cells)-1]) {
			if !known[name] {
				t.Errorf("docs/kernels.md explains %s, which is no feature", name)
			}
			has[name] = true
		}
	}
	used := map[string]bool{}
	for _, name := range []string{"cmd/probe/script.go", "cmd/probe/doctor.go"} {
		for _, m := range featureUse.FindAllStringSubmatch(read(t, name), -1) {
			used[m[1]] = true
		}
	}
	for _, name := range targetFeatures(t) {
		used[name] = true
	}
	for _, info := range feature.All() {
		// The constants are spelled as the names are, without underscores.
		spelled := strings.ReplaceAll(info.Name, "_", "")
		for u, yes := range used {
			if yes && strings.EqualFold(u, spelled) && !has[info.Name] {
				t.Errorf("docs/kernels.md does not say what %s is for", info.Name)
			}
		}
	}
	for _, want := range []string{"Fentry", "KprobeMulti", "RingBuf", "TaskBTF"} {
		if !used[want] {
			t.Errorf("%s is not among the features in use: the pattern of this test is out of date", want)
		}
	}
}

// onlyNew are scripts that docs/kernels.md calls refused without a feature.
var onlyNew = []struct{ feature, script string }{
	{"for_each_map_elem", "begin { @m[1] = 2; for ($kv : @m) { print($kv.0); } }"},
	{"for_each_map_elem", "begin { @m[1] = 2; print(len(@m)); }"},
	{"percpu_lookup", "begin { @m[1] = count(); print((uint64)@m[1]); }"},
	{"tai_time", "begin { print(nsecs(tai)); }"},
	{"func_ip", "kretprobe:vfs_read { @[func] = count(); }"},
	{"func_ip", "fentry:vfs_read { @[func] = count(); }"},
}

// both are scripts that it says work without the feature as well.
var both = []struct{ feature, script string }{
	{"percpu_lookup", "begin { @m = count(); print((uint64)@m); }"},
	{"tai_time", "begin { print(nsecs(sw_tai)); }"},
	{"func_ip", "kprobe:vfs_read { @[func] = count(); }"},
	{"loop", "begin { for ($i : 0..pid) { @ = sum($i); } }"},
	{"task_btf", "begin { print(curtask->real_parent->pid); }"},
}

// TestKernelsRefuse compiles for a kernel with every feature and for the oldest
// one: what docs/kernels.md calls refused is refused by the second alone.
func TestKernelsRefuse(t *testing.T) {
	c := checker(t)
	for _, s := range onlyNew {
		c.Old = false
		if list := c.Check(s.script); list.HasErrors() {
			t.Errorf("%s: refused with %s:\n%s", s.script, s.feature, render(list))
		}
		c.Old = true
		list := c.Check(s.script)
		if !slices.ContainsFunc(list.All, func(d *diag.Diagnostic) bool { return d.Code == "missing-kernel-feature" }) {
			t.Errorf("%s: not refused without %s:\n%s", s.script, s.feature, render(list))
		}
	}
	for _, s := range both {
		c.Old = true
		if list := c.Check(s.script); list.HasErrors() {
			t.Errorf("%s: refused without %s:\n%s", s.script, s.feature, render(list))
		}
	}
}

// targetUse is a place of the compiler or the library that names a feature.
var targetUse = regexp.MustCompile(`target\.([A-Z]\w+)`)

// targetFeatures returns the features that the compiler and the library name.
func targetFeatures(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, dir := range []string{"compiler/lower", "stdlib", "stdlib/fgraph"} {
		files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(dir), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(name, "_test.go") {
				for _, m := range targetUse.FindAllStringSubmatch(string(b), -1) {
					out = append(out, m[1])
				}
			}
		}
	}
	return out
}
