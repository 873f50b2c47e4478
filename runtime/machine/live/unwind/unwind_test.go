package unwind

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	mapped "probe/runtime/machine/live/elf"
)

// section builds an .eh_frame.
type section struct{ b []byte }

func (s *section) entry(body ...byte) (at int) {
	at = len(s.b)
	for (len(body)+4)%4 != 0 {
		body = append(body, 0)
	}
	s.b = binary.LittleEndian.AppendUint32(s.b, uint32(len(body)))
	s.b = append(s.b, body...)
	return at
}

// common appends the entry that compilers write: "zR" or "zRS", addresses from the
// place where they are, rsp+8 at the first instruction.
func (s *section) common(aug string) int {
	body := []byte{0, 0, 0, 0, 1}
	body = append(append(body, aug...), 0)
	return s.entry(append(body, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1)...)
}

// addr is that of the section; functions are below it.
const addr = 0x10000

// function appends the entry of a function.
func (s *section) function(common int, from, size uint32, code ...byte) {
	body := binary.LittleEndian.AppendUint32(nil, uint32(len(s.b)+4-common))
	body = binary.LittleEndian.AppendUint32(body, from-uint32(addr+len(s.b)+8))
	body = binary.LittleEndian.AppendUint32(body, size)
	s.entry(append(append(body, 0), code...)...)
}

func (s *section) rows(t *testing.T) []Row {
	t.Helper()
	p := parser{data: s.b, addr: addr, eh: true, commons: map[int]*common{}}
	if err := p.entries(); err != nil {
		t.Fatal(err)
	}
	return order(p.rows)
}

func TestRows(t *testing.T) {
	var s section
	c, signal := s.common("zR"), s.common("zRS")
	// push %rbp; mov %rsp,%rbp; …; leave; ret
	s.function(c, 0x1000, 32, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x5a, 0x0c, 7, 8)
	// A frame without rbp, left in the middle and entered again.
	s.function(c, 0x1020, 64, 0x44, 0x0e, 0x80, 1, 0x50, 0x0a, 0x0e, 8, 0x41, 0x0b)
	// The procedure linkage table.
	s.function(c, 0x2000, 32, 0x0e, 16, 0x46, 0x0e, 24, 0x4a, 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22)
	// A stack that main aligns: the frame address is in memory, rbp at rbp.
	s.function(c, 0x3000, 16, 0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0)
	// The return of a signal handler, and a function without a caller.
	s.function(signal, 0x4000, 9, 0x0f, 4, 0x77, 0xa0, 1, 0x06, 0x10, 16, 3, 0x77, 0xa8, 1)
	s.function(c, 0x5000, 8, 0x07, 16)
	want := []Row{
		{0x1000, rule(FromSP, 8), 0}, {0x1001, rule(FromSP, 16), -16}, {0x1004, rule(FromBP, 16), -16}, {0x101e, rule(FromSP, 8), -16},
		{0x1020, rule(FromSP, 8), 0}, {0x1024, rule(FromSP, 128), 0}, {0x1034, rule(FromSP, 8), 0}, {0x1035, rule(FromSP, 128), 0}, {0x1060, 0, 0},
		{0x2000, rule(FromSP, 16), 0}, {0x2006, rule(FromSP, 24), 0}, {0x2010, rule(Stub, 11), 0}, {0x2020, 0, 0},
		{0x3000, rule(AtBP, -8), BPAtBP}, {0x3010, 0, 0},
		{0x4000, rule(Signal, 0), 0}, {0x4009, 0, 0},
		{0x5000, rule(Last, 0), 0}, {0x5008, 0, 0},
	}
	if diff := cmp.Diff(want, s.rows(t)); diff != "" {
		t.Error(diff)
	}
	if r := want[13]; r.Kind() != AtBP || r.Offset() != -8 {
		t.Errorf("the rule is read as kind %d, offset %d", r.Kind(), r.Offset())
	}
}

// Bytes of a file that is broken end in an error or in other rows.
func TestBroken(t *testing.T) {
	var s section
	c := s.common("zR")
	s.function(c, 0x1000, 32, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x5a, 0x0c, 7, 8)
	s.function(c, 0x2000, 32, 0x0e, 16, 0x46, 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22)
	r := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		b := slices.Clone(s.b[:1+r.IntN(len(s.b))])
		for range r.IntN(4) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		for _, eh := range []bool{true, false} {
			p := parser{data: b, addr: addr, eh: eh, commons: map[int]*common{}}
			_ = p.entries()
		}
	}
}

// The vdso describes its frames on every kernel.
func TestProcess(t *testing.T) {
	p := Process{PID: os.Getpid()}
	rows, changed, err := p.Table()
	if err != nil || !changed {
		t.Fatalf("changed: %v, error: %v", changed, err)
	}
	if !slices.IsSortedFunc(rows, func(a, b Row) int {
		if a.PC < b.PC {
			return -1
		}
		return 1
	}) {
		t.Error("the rows are not sorted")
	}
	all, err := mapped.Maps(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range all {
		for _, r := range rows {
			if m.Path == "[vdso]" && r.PC >= m.Start && r.PC < m.End && r.Kind() == FromSP {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("the vdso has no rows")
	}
	if _, changed, err = p.Table(); changed || err != nil {
		t.Errorf("a second table: changed %v, error %v", changed, err)
	}
}
