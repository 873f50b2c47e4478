package value

import (
	"testing"

	"probe/lang/types"
)

// Rows of section 5.6, and A-EX-01, -10 to -15 of appendix G.
func TestAppendText(t *testing.T) {
	nested := cstruct(8, types.Field{Name: "c", Type: types.Int32}, types.Field{Name: "d", Type: types.Int32, Offset: 4})
	anonymous := cstruct(16,
		types.Field{Name: "a", Type: types.Int32},
		types.Field{Type: nested, Offset: 8},
		types.Field{Name: "c", Type: types.Int32, Offset: 8, Promoted: true},
		types.Field{Name: "d", Type: types.Int32, Offset: 12, Promoted: true},
	)
	bitfields := cstruct(8,
		types.Field{Name: "u", Type: types.Uint32, BitOff: 0, BitSize: 3},
		types.Field{Name: "s", Type: types.Int32, BitOff: 3, BitSize: 5},
		types.Field{Name: "w", Type: types.Uint32, BitOff: 8, BitSize: 24},
		types.Field{Name: "x", Type: types.Uint64, Offset: 3, BitOff: 4, BitSize: 10},
	)
	int24 := types.ArrayOf(types.ArrayOf(types.Int16, 2), 2)
	signedEnum := &types.Type{Kind: types.Enum, Size: 4, Signed: true, Enum: &types.EnumTable{
		Values: []types.EnumValue{{Name: "MINUS", Value: 0xffffffff}, {Name: "LESS", Value: ^uint64(1)}}}}

	tests := []struct {
		name string
		v    Value
		want string
	}{
		{"V-INT int8", num(types.Int8, -1), "-1"},
		{"V-INT uint8", num(types.Uint8, 255), "255"},
		{"V-INT int64", num(types.Int64, -1<<63), "-9223372036854775808"},
		{"V-INT uint64", num(types.Uint64, -1), "18446744073709551615"},
		{"V-INT short", Value{T: types.Uint32, B: []byte{1}}, "1"},
		{"V-INT empty", Value{T: types.Int64}, "0"},
		{"V-BOOL true", num(types.BoolType, 2), "true"},
		{"V-BOOL false", num(types.BoolType, 0), "false"},
		{"V-PTR", num(types.PointerTo(types.VoidType, types.Kernel), 0x7fAB), "0x7fab"},
		{"V-PTR null", num(types.PointerTo(nil, types.Kernel), 0), "0x0"},
		{"ctx", num(types.CtxType, 16), "0x10"},
		{"V-STR", strN(8, "x y"), "x y"},
		{"V-STR empty", strN(8, ""), ""},
		{"V-STR no NUL", strN(3, "abc"), "abc~"},
		{"V-STR short", Value{T: types.StringType(8), B: []byte("abc")}, "abc"},
		{"V-STR long bytes", Value{T: types.StringType(2), B: []byte("abc")}, "ab~"},
		{"V-STR no size", Value{T: types.StringType(0)}, ""},
		{"V-ARR", Value{T: types.ArrayOf(types.Int32, 3), B: le(uint32(1), uint32(2), uint32(3))}, "[1,2,3]"},
		{"V-ARR nested", Value{T: int24, B: le(uint16(1), uint16(2), uint16(3), uint16(0xffff))}, "[[1,2],[3,-1]]"},
		{"V-ARR flexible", Value{T: types.ArrayOf(types.Int32, 0)}, "[]"},
		{"V-ARR of nothing", Value{T: types.ArrayOf(cstruct(0), 1<<30)}, "[]"},
		{"V-TUP", tuple(num(types.Int8, 1), strN(4, "abc\x00"[:4]), tuple(num(types.Int8, 2), num(types.Int64, 3))), "(1, abc, (2, 3))"},
		{"A-EX-01", tuple(num(types.Int8, 1), strN(2, "a"), tuple(num(types.Int8, 2), num(types.Int8, 3))), "(1, a, (2, 3))"},
		{"A-EX-10", tuple(num(types.BoolType, 1), num(types.Uint8, 255), num(types.Int8, -1)), "(true, 255, -1)"},
		{"tuple of one", tuple(num(types.Int8, 1)), "(1)"},
		{"tuple of none", tuple(), "()"},
		{"A-EX-11", Value{T: cstruct(8, types.Field{Name: "x", Type: types.Int32},
			types.Field{Name: "n", Type: types.StringType(4), Offset: 4}), B: le(uint32(3), "ab\x00\x00")}, "{ .x = 3, .n = ab }"},
		{"A-EX-12", record([]string{"a", "b"}, num(types.Int8, 1), strN(2, "z")), "{ .a = 1, .b = z }"},
		{"V-STRUCT nested", Value{T: cstruct(16, types.Field{Name: "a", Type: types.Int64},
			types.Field{Name: "b", Type: nested, Offset: 8}), B: le(1, uint32(2), uint32(3))}, "{ .a = 1, .b = { .c = 2, .d = 3 } }"},
		{"V-STRUCT anonymous member", Value{T: anonymous, B: le(1, uint32(2), uint32(3))}, "{ .a = 1, .c = 2, .d = 3 }"},
		{"V-STRUCT bit-fields", Value{T: bitfields, B: le(uint32(0xabcdef<<8 | 0b11110_101))}, "{ .u = 5, .s = -2, .w = 11259375, .x = 10 }"},
		{"V-STRUCT empty", Value{T: cstruct(0)}, "{}"},
		{"V-STRUCT short", Value{T: nested, B: le(byte(9))}, "{ .c = 9, .d = 0 }"},
		{"V-STRUCT unknown field", Value{T: cstruct(8, types.Field{Name: "f", Type: types.InvalidType}), B: nil}, "{ .f = null }"},
		{"V-STRUCT data_loc", Value{T: cstruct(8, types.Field{Name: "f", Type: types.StringType(64), Offset: 4, DataLoc: true}),
			B: le(uint32(0), uint16(8), uint16(4), "abc\x00")}, "{ .f = abc }"},
		{"V-STRUCT data_loc as address", Value{T: cstruct(8, types.Field{Name: "f", Type: types.Int64, DataLoc: true}), B: le(77)}, "{ .f = 77 }"},
		{"V-STRUCT rel_loc", Value{T: cstruct(8, types.Field{Name: "f", Type: types.StringType(64), Offset: 4, RelLoc: true}),
			B: le(uint32(0), uint16(1), uint16(4), "?abc\x00")}, "{ .f = abc }"},
		{"V-BUF, A-EX-15", buffer("a\x02b"), `a\x02b`},
		{"V-BUF high bytes", buffer("\xff\\\x7f~"), `\xff\\x7f~`},
		{"V-BUF length beyond", Value{T: types.BufferType(2), B: le(uint32(9), "abc")}, "ab"},
		{"V-ENUM, A-EX-13", num(enumE, 4), "BLUE"},
		{"V-ENUM unnamed", num(enumE, 5), "5"},
		{"V-ENUM no table", num(&types.Type{Kind: types.Enum, Size: 4}, 5), "5"},
		{"V-ENUM signed", num(signedEnum, -2), "LESS"},
		{"V-ENUM signed, narrow table", num(signedEnum, -1), "MINUS"},
		{"V-ENUM signed unnamed", num(signedEnum, -9), "-9"},
		{"V-NONE", Value{}, "null"},
		{"V-NONE void", Value{T: types.VoidType}, "null"},
		{"V-NONE word", Value{T: types.WordType}, "null"},
		{"V-INET, A-EX-14 v4", Value{T: types.InetType, B: le(2, uint32(16777343))}, "127.0.0.1"},
		{"V-INET, A-EX-14 v6", Value{T: types.InetType, B: le(10, 0, uint64(1)<<56)}, "::1"},
		{"V-INET compressed", Value{T: types.InetType, B: le(10, "\x20\x01\x0d\xb8", uint32(0), 0)}, "2001:db8::"},
		{"V-INET mapped", Value{T: types.InetType, B: le(10, 0, uint16(0), uint16(0xffff), "\x0a\x00\x00\x01")}, "::ffff:10.0.0.1"},
		{"V-INET compatible", Value{T: types.InetType, B: le(10, 0, uint32(0), "\x0a\x00\x00\x01")}, "::10.0.0.1"},
		{"V-INET single zero kept", Value{T: types.InetType, B: le(10, "\x00\x01\x00\x00\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07")}, "1:0:2:3:4:5:6:7"},
		{"X-FN endpoint", Value{T: types.InetType, B: le(uint32(2), uint32(types.InetHasPort|80), uint32(16777343))}, "127.0.0.1:80"},
		{"X-FN endpoint v6", Value{T: types.InetType, B: le(uint32(10), uint32(types.InetHasPort|65535), 0, uint64(1)<<56)}, "[::1]:65535"},
		{"X-FN endpoint port 0", Value{T: types.InetType, B: le(uint32(2), uint32(types.InetHasPort), uint32(16777343))}, "127.0.0.1:0"},
		{"V-INET no family", Value{T: types.InetType}, ""},
		{"V-MAC", Value{T: types.MacType, B: []byte{0, 0x1a, 0xff, 3, 4, 5}}, "00:1A:FF:03:04:05"},
		{"V-USER", num(types.UserType, 0), "root"},
		{"V-USER unknown", num(types.UserType, 4711), ""},
		{"V-SYM kernel", num(types.KSymType, -0x7efffff0), "vfs_read"},
		{"V-SYM kernel unknown", num(types.KSymType, 0x10), "0x10"},
		{"V-SYM user", Value{T: types.USymType, B: le(0x4010, uint32(7), uint32(3))}, "main"},
		{"V-SYM user elsewhere", Value{T: types.USymType, B: le(0x4010, uint32(8), uint32(3))}, "0x4010"},
		{"V-TIME", Value{T: types.TimeType, B: le(uint32(2), uint32(1), 99)}, "format 2 clock 1 ns 99"},
		{"V-TIME failed", Value{T: types.TimeType}, "(?)"},
		{"V-CGPATH", Value{T: types.CgroupType, B: le(1, 42)}, "unified:/f1/c42"},
		{"V-STATS, A-EX-08", Value{T: &types.Type{Kind: types.Stats, Size: 16, Signed: true}, B: le(25, 2)}, "{ .count = 2, .average = 12, .total = 25 }"},
		{"V-STATS negative", Value{T: &types.Type{Kind: types.Stats, Size: 16, Signed: true}, B: le(-25, 2)}, "{ .count = 2, .average = -12, .total = -25 }"},
		{"V-STATS none", Value{T: &types.Type{Kind: types.Stats, Size: 16}}, "{ .count = 0, .average = 0, .total = 0 }"},
		{"A-EX-07", Value{T: &types.Type{Kind: types.Avg, Size: 16, Signed: true}, B: le(25, 2)}, "12"},
		{"avg unsigned", Value{T: &types.Type{Kind: types.Avg, Size: 16}, B: le(-2, 2)}, "9223372036854775807"},
		{"count is unsigned", Value{T: &types.Type{Kind: types.Count, Size: 8, Signed: true}, B: le(-1)}, "18446744073709551615"},
		{"sum signed", Value{T: &types.Type{Kind: types.Sum, Size: 8, Signed: true}, B: le(-1)}, "-1"},
		{"min unsigned", Value{T: &types.Type{Kind: types.Min, Size: 16}, B: le(-1)}, "18446744073709551615"},
		{"X-FN sysctl", num(types.SysctlType, 3), "setting 3"},
		{"X-FN errname", num(types.ErrNameType, -2), "-ENOENT"},
		{"X-FN errname zero", num(types.ErrNameType, 0), "0"},
		{"X-FN errname positive", num(types.ErrNameType, 113), "113"},
		{"X-FN errname without name", num(types.ErrNameType, -4095), "-4095"},
		{"X-FN errname below", num(types.ErrNameType, -4096), "-4096"},
		{"X-FN errname pointer", num(types.ErrNameType, -0x7700_0000_0000), "0xffff890000000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendText(nil, tt.v, machine{})); got != tt.want {
				t.Errorf("AppendText = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNilResolver(t *testing.T) {
	v := tuple(strN(2, "ab"), num(types.KSymType, 1), num(types.UserType, 0), Value{T: types.TimeType},
		Value{T: types.CgroupType}, Value{T: types.USymType, B: le(2)})
	if got, want := text(v, nil), "(ab.., 0x1, , (?), , 0x2)"; got != want {
		t.Errorf("Text without resolver = %q, want %q", got, want)
	}
}

func TestAppendKey(t *testing.T) {
	tests := []struct {
		v    Value
		want string
	}{
		{num(types.Int64, 3), "3"},
		{tuple(strN(4, "y"), num(types.Int64, 2)), "y, 2"},
		{tuple(tuple(num(types.Int8, 1), num(types.Int8, 2)), num(types.Int8, 3)), "(1, 2), 3"},
		{strN(8, "(x)"), "x"}, // any text in parentheses loses them
		{strN(8, "(x"), "(x"},
		{strN(8, "()"), ""},
		{strN(8, "("), "("},
	}
	for _, tt := range tests {
		if got := string(AppendKey([]byte("("), tt.v, nil)); got != "("+tt.want {
			t.Errorf("AppendKey(%s) = %q, want %q", text(tt.v, nil), got[1:], tt.want)
		}
	}
}

// literal returns an integer literal with the type of T-INT-01.
func literal(bits uint64, neg bool) *types.Const {
	return &types.Const{Type: types.LiteralType(bits, neg), Int: bits}
}

func TestOfConst(t *testing.T) {
	tests := []struct {
		c    *types.Const
		want string
	}{
		{literal(5, false), "5"},
		{literal(^uint64(0), true), "-1"},
		{literal(1<<63, false), "9223372036854775808"},
		{types.StrConst("abc"), "abc"},
		{types.StrConst(""), ""},
		{types.BoolConst(true), "true"},
	}
	for _, tt := range tests {
		if got := text(OfConst(tt.c), nil); got != tt.want {
			t.Errorf("OfConst(%+v) prints %q, want %q", tt.c, got, tt.want)
		}
	}
}

func TestFieldByName(t *testing.T) {
	v := record([]string{"a", "b"}, num(types.Int8, 7), strN(2, "z"))
	if f, ok := v.FieldByName("a"); !ok || f.Int() != 7 {
		t.Errorf("FieldByName(a) = %v, %v, want 7", f.Int(), ok)
	}
	if _, ok := v.FieldByName("c"); ok {
		t.Error("FieldByName(c) finds a field")
	}
	if f := v.Field(9); f.T.Kind != types.Invalid {
		t.Errorf("Field(9) = %v", f.T)
	}
	if e := v.Elem(0); e.T.Kind != types.Invalid {
		t.Errorf("Elem of a record = %v", e.T)
	}
}
