package syntax

import (
	"reflect"
	"testing"

	"probe/lang/source"
)

// TestInspectCoversTypes walks the corpus and checks that every type of node
// that a valid script can hold was met, so that Inspect forgets none.
func TestInspectCoversTypes(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for name, text := range corpus(t) {
		Walk(parseOK(t, name, text), func(n Node) { seen[reflect.TypeOf(n)] = true })
	}
	for _, n := range []Node{
		&File{}, &Preproc{}, &CDef{}, &Config{}, &ConfigEntry{}, &Import{}, &MapDecl{}, &Macro{}, &Param{}, &Fn{}, &FnParam{},
		&NamedProbe{}, &Probe{}, &AttachPoint{}, &IntLit{}, &StringLit{}, &BoolLit{}, &Ident{}, &Var{}, &Positional{},
		&Map{}, &Call{}, &TypeArg{}, &Unary{}, &Postfix{}, &Binary{}, &Ternary{}, &Field{}, &Index{}, &Cast{}, &Paren{},
		&Tuple{}, &Record{}, &BlockExpr{}, &If{}, &Sizeof{}, &Offsetof{}, &Typeinfo{}, &Comptime{}, &TypeExpr{}, &Block{},
		&Let{}, &Assign{}, &Discard{}, &ExprStmt{}, &For{}, &While{}, &Unroll{}, &Jump{}, &ImportStmt{},
	} {
		if !seen[reflect.TypeOf(n)] {
			t.Errorf("no %T was met", n)
		}
	}
}

func TestInspectStops(t *testing.T) {
	x, _ := ParseExpr(source.New("t", "f(1, g(2))"))
	n := 0
	Inspect(x, func(m Node) bool {
		n++
		c, ok := m.(*Call)
		return ok && c.Name == "f"
	})
	if n != 3 {
		t.Errorf("%d nodes met, want 3", n)
	}
}

func TestEqual(t *testing.T) {
	parse := func(s string) *File { f, _ := Parse(source.New("t", s)); return f }
	base := "kprobe:f /pid == 1/ { $x = (1, \"a\"); @m[1] = count(); }"
	for _, other := range []string{
		"kprobe:f\n/pid == 1/ // c\n{ $x = (1,\"a\") ; @m[1]=count() }",
	} {
		if !Equal(parse(base), parse(other)) {
			t.Errorf("%s and %s are not equal", base, other)
		}
	}
	for _, other := range []string{
		"", "kprobe:g /pid == 1/ { $x = (1, \"a\"); @m[1] = count(); }",
		"kprobe:f { $x = (1, \"a\"); @m[1] = count(); }",
		"kprobe:f /pid == 2/ { $x = (1, \"a\"); @m[1] = count(); }",
		"kprobe:f /pid == 1/ { $x = (1, \"b\"); @m[1] = count(); }",
		"kprobe:f /pid == 1/ { $x = (1, \"a\"); @m[1] += count(); }",
		"kprobe:f /pid == 1/ { $x = (1, \"a\"); @m = count(); }",
		"kprobe:f /pid == 1/ { $x = ((1), \"a\"); @m[1] = count(); }",
		"#!x\n" + base, base + " end { }",
	} {
		if Equal(parse(base), parse(other)) {
			t.Errorf("%s and %s are equal", base, other)
		}
	}
}
