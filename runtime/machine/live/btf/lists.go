package btf

import "encoding/binary"

// kindLists holds the types of a blob sorted by kind, as positions in offsets.
// It is filled when a name is first looked up.
type kindLists struct {
	all   []uint32
	start [kindSlots + 1]int // where each kind starts in all
	enums []uint32           // those of both sizes, in order
	// oldEnums says that enums without the "signed" mark hold signed values, as
	// they do in blobs written before pahole 1.24 introduced the mark.
	oldEnums bool
}

// unnamed is the set of kinds that have no names. They are never looked up and
// stay out of the lists, which halves the lists.
const unnamed = 1<<KindVoid | 1<<KindPtr | 1<<KindArray | 1<<KindVolatile | 1<<KindConst | 1<<KindRestrict |
	1<<KindFuncProto | 1<<kindOther

func (s *Spec) lists() *kindLists {
	s.listed.Do(func() { s.kinds.fill(s) })
	return &s.kinds
}

// list returns the positions of the types of one kind.
func (s *Spec) list(kind Kind) []uint32 {
	if kind >= kindSlots {
		return nil
	}
	l := s.lists()
	return l.all[l.start[kind]:l.start[kind+1]]
}

// oldEnums reports whether enums without the "signed" mark hold signed values.
func (s *Spec) oldEnums() bool {
	if s.base != nil {
		return s.base.oldEnums()
	}
	return s.lists().oldEnums
}

// fill fills the lists with a counting sort: two passes over the types.
func (l *kindLists) fill(s *Spec) {
	var next [kindSlots]int
	for _, e := range s.offsets {
		next[e>>offsetBits]++
	}
	total := 0
	for kind := range next {
		n := next[kind]
		if unnamed>>kind&1 != 0 {
			n = 0
		}
		next[kind], l.start[kind] = total, total
		total += n
	}
	l.start[kindSlots] = total
	l.all = make([]uint32, total)
	for pos, e := range s.offsets {
		kind := e >> offsetBits
		if uint32(unnamed)>>kind&1 != 0 {
			continue
		}
		l.all[next[kind]] = uint32(pos)
		next[kind]++
	}
	l.fillEnums(s)
}

func (l *kindLists) fillEnums(s *Spec) {
	small := l.all[l.start[KindEnum]:l.start[KindEnum+1]]
	large := l.all[l.start[KindEnum64]:l.start[KindEnum64+1]]
	marked := false
	for _, pos := range small {
		info := binary.LittleEndian.Uint32(s.types[(s.offsets[pos]&offsetMask)<<2+4:])
		marked = marked || infoFlag(info)
	}
	// A blob with hundreds of enums and not one marked as signed was written
	// before the mark existed. A smaller blob proves nothing.
	l.oldEnums = !marked && len(small) >= 256
	if len(large) == 0 {
		l.enums = small
		return
	}
	l.enums = make([]uint32, 0, len(small)+len(large))
	for len(small) > 0 && len(large) > 0 {
		if small[0] < large[0] {
			l.enums, small = append(l.enums, small[0]), small[1:]
		} else {
			l.enums, large = append(l.enums, large[0]), large[1:]
		}
	}
	l.enums = append(append(l.enums, small...), large...)
}
