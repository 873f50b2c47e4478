package value

import (
	"testing"

	"probe/lang/types"
)

func mustParse(t testing.TB, format string) []Spec {
	t.Helper()
	specs, err := ParseFormat(format)
	if err != nil {
		t.Fatalf("ParseFormat(%q): %v", format, err)
	}
	return specs
}

func TestAppendFormat(t *testing.T) {
	i8 := func(v int64) Value { return num(types.Int8, v) }
	i64 := func(v int64) Value { return num(types.Int64, v) }
	ptr := func(v int64) Value { return num(types.PointerTo(types.VoidType, types.Kernel), v) }
	str := func(s string) Value { return strN(len(s)+1, s) }
	avg := Value{T: &types.Type{Kind: types.Avg, Size: 16, Signed: true}, B: le(-7, 2)}

	tests := []struct {
		row, format string
		args        []Value
		want        string
	}{
		{"A-PF-01", "[%5d]", []Value{i8(42)}, "[   42]"},
		{"A-PF-02", "[%-5d]", []Value{i8(42)}, "[42   ]"},
		{"A-PF-03", "[%05d]", []Value{i8(42)}, "[00042]"},
		{"A-PF-04", "%x %X %o", []Value{num(types.Int16, 255), num(types.Int16, 255), i8(8)}, "ff FF 10"},
		{"A-PF-05", "%#x", []Value{num(types.Int16, 255)}, "0xff"},
		{"A-PF-06", "%d %ld", []Value{i64(4294967301), i64(4294967301)}, "5 4294967301"},
		{"A-PF-07", "%u %d", []Value{num(types.Uint32, 4294967295), num(types.Uint32, 4294967295)}, "4294967295 -1"},
		{"A-PF-08", "%hhu", []Value{num(types.Int16, 300)}, "44"},
		{"A-PF-09", "[%8s|%-8s]", []Value{str("abc"), str("abc")}, "[     abc|abc     ]"},
		{"A-PF-10", "%c%c", []Value{i8(79), i8(75)}, "OK"},
		{"A-PF-11", "100%%\n", nil, "100%\n"},
		{"A-PF-12", "%s %s", []Value{num(types.BoolType, 1), i8(5)}, "true 5"},
		{"A-PF-13", "%r", []Value{buffer("a\x01")}, `a\x01`},
		{"A-PF-14", "%rx / %rh", []Value{buffer("ab"), buffer("ab")}, `\x61\x62 / 61 62`},
		{"A-PF-15", "%p", []Value{ptr(4096)}, "0x1000"},
		{"A-PF-16", "%-10.3s|", []Value{str("abcdef")}, "abcdef    |"},
		{"A-PF-17", "%gr", []Value{num(types.Int16, 3264)}, "GFP_KERNEL"},
		{"A-PF-18", "%+d", []Value{i8(3)}, "+3"},
		{"A-EX-13", "%d %s\n", []Value{num(enumE, 4), num(enumE, 1)}, "4 RED\n"},

		{"FMT-04 none", "%x", []Value{i64(-1)}, "ffffffff"},
		{"FMT-04 hh", "%hhx %hhd", []Value{i64(0x1ff), i64(0x1ff)}, "ff -1"},
		{"FMT-04 h", "%hx %hd", []Value{i64(0x1ffff), i64(0x1ffff)}, "ffff -1"},
		{"FMT-04 ll j z t", "%llx %jx %zx %tx", []Value{i64(-1), i64(-1), i64(-1), i64(1)},
			"ffffffffffffffff ffffffffffffffff ffffffffffffffff 1"},
		{"FMT-05 narrow", "%d %u %lu", []Value{i8(-1), i8(-1), i8(-1)}, "-1 4294967295 18446744073709551615"},
		{"FMT-05 bool", "%d", []Value{num(types.BoolType, 9)}, "1"},
		{"FMT-05 aggregation", "%d %s", []Value{avg, avg}, "-3 -3"},
		{"FMT-06 wide enough", "%2d", []Value{i64(12345)}, "12345"},
		{"FMT-06 star", "[%*d|%-*d]", []Value{i8(1), i8(2)}, "[1|2]"},
		{"FMT-07", "%.2d %.0s", []Value{i8(7), str("abc")}, "7 abc"},
		{"FMT-08 octal and upper", "%#o %#X %#x %#o", []Value{i8(8), num(types.Int16, 255), i8(0), i8(0)}, "010 0XFF 0 0"},
		{"FMT-08 sign", "%+d %+d %+u %+x % d", []Value{i8(-3), i8(0), i8(3), i8(3), i8(3)}, "-3 +0 3 3 3"},
		{"FMT-09 null", "%p|%5p|%-5p|", []Value{ptr(0), ptr(0), ptr(0)}, "0|    0|0    |"},
		{"FMT-09 integer", "%p", []Value{i64(-1)}, "0xffffffffffffffff"},
		{"FMT-09 NUL", "%c", []Value{i8(0)}, "\x00"},
		{"FMT-10 tuple", "%s", []Value{tuple(i8(1), str("a"))}, "(1, a)"},
		{"FMT-10 wide integer", "%s", []Value{i64(4294967301)}, "4294967301"},
		{"FMT-10 padded tuple", "[%8s]", []Value{tuple(i8(1))}, "[     (1)]"},
		{"FMT-11 array", "%rx", []Value{{T: types.ArrayOf(types.Uint8, 2), B: []byte{1, 0xfe}}}, `\x01\xfe`},
		{"FMT-11 string", "%rh", []Value{str("ab")}, "61 62"},
		{"FMT-11 empty", "[%r%rx%rh]", []Value{buffer(""), buffer(""), buffer("")}, "[]"},
		{"FMT-12 zero", "%gr", []Value{i8(0)}, "0"},
		{"FMT-12 rest", "%gr", []Value{num(types.Uint32, 0x40000cc0|0x100)}, "GFP_KERNEL|__GFP_ZERO|0x40000000"},
		{"FMT-12 atomic", "%gr %gr", []Value{num(types.Uint32, 0x820), num(types.Uint32, 0xa20)}, "GFP_ATOMIC GFP_ATOMIC"},
		{"FMT-12 user", "%gr", []Value{num(types.Uint32, 0x100cca)}, "GFP_HIGHUSER_MOVABLE"},
		{"FMT-12 transhuge", "%gr %gr", []Value{num(types.Uint32, 0x1c24ca), num(types.Uint32, 0x1c20ca)},
			"GFP_TRANSHUGE GFP_TRANSHUGE_LIGHT"},
		{"FMT-13", "%05d", []Value{i8(-5)}, "000-5"},
		{"FMT-13 prefix", "%#06x", []Value{num(types.Int16, 255)}, "000xff"},
		{"FMT-13 left", "%-05d|", []Value{i8(42)}, "42000|"},
		{"FMT-13 string", "%05s", []Value{str("ab")}, "000ab"},
		{"FMT-14 string as number", "%d.", []Value{str("abc")}, "!{unsupported format specifier for type 'string[4]': d}."},
		{"FMT-14 number as bytes", "%rx.", []Value{i8(1)}, "!{unsupported format specifier for type 'int8': rx}."},
		{"FMT-14 none", "%d.", []Value{{}}, "!{unsupported format specifier for type 'none': d}."},
		{"FMT-14 too few", "%d %d", []Value{i8(1)}, "1 !{missing argument}"},
		{"X-FN %e", "%e %e %e", []Value{i64(-2), num(types.Int32, -113), i8(0)}, "-ENOENT -EHOSTUNREACH 0"},
		{"X-FN %e pointers", "%e %e", []Value{ptr(-12), ptr(0x1000)}, "-ENOMEM 0x1000"},
		{"X-FN %e register", "%e", []Value{num(types.Uint64, -101)}, "-ENETUNREACH"},
		{"X-FN %e narrow unsigned", "%e", []Value{num(types.Uint32, 0xfffffffe)}, "4294967294"},
		{"X-FN %e width", "[%-10e|%10e]", []Value{i64(-2), i64(-2)}, "[-ENOENT   |   -ENOENT]"},
		{"X-FN errname as number", "%d", []Value{num(types.ErrNameType, -2)}, "-2"},
	}
	for _, tt := range tests {
		t.Run(tt.row, func(t *testing.T) {
			got := string(AppendFormat([]byte(">"), mustParse(t, tt.format), tt.args, nil))
			if got != ">"+tt.want {
				t.Errorf("printf(%q) = %q, want %q", tt.format, got[1:], tt.want)
			}
		})
	}
}
