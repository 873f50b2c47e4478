package btf

import (
	"encoding/binary"
	"hash/maphash"
)

// indexAfter is the number of scans for a kind that cost less than building the
// kind's index (measured on a kernel's functions: a scan takes about an
// eighth).
const indexAfter = 8

// ByName returns the numbers of all types of a kind with a name, lowest first;
// nil when there are none. In split BTF the base's types come first. Pointers,
// arrays, qualifiers and prototypes are never found: they have no names.
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
	for _, pos := range s.list(kind) {
		name, _ := s.str(s.nameAt(s.offsets[pos]))
		if name != "" && !yield(name, s.firstID+ID(pos)) {
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
	list := s.list(kind)
	if len(list) == 0 {
		return
	}
	ix := s.byKind[kind].Load()
	if ix == nil && s.lookups[kind].Add(1) > indexAfter {
		ix = s.indexKind(kind)
	}
	if ix != nil {
		ix.find(name, func(i uint32) bool { return yield(s.firstID + ID(ix.list[i])) },
			func(i uint32) uint32 { return s.nameAt(s.offsets[ix.list[i]]) }, s)
		return
	}
	for i := s.next(list, 0, name); i < len(list); i = s.next(list, i+1, name) {
		if !yield(s.firstID + ID(list[i])) {
			return
		}
	}
}

// next returns the index in list of the first type at or after from with the
// name, or the length of the list. It is the inner loop of every search.
func (s *Spec) next(list []uint32, from int, name string) int {
	if s.base != nil {
		// The name of a module's type may lie in the kernel's strings.
		for i := from; i < len(list); i++ {
			if s.is(s.nameAt(s.offsets[list[i]]), name) {
				return i
			}
		}
		return len(list)
	}
	types, strs, offsets := s.types, s.strs, s.offsets
	n, first := uint(len(name)), name[0]
	for i := from; i < len(list); i++ {
		head := uint(offsets[list[i]]&offsetMask) << 2
		at := uint(binary.LittleEndian.Uint32(types[head : head+4 : head+4]))
		// Test the NUL at the end first: most strings have another length and
		// fail there, at the cost of one byte.
		end := at + n
		if end >= uint(len(strs)) || strs[end] != 0 || strs[at] != first {
			continue
		}
		if string(strs[at:end]) == name {
			return i
		}
	}
	return len(list)
}

// nameIndex is a hash table with chains, so that inserting many equal names
// costs no more than inserting distinct ones. Its values are positions in the
// list of a kind.
type nameIndex struct {
	chains
	list []uint32
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
	list := s.list(kind)
	ix := &nameIndex{chains: newChains(len(list)), list: list}
	for pos := len(list) - 1; pos >= 0; pos-- {
		if name, ok := s.str(s.nameAt(s.offsets[list[pos]])); ok {
			ix.insert(pos, name)
		}
	}
	s.byKind[kind].Store(ix)
	return ix
}

// Enumerator finds a named value in all enums, anonymous ones included, and
// says which enum it belongs to. Of several enumerators with the name the first
// one counts.
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
		enum, raw = s.scanEnums(name)
	}
	if raw == nil {
		return 0, 0, false
	}
	_, kind, head, _ := s.entry(enum)
	signed := infoFlag(binary.LittleEndian.Uint32(head[4:])) || s.oldEnums()
	return enum, enumValue(raw, kind, signed), true
}

// scanEnums looks through all enumerators of this blob, as next does.
func (s *Spec) scanEnums(name string) (ID, []byte) {
	strs, n, first := s.strs, uint(len(name)), name[0]
	for _, pos := range s.lists().enums {
		e := s.offsets[pos]
		step := int(elemSize[e>>offsetBits])
		raw := s.types[(e&offsetMask)<<2:]
		values := raw[12 : 12+step*int(infoLen(binary.LittleEndian.Uint32(raw[4:])))]
		for ; len(values) >= 8; values = values[step:] {
			off := binary.LittleEndian.Uint32(values)
			if s.base != nil {
				if s.is(off, name) {
					return s.firstID + ID(pos), values
				}
				continue
			}
			at := uint(off)
			end := at + n
			if end >= uint(len(strs)) || strs[end] != 0 || strs[at] != first {
				continue
			}
			if string(strs[at:end]) == name {
				return s.firstID + ID(pos), values
			}
		}
	}
	return 0, nil
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
	for _, pos := range s.lists().enums {
		e := s.offsets[pos]
		head := (e & offsetMask) << 2
		n := infoLen(binary.LittleEndian.Uint32(s.types[head+4:]))
		at, step := head+12, uint32(elemSize[e>>offsetBits])
		for ; n > 0; n-- {
			if !yield(s.firstID+ID(pos), at) {
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

// enumRef locates an enumerator: its enum, and its offset in the type section.
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
