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

// recordFolders hold the records of builtins and of kinds of probes, and what
// may know them by name.
var recordFolders = []string{"stdlib", "runtime/machine/live/provider"}

// knowsNames are places outside of the records that compare with a word that is
// also the name of a builtin or of a kind of probe, and why that is in order.
var knowsNames = map[string]string{}

// TestNamesStayInRecords fails when code outside of the records decides by the
// name of a builtin or of a kind of probe: in a comparison, a case, or the keys
// or elements of a table. What such code wants to know belongs into the record.
func TestNamesStayInRecords(t *testing.T) {
	names := map[string]bool{}
	for name := range stdlib.Signatures() {
		names[name] = true
	}
	for _, k := range provider.Kinds() {
		names[k.Name] = true
	}
	used := map[string]bool{}
	for _, top := range []string{"lang/check", "lang/hir", "compiler", "runtime", "cmd/front"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			rel := filepath.ToSlash(strings.TrimPrefix(path, "../"))
			for _, f := range recordFolders {
				if strings.HasPrefix(rel, f+"/") {
					return nil
				}
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
				if knowsNames[key] == "" {
					t.Errorf("%s:%d decides by the name %q: its record should say what the code wants to know", rel, set.Position(lit.Pos()).Line, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range knowsNames {
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
