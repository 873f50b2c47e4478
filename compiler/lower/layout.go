package lower

import (
	"github.com/cilium/ebpf"

	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// maxDirectBuckets is the maximum size in bytes of the buckets of a keyless
// aggregation on one CPU. Larger ones, such as long time series, go into a
// hash, which only has entries for the buckets used.
const maxDirectBuckets = 256 << 10

// layoutMaps decides how each map of the script is stored: keyless plain
// values in p_data, keyless aggregations in a slot for each CPU, the rest (all
// of them with HashOnly) in hash maps.
func (u *Unit) layoutMaps() {
	for _, m := range u.hir.Maps {
		if live := u.cfg.Live[m.Name]; live != nil {
			u.adopt(m, live)
			continue
		}
		om := &object.Map{Name: m.Name, Key: m.Key, Value: m.Value, SetOff: -1, ValueSize: valueSize(m.Value)}
		if m.Value.IsAgg() {
			om.Buckets = u.buckets(m.Value)
		}
		idx := -1
		direct := m.Key == nil && m.Kind == "" && !u.cfg.HashOnly && om.Buckets*value.CellSize(m.Value) <= maxDirectBuckets
		switch {
		case direct && m.Value.IsAgg():
			om.Storage = object.StorePerCPU
			size := om.ValueSize
			if om.Buckets > 0 {
				size = om.Buckets * value.CellSize(m.Value)
			}
			om.Off = u.allocPerCPU(size)
			if m.Value.Kind == types.Sum {
				om.SetOff = u.allocPerCPU(8)
			}
		case direct:
			om.Storage = object.StoreGlobal
			om.Off = u.alloc(om.ValueSize)
			om.SetOff = u.alloc(8)
		default:
			idx = u.hashMap(m, om)
		}
		u.mapIndex = append(u.mapIndex, idx)
		u.Obj.Maps = append(u.Obj.Maps, om)
	}
}

// adopt takes over the storage of a map of another loaded object.
func (u *Unit) adopt(m *hir.Map, live *object.Map) {
	c := *live
	idx := -1
	if live.Spec != "" {
		u.hashSpec(m, &c)
		idx = len(u.MapNames) - 1
	}
	u.mapIndex = append(u.mapIndex, idx)
	u.Obj.Maps = append(u.Obj.Maps, &c)
}

// adds reports whether the aggregation of a type only adds to its cells.
func (u *Unit) adds(t *types.Type) bool {
	for _, f := range u.cfg.Builtins {
		if f.Agg != nil && f.Agg.Kind == t.Kind {
			return f.Agg.Adds
		}
	}
	return false
}

// buckets returns the number of buckets of a histogram, 0 for all other types.
func (u *Unit) buckets(t *types.Type) int {
	if u.bucketed == nil {
		u.bucketed = map[types.Kind]func(*types.Type) int{}
		for _, f := range u.cfg.Builtins {
			if f.Agg != nil && f.Agg.Buckets != nil {
				u.bucketed[f.Agg.Kind] = f.Agg.Buckets
			}
		}
	}
	if count := u.bucketed[t.Kind]; count != nil {
		return count(t)
	}
	return 0
}

// hashMap stores a map in a kernel hash and returns its ir index. Different
// script names can be equal after sanitize, so underscores are added until the
// name is free.
func (u *Unit) hashMap(m *hir.Map, om *object.Map) int {
	om.Storage = object.StoreHash
	if m.Value.IsAgg() {
		om.Storage = object.StorePerCPUHash
	}
	om.Spec = "m_" + sanitize(m.Name)
	for u.Obj.Spec.Maps[om.Spec] != nil || u.taken(om.Spec) {
		om.Spec += "_"
	}
	om.KeySize = 8 // the key of a keyless map is int64 0 (A-LY-01)
	if m.Key != nil {
		om.KeySize = max(m.Key.Size, 1)
	}
	if om.Buckets > 0 {
		om.BucketInKey = true
		om.ValueSize = value.CellSize(m.Value)
	}
	u.front(m, om)
	if om.Front != nil && u.adds(m.Value) {
		om.Storage = object.StoreHash
	}
	return u.hashSpec(m, om)
}

// taken reports whether an existing hash has this name. Two script names can
// give the same kernel name, and maps are shared by name.
func (u *Unit) taken(spec string) bool {
	for _, live := range u.cfg.Live {
		if live.Spec == spec {
			return true
		}
	}
	return false
}

// noPrealloc is BPF_F_NO_PREALLOC (include/uapi/linux/bpf.h).
const noPrealloc = 1 << 0

// hashSpec adds the kernel map of a hash. Per-CPU hashes are not preallocated
// if the kernel allows it: with many CPUs the entries would take much memory up
// front.
func (u *Unit) hashSpec(m *hir.Map, om *object.Map) int {
	spec := &ebpf.MapSpec{Name: om.Spec, KeySize: uint32(om.KeySize), ValueSize: uint32(om.ValueSize), MaxEntries: uint32(max(m.Entries, 1))}
	if om.BucketInKey {
		spec.KeySize = uint32((om.KeySize+7)/8*8 + 8)
	}
	switch {
	case om.Storage == object.StorePerCPUHash && m.Kind == "percpulruhash":
		spec.Type = ebpf.LRUCPUHash
	case om.Storage == object.StorePerCPUHash:
		spec.Type = ebpf.PerCPUHash
		if u.cfg.Target.Has(target.NoPrealloc) {
			spec.Flags |= noPrealloc
		}
	case m.Kind == "lruhash":
		spec.Type = ebpf.LRUHash
	default:
		spec.Type = ebpf.Hash
	}
	return u.AddMap(spec)
}

// findDeletes collects the maps that the script deletes from. Their keys are
// usually missing when they are set, so a direct update is cheaper than a
// lookup first.
func findDeletes(p *hir.Script, out map[*hir.Map]bool) {
	for _, pr := range p.Probes {
		hir.WalkBlock(pr.Body, func(e hir.Expr) {
			if c, ok := e.(*hir.Call); ok && c.Sig.Effects.Has(types.Deletes) && len(c.Args) > 0 {
				switch a := c.Args[0].(type) {
				case *hir.MapArg:
					out[a.Map] = true
				case *hir.MapElem:
					out[a.Map] = true
				}
			}
		}, nil)
	}
}
