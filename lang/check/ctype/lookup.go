package ctype

import (
	"maps"
	"slices"

	"probe/lang/check/infer"
	"probe/lang/types"
)

// EnumeratorNames lists the constants of the script's enums.
func (ct *Section) EnumeratorNames() []string {
	if ct == nil {
		return nil
	}
	return slices.Collect(maps.Keys(ct.values))
}

// Enumerator finds an enum constant of the script or the kernel (L-CMAC-05).
func (ct *Section) Enumerator(name string) (*types.Type, uint64, bool) {
	if e, ok := ct.values[name]; ok {
		return e.t, e.v, true
	}
	if ct.kernel == nil {
		return nil, 0, false
	}
	t, v, ok := ct.kernel.Enumerator(name)
	if !ok {
		return nil, 0, false
	}
	if t.Kind != types.Enum {
		// A constant of an unknown enum is 64 bits wide, like all enumerators
		// in scripts.
		if int64(v) >= 0 {
			return infer.LitPos[3], v, true
		}
		return infer.LitType(v, false), v, true
	}
	if t.Size != 8 || t.Signed {
		t = infer.Clone(t)
		t.Size, t.Signed = 8, false
	}
	return t, v, true
}

// EnumOf finds the enum of the script that a constant belongs to.
func (ct *Section) EnumOf(name string) (*types.EnumTable, bool) {
	v, ok := ct.values[name]
	if !ok {
		return nil, false
	}
	return v.t.Enum, v.t.Enum != nil
}

// Defined reports whether the script defines a struct, union or enum itself.
func (ct *Section) Defined(kind, name string) bool {
	if kind == "enum" {
		return ct.enums[name] != nil
	}
	return ct.records[kind+" "+name] != nil
}

// Named finds a type by name: the language's, the script's, the kernel's. kind is
// struct, union, enum or empty.
func (ct *Section) Named(kind, name string) (*types.Type, bool) {
	switch kind {
	case "":
		if t, ok := Language[name]; ok {
			return t, true
		}
		if td := ct.typedefs[name]; td != nil {
			if ct.depth > 100 {
				return nil, false
			}
			t := ct.ctype(td.Type, td.At.At)
			return t, t != nil
		}
	case "enum":
		if t, ok := ct.enums[name]; ok {
			return t, true
		}
	default:
		if t, ok := ct.records[kind+" "+name]; ok {
			return t, true
		}
	}
	if ct.kernel != nil {
		if t, ok := ct.kernel.Named(kind, name); ok {
			return t, true
		}
	}
	if kind == "" {
		t, ok := baseTypes[cleanTypeName(name)]
		return t, ok
	}
	return nil, false
}

// Language are the type names of the language itself (T-KIND-21).
var Language = map[string]*types.Type{
	"bool": types.BoolType, "void": types.VoidType,
	"int8": types.Int8, "int16": types.Int16, "int32": types.Int32, "int64": types.Int64,
	"uint8": types.Uint8, "uint16": types.Uint16, "uint32": types.Uint32, "uint64": types.Uint64,
	"string": types.StringType(0), "buffer": {Kind: types.Buffer}, "inet": types.InetType,
	"timestamp": types.TimeType, "macaddr_t": types.MacType, "cgroup_path_t": types.CgroupType,
	"username_t": types.UserType, "ksym_t": types.KSymType, "usym_t": types.USymType,
	"count_t": {Kind: types.Count, Size: 8},
	"sum_t":   {Kind: types.Sum, Size: 8, Signed: true}, "usum_t": {Kind: types.Sum, Size: 8},
	"min_t": {Kind: types.Min, Size: 16, Signed: true}, "umin_t": {Kind: types.Min, Size: 16},
	"max_t": {Kind: types.Max, Size: 16, Signed: true}, "umax_t": {Kind: types.Max, Size: 16},
	"avg_t": {Kind: types.Avg, Size: 16, Signed: true}, "uavg_t": {Kind: types.Avg, Size: 16},
	"stats_t": {Kind: types.Stats, Size: 16, Signed: true}, "ustats_t": {Kind: types.Stats, Size: 16},
}
