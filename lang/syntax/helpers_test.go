package syntax

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"probe/lang/diag"
	"probe/lang/source"
)

// parseOK parses a script that must have no errors; warnings are allowed.
func parseOK(t *testing.T, name, text string) *File {
	t.Helper()
	f, diags := Parse(source.New(name, text))
	for _, d := range diags.All {
		if d.Severity == diag.Error {
			t.Errorf("unexpected message:\n%s", d)
		}
	}
	return f
}

// roundTrip checks what Format promises of a script without errors.
func roundTrip(t *testing.T, f *File) string {
	t.Helper()
	out := Format(f)
	g, diags := Parse(source.New(f.Source.Name+" formatted", out))
	if diags.HasErrors() {
		t.Errorf("formatted script does not parse: %v\n%s", diags.Err(), out)
		return out
	}
	if !Equal(f, g) {
		t.Errorf("formatted script has another tree:\n%s\nwas:\n%s\nis:\n%s", out, Dump(f), Dump(g))
	}
	if again := Format(g); again != out {
		t.Errorf("formatting is not stable; first:\n%s\nthen:\n%s", out, again)
	}
	if a, b := commentWords(f), commentWords(g); a != b {
		t.Errorf("comments changed:\nwas: %s\nis:  %s", a, b)
	}
	return out
}

// commentWords returns the words of all comments in order.
func commentWords(f *File) string {
	var words []string
	for _, c := range f.Comments {
		words = append(words, strings.Fields(c.Text)...)
	}
	return strings.Join(words, " ")
}

// checkSpans checks that every node has a place, inside the one of the node
// above it.
func checkSpans(t *testing.T, f *File) {
	t.Helper()
	var stack []Node
	var visit func(n Node)
	visit = func(n Node) {
		s := n.Span()
		if s.File != f.Source || s.Start > s.End || s.End > len(f.Source.Text) {
			t.Errorf("%T has the bad place %d-%d", n, s.Start, s.End)
		}
		if len(stack) > 0 {
			up := stack[len(stack)-1].Span()
			if s.Start < up.Start || s.End > up.End {
				t.Errorf("%T %q is not inside %T %q", n, s.Text(), stack[len(stack)-1], up.Text())
			}
		}
		if text := s.Text(); text != strings.Trim(text, " \t\r\n\v\f") && len(stack) > 0 {
			t.Errorf("%T %q has layout at its ends", n, text)
		}
		stack = append(stack, n)
		first := true
		Inspect(n, func(m Node) bool {
			if first {
				first = false
				return true
			}
			visit(m)
			return false
		})
		stack = stack[:len(stack)-1]
	}
	visit(f)
}

// corpus returns all scripts of the test data, by name.
func corpus(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"testdata/corpus/*.bt", "testdata/corpus/*.pr"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.Base(name)] = string(text)
		}
	}
	return out
}

// grouped returns an expression with every operator's operands in brackets, to
// see how it was read.
func grouped(x Expr) string {
	switch x := x.(type) {
	case nil:
		return ""
	case *Binary:
		return fmt.Sprintf("[%s %s %s]", grouped(x.X), x.Op, grouped(x.Y))
	case *Unary:
		return fmt.Sprintf("[%s%s]", x.Op, grouped(x.X))
	case *Postfix:
		return fmt.Sprintf("[%s%s]", grouped(x.X), x.Op)
	case *Ternary:
		return fmt.Sprintf("[%s ? %s : %s]", grouped(x.Cond), grouped(x.Then), grouped(x.Else))
	case *Cast:
		s := fmt.Sprintf("[<%s> %s]", x.Type, grouped(x.X))
		if x.Alt != nil {
			s += "or" + grouped(x.Alt)
		}
		return s
	case *Paren:
		return "(" + grouped(x.X) + ")"
	case *Field:
		return fmt.Sprintf("[%s.%s]", grouped(x.X), x.Name)
	case *Index:
		return fmt.Sprintf("[%s at %s]", grouped(x.X), grouped(x.I))
	case *Comptime:
		return fmt.Sprintf("[comptime %s]", grouped(x.X))
	case *Tuple:
		return "tuple" + groupedList(x.Elems)
	case *Record:
		return "record" + groupedList(x.Values)
	case *Call:
		return x.Name + groupedList(x.Args)
	case *Map:
		if x.Keys == nil {
			return "@" + x.Name
		}
		return "@" + x.Name + groupedList(x.Keys)
	case *Sizeof:
		if x.Type != nil {
			return fmt.Sprintf("sizeof<%s>", x.Type)
		}
		return "sizeof(" + grouped(x.X) + ")"
	case *TypeArg:
		return fmt.Sprintf("<%s>", x.Type)
	}
	return formatExpr(x)
}

func groupedList(xs []Expr) string {
	var out []string
	for _, x := range xs {
		out = append(out, grouped(x))
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// formatExpr returns the canonical text of one expression.
func formatExpr(x Expr) string {
	p := &printer{}
	p.expr(x)
	return (&layout{ops: p.ops}).run()
}
