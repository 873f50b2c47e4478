package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"probe/runtime/machine/live/provider"
	"probe/stdlib"
)

// nameFolders are searched for decisions by name. The records themselves are in
// stdlib, in runtime/machine/live/provider, and in lang/check/words.go.
var nameFolders = []string{"lang/check", "lang/hir", "compiler", "runtime/machine/recording", "runtime/session", "cmd/front"}

// otherWords are places that compare with a word that is also the name of a
// builtin or probe type and means something else there.
var otherWords = map[string]string{
	"lang/hir/config.go fentry":      "a value of the variable attach",
	"lang/hir/config.go kprobe":      "a value of the variable attach",
	"lang/hir/config.go strlen":      "an old name of a configuration variable",
	"compiler/ir/parse.go ret":       "an instruction of the IR",
	"lang/check/words.go probe":      "a record",
	"lang/check/words.go probetype":  "a record",
	"lang/check/words.go str":        "a record",
	"compiler/lower/hoist.go comm":   "part of the name of a kernel function",
	"compiler/lower/hoist.go uid":    "part of the name of a kernel function",
	"compiler/lower/hoist.go gid":    "part of the name of a kernel function",
	"compiler/lower/hoist.go cgroup": "part of the name of a kernel function",
	"compiler/target/arch.go ip":     "a register",
	"cmd/front/repl/command.go exit": "a command of the prompt",
	"cmd/front/bcc/argdist.go comm":  "a word of the script that is written",
	"cmd/front/bcc/latency.go time":  "the name of a map",
	"cmd/front/bcc/slower.go nsecs":  "a word of the script that is written",
}

// TestNamesStayInRecords fails when code outside of the records decides by the
// name of a builtin or of a probe type: in a comparison, a case, or the keys or
// elements of a table. The information that such code needs belongs in the
// record.
func TestNamesStayInRecords(t *testing.T) {
	names := map[string]bool{}
	for name := range stdlib.Signatures() {
		names[name] = true
	}
	for _, k := range provider.Kinds() {
		names[k.Name] = true
	}
	used := map[string]bool{}
	for _, top := range nameFolders {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			rel := filepath.ToSlash(strings.TrimPrefix(path, "../"))
			if strings.HasPrefix(rel, "compiler/compilertest/") {
				return nil // words of the steps that tests are written in
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			for _, lit := range decisions(file) {
				name, _ := strconv.Unquote(lit.Value)
				if !names[name] {
					continue
				}
				key := rel + " " + name
				used[key] = true
				if otherWords[key] == "" {
					t.Errorf("%s:%d decides by the name %q: its record should say what the code wants to know", rel, set.Position(lit.Pos()).Line, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range otherWords {
		if !used[key] {
			t.Errorf("the exception %q is not used any more", key)
		}
	}
}

// decisions finds the string literals that a file compares with, and those that
// are keys or elements of tables of strings.
func decisions(file *ast.File) []*ast.BasicLit {
	var out []*ast.BasicLit
	add := func(es ...ast.Expr) {
		for _, e := range es {
			if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				out = append(out, lit)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CaseClause:
			add(n.List...)
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				add(n.X, n.Y)
			}
		case *ast.CompositeLit:
			kind, elem := fmt.Sprintf("%T", n.Type), ""
			if a, ok := n.Type.(*ast.ArrayType); ok {
				elem = fmt.Sprint(a.Elt)
			}
			for _, e := range n.Elts {
				switch e := e.(type) {
				case *ast.KeyValueExpr:
					if kind == "*ast.MapType" {
						add(e.Key)
					}
				default:
					if elem == "string" {
						add(e)
					}
				}
			}
		}
		return true
	})
	return out
}
