package pass

import (
	"encoding/binary"
	"slices"

	"probe/compiler/ir"
)

// mergeTails merges equal blocks with the same target, if they are cold or end
// the function. Hot blocks stay separate, because sharing costs a jump.
func mergeTails(s *state) {
	for range 4 {
		if !mergeOnce(s) {
			break
		}
		tidy(s)
	}
	shareEnds(s)
}

// shareEnds lets a block that ends the function run into a block that does
// nothing else and returns the same, so that branches which end the function do
// not need an end of their own. It is done for one block only: that block can
// be laid out directly before the shared end, while any other would need a
// jump.
func shareEnds(s *state) {
	f := s.f
	g := s.graph()
	ends := map[ir.Value]ir.Block{}
	for _, b := range g.Order {
		if d := &f.Blocks[b]; b != 0 && len(d.Ins) == 0 && len(d.Params) == 0 && d.Term.Kind == ir.Ret {
			if d.Term.X == 0 || isMade(f.Ins(d.Term.X).Op) {
				ends[d.Term.X] = b
			}
		}
	}
	for i := len(g.Order) - 1; i >= 0; i-- {
		d := &f.Blocks[g.Order[i]]
		if d.Cold {
			continue
		}
		x := d.Term.X
		if d.Term.Kind == ir.Jump {
			// If the block leads to an end, it shares that end already.
			x = f.Blocks[d.Term.Then.To].Term.X
		}
		e, ok := ends[x]
		switch {
		case !ok || e == g.Order[i]:
		case d.Term.Kind == ir.Jump && d.Term.Then.To == e:
			delete(ends, x)
		case d.Term.Kind == ir.Ret:
			d.Term = ir.Term{Kind: ir.Jump, Then: ir.Edge{To: e}, Pos: d.Term.Pos}
			f.Blocks[e].Cold = false
			delete(ends, x)
		}
	}
	s.shape()
}

// mergeOnce merges the blocks that are equal now and reports whether there were
// any. Merging can make further blocks equal, since their targets become the
// same. Blocks whose values are used elsewhere stay separate: those uses would
// need parameters.
func mergeOnce(s *state) bool {
	f := s.f
	g := s.graph()
	// Most functions have no two blocks that even look alike.
	looks := make([]uint64, 0, len(g.Order))
	var alike []uint64
	for _, b := range g.Order {
		if mergeable(f, g, b) {
			looks = append(looks, look(f, b))
		}
	}
	slices.Sort(looks)
	for i := 1; i < len(looks); i++ {
		if looks[i] == looks[i-1] {
			alike = append(alike, looks[i])
		}
	}
	if len(alike) == 0 {
		return false
	}
	local := make([]int32, len(f.Vals)) // number inside its block, from 1
	escapes := make([]bool, len(f.Blocks))
	for _, b := range g.Order {
		note := func(p *ir.Value) {
			if d := f.Ins(*p).Blk; d != b {
				escapes[d] = true
			}
		}
		for _, v := range f.Blocks[b].Ins {
			f.Vals[v].Operands(note)
		}
		f.Blocks[b].Term.Operands(note)
	}
	first := map[string]ir.Block{}
	become := map[ir.Block]ir.Block{}
	var key []byte
	for _, b := range g.Order {
		d := &f.Blocks[b]
		if escapes[b] || !mergeable(f, g, b) {
			continue
		}
		if _, ok := slices.BinarySearch(alike, look(f, b)); !ok {
			continue
		}
		key = appendBlock(key[:0], f, b, local)
		if o, ok := first[string(key)]; ok {
			become[b] = o
			f.Blocks[o].Cold = f.Blocks[o].Cold && d.Cold
		} else {
			first[string(key)] = b
		}
	}
	if len(become) == 0 {
		return false
	}
	for b := range f.Blocks {
		t := &f.Blocks[b].Term
		for k := range t.NumSuccs() {
			e := t.Succ(k)
			if o, ok := become[e.To]; ok {
				e.To = o
			}
		}
	}
	s.shape()
	return true
}

// mergeable reports whether a block may become one with an equal one.
func mergeable(f *ir.Func, g *ir.CFG, b ir.Block) bool {
	d := &f.Blocks[b]
	return b != 0 && (d.Cold || d.Term.Kind == ir.Ret) && g.Head[b] != b
}

// look returns a number that is the same for equal blocks, and often differs for
// others.
func look(f *ir.Func, b ir.Block) uint64 {
	const prime = 1099511628211 // that of FNV-1a
	d := &f.Blocks[b]
	h := uint64(len(d.Params))
	for _, v := range d.Ins {
		in := f.Ins(v)
		h = (h ^ uint64(in.Op) ^ uint64(in.W)<<8 ^ uint64(uint32(in.Aux))<<16) * prime
		h = (h ^ uint64(in.Imm)) * prime
	}
	t := &d.Term
	h = (h ^ uint64(t.Kind) ^ uint64(t.Cmp)<<8) * prime
	for k := range t.NumSuccs() {
		h = (h ^ uint64(t.Succ(k).To)) * prime
	}
	return h
}

// appendBlock appends a key for the behaviour of a block. The block's own
// values are numbered within the block, so equal blocks have equal keys.
func appendBlock(key []byte, f *ir.Func, b ir.Block, local []int32) []byte {
	d := &f.Blocks[b]
	num := func(n int64) { key = binary.AppendVarint(key, n) }
	val := func(v ir.Value) {
		if v != 0 && local[v] > 0 && f.Ins(v).Blk == b {
			num(-int64(local[v]))
			return
		}
		num(int64(v))
	}
	n := int32(0)
	num(int64(len(d.Params)))
	for _, p := range d.Params {
		n++
		local[p] = n
		num(int64(f.Ins(p).Kind))
	}
	for _, v := range d.Ins {
		in := f.Ins(v)
		for _, x := range [...]int64{int64(in.Op), int64(in.W), int64(in.Kind), in.Imm, int64(in.Aux), int64(len(in.Args))} {
			num(x)
		}
		val(in.A)
		val(in.B)
		for _, a := range in.Args {
			val(a)
		}
		n++
		local[v] = n
	}
	t := &d.Term
	for _, x := range [...]int64{int64(t.Kind), int64(t.Cmp), int64(t.W)} {
		num(x)
	}
	val(t.X)
	val(t.Y)
	for k := range t.NumSuccs() {
		e := t.Succ(k)
		num(int64(e.To))
		for _, a := range e.Args {
			val(a)
		}
	}
	return key
}
