package hir

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"

	"probe/lang/source"
	"probe/lang/types"
)

// nodes are one of each kind.
var nodes = []any{
	&Int{}, &Bytes{}, &VarRef{}, &MapGet{}, &MapArg{}, &MapElem{}, &VarAddr{}, &WordArg{}, &Unary{}, &Binary{}, &Logical{}, &Cond{}, &Elvis{},
	&BlockX{}, &Member{}, &Deref{}, &Index{}, &Cast{}, &Tuple{}, &Call{}, &ArgRef{}, &ArgsRecord{}, &Retval{}, &Duration{}, &IncDec{},
	&SetVar{}, &SetMap{}, &Aggregate{}, &Eval{}, &ForRange{}, &ForMap{}, &While{}, &Unroll{}, &Break{}, &Continue{}, &Return{}, &BlockS{},
}

// TestNodes: nodes has every type of the package that is an expression or a
// statement.
func TestNodes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "hir.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared, have []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		st, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range st.Fields.List {
			if id, ok := f.Type.(*ast.Ident); ok && len(f.Names) == 0 && (id.Name == "X" || id.Name == "S") {
				declared = append(declared, spec.Name.Name)
			}
		}
		return true
	})
	for _, n := range nodes {
		have = append(have, strings.TrimPrefix(fmt.Sprintf("%T", n), "*hir."))
	}
	slices.Sort(declared)
	slices.Sort(have)
	if !slices.Equal(declared, have) {
		t.Errorf("declared are\n%v\nthe list has\n%v", declared, have)
	}
}

// filled returns a node whose parts that hold expressions all hold some: leaves
// gets their numbers.
func filled(n any, leaves *[]uint64) any {
	leaf := func() *Int {
		*leaves = append(*leaves, uint64(len(*leaves)+1))
		return &Int{X: X{T: types.Int64}, V: (*leaves)[len(*leaves)-1]}
	}
	block := func() *Block {
		return &Block{Stmts: []Stmt{&Eval{X: leaf()}}, Value: leaf()}
	}
	v := reflect.New(reflect.TypeOf(n).Elem())
	s := v.Elem()
	for i := range s.NumField() {
		f := s.Field(i)
		if s.Type().Field(i).Anonymous {
			continue
		}
		switch f.Type() {
		case reflect.TypeFor[Expr]():
			f.Set(reflect.ValueOf(leaf()))
		case reflect.TypeFor[[]Expr]():
			f.Set(reflect.ValueOf([]Expr{leaf(), leaf()}))
		case reflect.TypeFor[*Block]():
			f.Set(reflect.ValueOf(block()))
		case reflect.TypeFor[*Var]():
			f.Set(reflect.ValueOf(&Var{Name: "v", Type: types.Int64}))
		case reflect.TypeFor[*Map]():
			f.Set(reflect.ValueOf(&Map{Name: "m", Value: types.Int64, Key: types.Int64}))
		case reflect.TypeFor[*types.Signature]():
			f.Set(reflect.ValueOf(&types.Signature{Name: "fn", Format: -1}))
		case reflect.TypeFor[*types.Field]():
			f.Set(reflect.ValueOf(&types.Field{Name: "field", Type: types.Int64}))
		}
	}
	return v.Interface()
}

// Every expression inside of a node is visited, once, outer ones first. The parts
// are found by their Go types, so a node that gets another part is checked too.
func TestWalk(t *testing.T) {
	for _, n := range nodes {
		var want, got []uint64
		node := filled(n, &want)
		var order []any
		ex := func(e Expr) {
			order = append(order, e)
			if i, ok := e.(*Int); ok {
				got = append(got, i.V)
			}
		}
		st := func(s Stmt) { order = append(order, s) }
		switch node := node.(type) {
		case Expr:
			if leaf, ok := node.(*Int); ok {
				leaf.V, want = 1, []uint64{1}
			}
			WalkExpr(node, ex, st)
		case Stmt:
			WalkBlock(&Block{Stmts: []Stmt{node}}, ex, st)
		}
		if !slices.Equal(want, got) {
			t.Errorf("%T: visited %v of %v", n, got, want)
		}
		if len(order) == 0 || order[0] != node {
			t.Errorf("%T is not visited before what it holds", n)
		}
		// Neither function has to be given.
		switch node := node.(type) {
		case Expr:
			WalkExpr(node, nil, nil)
		case Stmt:
			WalkBlock(&Block{Stmts: []Stmt{node}}, nil, nil)
		}
	}
	WalkBlock(nil, func(Expr) { t.Error("no block holds an expression") }, nil)
	for _, e := range []Expr{nil, (*BlockX)(nil), (*Cond)(nil)} {
		if !IsNil(e) {
			t.Errorf("%T is something", e)
		}
	}
	if IsNil(&Int{}) {
		t.Error("a number is nothing")
	}
}

// The dump of a program shows every node, with everything in it.
func TestDump(t *testing.T) {
	for _, n := range nodes {
		var leaves []uint64
		node := filled(n, &leaves)
		var stmt Stmt
		if x, ok := node.(*IncDec); ok {
			x.Var = nil // an element of the map is meant then
		}
		if e, ok := node.(Expr); ok {
			setType(e)
			stmt = &Eval{X: e}
		} else {
			stmt = node.(Stmt)
		}
		for i := range leaves {
			leaves[i] += 7000 // told from other numbers in the text
		}
		number := func(e Expr) {
			if x, ok := e.(*Int); ok && x != node {
				x.V += 7000
			}
		}
		WalkBlock(&Block{Stmts: []Stmt{stmt}}, number, nil)
		site := &Site{Provider: "kprobe", Name: "kprobe:f", Args: []Arg{{Name: "a", Type: types.Int64}}}
		var b strings.Builder
		(&Script{Probes: []*Probe{{Site: site, Body: &Block{Stmts: []Stmt{stmt}}}}}).Dump(&b)
		for _, leaf := range leaves {
			if !strings.Contains(b.String(), fmt.Sprint(leaf)) {
				t.Errorf("%T: %d is not in the dump:\n%s", n, leaf, b.String())
			}
		}
	}
}

// setType gives an expression a type.
func setType(e Expr) {
	x := reflect.ValueOf(e).Elem().FieldByName("X")
	x.FieldByName("T").Set(reflect.ValueOf(types.TupleType(types.Int64, types.Int64)))
	if _, ok := e.(*Tuple); !ok {
		x.FieldByName("T").Set(reflect.ValueOf(types.Int64))
	}
}

// Spans and types come from what nodes embed.
func TestEmbedded(t *testing.T) {
	at := source.Span{Start: 3, End: 5}
	var e Expr = &Unary{X: X{T: types.Int8, At: at}}
	var s Stmt = &Break{S{At: at}}
	if e.Span() != at || e.Type() != types.Int8 || s.Span() != at {
		t.Error("a node's place or type is lost")
	}
}
