// Package test holds what is true of the repository as a whole.
package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// edges is the architecture as data: which of our packages a package may
// import. A package that is not listed may import none. "a/..." allows a and
// everything below it.
var edges = map[string][]string{
	"lang/source":                      nil,
	"lang/types":                       {"lang/source"},
	"lang/diag":                        {"lang/source"},
	"lang/value":                       {"lang/types"},
	"lang/syntax":                      {"lang/source", "lang/diag"},
	"lang/hir":                         {"lang/source", "lang/diag", "lang/types"},
	"lang/check/ctype":                 {"lang/source", "lang/diag", "lang/hir", "lang/syntax", "lang/types", "lang/check/infer"},
	"lang/check/infer":                 {"lang/source", "lang/hir", "lang/types"},
	"lang/check":                       {"lang/..."},
	"compiler/ir":                      {"lang/source"},
	"compiler/target":                  nil,
	"compiler/regalloc":                nil,
	"compiler/pass":                    {"compiler/ir"},
	"compiler/emit":                    {"lang/source", "compiler/ir", "compiler/regalloc", "compiler/pass"},
	"compiler/builtin":                 {"lang/...", "compiler/ir", "compiler/target"},
	"compiler/object":                  {"lang/...", "compiler/builtin", "compiler/ir"},
	"compiler/lower":                   {"lang/...", "compiler/ir", "compiler/target", "compiler/builtin", "compiler/object"},
	"compiler":                         {"lang/...", "compiler/..."},
	"stdlib/fgraph":                    {"lang/hir", "lang/types", "lang/value", "compiler/ir", "compiler/builtin"},
	"stdlib":                           {"lang/...", "compiler/ir", "compiler/target", "compiler/builtin", "stdlib/fgraph"},
	"scripts":                          nil,
	"runtime/machine/live/feature/bpf": nil,
	"runtime/machine/live/btf":         {"runtime/machine/live/feature/bpf"},
	"runtime/machine/live/elf":         nil,
	"runtime/machine/live/tracefs":     nil,
	"runtime/machine/live/symbol":      {"runtime/machine/live/elf", "runtime/machine/live/feature/bpf"},
	"runtime/machine/live/feature":     {"runtime/machine/live/btf", "runtime/machine/live/tracefs", "runtime/machine/live/feature/bpf"},
	"runtime/machine/live/bpf":         nil,
	"runtime/lab":                      nil,
	"runtime/ring":                     {"lang/...", "compiler/..."},
	"runtime/event":                    {"lang/diag", "lang/source", "lang/types", "lang/value", "runtime/graph"},
	"runtime/sink":                     {"lang/...", "runtime/event"},
	"runtime/machine/live/kernel":      {"lang/...", "compiler/target", "runtime/machine/live/btf", "runtime/machine/live/tracefs", "runtime/machine/live/symbol", "runtime/machine/live/feature", "runtime/machine/live/elf", "runtime/machine/live/bpf"},
	"runtime/machine/live/provider":    {"stdlib/fgraph", "lang/...", "compiler/target", "runtime/machine/live/kernel", "runtime/machine/live/btf", "runtime/machine/live/tracefs", "runtime/machine/live/symbol", "runtime/machine/live/elf", "runtime/machine/live/bpf", "runtime/machine/live/feature"},
	"runtime/machine/recording":        {"stdlib/fgraph", "lang/...", "compiler/...", "runtime/graph", "runtime/graph/record", "runtime/machine/live/provider"},
	"runtime/session":                  {"stdlib/fgraph", "lang/...", "compiler/...", "stdlib", "runtime/..."},
	"cmd/front/repl":                   {"lang/...", "compiler", "compiler/...", "stdlib", "runtime/..."},

	"runtime/graph":        {"lang/value"},
	"runtime/graph/proto":  {"runtime/graph", "runtime/machine/live/btf", "runtime/machine/live/symbol"},
	"runtime/graph/record": {"lang/value", "runtime/graph"},
	"runtime/graph/diff":   {"runtime/graph"},
	"runtime/graph/export": {"runtime/graph"},
	"runtime/graph/live":   {"stdlib/fgraph", "lang/...", "compiler/builtin", "runtime/graph", "runtime/graph/ftrace", "runtime/machine/live/symbol", "runtime/machine/live/tracefs"},
	"runtime/graph/ftrace": {"lang/diag", "runtime/graph", "runtime/machine/live/symbol", "runtime/machine/live/tracefs"},
}

// free are the folders that join everything: commands and test support.
var free = []string{"cmd/", "test", "internal/golden", "internal/guest", "runtime/machine/live/btf/btftest", "compiler/emit/bpfsim", "compiler/ir/irgen", "compiler/compilertest"}

// TestImports fails on any import between our packages that edges does not
// allow, so that the tree stays the architecture diagram.
func TestImports(t *testing.T) {
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
		for _, f := range free {
			if strings.HasPrefix(pkg, f) {
				return nil
			}
		}
		allowed, listed := edges[pkg]
		if !listed {
			t.Errorf("package %s is not in the list of packages: add it with what it may import", pkg)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range file.Imports {
			name, _ := strconv.Unquote(im.Path.Value)
			ours, ok := strings.CutPrefix(name, "probe/")
			if ok && !allows(allowed, ours) {
				t.Errorf("%s imports %s, which the list of edges does not allow", path, ours)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func allows(allowed []string, pkg string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		base, all := strings.CutSuffix(a, "/...")
		return pkg == base || all && strings.HasPrefix(pkg, base+"/")
	})
}
