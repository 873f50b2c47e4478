package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// Every goroutine of the program defers watchdog.Report, so that a panic in it
// puts the machine back and says what to report.
func TestGoroutines(t *testing.T) {
	seen := 0
	for _, dir := range []string{"../cmd", "../runtime", "../stdlib", "../compiler", "../lang"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					seen++
					if !reports(g) && !provoked(g) {
						t.Errorf("%s: this goroutine does not begin with `defer watchdog.Report()` (runtime/watchdog)", set.Position(g.Pos()))
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 20 {
		t.Errorf("only %d goroutines found", seen)
	}
}

// reports reports whether the function of a go statement defers
// watchdog.Report, after other deferred calls at most.
func reports(g *ast.GoStmt) bool {
	fn, ok := g.Call.Fun.(*ast.FuncLit)
	if !ok {
		return false
	}
	for _, s := range fn.Body.List {
		d, ok := s.(*ast.DeferStmt)
		if !ok {
			return false
		}
		if sel, ok := d.Call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Report" {
			return true
		}
	}
	return false
}

// provoked reports whether a go statement is the panic that a test provokes.
func provoked(g *ast.GoStmt) bool {
	id, ok := g.Call.Fun.(*ast.Ident)
	return ok && id.Name == "panic"
}
