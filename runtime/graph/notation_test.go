package graph

import (
	"maps"
	"testing"
)

func TestNotation(t *testing.T) {
	as := func(a As) *Notation { return &Notation{As: a} }
	scope := &Notation{Enum: []Enumerator{{"UNIVERSE", 0}, {"HOST", 254}, {"SAME", 254}, {"BELOW", -2}}}
	for _, tt := range []struct {
		n    *Notation
		typ  Result
		bits uint64
		want string
	}{
		{nil, Int32, 7, "7"}, {nil, Pointer, 0, "NULL"},
		// Only the low half of the register is defined.
		{as(AsIP4), Uint32, 0xdeadbeef_0b010164, "100.1.1.11"}, {as(AsIP4), Uint32, 0, "0.0.0.0"},
		{as(AsNet16), Uint16, 0xbeef_5000, "80"}, {as(AsNet32), Uint32, 0x04030201, "0x1020304"},
		{as(AsHex), Uint32, 0xcc0, "0xcc0"}, {as(AsOctal), Uint16, 0o100644, "0100644"},
		{scope, Uint32, 0x1_00000000, "UNIVERSE"}, {scope, Uint32, 254, "HOST"}, {scope, Int32, 0xfffffffe, "BELOW"},
		{scope, Uint32, 3, "3"}, {scope, Int32, 0xffffff9b, "-ENETUNREACH"},
		{as("of a later version"), Uint32, 5, "5"}, {as(AsIP4), Pointer, 0, "NULL"}, {as(AsHex), Void, 1, ""}, {as(AsHex), Bool, 1, "true"},
	} {
		if got := tt.n.Format(tt.typ, tt.bits); got != tt.want {
			t.Errorf("%v of %v %#x = %q, want %q", tt.n, tt.typ, tt.bits, got, tt.want)
		}
	}
}

// valueTree has arguments and results of all kinds.
func valueTree() (*Funcs, *Tree) {
	const net, output = 0xffffffff82000040, 0xffffffff81000000
	funcs := &Funcs{List: []Func{
		{Name: "lookup", Result: Pointer, Params: []Param{{Name: "net", Type: Pointer}, {Name: "fl4", Type: Pointer}, {Name: "sk", Type: Pointer}}},
		{Name: "find", Result: Pointer, Params: []Param{
			{Name: "net", Type: Pointer}, {Name: "addr", Type: Uint32, Notation: &Notation{As: AsIP4}},
			{Name: "scope", Type: Uint32, Notation: &Notation{Enum: []Enumerator{{"HOST", 254}}}},
		}},
	}}
	return funcs, &Tree{
		Args:  []uint64{net, 0xffff888000001000, 0, net, 0x0101010a, 254},
		Texts: map[int32]string{0: "not shown", 1: "{10.1.1.1 → 10.1.1.2}"},
		Calls: []Call{
			{T0: 0, T1: 2000, Parent: -1, End: 2, NArgs: 3, Flags: HasRet, Ret: ^uint64(0) - 100},
			{T0: 500, T1: 1500, Fn: 1, End: 2, Args: 3, NArgs: 3, Flags: HasRet, Ret: output, Depth: 1},
		},
	}
}

func TestValuesOfTree(t *testing.T) {
	funcs, tree := valueTree()
	asked := 0
	lookup := func(addr uint64) string {
		asked++
		return map[uint64]string{0xffffffff82000040: "init_net", 0xffffffff81000000: "ip_output"}[addr]
	}
	funcs.NameSymbols(tree, lookup)
	funcs.NameSymbols(tree, lookup)
	if asked != 2 {
		t.Errorf("%d questions for symbols, want one for each address of the kernel's image", asked)
	}
	want := ` lookup(net=init_net, fl4={10.1.1.1 → 10.1.1.2}, sk=NULL)   2.0 us  = -ENETUNREACH
 └─ find(net=init_net, addr=10.1.1.1, scope=HOST)           1.0 us  = ip_output`
	if got := tree.Text(funcs, Lines); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := tree.Sub(1).Text(funcs, Lines); got != " find(net=init_net, addr=10.1.1.1, scope=HOST)   1.0 us  = ip_output" {
		t.Errorf("the subtree is %s", got)
	}
	var other Funcs
	other.List = funcs.List
	other.TakeSymbols(tree, funcs)
	if !maps.Equal(other.Symbols, funcs.Symbols) || !maps.Equal(funcs.SymbolsOf(tree), funcs.Symbols) {
		t.Errorf("symbols %v and %v, want %v", other.Symbols, funcs.SymbolsOf(tree), funcs.Symbols)
	}
	clone := tree.Clone()
	clone.Texts[1] = "changed"
	if tree.Texts[1] == "changed" {
		t.Error("a clone shares its texts")
	}
}
