// Package btf reads the kernel's type information (BTF) fast and in small
// bites. It takes a BTF blob, usually the running kernel's, finds type numbers
// by name and decodes single types on demand.
//
// Parse makes one pass over the type section and notes where each type starts,
// in four bytes a type; it allocates no object for any of them. A name is found
// by a scan over the types of its kind; a hash index for a kind is built only
// once that kind has been asked for often enough to repay it. Decoding a type
// never follows its references, so it costs no more than that one type.
//
// The format is described in the kernel's Documentation/bpf/btf.rst and
// include/uapi/linux/btf.h. Blobs are not trusted: every offset is checked,
// chains of references are bounded, and nothing here panics on bad input.
//
// The package knows nothing of the language or of programs being loaded.
package btf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"
)

// ID is the number of a type inside a Spec. Number 0 is void. In the BTF of a
// module the numbers of the kernel's own types keep their meaning and the
// module's types follow.
type ID uint32

// Errors for callers to test with errors.Is.
var (
	// ErrMalformed is wrapped by every error about a blob that breaks the
	// format.
	ErrMalformed = errors.New("malformed BTF")
	// ErrBigEndian is returned for a blob written on a big-endian machine.
	ErrBigEndian = errors.New("big-endian BTF is not supported")
	// ErrNoBTF is wrapped when the kernel or a module offers no BTF at all.
	ErrNoBTF = errors.New("no BTF")
	// ErrNoSize is wrapped by Size for types that occupy no memory of their
	// own.
	ErrNoSize = errors.New("type has no size")
)

const (
	magic        = 0xeb9f
	magicSwapped = 0x9feb
	minHeader    = 24 // through str_len
	layoutHeader = 32 // through layout_len

	// An entry of offsets is one word: the kind in the high bits, the offset in
	// units of 4 bytes in the low offsetBits bits.
	offsetBits = 27
	offsetMask = 1<<offsetBits - 1
	maxTypeLen = 4 << offsetBits

	// maxChain bounds walks along references. The kernel itself refuses chains
	// beyond 32 (MAX_RESOLVE_DEPTH in kernel/bpf/btf.c); typedefs of user
	// programs nest a little deeper.
	maxChain = 128

	// maxName bounds the length of a name, so that a hostile blob cannot make
	// every name the tail of one long string and each comparison as long as the
	// string. The kernel allows 511 bytes.
	maxName = 4096
)

// Spec is one parsed blob. It is safe for concurrent use. The strings it hands
// out share the blob's memory, which therefore must not change.
type Spec struct {
	base  *Spec
	types []byte
	strs  []byte

	firstID ID     // number of the first type in this blob
	firstSt uint32 // string offset at which this blob's strings begin
	offsets []uint32

	layout []byte // sizes of kinds newer than this reader

	listed  sync.Once // fills kinds
	kinds   kindLists
	mu      sync.Mutex // held while the indices below are built
	lookups [kindSlots]atomic.Uint32
	byKind  [kindSlots]atomic.Pointer[nameIndex]
	enums   atomic.Pointer[enumIndex]
	enumGet atomic.Uint32
}

// Parse reads a blob. base is nil for a complete blob and the kernel's Spec
// for the split BTF of a module. The blob is kept, not copied.
func Parse(blob []byte, base *Spec) (*Spec, error) {
	s := &Spec{base: base}
	if err := s.header(blob); err != nil {
		return nil, err
	}
	if err := s.scan(); err != nil {
		return nil, err
	}
	return s, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

func (s *Spec) header(blob []byte) error {
	if len(blob) < minHeader {
		return malformed("%d bytes are too few for the header", len(blob))
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(blob[at:]) }
	switch m := binary.LittleEndian.Uint16(blob); m {
	case magic:
	case magicSwapped:
		return ErrBigEndian
	default:
		return malformed("magic number is %#04x, not %#04x", m, magic)
	}
	if v := blob[2]; v != 1 {
		return malformed("version %d, only version 1 is known", v)
	}
	hdrLen := u32(4)
	if hdrLen < minHeader || uint64(hdrLen) > uint64(len(blob)) {
		return malformed("header length %d in a blob of %d bytes", hdrLen, len(blob))
	}
	body := blob[hdrLen:]
	section := func(what string, at int) ([]byte, error) {
		off, n := u32(at), u32(at+4)
		if uint64(off)+uint64(n) > uint64(len(body)) {
			return nil, malformed("%s section [%d, +%d) leaves the blob of %d bytes", what, off, n, len(body))
		}
		return body[off : off+n : off+n], nil
	}
	var err error
	if s.types, err = section("type", 8); err != nil {
		return err
	}
	if s.strs, err = section("string", 16); err != nil {
		return err
	}
	if hdrLen >= layoutHeader {
		if s.layout, err = section("layout", 24); err != nil {
			return err
		}
	}
	if len(s.types) > maxTypeLen {
		return malformed("type section of %d bytes is larger than %d", len(s.types), maxTypeLen)
	}
	s.firstID = 1
	if s.base != nil {
		s.firstID = s.base.end()
		s.firstSt = s.base.firstSt + uint32(len(s.base.strs))
	} else if len(s.strs) == 0 || s.strs[0] != 0 {
		return malformed("string section does not start with the empty string")
	}
	if n := len(s.strs); n > 0 && s.strs[n-1] != 0 {
		return malformed("last string has no end")
	}
	return nil
}

// scan walks the type section once and fills offsets. It runs over some 120,000
// types at every start, so its loop does the least it can: it checks for a type
// that overruns the section once, after the loop.
func (s *Spec) scan() error {
	t := s.types
	// pahole's output for a kernel averages 25 to 28 bytes a type.
	offsets := make([]uint32, len(t)/24+8)
	at, i := uint(0), 0
	for ; at+12 <= uint(len(t)); i++ {
		if i == len(offsets) {
			offsets = append(offsets, make([]uint32, i/4+8)...)
		}
		info := binary.LittleEndian.Uint32(t[at+4 : at+8])
		kind := info >> 24 & 0x7f
		l := uint(typeLens[kind])
		n := l&0xff + uint(info&0xffffff)*(l>>8)
		if l == 0 {
			var ok bool
			if n, ok = s.unknownSize(Kind(kind), info); !ok {
				return malformed("type %d has unknown kind %d", int(s.firstID)+i, kind)
			}
			kind = uint32(kindOther)
		}
		offsets[i] = kind<<offsetBits | uint32(at>>2)
		at += n
	}
	if at != uint(len(t)) {
		return malformed("the last type, %d, is cut short", int(s.firstID)+i)
	}
	s.offsets = offsets[:i:i]
	return nil
}

// unknownSize returns the length of a type of a kind this reader does not know,
// taken from the layout section that newer blobs carry.
func (s *Spec) unknownSize(kind Kind, info uint32) (uint, bool) {
	at := int(kind) * 4
	if kind == 0 || at+4 > len(s.layout) {
		return 0, false
	}
	n := 12 + uint(s.layout[at]) + uint(infoLen(info))*uint(s.layout[at+1])
	return n, n%4 == 0
}

// end returns the first number after the types of this blob.
func (s *Spec) end() ID { return s.firstID + ID(len(s.offsets)) }

// Len returns the number of types, void and the types of the base included.
func (s *Spec) Len() int { return int(s.end()) }

// Base returns the Spec this split Spec builds on, or nil.
func (s *Spec) Base() *Spec { return s.base }

// entry returns the Spec that a type belongs to (s or its base), the type's
// kind, and its bytes from the common 12-byte head to the end of the section.
// ok is false for void and for numbers out of range. Parse has checked that the
// bytes of the type are all there.
func (s *Spec) entry(id ID) (owner *Spec, kind Kind, raw []byte, ok bool) {
	for s != nil && id < s.firstID {
		s = s.base
	}
	if s == nil || id >= s.end() {
		return nil, KindVoid, nil, false
	}
	e := s.offsets[id-s.firstID]
	return s, Kind(e >> offsetBits), s.types[(e&offsetMask)<<2:], true
}

// str returns the string at an offset; ok is false when the offset lies
// outside the string section or the string has no end within maxName bytes.
func (s *Spec) str(off uint32) (string, bool) {
	for s != nil && off < s.firstSt {
		s = s.base
	}
	if s == nil || off-s.firstSt >= uint32(len(s.strs)) {
		return "", off == 0
	}
	b := s.strs[off-s.firstSt:]
	n := bytes.IndexByte(b[:min(len(b), maxName)], 0)
	if n < 0 {
		return "", false
	}
	return unsafe.String(unsafe.SliceData(b), n), true
}

// is reports whether the string at an offset equals name.
func (s *Spec) is(off uint32, name string) bool {
	for s != nil && off < s.firstSt {
		s = s.base
	}
	if s == nil {
		return false
	}
	at := uint64(off - s.firstSt)
	end := at + uint64(len(name))
	// Test the NUL at the end first: most strings have another length and fail
	// there, at the cost of one byte.
	if end >= uint64(len(s.strs)) || s.strs[end] != 0 {
		return false
	}
	return string(s.strs[at:end]) == name
}
