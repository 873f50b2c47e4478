package btf

import (
	"encoding/binary"
	"hash/maphash"
)

// indexAfter is how many scans for a kind are cheaper than building its index
// (measured on a kernel's functions: a scan takes about an eighth).
const indexAfter = 8

// ByName returns the numbers of all types of a kind that bear a name, lowest
// first; nil when there are none. In split BTF the base's types come first.
func (s *Spec) ByName(kind Kind, name string) []ID {
	if name == "" || kind == KindVoid || kind > lastKind {
		return nil
	}
	var out []ID
	if s.base != nil {
		out = s.base.ByName(kind, name)
	}
	s.find(kind, name, func(id ID) bool {
		out = append(out, id)
		return true
	})
	return out
}

// First returns the lowest number of a type of one of the kinds with this
// name; the kinds are tried in order.
func (s *Spec) First(name string, kinds ...Kind) (id ID, ok bool) {
	if name == "" {
		return 0, false
	}
	for _, kind := range kinds {
		if kind == KindVoid || kind > lastKind {
			continue
		}
		if s.base != nil {
			if id, ok = s.base.First(name, kind); ok {
				return id, true
			}
		}
		s.find(kind, name, func(found ID) bool {
			id, ok = found, true
			return false
		})
		if ok {
			return id, true
		}
	}
	return 0, false
}

// Each calls yield with name and number of every type of a kind that has a
// name, in order, until yield returns false.
func (s *Spec) Each(kind Kind, yield func(name string, id ID) bool) {
	s.each(kind, yield)
}

func (s *Spec) each(kind Kind, yield func(string, ID) bool) bool {
	if s.base != nil && !s.base.each(kind, yield) {
		return false
	}
	for i, e := range s.offsets {
		if Kind(e>>offsetBits) != kind {
			continue
		}
		name, _ := s.str(s.nameAt(e))
		if name != "" && !yield(name, s.firstID+ID(i)) {
			return false
		}
	}
	return true
}

// Funcs calls yield with every function. It fits a range statement.
func (s *Spec) Funcs(yield func(name string, id ID) bool) { s.Each(KindFunc, yield) }

// StructNames calls yield with every named struct.
func (s *Spec) StructNames(yield func(name string, id ID) bool) { s.Each(KindStruct, yield) }

func (s *Spec) nameAt(entry uint32) uint32 {
	return binary.LittleEndian.Uint32(s.types[(entry&offsetMask)<<2:])
}

// find calls yield with the types of this blob alone, lowest number first.
func (s *Spec) find(kind Kind, name string, yield func(ID) bool) {
	if s.counts[kind] == 0 {
		return
	}
	ix := s.byKind[kind].Load()
	if ix == nil && s.lookups[kind].Add(1) > indexAfter {
		ix = s.indexKind(kind)
	}
	if ix != nil {
		ix.find(name, func(i uint32) bool { return yield(ix.ids[i]) },
			func(i uint32) uint32 { return s.nameAt(s.offsets[ix.ids[i]-s.firstID]) }, s)
		return
	}
	want := uint32(kind)
	for i, e := range s.offsets {
		if e>>offsetBits == want && s.is(s.nameAt(e), name) && !yield(s.firstID+ID(i)) {
			return
		}
	}
}

// nameIndex is a hash table with chains, so that many equal names cost no more
// to insert than distinct ones. ids maps a position to a type.
type nameIndex struct {
	chains
	ids []ID
}

type chains struct {
	seed  maphash.Seed
	heads []uint32 // hash -> position + 1
	next  []uint32 // position -> position + 1
}

func newChains(n int) chains {
	size := 16
	for size < n {
		size *= 2
	}
	return chains{seed: maphash.MakeSeed(), heads: make([]uint32, size), next: make([]uint32, n)}
}

// insert puts a position at the head of its chain; insert the highest first.
func (c *chains) insert(pos int, name string) {
	h := maphash.String(c.seed, name) & uint64(len(c.heads)-1)
	c.next[pos], c.heads[h] = c.heads[h], uint32(pos)+1
}

func (c *chains) find(name string, yield func(pos uint32) bool, nameOff func(pos uint32) uint32, s *Spec) {
	h := maphash.String(c.seed, name) & uint64(len(c.heads)-1)
	for p := c.heads[h]; p != 0; p = c.next[p-1] {
		if s.is(nameOff(p-1), name) && !yield(p-1) {
			return
		}
	}
}

func (s *Spec) indexKind(kind Kind) *nameIndex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ix := s.byKind[kind].Load(); ix != nil {
		return ix
	}
	n := int(s.counts[kind])
	ix := &nameIndex{chains: newChains(n), ids: make([]ID, 0, n)}
	for i, e := range s.offsets {
		if Kind(e>>offsetBits) == kind {
			ix.ids = append(ix.ids, s.firstID+ID(i))
		}
	}
	for pos := n - 1; pos >= 0; pos-- {
		if name, ok := s.str(s.nameAt(s.offsets[ix.ids[pos]-s.firstID])); ok {
			ix.insert(pos, name)
		}
	}
	s.byKind[kind].Store(ix)
	return ix
}

// Enumerator finds a named value in all enums, anonymous ones included, and
// says which enum it belongs to. The first of several wins.
func (s *Spec) Enumerator(name string) (enum ID, value int64, ok bool) {
	if name == "" {
		return 0, 0, false
	}
	if s.base != nil {
		if enum, value, ok = s.base.Enumerator(name); ok {
			return enum, value, true
		}
	}
	ix := s.enums.Load()
	if ix == nil && s.enumGet.Add(1) > indexAfter {
		ix = s.indexEnums()
	}
	var raw []byte
	if ix != nil {
		ix.find(name, func(i uint32) bool {
			enum, raw = ix.refs[i].enum, s.types[ix.refs[i].at:]
			return false
		}, func(i uint32) uint32 { return binary.LittleEndian.Uint32(s.types[ix.refs[i].at:]) }, s)
	} else {
		s.eachEnumerator(func(id ID, at uint32) bool {
			if !s.is(binary.LittleEndian.Uint32(s.types[at:]), name) {
				return true
			}
			enum, raw = id, s.types[at:]
			return false
		})
	}
	if raw == nil {
		return 0, 0, false
	}
	_, kind, head, _ := s.entry(enum)
	signed := infoFlag(binary.LittleEndian.Uint32(head[4:])) || s.signedEnums
	return enum, enumValue(raw, kind, signed), true
}

// Enumerators calls yield with every enumerator and the enum it belongs to.
func (s *Spec) Enumerators(yield func(name string, enum ID) bool) {
	s.enumerators(yield)
}

func (s *Spec) enumerators(yield func(string, ID) bool) bool {
	if s.base != nil && !s.base.enumerators(yield) {
		return false
	}
	return s.eachEnumerator(func(id ID, at uint32) bool {
		name, _ := s.str(binary.LittleEndian.Uint32(s.types[at:]))
		return name == "" || yield(name, id)
	})
}

// eachEnumerator calls yield with the byte offset of every enumerator.
func (s *Spec) eachEnumerator(yield func(enum ID, at uint32) bool) bool {
	for i, e := range s.offsets {
		kind := Kind(e >> offsetBits)
		if kind != KindEnum && kind != KindEnum64 {
			continue
		}
		head := (e & offsetMask) << 2
		n := infoLen(binary.LittleEndian.Uint32(s.types[head+4:]))
		at, step := head+12, uint32(elemSize[kind])
		for ; n > 0; n-- {
			if !yield(s.firstID+ID(i), at) {
				return false
			}
			at += step
		}
	}
	return true
}

type enumIndex struct {
	chains
	refs []enumRef
}

// enumRef places an enumerator: its enum, and its offset in the type section.
type enumRef struct {
	enum ID
	at   uint32
}

func (s *Spec) indexEnums() *enumIndex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ix := s.enums.Load(); ix != nil {
		return ix
	}
	n := 0
	s.eachEnumerator(func(ID, uint32) bool { n++; return true })
	ix := &enumIndex{chains: newChains(n), refs: make([]enumRef, 0, n)}
	s.eachEnumerator(func(id ID, at uint32) bool {
		ix.refs = append(ix.refs, enumRef{id, at})
		return true
	})
	for pos := n - 1; pos >= 0; pos-- {
		if name, ok := s.str(binary.LittleEndian.Uint32(s.types[ix.refs[pos].at:])); ok {
			ix.insert(pos, name)
		}
	}
	s.enums.Store(ix)
	return ix
}
