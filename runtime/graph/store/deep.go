package store

import (
	"encoding/binary"

	"probe/lang/hir"
	"probe/runtime/graph"
	"probe/stdlib/fgraph"
)

// deep sets t.Texts from the data that arguments point to. Events carry that
// data as words after the arguments; deep removes these words.
func (d *Decoder) deep(t *graph.Tree) {
	if !d.spec.Deep {
		return
	}
	var bytes []byte
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.Flags&graph.Gap != 0 || c.NArgs == 0 {
			continue
		}
		site, deep := d.site(d.Funcs.Func(c.Fn).Addr)
		if site == nil {
			continue
		}
		args := fgraph.Args(site)
		words := t.Args[c.Args:][:c.NArgs]
		if len(words) <= len(args) {
			continue
		}
		c.NArgs = uint8(len(args))
		bytes = bytes[:0]
		for _, w := range words[len(args):] {
			bytes = binary.LittleEndian.AppendUint64(bytes, w)
		}
		rest := bytes
		for k := range args {
			a := deep.At(k)
			if a == nil || len(rest) < 8*(1+a.Words) {
				continue
			}
			if s := a.Text(rest); s != "" && words[k] != 0 {
				if t.Texts == nil {
					t.Texts = map[int32]string{}
				}
				t.Texts[c.Args+int32(k)] = s
			}
			rest = rest[8*(1+a.Words):]
		}
	}
}

// site returns the entry site of the function of an event, and the data read
// there; nil for a function that shares its program with others.
func (d *Decoder) site(addr uint64) (*hir.Site, fgraph.DeepArgs) {
	switch {
	case addr == 0:
		return d.spec.Enter, d.spec.EnterDeep
	case addr <= uint64(len(d.spec.Parts)) && d.spec.Parts[addr-1].Func != "":
		part := &d.spec.Parts[addr-1]
		return part.Enter, part.Deep
	}
	return nil, nil
}

// TakeRoot copies the root's arguments from a tree that programs recorded to
// one that the tracer recorded.
func TakeRoot(t, from *graph.Tree) {
	root, other := t.Root(), from.Root()
	if other.NArgs == 0 {
		return
	}
	at := int32(len(t.Args))
	t.Args = append(t.Args, from.Args[other.Args:][:other.NArgs]...)
	root.Args, root.NArgs = at, other.NArgs
	for k := range int32(other.NArgs) {
		if s := from.Texts[other.Args+k]; s != "" {
			if t.Texts == nil {
				t.Texts = map[int32]string{}
			}
			t.Texts[at+k] = s
		}
	}
}
