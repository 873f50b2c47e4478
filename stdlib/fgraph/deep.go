package fgraph

import "encoding/binary"

// Deep says how graphs with args=deep show what a pointer to a struct points
// to: the members that are read when the function is entered, and the text that
// is made of them. Rows are in stdlib.
type Deep struct {
	Struct string
	// Members are paths: "skc_dport" or "uli.ports.dport". Kernels that do not
	// have one go without it.
	Members []string
	// Text is what is shown in place of the address; "" leaves the address.
	Text func(m Members) string
}

// Members are the bytes of members by their paths, nil for one that this kernel
// does not have.
type Members map[string][]byte

// Uint returns a member of up to 8 bytes as a number, 0 where it is missing.
func (m Members) Uint(path string) uint64 {
	var b [8]byte
	copy(b[:], m[path])
	return binary.LittleEndian.Uint64(b[:])
}

// DeepArg says how a row is read on this kernel.
type DeepArg struct {
	Row *Deep
	// Reads are the ranges of the struct that are read. They come into the
	// event after a word that is 0 when all could be read.
	Reads []DeepRead
	// Members tell where each member of the row is in the words of the reads; a
	// Size of 0 stands for one that is missing.
	Members []DeepRead
	Words   int // of all reads
}

// DeepRead is a range of bytes: Size of them at Off of the struct, and at byte
// At of the words.
type DeepRead struct{ Off, Size, At int }

// Text returns the text of what was read: the words of the argument with that
// which reports whether they could be read.
func (d *DeepArg) Text(words []byte) string {
	if len(words) < 8*(1+d.Words) || binary.LittleEndian.Uint64(words) != 0 {
		return ""
	}
	m := make(Members, len(d.Members))
	for i, r := range d.Members {
		if r.Size > 0 {
			m[d.Row.Members[i]] = words[8+r.At:][:r.Size]
		}
	}
	return d.Row.Text(m)
}

// DeepArgs says for each argument of a site what of the struct behind it is read;
// nil for nothing. It may be shorter than the arguments.
type DeepArgs []*DeepArg

// At returns that of argument i.
func (d DeepArgs) At(i int) *DeepArg {
	if i < len(d) {
		return d[i]
	}
	return nil
}
