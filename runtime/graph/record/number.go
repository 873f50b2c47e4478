package record

import (
	"encoding/binary"
	"strconv"
	"sync"
)

// Numbers make up most of a recording and most of the cost of writing it.
// strconv selects a case for each number and copies the result; the code here
// writes three digits and the comma after them with one load and one store.

// numberMax is the maximum number of bytes that putComma writes, including
// bytes beyond the number.
const numberMax = 24

// The numbers below 1000 with a comma, the first character in the lowest byte:
// padded with zeroes to three digits, and as they are. lengths are those of the
// latter. makeNumbers fills them before the first number is written.
var (
	padded, plain [1000]uint32
	lengths       [1000]uint8
)

var makeNumbers = sync.OnceFunc(func() {
	for n := range padded {
		padded[n] = uint32('0'+n/100) | uint32('0'+n/10%10)<<8 | uint32('0'+n%10)<<16 | ','<<24
		lengths[n] = uint8(len(strconv.Itoa(n))) + 1
		plain[n] = padded[n] >> (32 - 8*lengths[n])
	}
})

// putComma writes a number and a comma to b, which has numberMax bytes, and
// returns the length of the two.
func putComma(b []byte, n int64) int {
	if uint64(n) < 1000 {
		binary.LittleEndian.PutUint32(b, plain[n])
		return int(lengths[n])
	}
	return putLong(b, n)
}

// putLong is putComma for numbers from 1000 on and negative ones.
func putLong(b []byte, n int64) int {
	switch u := uint64(n); {
	case u < 1e6:
		high := u / 1000
		at := int(lengths[high]) - 1
		binary.LittleEndian.PutUint32(b, plain[high])
		binary.LittleEndian.PutUint32(b[at:], padded[u-1000*high])
		return at + 4
	case u < 1e9:
		high := u / 1000
		at := putLong(b, int64(high)) - 1
		binary.LittleEndian.PutUint32(b[at:], padded[u-1000*high])
		return at + 4
	}
	return len(append(strconv.AppendInt(b[:0], n, 10), ','))
}
