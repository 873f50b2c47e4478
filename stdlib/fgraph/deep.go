package fgraph

import "encoding/binary"

// Deep describes how graphs with args=deep show a struct that an argument
// points to: the members read when the function is entered, and the text made
// of them. The rows are in stdlib.
type Deep struct {
	Struct string
	// Members are paths: "skc_dport" or "uli.ports.dport". A member that the
	// kernel does not have is skipped.
	Members []string
	// Text returns the text shown instead of the address, "" to show the
	// address.
	Text func(m Members) string
}

// Members holds the bytes of members by their paths, nil for a member that this
// kernel does not have.
type Members map[string][]byte

// Uint returns a member of up to 8 bytes as a number, 0 where it is missing.
func (m Members) Uint(path string) uint64 {
	var b [8]byte
	copy(b[:], m[path])
	return binary.LittleEndian.Uint64(b[:])
}

// DeepArg describes how to read a row on this kernel.
type DeepArg struct {
	Row *Deep
	// Reads are the ranges of the struct that are read. In the event they
	// follow a status word that is 0 if all of them could be read.
	Reads []DeepRead
	// Members are the places of the row's members in the words read. A Size of
	// 0 marks a missing member.
	Members []DeepRead
	Words   int // of all reads
}

// DeepRead is a range of bytes: Size of them at Off of the struct, and at byte
// At of the words.
type DeepRead struct{ Off, Size, At int }

// Text returns the text of the struct; words are the words of the argument,
// status word included.
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

// DeepArgs holds for each argument of a site how its struct is read, nil if it
// is not. It can be shorter than the list of arguments.
type DeepArgs []*DeepArg

// At returns the DeepArg of argument i, nil if there is none.
func (d DeepArgs) At(i int) *DeepArg {
	if i < len(d) {
		return d[i]
	}
	return nil
}
