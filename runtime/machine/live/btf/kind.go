package btf

import "strconv"

// Kind is the kind of a type. The values are those of the format.
type Kind uint8

// The kinds of include/uapi/linux/btf.h.
const (
	KindVoid Kind = iota
	KindInt
	KindPtr
	KindArray
	KindStruct
	KindUnion
	KindEnum
	KindFwd
	KindTypedef
	KindVolatile
	KindConst
	KindRestrict
	KindFunc
	KindFuncProto
	KindVar
	KindDataSec
	KindFloat
	KindDeclTag
	KindTypeTag
	KindEnum64

	lastKind = KindEnum64

	// kindOther stands for every kind newer than this reader.
	kindOther Kind = 31
)

// kindSlots is the length of tables that are indexed by kind.
const kindSlots = 32

var kindNames = [...]string{
	"void", "int", "pointer", "array", "struct", "union", "enum", "forward declaration", "typedef",
	"volatile", "const", "restrict", "function", "function prototype", "variable", "data section",
	"float", "declaration tag", "type tag", "enum64",
}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// The number of bytes that follow the common head: those of a fixed part, and
// those of each of the elements counted in the head.
var (
	extraSize = [lastKind + 1]uint8{KindInt: 4, KindArray: 12, KindVar: 4, KindDeclTag: 4}
	elemSize  = [lastKind + 1]uint8{
		KindStruct: 12, KindUnion: 12, KindEnum: 8, KindFuncProto: 8, KindDataSec: 12, KindEnum64: 12,
	}
)

// typeLens combines the two for every kind that an info word can hold: the
// length without elements, head included, in the low byte; the length of an
// element above. It is 0 for unknown kinds.
var typeLens = func() (out [128]uint16) {
	for k := KindInt; k <= lastKind; k++ {
		out[k] = 12 + uint16(extraSize[k]) | uint16(elemSize[k])<<8
	}
	return out
}()

// infoKind and its neighbours take apart the info word of the head. Kind and
// length have 7 and 24 bits in recent kernels; in older ones the added bits
// were reserved and zero.
func infoKind(info uint32) Kind  { return Kind(info >> 24 & 0x7f) }
func infoLen(info uint32) uint32 { return info & 0xffffff }
func infoFlag(info uint32) bool  { return info>>31 != 0 }
