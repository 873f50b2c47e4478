package graph

import (
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
)

// As says what the bits of a number stand for. Its values are part of the
// format of recordings.
type As string

// What numbers stand for.
const (
	AsIP4   As = "ip4"  // an IPv4 address in network order
	AsNet16 As = "be16" // 16 bits in network order
	AsNet32 As = "be32" // 32 bits in network order
	AsHex   As = "hex"  // a set of flags
	AsOctal As = "oct"  // the mode of a file
)

// Enumerator is a named value of an enum. For enums without a sign Value holds
// the bits.
type Enumerator struct {
	Name  string
	Value int64
}

// Notation says how to show bits whose class is not enough: by the names of an
// enum, or as what a typedef says they are. A Notation in a Func never changes.
type Notation struct {
	As As
	// Enum has the enumerators in the order of their declaration; of several
	// with one value the first is shown.
	Enum []Enumerator
}

// Format returns the text of bits of a class. With a nil n it returns
// FormatValue.
func (n *Notation) Format(typ Result, bits uint64) string {
	if n == nil {
		return FormatValue(typ, bits)
	}
	v, ok := whole(typ, bits)
	if !ok {
		return FormatValue(typ, bits)
	}
	for _, e := range n.Enum {
		if e.Value == v {
			return e.Name
		}
	}
	switch u := uint64(v); n.As {
	case AsIP4:
		return netip.AddrFrom4([4]byte{byte(u), byte(u >> 8), byte(u >> 16), byte(u >> 24)}).String()
	case AsNet16:
		return strconv.FormatUint(u>>8&0xff|u&0xff<<8, 10)
	case AsNet32:
		return fmt.Sprintf("%#x", u>>24&0xff|u>>8&0xff00|u&0xff00<<8|u&0xff<<24)
	case AsHex:
		return fmt.Sprintf("%#x", u)
	case AsOctal:
		return fmt.Sprintf("%#o", u)
	}
	return FormatValue(typ, bits)
}

// whole returns the number in a register, without the bits that its class does
// not define; ok is false for a class that is not a number.
func whole(typ Result, bits uint64) (int64, bool) {
	switch typ {
	case Int8:
		return int64(int8(bits)), true
	case Int16:
		return int64(int16(bits)), true
	case Int32:
		return int64(int32(bits)), true
	case Uint8:
		return int64(uint8(bits)), true
	case Uint16:
		return int64(uint16(bits)), true
	case Uint32:
		return int64(uint32(bits)), true
	case Int64, Uint64:
		return int64(bits), true
	}
	return 0, false
}

// show returns the text of bits: a pointer into the kernel by the symbol there,
// the rest as notation and class say.
func (f *Funcs) show(n *Notation, typ Result, bits uint64) string {
	if typ == Pointer || typ == Unknown {
		if s := f.Symbols[bits]; s != "" {
			return s
		}
	}
	return n.Format(typ, bits)
}

// ArgText returns an argument of a call as text. i is below NArgs and the
// number of the function's parameters.
func (t *Tree) ArgText(funcs *Funcs, c *Call, i int) string {
	at := c.Args + int32(i)
	p := &funcs.List[c.Fn].Params[i]
	bits := t.Args[at]
	// A global object is shown by its symbol and not by a text it points to.
	if s := t.Texts[at]; s != "" && funcs.Symbols[bits] == "" {
		return s
	}
	return funcs.show(p.Notation, p.Type, bits)
}

// maxSymbols is the maximum number of symbols cached.
const maxSymbols = 1 << 16

// image is the lowest address of the kernel's and its modules' code and data.
// Most pointers are to heap objects below it, which have no names and are not
// looked up.
var image = func() uint64 {
	if runtime.GOARCH == "amd64" {
		return 0xffffffff80000000
	}
	return 1 << 63
}()

// NameSymbols looks up the names of the pointers in a tree. lookup returns the
// name of the symbol at an address, "" if there is none; it is called once for
// each address.
func (f *Funcs) NameSymbols(t *Tree, lookup func(addr uint64) string) {
	f.pointers(t, func(bits uint64) {
		if _, known := f.Symbols[bits]; known || len(f.Symbols) >= maxSymbols {
			return
		}
		if f.Symbols == nil {
			f.Symbols = map[uint64]string{}
		}
		f.Symbols[bits] = lookup(bits)
	})
}

// pointers calls see with each pointer in a tree that may have a name.
func (f *Funcs) pointers(t *Tree, see func(bits uint64)) {
	look := func(typ Result, bits uint64) {
		if typ != Pointer && typ != Unknown || bits < image {
			return
		}
		if _, isErr := errName(int64(bits)); !isErr {
			see(bits)
		}
	}
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.NArgs == 0 && c.Flags&HasRet == 0 {
			continue // nothing to name, as in most calls that the tracer records
		}
		if c.Flags&Gap != 0 || c.Fn < 0 || int(c.Fn) >= len(f.List) {
			continue
		}
		fn := &f.List[c.Fn]
		for k := range min(int(c.NArgs), len(fn.Params)) {
			look(fn.Params[k].Type, t.Args[int(c.Args)+k])
		}
		if c.Flags&HasRet != 0 {
			look(fn.Result, c.Ret)
		}
	}
}

// TakeSymbols adds the symbols of another table that a tree refers to.
func (f *Funcs) TakeSymbols(t *Tree, from *Funcs) {
	if len(from.Symbols) > 0 {
		f.NameSymbols(t, func(addr uint64) string { return from.Symbols[addr] })
	}
}

// SymbolsOf returns the names of the pointers in a tree; nil for none.
func (f *Funcs) SymbolsOf(t *Tree) map[uint64]string {
	var out map[uint64]string
	f.pointers(t, func(bits uint64) {
		if name := f.Symbols[bits]; name != "" {
			if out == nil {
				out = map[uint64]string{}
			}
			out[bits] = name
		}
	})
	return out
}
