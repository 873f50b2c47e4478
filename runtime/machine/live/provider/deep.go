package provider

import (
	"cmp"
	"slices"
	"strings"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/stdlib/fgraph"
)

// Members that are close together are read at once: a call of a helper costs
// more than copying some unused bytes.
const (
	deepGap = 32
	maxDeep = 128 // bytes of an argument
)

// deep returns, for each argument of a site, what is read of the struct that it
// points to; nil if there is nothing to read.
func (r *request) deep(s *hir.Site) fgraph.DeepArgs {
	if s == nil {
		return nil
	}
	args := fgraph.Args(s)
	words := len(args)
	var out fgraph.DeepArgs
	for i := range args {
		t := args[i].Type
		if !t.IsPtrToRecord() || t.Space == types.User {
			continue
		}
		n := slices.IndexFunc(r.set.deep, func(d fgraph.Deep) bool { return d.Struct == t.Elem.Struct.Name })
		if n < 0 {
			continue
		}
		d := deepArg(&r.set.deep[n], t.Elem)
		if d == nil || words+1+d.Words > fgraph.MaxWords {
			continue
		}
		words += 1 + d.Words
		if out == nil {
			out = make(fgraph.DeepArgs, len(args))
		}
		out[i] = d
	}
	return out
}

// deepFunc reports whether the function f takes a pointer to a struct of the
// table.
func (r *request) deepFunc(f fn) bool {
	proto, err := r.set.k.Func(f.module, f.name)
	return err == nil && r.deep(&hir.Site{Args: inRegisters(proto)}) != nil
}

// deepArg looks up the members of a row in this kernel's struct; nil if it has
// none of them.
func deepArg(row *fgraph.Deep, t *types.Type) *fgraph.DeepArg {
	d := &fgraph.DeepArg{Row: row, Members: make([]fgraph.DeepRead, len(row.Members))}
	var order []int
	for i, path := range row.Members {
		if off, size, ok := member(t, path); ok && size > 0 {
			d.Members[i] = fgraph.DeepRead{Off: off, Size: size}
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(d.Members[a].Off, d.Members[b].Off) })
	total := 0
	for _, i := range order {
		m := &d.Members[i]
		last := len(d.Reads) - 1
		if last < 0 || m.Off > d.Reads[last].Off+d.Reads[last].Size+deepGap {
			d.Reads = append(d.Reads, fgraph.DeepRead{Off: m.Off, At: total})
			last++
		}
		read := &d.Reads[last]
		read.Size = max(read.Size, m.Off+m.Size-read.Off)
		m.At = read.At + m.Off - read.Off
		total = (read.At + read.Size + 7) / 8 * 8
	}
	if d.Words = total / 8; d.Words == 0 || total > maxDeep {
		return nil
	}
	return d
}

// member resolves a path of member names to an offset and a size, both in
// bytes.
func member(t *types.Type, path string) (off, size int, ok bool) {
	for name := range strings.SplitSeq(path, ".") {
		if t.Struct == nil {
			return 0, 0, false
		}
		f, ok := t.Struct.Field(name)
		if !ok || f.BitSize > 0 {
			return 0, 0, false
		}
		off, t = off+f.Offset, f.Type
	}
	return off, t.Size, true
}
