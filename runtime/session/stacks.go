package session

import (
	"encoding/binary"
	"sync"

	"github.com/cilium/ebpf"
)

// stacks finds the frames of stacks by id. An id is a hash over the frames, so
// what was found once stays right, in whatever map it was.
type stacks struct {
	mu    sync.Mutex
	maps  []*ebpf.Map // copies: they outlive the clauses they came from
	found map[uint64][]uint64
}

// maxFound bounds the stacks that are remembered.
const maxFound = 4096

// addStacks makes the stacks of a map known.
func (r *Resolver) addStacks(m *ebpf.Map) {
	clone, err := m.Clone()
	if err != nil {
		return // out of descriptors: the stacks show as not kept
	}
	r.stacks.mu.Lock()
	defer r.stacks.mu.Unlock()
	r.stacks.maps = append(r.stacks.maps, clone)
}

// closeStacks gives the maps up.
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
