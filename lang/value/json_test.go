package value

import (
	"encoding/json"
	"testing"

	"probe/lang/types"
)

func TestAppendJSON(t *testing.T) {
	words := &types.Type{Kind: types.Enum, Size: 8, Signed: true, Enum: &types.EnumTable{
		Words: true, Values: []types.EnumValue{{Name: "BLACKHOLE", Value: 6}}}}
	tests := []struct {
		row  string
		v    Value
		want string
	}{
		{"A-JX-06", tuple(num(types.Int8, 1), strN(2, "a")), `[1,"a"]`},
		{"A-JX-08", num(types.Uint64, -1), `"18446744073709551615"`},
		{"A-JX-09", num(enumE, 4), `4`},
		{"O-JSON-01 2^53", num(types.Int64, 1<<53), `9007199254740992`},
		{"O-JSON-01 2^53+1", num(types.Int64, 1<<53+1), `"9007199254740993"`},
		{"O-JSON-01 -(2^53+1)", num(types.Int64, -(1<<53 + 1)), `"-9007199254740993"`},
		{"O-JSON-01 2^60", num(types.Int64, 1<<60), `1152921504606846976`},
		{"O-JSON-01 least", num(types.Int64, -1<<63), `-9223372036854775808`},
		{"O-JSON-01 pointer", num(types.PointerTo(nil, types.Kernel), 0x1000), `4096`},
		{"O-JSON-01 kernel pointer", num(types.PointerTo(nil, types.Kernel), -0x7efffff1), `"18446744071578845199"`},
		{"O-JSON-01 bool", num(types.BoolType, 1), `true`},
		{"O-JSON-01 null", Value{}, `null`},
		{"O-JSON-01 string", strN(32, "q\" b\\ n\n r\r t\t e\x1b h\xc3\xa4 d\x7f"), `"q\" b\\ n\n r\r t\t e\u001b h` + "\xc3\xa4 d\x7f\""},
		{"T-STR-03", strN(2, "ab"), `"ab~"`},
		{"O-JSON-02 array", Value{T: types.ArrayOf(types.Int16, 2), B: le(uint16(1), uint16(0xffff))}, `[1,-1]`},
		{"O-JSON-02 flexible array", Value{T: types.ArrayOf(types.Int16, 0)}, `[]`},
		{"O-JSON-02 record", record([]string{"a", "b"}, num(types.Int8, 1), tuple(num(types.Int8, 2), strN(2, "x"))), `{"a": 1, "b": [2,"x"]}`},
		{"O-JSON-02 empty struct", Value{T: cstruct(0)}, `{}`},
		{"O-JSON-02 buffer", buffer("a\xff\x00"), `[97,-1,0]`},
		{"O-JSON-02 stack", stack(false, types.StackRaw, 1, 0xab), `"\nab\n"`},
		{"O-JSON-02 ksym", num(types.KSymType, 16), `"0x10"`},
		{"O-JSON-02 usym", Value{T: types.USymType, B: le(0x4010, uint32(7), uint32(3))}, `"main"`},
		{"O-JSON-02 inet", Value{T: types.InetType, B: le(2, uint32(16777343))}, `"127.0.0.1"`},
		{"O-JSON-02 mac", Value{T: types.MacType}, `"00:00:00:00:00:00"`},
		{"O-JSON-02 time", Value{T: types.TimeType}, `"(?)"`},
		{"O-JSON-02 user", num(types.UserType, 0), `"root"`},
		{"O-JSON-02 cgroup", Value{T: types.CgroupType, B: le(1, 2)}, `"unified:/f1/c2"`},
		{"X-FN sysctl", num(types.SysctlType, 3), `"setting 3"`},
		{"X-FN enumname", num(words, 6), `"BLACKHOLE"`},
		{"X-FN enumname of none", num(words, 9), `"9"`},
		{"X-FN errname", num(types.ErrNameType, -2), `"-ENOENT"`},
		{"O-JSON-STATS stats", Value{T: agg(types.Stats, true), B: le(25, 2)}, `{"count": 2, "average": 12, "total": 25}`},
		{"O-JSON-STATS avg", Value{T: agg(types.Avg, true), B: le(25, 2)}, `12`},
	}
	for _, tt := range tests {
		t.Run(tt.row, func(t *testing.T) {
			got := string(AppendJSON(nil, tt.v, machine{}))
			if got != tt.want {
				t.Errorf("AppendJSON = %s, want %s", got, tt.want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("AppendJSON = %s is no JSON", got)
			}
		})
	}
}

func TestAppendKeyJSON(t *testing.T) {
	tests := []struct {
		v    Value
		want string
	}{
		{tuple(strN(8, "sshd"), num(types.Int64, 7)), `"sshd,7"`},
		{strN(16, "a b  c"), `"abc"`},
		{strN(16, `"(x)`), `"\"(x)"`},
		{num(types.Int64, -1), `"-1"`},
		{num(enumE, 4), `"BLUE"`},
		{stack(false, types.StackRaw, 1, 0xab), `"\nab\n"`},
	}
	for _, tt := range tests {
		if got := string(AppendKeyJSON(nil, tt.v, machine{})); got != tt.want {
			t.Errorf("AppendKeyJSON(%s) = %s, want %s", text(tt.v, machine{}), got, tt.want)
		}
	}
}

func TestAppendMapValueJSON(t *testing.T) {
	stats := Value{T: agg(types.Stats, true), B: le(100, 4)}
	if got, want := string(AppendMapValueJSON(nil, stats, 10, nil)), `{"count": 4, "average": 2, "total": 100}`; got != want {
		t.Errorf("stats divided = %s, want %s", got, want)
	}
	if got, want := string(AppendMapValueJSON(nil, num(types.Int64, 25), 10, nil)), `2`; got != want {
		t.Errorf("25 divided = %s, want %s", got, want)
	}
}

// Addresses that a resolver hides stay hidden in arrays of frames.
func TestFrameArraysHide(t *testing.T) {
	if !hidesKernel(FrameArrays(hiding{hides: true})) || hidesKernel(FrameArrays(nil)) || !escapes(FrameArrays(Escaped(nil))) {
		t.Error("FrameArrays does not pass on what the resolver hides or escapes")
	}
}
