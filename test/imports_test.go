// Package test checks properties of the whole repository.
package test

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// edgeList is the architecture as data: which of our packages each package
// imports, exactly. TestImports prints the lines that a change needs.
//
//go:embed edges.txt
var edgeList string

// edges reads edgeList: a package, a colon, what it imports.
func edges() map[string][]string {
	out := map[string][]string{}
	for text := range strings.Lines(edgeList) {
		if pkg, list, ok := strings.Cut(text, ":"); ok {
			out[pkg] = strings.Fields(list)
		}
	}
	return out
}

// free are the folders that can import anything: commands and test support.
var free = []string{"cmd/probe", "internal/", "test", "runtime/machine/live/btf/btftest", "compiler/emit/bpfsim", "compiler/ir/irgen", "compiler/compilertest"}

// layers are the top-level folders in the order of imports: a package imports
// from its own folder and those before it.
var layers = []string{"lang", "compiler", "stdlib", "scripts", "runtime", "cmd"}

// imports returns what each package below the root imports of our packages,
// sorted; tests and the packages in free are left out.
func imports(t *testing.T) map[string][]string {
	out := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != ".." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		pkg := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../"))
		if slices.ContainsFunc(free, func(f string) bool { return strings.HasPrefix(pkg, f) }) {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		list := out[pkg]
		for _, im := range file.Imports {
			name, _ := strconv.Unquote(im.Path.Value)
			if ours, ok := strings.CutPrefix(name, "probe/"); ok && !slices.Contains(list, ours) {
				list = append(list, ours)
			}
		}
		slices.Sort(list)
		out[pkg] = list
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestImports fails when a package imports another than edges.txt says, or does
// not import what edges.txt says, so that the list stays the architecture diagram.
func TestImports(t *testing.T) {
	have, want := imports(t), edges()
	var lines []string
	for pkg, list := range have {
		allowed, listed := want[pkg]
		if listed && slices.Equal(allowed, list) {
			continue
		}
		for _, im := range list {
			if !slices.Contains(allowed, im) {
				t.Errorf("%s imports %s, which edges.txt does not have", pkg, im)
			}
		}
		for _, im := range allowed {
			if !slices.Contains(list, im) {
				t.Errorf("%s does not import %s, which edges.txt has", pkg, im)
			}
		}
		lines = append(lines, strings.TrimSpace(pkg+": "+strings.Join(list, " ")))
	}
	for pkg := range want {
		if _, ok := have[pkg]; !ok {
			t.Errorf("edges.txt has %s, which is no package", pkg)
		}
	}
	if len(lines) > 0 {
		slices.Sort(lines)
		t.Errorf("if that is meant, the lines of test/edges.txt are:\n%s", strings.Join(lines, "\n"))
	}
}

// TestLayers fails on an import from a later folder of layers.
func TestLayers(t *testing.T) {
	layer := func(pkg string) int {
		top, _, _ := strings.Cut(pkg, "/")
		return slices.Index(layers, top)
	}
	for pkg, list := range imports(t) {
		if layer(pkg) < 0 {
			t.Errorf("%s is in no folder of layers", pkg)
		}
		for _, im := range list {
			if layer(im) < 0 || layer(im) > layer(pkg) {
				t.Errorf("%s imports %s: upward", pkg, im)
			}
		}
	}
}

// TestNoSingletons fails if a package below runtime/machine caches facts in a
// package variable: facts belong to the value of the machine that they
// describe.
func TestNoSingletons(t *testing.T) {
	remembers := regexp.MustCompile(`\bsync\.(Once|OnceValue|OnceValues|OnceFunc|Map)\b|\batomic\.`)
	err := filepath.WalkDir("../runtime/machine", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, path, text, 0)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			if src := string(text[set.Position(g.Pos()).Offset:set.Position(g.End()).Offset]); remembers.MatchString(src) {
				t.Errorf("%s: %s", set.Position(g.Pos()), src)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneJoin fails if any package but the engine takes a script from check to
// compilation. Packages below the engine test themselves with their own
// machines.
func TestOneJoin(t *testing.T) {
	below := []string{"lang/", "compiler/", "stdlib/", "runtime/engine/", "internal/"}
	joins := regexp.MustCompile(`\b(check\.Check|compiler\.Compile)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".." {
			return filepath.SkipDir
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		if !strings.HasSuffix(path, ".go") || slices.ContainsFunc(below, func(b string) bool { return strings.HasPrefix(name, b) }) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if found := joins.FindString(string(text)); found != "" && name != "test/imports_test.go" {
			t.Errorf("%s calls %s): the engine does that", name, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
