package graph

import (
	"io"
	"testing"
)

func BenchmarkWrite(b *testing.B) {
	var funcs Funcs
	t := &Tree{}
	bd := &Builder{Funcs: &funcs, Resolve: func(uint64) Func { return Func{Name: "security_inode_getattr", Result: Int32} },
		Done: func(_ int32, done *Tree) { t = done.Clone() }}
	at := int64(0)
	add := func(kind Kind, fn uint64) {
		at += 123
		bd.Add(&Event{Time: at, Addr: fn, TID: 7, Depth: -1, Kind: kind}, nil)
	}
	// Ten chains of three calls.
	add(Enter, 1)
	for i := range uint64(10) {
		for d := range uint64(3) {
			add(Enter, i*3+d+2)
		}
		for d := range uint64(3) {
			add(Exit, i*3+4-d)
		}
	}
	add(Return, 1)
	add(Exit, 1)
	bd.Flush()
	b.ReportAllocs()
	for b.Loop() {
		if err := t.Write(io.Discard, &funcs, Lines); err != nil {
			b.Fatal(err)
		}
	}
}
