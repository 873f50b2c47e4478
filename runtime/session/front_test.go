package session

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"probe/compiler/object"
	"probe/lang/types"
)

// steps is a waiter whose waits the test ends.
type steps struct {
	begun, end chan error
	closed     chan bool
}

func (s steps) Wait() error  { s.begun <- nil; return <-s.end }
func (s steps) Close() error { close(s.closed); return nil }

// oneTable is a host with one hash of numbers.
type oneTable struct {
	host
	t fakeTable
}

func (h oneTable) table(string) table { return h.t }

type fakeTable map[string][]byte

func (fakeTable) stride() (int, error) { return 8, nil }
func (t fakeTable) each(yield func(key, val []byte) bool) error {
	for k, v := range t {
		if !yield([]byte(k), v) {
			return nil
		}
	}
	return nil
}
func (t fakeTable) clear() error { clear(t); return nil }
func (t fakeTable) zero() error {
	for _, v := range t {
		clear(v)
	}
	return nil
}

// fronted returns a clause with a map of a table of two slots on each of two CPUs, one of
// which is in use, and a function that sets the state of a slot.
func fronted(t *testing.T) (*Clause, *object.Map, func(cpu, slot int, state uint32, key, n uint64)) {
	t.Helper()
	f := &object.Front{Off: 8, Slots: 2, Size: 24, Ready: 4, Key: 8, KeySize: 8, Cell: 16, Resets: true}
	m := &object.Map{Name: "m", Spec: "m_m", Key: types.Int64, Value: &types.Type{Kind: types.Count, Size: 8}, Storage: object.StorePerCPUHash, ValueSize: 8, KeySize: 8, Front: f}
	c := &Clause{obj: &object.Object{PerCPUStride: 64, Maps: []*object.Map{m}}, percpu: make([]byte, 128)}
	c.host = oneTable{t: fakeTable{}}
	return c, m, func(cpu, slot int, state uint32, key, n uint64) {
		b := c.percpu[64*cpu+f.Off+slot*f.Size:]
		binary.NativeEndian.PutUint32(b, 1)
		binary.NativeEndian.PutUint32(b[f.Ready:], state)
		binary.NativeEndian.PutUint64(b[f.Key:], key)
		binary.NativeEndian.PutUint64(b[f.Cell:], n)
	}
}

// slots returns what the slots of all CPUs begin with, and their cells.
func slots(c *Clause, f *object.Front) (heads, cells [4]uint64) {
	for i := range heads {
		b := c.percpu[64*(i/2)+f.Off+i%2*f.Size:]
		heads[i], cells[i] = binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint64(b[f.Cell:])
	}
	return heads, cells
}

func eight(n uint64) []byte { return binary.NativeEndian.AppendUint64(nil, n) }

// TestRetired: the slots of a cleared map are passed over at once, free when the programs
// that ran have ended, and not before.
func TestRetired(t *testing.T) {
	c, m, put := fronted(t)
	w := steps{make(chan error), make(chan error), make(chan bool)}
	c.retired.grace = w
	table := c.host.(oneTable).t
	table[string(eight(5))] = eight(1)
	put(0, 0, object.FrontReady, 5, 10)
	put(1, 0, object.FrontReady, 5, 20)
	put(1, 1, 0, 0, 0) // two wanted it at once: never free
	total := func() (n uint64) {
		t.Helper()
		d, err := c.mapData(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range d.Entries {
			for i := 0; i < len(e.Val); i += 8 {
				n += binary.NativeEndian.Uint64(e.Val[i:])
			}
		}
		return n
	}
	if n := total(); n != 31 {
		t.Fatalf("%d before, want 31", n)
	}
	if err := c.clearMap(m); err != nil {
		t.Fatal(err)
	}
	<-w.begun
	if heads, _ := slots(c, m.Front); total() != 0 || heads != [4]uint64{object.FrontRetired<<32 | 1, 0, object.FrontRetired<<32 | 1, 1} {
		t.Errorf("after clear: %d, slots begin with %x", total(), heads)
	}
	// A program that had looked before adds to the retired cell, another one counts in
	// the hash, and a third has found the key in the hash before and claims a free slot.
	put(0, 0, object.FrontRetired, 5, 11)
	table[string(eight(5))] = eight(2)
	put(0, 1, object.FrontReady, 6, 3)
	if n := total(); n != 5 {
		t.Errorf("%d after three more events, want 5", n)
	}
	// A second clear while the first waits.
	if err := c.clearMap(m); err != nil {
		t.Fatal(err)
	}
	w.end <- nil
	<-w.begun
	c.retired.mu.Lock()
	if heads, cells := slots(c, m.Front); heads != [4]uint64{0, object.FrontRetired<<32 | 1, 0, 1} || cells != [4]uint64{0, 3, 0, 0} {
		t.Errorf("after the first wait: slots begin with %x, cells %d", heads, cells)
	}
	c.retired.mu.Unlock()
	c.retired.close()
	select {
	case <-w.closed:
		t.Error("closed while it was waiting")
	case <-time.After(time.Millisecond):
	}
	w.end <- nil
	<-w.closed
	if heads, _ := slots(c, m.Front); heads[1] == 0 {
		t.Error("a slot was freed after its memory was gone")
	}
}

// TestRetiredForGood: slots stay retired if the kernel cannot tell when programs have
// ended.
func TestRetiredForGood(t *testing.T) {
	for _, failing := range []bool{true, false} {
		c, m, put := fronted(t)
		w := steps{make(chan error), make(chan error), make(chan bool)}
		if failing {
			c.retired.grace = w
		}
		put(0, 0, object.FrontReady, 5, 10)
		if err := c.zeroMap(m); err != nil {
			t.Fatal(err)
		}
		if failing {
			<-w.begun
			w.end <- errors.New("no")
		}
		c.retired.close()
		if failing {
			<-w.closed
		}
		if heads, _ := slots(c, m.Front); heads[0] != object.FrontRetired<<32|1 {
			t.Errorf("slots begin with %x", heads)
		}
	}
}
