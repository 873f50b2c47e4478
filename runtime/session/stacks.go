package session

import (
	"encoding/binary"
	"sync"

	"github.com/cilium/ebpf"
)

// stacks finds the frames of stacks by id. An id is a hash of the frames, so a
// stack that was found once is right for that id for ever, whichever map it was
// found in.
type stacks struct {
	mu    sync.Mutex
	maps  []*ebpf.Map // duplicates of the descriptors: they outlive their clauses
	found map[uint64][]uint64
	depth int             // frames at which the object cuts stacks that say no limit
	cut   map[uint64]bool // ids of stacks with so many
}

// maxCut is how many cut stacks are told apart.
const maxCut = 1 << 16

// cutStacks returns the number of different stacks that had as many frames as fit,
// and were probably deeper.
func (r *Resolver) cutStacks() uint64 {
	if r == nil {
		return 0
	}
	r.stacks.mu.Lock()
	defer r.stacks.mu.Unlock()
	return uint64(len(r.stacks.cut))
}

// maxFound is the maximum number of stacks that are cached.
const maxFound = 4096

// addStacks adds a map to those in which stacks are looked up.
func (r *Resolver) addStacks(m *ebpf.Map) {
	clone, err := m.Clone()
	if err != nil {
		return // out of file descriptors: the stacks of this map are shown as not found
	}
	r.stacks.mu.Lock()
	defer r.stacks.mu.Unlock()
	r.stacks.maps = append(r.stacks.maps, clone)
}

// closeStacks closes the maps.
func (r *Resolver) closeStacks() {
	r.stacks.mu.Lock()
	defer r.stacks.mu.Unlock()
	for _, m := range r.stacks.maps {
		m.Close()
	}
	r.stacks.maps = nil
}

// Stack returns the first n words of the frames with an id.
func (r *Resolver) Stack(id uint64, n int) []uint64 {
	s := &r.stacks
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 && n == s.depth && len(s.cut) < maxCut {
		if s.cut == nil {
			s.cut = map[uint64]bool{}
		}
		s.cut[id] = true
	}
	words, ok := s.found[id]
	for _, m := range s.maps {
		if ok {
			break
		}
		b := make([]byte, m.ValueSize())
		if m.Lookup(id, &b) != nil || len(b) < 8*n {
			continue
		}
		words, ok = make([]uint64, n), true
		for i := range words {
			words[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		if s.found == nil || len(s.found) >= maxFound {
			s.found = map[uint64][]uint64{}
		}
		s.found[id] = words
	}
	return words[:min(n, len(words))]
}
