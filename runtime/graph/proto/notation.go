package proto

import (
	"fmt"
	"slices"

	"probe/runtime/graph"
	"probe/runtime/machine/live/btf"
)

// typedefs are the kernel's names for numbers that mean more than their value.
var typedefs = map[string]graph.As{
	"__be32": graph.AsIP4, "__be16": graph.AsNet16, "__sum16": graph.AsHex, "__wsum": graph.AsHex,
	"gfp_t": graph.AsHex, "slab_flags_t": graph.AsHex, "fmode_t": graph.AsHex, "blk_opf_t": graph.AsHex,
	"netdev_features_t": graph.AsHex, "umode_t": graph.AsOctal,
}

// notAddresses are names of parameters of type __be32 that hold something else
// than an IPv4 address.
var notAddresses = []string{"spi", "seq", "ack", "ack_seq", "flowlabel", "flowinfo", "flow", "label", "fl6_flowlabel", "key", "i_key", "o_key", "vni", "xid", "id"}

// notation returns what the class of a type does not say, nil if there is
// nothing. name is that of the parameter, "" for a result.
func notation(spec *btf.Spec, name string, id btf.ID) *graph.Notation {
	for range 32 { // the kernel's chains are short; one in a damaged blob may never end
		t, err := spec.Type(id)
		if err != nil {
			return nil
		}
		switch t := t.(type) {
		case *btf.Typedef:
			if as, ok := typedefs[t.Name]; ok {
				if as == graph.AsIP4 && slices.Contains(notAddresses, name) {
					as = graph.AsNet32
				}
				return &graph.Notation{As: as}
			}
			id = t.Type
		case *btf.Qualifier:
			id = t.Type
		case *btf.TypeTag:
			id = t.Type
		case *btf.Enum:
			if len(t.Values) == 0 {
				return nil
			}
			n := &graph.Notation{Enum: make([]graph.Enumerator, len(t.Values))}
			for i, v := range t.Values {
				n.Enum[i] = graph.Enumerator{Name: v.Name, Value: v.Value}
			}
			return n
		default:
			return nil
		}
	}
	return nil
}

// nearSymbol is the maximum distance, in bytes, of an address from the symbol
// that it is shown by. Beyond it the address more likely belongs to something
// without a symbol.
const nearSymbol = 4096

// Symbol returns the symbol at an address, with the distance where that is
// small; "" for none. A nil Kernel has none.
func (k *Kernel) Symbol(addr uint64) string {
	if k == nil {
		return ""
	}
	loc, ok := k.names.Lookup(addr)
	switch {
	case !ok || loc.Name == "" || loc.Offset >= nearSymbol:
		return ""
	case loc.Offset > 0:
		return fmt.Sprintf("%s+%#x", loc.Name, loc.Offset)
	}
	return loc.Name
}
