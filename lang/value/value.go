// Package value formats what leaves the kernel: bytes with a type. Values are
// decoded only when they are shown.
//
// The package turns values into text (AppendText), JSON (AppendJSON) and
// printf output (AppendFormat), merges the per-CPU cells of aggregations, and
// orders and shapes whole maps. It holds the name tables of the kernel's
// numbers (errno, system calls, signals, allocation flags). It asks a Resolver
// for everything that only the running machine knows: symbols, user names,
// clocks.
package value

import (
	"bytes"
	"encoding/binary"

	"probe/lang/types"
)

// Value is one typed object as the program wrote it: T.Size bytes, little
// endian, layout as in package types. Aggregations arrive merged over the
// CPUs: Count, Sum, Min, Max as 8 bytes; Avg and Stats as 16 (total, count).
//
// B may be shorter than T.Size; what is missing reads as zero.
type Value struct {
	T *types.Type
	B []byte
	// Literal marks a value written in the script. Its text is never escaped
	// (see Escaped).
	Literal bool
}

// OfInt makes an integer value of a type from its bits.
func OfInt(t *types.Type, bits uint64) Value {
	b := binary.LittleEndian.AppendUint64(nil, bits)
	return Value{T: t, B: b[:min(max(t.Size, 0), 8)]}
}

// OfConst makes the value of a literal.
func OfConst(c *types.Const) Value {
	if c.Type.Kind == types.String || c.Type.Kind == types.Array || c.Type.Kind == types.Buffer {
		return Value{T: c.Type, B: []byte(c.Str), Literal: true}
	}
	v := OfInt(c.Type, c.Int)
	v.Literal = true
	return v
}

// load reads an n-byte integer (n at most 8) at off, zero-extended; bytes
// beyond the end of b are zero.
func load(b []byte, off, n int) uint64 {
	if off < 0 || off >= len(b) {
		return 0
	}
	b = b[off:]
	if n == 8 && len(b) >= 8 {
		return binary.LittleEndian.Uint64(b)
	}
	var v uint64
	for i := 0; i < n && i < len(b); i++ {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

func signExtend(v uint64, bits int) uint64 {
	shift := 64 - uint(bits)
	return uint64(int64(v<<shift) >> shift)
}

// cut returns b[off:off+n] clipped to the length of b.
func cut(b []byte, off, n int) []byte {
	if off < 0 || n < 0 || off >= len(b) {
		return nil
	}
	return b[off:min(off+n, len(b))]
}

// IsNumber reports whether Uint and Int can read the value: integers, enums,
// bools, pointers, errno names, symbols by address, user names, and
// aggregations that act as integers.
func (v Value) IsNumber() bool {
	return v.T != nil && (v.T.IsScalar() || v.T.IsCastableAgg())
}

// Signed reports whether the number is signed.
func (v Value) Signed() bool {
	return v.T != nil && v.T.Signed && v.T.Kind != types.Count && v.T.Kind != types.Pointer
}

// Uint returns the number's bits, extended to 64 by its sign; a bool is 0 or 1,
// an average is total/count (truncating). For other kinds it is 0.
func (v Value) Uint() uint64 {
	if v.T == nil {
		return 0
	}
	switch v.T.Kind {
	case types.Int, types.Enum:
		n := min(max(v.T.Size, 0), 8)
		u := load(v.B, 0, n)
		if v.T.Signed && n > 0 {
			u = signExtend(u, 8*n)
		}
		return u
	case types.Bool:
		if load(v.B, 0, 1) != 0 {
			return 1
		}
		return 0
	case types.Pointer, types.KSym, types.USym, types.Username, types.ErrName, types.Sysctl, types.Ctx,
		types.Count, types.Sum, types.Min, types.Max:
		return load(v.B, 0, 8)
	case types.Avg, types.Stats:
		return v.average()
	}
	return 0
}

// Int returns Uint as a signed number.
func (v Value) Int() int64 { return int64(v.Uint()) }

// average returns total/count of Avg and Stats, 0 if nothing was counted.
func (v Value) average() uint64 {
	total, n := load(v.B, 0, 8), load(v.B, 8, 8)
	switch {
	case n == 0:
		return 0
	case v.T.Signed:
		return divide(total, int64(n), true)
	}
	return total / n
}

// divide returns the integer division of bits by d, signed or not; d of 0 or 1
// changes nothing.
func divide(bits uint64, d int64, signed bool) uint64 {
	switch {
	case d == 0 || d == 1:
		return bits
	case !signed:
		return bits / uint64(d)
	case d == -1:
		return -bits // the quotient of MinInt64 / -1 overflows; wrap around
	}
	return uint64(int64(bits) / d)
}

// Str returns the bytes of a string up to its NUL.
func (v Value) Str() []byte {
	b := v.B[:min(len(v.B), v.strCap())]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// Truncated reports whether a string fills its capacity without a NUL, and may go
// on where it comes from (T-STR-03).
func (v Value) Truncated() bool {
	if v.T != nil && v.T.Whole {
		return false
	}
	n := v.strCap()
	return n > 0 && len(v.B) >= n && bytes.IndexByte(v.B[:n], 0) < 0
}

func (v Value) strCap() int {
	if v.T == nil {
		return 0
	}
	return max(v.T.Size, 0)
}

// Data returns the raw content of a byte kind: the data of a buffer, a string
// up to its NUL, an array or MAC address whole. For other kinds it is nil.
func (v Value) Data() []byte {
	if v.T == nil {
		return nil
	}
	switch v.T.Kind {
	case types.Buffer:
		n := min(load(v.B, 0, 4), uint64(max(v.T.Len, 0)))
		return cut(v.B, 4, int(n))
	case types.String:
		return v.Str()
	case types.Array, types.Mac:
		return v.B[:min(len(v.B), max(v.T.Size, 0))]
	}
	return nil
}

// hasData reports whether Data can read the value.
func (v Value) hasData() bool {
	if v.T == nil {
		return false
	}
	switch v.T.Kind {
	case types.Buffer, types.String, types.Array, types.Mac:
		return true
	}
	return false
}

// Elem returns element i of an array, a zero element if i is beyond the end.
func (v Value) Elem(i int) Value {
	if v.T == nil || v.T.Kind != types.Array || v.T.Elem == nil || i < 0 {
		return Value{T: types.InvalidType}
	}
	n := max(v.T.Elem.Size, 0)
	return Value{T: v.T.Elem, B: cut(v.B, i*n, n)}
}

// NumField returns the number of members of a record, promoted ones and their
// containers included.
func (v Value) NumField() int {
	if v.T == nil || v.T.Kind != types.Record || v.T.Struct == nil {
		return 0
	}
	return len(v.T.Struct.Fields())
}

// Field returns member i of a record. A bit-field becomes an integer of its
// declared type.
func (v Value) Field(i int) Value {
	if i < 0 || i >= v.NumField() {
		return Value{T: types.InvalidType}
	}
	return v.field(&v.T.Struct.Fields()[i])
}

// FieldByName finds a member, promoted ones included.
func (v Value) FieldByName(name string) (Value, bool) {
	if v.NumField() == 0 {
		return Value{}, false
	}
	f, ok := v.T.Struct.Field(name)
	if !ok {
		return Value{}, false
	}
	return v.field(f), true
}

func (v Value) field(f *types.Field) Value {
	switch {
	case f.Type == nil:
		return Value{T: types.InvalidType}
	case f.BitSize > 0:
		return Value{T: f.Type, B: binary.LittleEndian.AppendUint64(nil, v.bits(f))}
	case (f.DataLoc || f.RelLoc) && (Value{T: f.Type}).hasData(): // else it holds the address of the data
		return Value{T: f.Type, B: v.dynamic(f)}
	}
	return Value{T: f.Type, B: cut(v.B, f.Offset, max(f.Type.Size, 0))}
}

// bits extracts a bit-field, extended to 64 bits by the sign of its type.
func (v Value) bits(f *types.Field) uint64 {
	start := 8*f.Offset + f.BitOff
	n := min(f.BitSize, 64)
	var u uint64
	for got := 0; got < n; {
		shift := (start + got) % 8
		u |= load(v.B, (start+got)/8, 1) >> shift << got
		got += 8 - shift
	}
	if n < 64 {
		u &= 1<<n - 1
	}
	if f.Type.Signed {
		return signExtend(u, n)
	}
	return u
}

// dynamic finds the bytes a tracepoint's __data_loc or __rel_loc word points
// at, when the record carries them (kernel: include/trace/stages): the offset
// in the low 16 bits, the length in the high ones.
func (v Value) dynamic(f *types.Field) []byte {
	word := load(v.B, f.Offset, 4)
	off, n := int(word&0xffff), int(word>>16)
	if f.RelLoc {
		off += f.Offset + 4
	}
	return cut(v.B, off, n)
}
