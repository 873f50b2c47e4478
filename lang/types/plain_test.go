package types

import "testing"

func TestPlain(t *testing.T) {
	for _, tc := range []struct {
		typ  *Type
		want string
	}{
		{StringType(16), "string"}, {ArrayOf(Int8, 16), "int8[16]"}, {TupleType(Int64, StringType(8), StringType(4)), "(int64,string,string)"},
		{PointerTo(Int32, Kernel), PointerTo(Int32, Kernel).String()}, {Uint64, "uint64"},
	} {
		if got := tc.typ.Plain(); got != tc.want {
			t.Errorf("Plain of %s = %s, want %s", tc.typ, got, tc.want)
		}
	}
}
