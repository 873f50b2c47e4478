package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"probe/runtime/graph"
)

// A large tree is written in pieces, which are together what a small one is: its head, the
// tree, an empty line.
func TestWriteTreeInPieces(t *testing.T) {
	const depth, ends = 500, 20_000
	funcs := &graph.Funcs{}
	tree := &graph.Tree{Thread: graph.Thread{TID: 7, Comm: "a\nb\x1b"}}
	for i := range depth {
		funcs.List = append(funcs.List, graph.Func{Name: fmt.Sprint("f", i, strings.Repeat("x", 1000), "\x1b")})
		tree.Calls = append(tree.Calls, graph.Call{Fn: int32(i), Parent: int32(i) - 1, Depth: uint16(i), T1: ends, End: depth + ends})
	}
	for i := range int32(ends) {
		tree.Calls = append(tree.Calls, graph.Call{Fn: i % depth, Parent: depth - 1, Depth: depth, T0: int64(i), T1: int64(i) + 1, End: depth + i + 1})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := writeTree(io.Discard, tree, funcs, graph.Lines, 0, false); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 100<<20 {
		t.Errorf("%d MB were allocated", used>>20)
	}
	var whole, want bytes.Buffer
	if err := writeTree(&whole, tree, funcs, graph.Lines, 0, false); err != nil {
		t.Fatal(err)
	}
	if err := tree.Write(&want, funcs, graph.Lines); err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(whole.String(), "\n")
	if !strings.HasSuffix(head, ` a\x0ab\x1b[7] cpu 0`) || rest != strings.ReplaceAll(want.String(), "\x1b", `\x1b`)+"\n" {
		t.Errorf("%d bytes are written, want %d, after the line %q", whole.Len(), want.Len(), head)
	}
	var small writes
	tree.Calls = tree.Calls[:1]
	tree.Calls[0].End = 1
	if err := writeTree(&small, tree, funcs, graph.Lines, 0, true); err != nil || len(small) != 1 || !strings.Contains(small[0], "a\nb\x1b[7]") {
		t.Errorf("a small tree is written as %q, %v", small, err)
	}
}

// writes has what each call of Write got.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}
