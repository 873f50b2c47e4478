package session

import (
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf/asm"

	"probe/compiler/object"
)

// TestMark marks the descendants of a process whichever of them is found first, and
// those of a descendant whose own parent has ended.
func TestMark(t *testing.T) {
	//  10 ── 11 ── 12 ── 13, 10 ── 20; 1 ── 30 ── 31; 40 in a circle with 41; 50 below 30
	parents := map[int]int{10: 1, 11: 10, 12: 11, 13: 12, 20: 10, 30: 1, 31: 30, 40: 41, 41: 40, 1: 0}
	table := make([]byte, 64)
	if !mark(table, 10, parents) {
		t.Error("nobody was found")
	}
	var got []int
	for pid, b := range table {
		if b != 0 {
			got = append(got, pid)
		}
	}
	if want := []int{11, 12, 13, 20}; !slices.Equal(got, want) {
		t.Errorf("marked %v, want %v", got, want)
	}
	if mark(table, 10, parents) {
		t.Error("the second search found somebody new")
	}
	// 12 has a new child, and 11 has ended, so that 12 belongs to process 1.
	delete(parents, 11)
	parents[12], parents[50] = 1, 12
	if !mark(table, 10, parents) || table[50] != 1 || table[30] != 0 {
		t.Errorf("after the end of a parent: %v", table)
	}
}

func TestParent(t *testing.T) {
	if pp, ok := parent(os.Getpid()); !ok || pp != os.Getppid() {
		t.Errorf("the parent is %d, %v; want %d", pp, ok, os.Getppid())
	}
	if _, ok := parent(1 << 30); ok {
		t.Error("a process that does not exist has a parent")
	}
}

// The program has an encoding, in the initial PID namespace and in another.
func TestOnFork(t *testing.T) {
	for _, f := range []*object.Follow{{PID: 7}, {PID: 7, Dev: 4, Ino: 1 << 31}} {
		for i, in := range onFork(f, 8) {
			if in.OpCode == asm.InvalidOpCode {
				t.Errorf("%+v: instruction %d is invalid", f, i)
			}
		}
	}
}
