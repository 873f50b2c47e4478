package value

import (
	"encoding/binary"
	"fmt"
	"time"

	"probe/lang/types"
)

// le joins little-endian words: an int is 8 bytes, sized integers their own.
func le(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = binary.LittleEndian.AppendUint64(b, uint64(p))
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, p)
		case int64:
			b = binary.LittleEndian.AppendUint64(b, uint64(p))
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, p)
		case uint16:
			b = binary.LittleEndian.AppendUint16(b, p)
		case byte:
			b = append(b, p)
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		default:
			panic(fmt.Sprintf("le: %T", p))
		}
	}
	return b
}

// strN returns a string of capacity n.
func strN(n int, s string) Value {
	b := make([]byte, n)
	copy(b, s)
	return Value{T: types.StringType(n), B: b}
}

func num(t *types.Type, v int64) Value { return OfInt(t, uint64(v)) }

func buffer(data string) Value {
	return Value{T: types.BufferType(len(data)), B: le(uint32(len(data)), data)}
}

// tuple lays values out as the program does.
func tuple(vs ...Value) Value { return layOut(types.TupleType(typesOf(vs)...), vs) }

func record(names []string, vs ...Value) Value {
	return layOut(types.RecordLitType(names, typesOf(vs)), vs)
}

func typesOf(vs []Value) []*types.Type {
	var ts []*types.Type
	for _, v := range vs {
		ts = append(ts, v.T)
	}
	return ts
}

func layOut(t *types.Type, vs []Value) Value {
	b := make([]byte, t.Size)
	for i, f := range t.Struct.Fields() {
		copy(b[f.Offset:f.Offset+f.Type.Size], vs[i].B)
	}
	return Value{T: t, B: b}
}

var enumE = &types.Type{Kind: types.Enum, Size: 8, Enum: &types.EnumTable{Name: "E",
	Values: []types.EnumValue{{Name: "RED", Value: 1}, {Name: "BLUE", Value: 4}}}}

func cstruct(size int, fields ...types.Field) *types.Type {
	return types.RecordType(&types.Struct{Name: "P", Size: size, Align: 8, Members: fields})
}

// machine is a Resolver that knows a little.
type machine struct{ NoResolver }

// kept are stacks by the id that stack gave them.
var kept [][]uint64

// stack returns a stack value; what is kept of it are the words of the frames.
func stack(user bool, mode types.StackMode, n int, frames ...any) Value {
	b := le(frames...)
	words := make([]uint64, (len(b)+7)/8)
	for i := range words {
		words[i] = load(b, 8*i, 8)
	}
	kept = append(kept, words)
	id := uint64(len(kept) - 1)
	if user {
		return Value{T: types.StackType(true, mode, 4), B: le(uint32(7), uint32(3), id, n)}
	}
	return Value{T: types.StackType(false, mode, 4), B: le(id, n)}
}

func (machine) Stack(id uint64, n int) []uint64 {
	if id >= uint64(len(kept)) {
		return nil
	}
	return kept[id][:min(n, len(kept[id]))]
}

func (machine) KSym(addr uint64) string {
	if addr == 0xffffffff81000010 {
		return "vfs_read"
	}
	return ""
}

func (machine) USym(addr uint64, pid, probe uint32) string {
	if addr == 0x4010 && pid == 7 && probe == 3 {
		return "main"
	}
	return ""
}

func (machine) KStackFrame(addr uint64) []Frame {
	switch addr {
	case 0xffffffff81000010:
		return []Frame{{Name: "vfs_read", Offset: 16}}
	case 0xffffffff81000020:
		return []Frame{
			{Name: "inner", File: "fs/read.c", Line: 5, Inlined: true},
			{Name: "ksys_read", Offset: 32, File: "fs/read.c", Line: 9},
		}
	}
	return nil
}

func (machine) UStackFrame(addr uint64, pid, probe uint32, _ bool) []Frame {
	switch {
	case addr == 0x4010 && pid == 7 && probe == 3:
		return []Frame{{Name: "main", Offset: 4, Module: "/bin/x"}}
	case addr == 0x5000:
		return []Frame{{Module: "/bin/x"}}
	}
	return nil
}

func (machine) Username(uid uint64) string {
	if uid == 0 {
		return "root"
	}
	return ""
}

func (machine) CgroupPath(filter, id uint64) string {
	return fmt.Sprintf("unified:/f%d/c%d", filter, id)
}

func (machine) Sysctl(name uint64) string { return fmt.Sprintf("setting %d", name) }

func (machine) Time(format uint32, clock Clock, ns uint64) string {
	if ns == 0 {
		return ""
	}
	return fmt.Sprintf("format %d clock %d ns %d", format, clock, ns)
}

func (machine) Wall(clock Clock, ns uint64) (time.Time, bool) {
	return time.Unix(1767607200, int64(ns)), clock == ClockSoftwareTAI
}

func (machine) TruncTrailer() string { return "~" }

// text returns the text form of a value.
func text(v Value, r Resolver) string { return string(AppendText(nil, v, r)) }
