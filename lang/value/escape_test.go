package value

import (
	"testing"

	"probe/lang/types"
)

func TestVisible(t *testing.T) {
	for _, tt := range []struct{ in, want, lines string }{
		{"", "", ""},
		{"plain \\ text", "plain \\ text", "plain \\ text"},
		{"\x1b[31mred\x07", `\x1b[31mred\x07`, `\x1b[31mred\x07`},
		{"a\nb\tc\rd", `a\x0ab\x09c\x0dd`, "a\nb\tc\\x0dd"},
		{"\x7f\x00", `\x7f\x00`, `\x7f\x00`},
		{"größe €𝄞", "größe €𝄞", "größe €𝄞"},
		{"\u009b31m\u0080\u009f\u00a0", `\xc2\x9b31m\xc2\x80\xc2\x9f` + "\u00a0", `\xc2\x9b31m\xc2\x80\xc2\x9f` + "\u00a0"},
		{"\x9b31m\xff\xe2\x82", `\x9b31m` + "\xff\xe2" + `\x82`, `\x9b31m` + "\xff\xe2" + `\x82`},
		{"�", "�", "�"},
		{"a\u202eb\u2069\u200f", `a\xe2\x80\xaeb\xe2\x81\xa9` + "\u200f", `a\xe2\x80\xaeb\xe2\x81\xa9` + "\u200f"},
	} {
		if got := Visible(tt.in, false); got != tt.want {
			t.Errorf("Visible(%q) = %q, want %q", tt.in, got, tt.want)
		}
		if got := Visible(tt.in, true); got != tt.lines {
			t.Errorf("Visible(%q, lines) = %q, want %q", tt.in, got, tt.lines)
		}
		if got := string(AppendVisible([]byte("x"), []byte(tt.in), false)); got != "x"+tt.want {
			t.Errorf("AppendVisible(%q) = %q", tt.in, got)
		}
	}
}

// hostile gives names that a terminal would obey.
type hostile struct{ NoResolver }

func (hostile) KSym(uint64) string                 { return "k\x1b" }
func (hostile) USym(uint64, uint32, uint32) string { return "u\x1b" }
func (hostile) Username(uint64) string             { return "n\x1b" }
func (hostile) CgroupPath(uint64, uint64) string   { return "c\x1b" }
func (hostile) Sysctl(uint64) string               { return "1\t2\x1b" }
func (hostile) Graph(GraphID, GraphForm) string    { return "a\n b\x1b" }
func (hostile) Time(uint32, Clock, uint64) string  { return "t\x1b" }
func (hostile) Stack(_ uint64, n int) []uint64     { return make([]uint64, n) }
func (hostile) KStackFrame(uint64) []Frame {
	return []Frame{{Name: "in", Inlined: true}, {Name: "f\x1b"}}
}
func (hostile) UStackFrame(uint64, uint32, uint32, bool) []Frame {
	return []Frame{{Name: "f", File: "x\x1b", Line: 1, Module: "m\x1b"}}
}

// What comes from the traced system is escaped in every kind of value and in
// keys; what the script has written is not.
func TestEscaped(t *testing.T) {
	s := Value{T: types.StringType(8), B: []byte("a\x1bb\x00\x00\x00\x00\x00")}
	literal := s
	literal.Literal = true
	tuple := Value{T: types.TupleType(types.StringType(8), types.Int64), B: append([]byte("a\x1bb\x00\x00\x00\x00\x00"), 7, 0, 0, 0, 0, 0, 0, 0)}
	of := func(k types.Kind) Value { return Value{T: &types.Type{Kind: k, Size: 16}, B: make([]byte, 16)} }
	stack := func(user bool, mode types.StackMode) Value {
		b := make([]byte, 24)
		b[8], b[16] = 1, 1
		return Value{T: types.StackType(user, mode, 2), B: b}
	}
	for _, tt := range []struct {
		name      string
		v         Value
		want, raw string
	}{
		{"string", s, `a\x1bb`, "a\x1bb"},
		{"literal", literal, "a\x1bb", "a\x1bb"},
		{"tuple", tuple, `(a\x1bb, 7)`, "(a\x1bb, 7)"},
		{"ksym", of(types.KSym), `k\x1b`, "k\x1b"},
		{"usym", of(types.USym), `u\x1b`, "u\x1b"},
		{"username", of(types.Username), `n\x1b`, "n\x1b"},
		{"cgroup", of(types.CgroupPath), `c\x1b`, "c\x1b"},
		{"sysctl", of(types.Sysctl), "1\t2" + `\x1b`, "1\t2\x1b"},
		{"graph", of(types.Graph), "a\n b" + `\x1b`, "a\n b\x1b"},
		{"time", of(types.Timestamp), "t\x1b", "t\x1b"},
		{"kernel stack", stack(false, types.StackBpftrace), "\n        [inlined] in\n        f\\x1b+0\n", "\n        [inlined] in\n        f\x1b+0\n"},
		{"user stack", stack(true, types.StackPerf), "\n\t0 f+0 (m\\x1b)\n", "\n\t0 f+0 (m\x1b)\n"},
		{"source lines", stack(true, types.StackBpftrace), "\n        f+0@x\\x1b:1\n", "\n        f+0@x\x1b:1\n"},
	} {
		if got := string(AppendText(nil, tt.v, Escaped(hostile{}))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if got := string(AppendText(nil, tt.v, hostile{})); got != tt.raw {
			t.Errorf("%s, raw: %q, want %q", tt.name, got, tt.raw)
		}
	}
	if got := string(AppendKey(nil, tuple, Escaped(nil))); got != `a\x1bb, 7` {
		t.Errorf("key: %q", got)
	}
	both := Value{T: types.TupleType(types.GraphType, types.StringType(8)), B: append(make([]byte, 16), s.B...)}
	if got, want := string(AppendKey(nil, both, Escaped(hostile{}))), "\na\n b\\x1b, a\\x1bb"; got != want {
		t.Errorf("key with a graph: %q, want %q", got, want)
	}
	specs, err := ParseFormat("\x1b[1m%s|%-8s|%c|%c\n")
	if err != nil {
		t.Fatal(err)
	}
	c := OfInt(types.Int64, 7)
	written := OfConst(&types.Const{Type: types.Int64, Int: 7})
	if got, want := string(AppendFormat(nil, specs, []Value{literal, s, c, written}, Escaped(nil))), "\x1b[1ma\x1bb|a\\x1bb  |\\x07|\x07\n"; got != want {
		t.Errorf("format: %q, want %q", got, want)
	}
}
