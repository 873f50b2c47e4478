package ctype

import (
	"sort"
	"strings"

	"probe/lang/types"
)

// wide is the type of long double and __int128: 16 bytes that scripts cannot
// use as a number. Like float and double they take room in structs, but have no
// value.
var wide = types.ArrayOf(types.Uint64, 2)

// baseTypes are the C types that need no kernel to be known (L-PRE-12): those
// of the language C for LP64, and the usual fixed-width names. Names of
// several words are in the order that cleanTypeName makes.
var baseTypes = map[string]*types.Type{
	"char": types.Int8, "signed char": types.Int8, "unsigned char": types.Uint8,
	"short": types.Int16, "unsigned short": types.Uint16,
	"int": types.Int32, "unsigned int": types.Uint32,
	"long": types.Int64, "unsigned long": types.Uint64,
	"long long": types.Int64, "unsigned long long": types.Uint64,
	"_Bool": types.BoolType, "bool": types.BoolType,
	"int8_t": types.Int8, "int16_t": types.Int16, "int32_t": types.Int32, "int64_t": types.Int64,
	"uint8_t": types.Uint8, "uint16_t": types.Uint16, "uint32_t": types.Uint32, "uint64_t": types.Uint64,
	"s8": types.Int8, "s16": types.Int16, "s32": types.Int32, "s64": types.Int64,
	"u8": types.Uint8, "u16": types.Uint16, "u32": types.Uint32, "u64": types.Uint64,
	"__s8": types.Int8, "__s16": types.Int16, "__s32": types.Int32, "__s64": types.Int64,
	"__u8": types.Uint8, "__u16": types.Uint16, "__u32": types.Uint32, "__u64": types.Uint64,
	"__be16": types.Uint16, "__be32": types.Uint32, "__be64": types.Uint64,
	"__le16": types.Uint16, "__le32": types.Uint32, "__le64": types.Uint64,
	"__aligned_u64": types.Uint64, "__aligned_be64": types.Uint64, "__aligned_le64": types.Uint64,
	"__sum16": types.Uint16, "__wsum": types.Uint32,
	"size_t": types.Uint64, "ssize_t": types.Int64, "ptrdiff_t": types.Int64,
	"intptr_t": types.Int64, "uintptr_t": types.Uint64, "off_t": types.Int64, "loff_t": types.Int64,
	"pid_t": types.Int32, "uid_t": types.Uint32, "gid_t": types.Uint32, "mode_t": types.Uint32, "dev_t": types.Uint32,
	"time_t": types.Int64, "clockid_t": types.Int32, "umode_t": types.Uint16, "gfp_t": types.Uint32,
	"sector_t": types.Uint64, "blkcnt_t": types.Uint64, "dma_addr_t": types.Uint64, "phys_addr_t": types.Uint64,
	"float": types.ArrayOf(types.Uint32, 1), "double": types.ArrayOf(types.Uint64, 1), "long double": wide,
	"__int128": wide, "signed __int128": wide, "unsigned __int128": wide,
	"uint": types.Uint32, "ulong": types.Uint64, "ushort": types.Uint16, "uchar": types.Uint8,
}

// cleanTypeName orders the words of a C type: sign, length, base ("long
// unsigned int" is "unsigned long"; A-BT-14).
func cleanTypeName(name string) string {
	if !strings.Contains(name, " ") && name != "unsigned" && name != "signed" {
		return name
	}
	words := strings.Fields(name)
	rank := func(w string) int {
		switch w {
		case "unsigned", "signed":
			return 0
		case "long", "short":
			return 1
		}
		return 2
	}
	kept := words[:0]
	sized := false
	for _, w := range words {
		sized = sized || w == "long" || w == "short" || w == "char"
	}
	base := false
	for _, w := range words {
		switch w {
		case "const", "volatile", "restrict":
			continue
		case "int":
			if sized {
				continue
			}
			base = true
		case "char":
			base = true
		}
		kept = append(kept, w)
	}
	sort.SliceStable(kept, func(i, j int) bool { return rank(kept[i]) < rank(kept[j]) })
	if len(kept) > 1 && kept[0] == "signed" && kept[1] != "char" {
		kept = kept[1:]
	}
	s := strings.Join(kept, " ")
	switch {
	case s == "signed":
		return "int"
	case s == "unsigned" && !base:
		return "unsigned int"
	}
	return s
}
