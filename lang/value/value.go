// Package value is what leaves the kernel: bytes with a type. Values are
// decoded on the way to the reader's eye and not before.
package value

import "probe/lang/types"

// Value is one typed object as the program wrote it: T.Size bytes, little
// endian, layout as in package types. Aggregations arrive merged over the
// CPUs: Count, Sum, Min, Max as 8 bytes; Avg and Stats as 16 (total, count).
type Value struct {
	T *types.Type
	B []byte
}
