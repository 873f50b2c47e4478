package check_test

import (
	"strings"
	"testing"

	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/types"
)

// TestParamKinds checks each kind of parameter with functions of its own, as
// the library does not use all of them.
func TestParamKinds(t *testing.T) {
	fn := func(name string, kinds ...types.ParamKind) *types.Signature {
		s := &types.Signature{Name: name, Row: "F-GEN-02", Usage: name + "(…)", Result: types.Int32, Format: -1}
		for _, k := range kinds {
			s.Params = append(s.Params, types.Param{Name: "p", Kind: k, Words: []string{"fast", "slow"}})
		}
		return s
	}
	table := map[string]*types.Signature{
		"any": fn("any", types.AnyParam), "int": fn("int", types.IntParam), "ptr": fn("ptr", types.PtrParam),
		"string_": fn("string_", types.StringParam), "bytes": fn("bytes", types.BytesParam),
		"lit_int": fn("lit_int", types.LitInt), "lit_str": fn("lit_str", types.LitString), "lit_bool": fn("lit_bool", types.LitBool),
		"lit_any": fn("lit_any", types.LitAny), "word": fn("word", types.WordParam), "map": fn("map", types.MapParam),
		"elem": fn("elem", types.MapElemParam), "keyed": fn("keyed", types.MapParam, types.KeyParam),
		"type": fn("type", types.TypeParam), "field": fn("field", types.TypeParam, types.FieldParam),
		"count": {Name: "count", Agg: true, Format: -1, Result: &types.Type{Kind: types.Count, Size: 8}},
		"cast":  {Name: "cast", Format: -1, Result: types.Int32, Params: []types.Param{{Name: "n", Kind: types.IntParam, Cast: types.Int64}}},
		"warns": {Name: "warns", Format: -1, Infer: func(*types.Call) (*types.Type, *types.Problem) {
			return types.Int8, &types.Problem{Arg: -1, Message: "take care", Help: "do so", Warning: true, Code: "useless-cast"}
		}},
		"waits": {Name: "waits", Format: -1, Params: []types.Param{{Name: "m", Kind: types.MapParam}}, Infer: func(c *types.Call) (*types.Type, *types.Problem) {
			return c.Args[0].Map.Value, nil
		}},
	}
	for _, tc := range []struct {
		call string
		code diag.Code // "" if accepted
		want string    // in the dump, or in the message
	}{
		{"any(comm5)", "unknown-name", "unknown identifier"},
		{"any((1, 2))", "", "any((1: int8, 2: int8)"},
		{"any(count())", "aggregation-misplaced", "must be assigned"},
		{"int(5)", "", "int(5: int8)"},
		{"int(true)", "", "int(true: bool)"},
		{`int("x")`, "bad-argument", "int() only supports integer arguments"},
		{"cast(5)", "", "cast(5: int64)"},
		{"ptr(5)", "", "ptr(5"},
		{"ptr((void *)5)", "", "ptr(0x5: void *)"},
		{`ptr("x")`, "bad-argument", "only supports integer or pointer"},
		{`string_("x")`, "", `string_("x"`},
		{"string_($p)", "bad-argument", "only supports string"},
		{`bytes("x")`, "", "bytes("},
		{"bytes(true)", "bad-argument", "only supports string, array, buffer or pointer"},
		{"bytes((1, 2))", "bad-argument", "only supports string, array"},
		{"lit_int(2 * 3)", "", "lit_int(6: int8)"},
		{"lit_int($p)", "literal-expected", "lit_int() expects an integer literal"},
		{`lit_str("a" + "b")`, "", `lit_str("ab"`},
		{"lit_str(5)", "literal-expected", "expects a string literal"},
		{"lit_bool(1 == 1)", "", "lit_bool(true"},
		{"lit_bool(1)", "literal-expected", "expects a bool literal"},
		{`lit_any((1, "x"))`, "", "lit_any("},
		{"lit_any($p)", "literal-expected", "expects any literal"},
		{"word(fast)", "", "word(fast)"},
		{`word("slow")`, "", "word(slow)"},
		{"word(fats)", "unknown-word", "expected one of fast, slow"},
		{"word(5)", "unknown-word", "expected one of fast, slow"},
		{"map(@m)", "", "map(map @m)"},
		{"map(@m[1])", "map-expected", "expects a map"},
		{"map(5)", "map-expected", "expects a map"},
		{"map_of(@m)", "unknown-name", "unknown function"},
		{"elem(@m)", "", "elem(map @m)"},
		{"elem(@m[1])", "", "elem(@m[1: int8])"},
		{"elem(5)", "", "elem(5: int8)"},
		{"keyed(@m, 300)", "", "keyed(map @m, 300: int16)"},
		{`keyed(@m, "x")`, "key-mismatch", "argument mismatch"},
		{"type(typeof(int8))", "", "type(int8)"},
		{"type(typeof(no_such))", "unknown-type", "unknown type"},
		{"type(5)", "bad-argument", "expects a type or a name"},
		{"field(typeof(struct sock), sk_err)", "", "field(struct sock, sk_err)"},
		{"warns()", "", "warns(): int8"},
		{"waits(@m)", "", "waits(map @m): int64"},
		{"count()", "aggregation-misplaced", "must be assigned"},
	} {
		in, ds := newInput(t, "begin { @later = @m[1]; $p = (int8 *)5; _ = "+tc.call+"; _ = $p; } end { @m[1] = (int64)5; }")
		if ds.HasErrors() {
			t.Fatalf("%s: %s", tc.call, render(ds))
		}
		in.Builtins = table
		p, _, ds := check.Check(in)
		if tc.code != "" {
			d := find(ds, tc.code)
			if p != nil || d == nil || !strings.Contains(d.Message+d.Label, tc.want) {
				t.Errorf("%s: no %s %q in:\n%s", tc.call, tc.code, tc.want, render(ds))
			}
			continue
		}
		if p == nil {
			t.Errorf("%s: %s", tc.call, render(ds))
			continue
		}
		var sb strings.Builder
		p.Dump(&sb)
		if !strings.Contains(sb.String(), tc.want) {
			t.Errorf("%s: %q not in:\n%s", tc.call, tc.want, sb.String())
		}
	}
}
