package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/builtin"
	"probe/compiler/object"
	"probe/lang/types"
)

// fakeRing is the kernel's side of a buffer in ordinary memory.
type fakeRing struct {
	*Ring
	size uint64
	prod *uint64
	cons *uint64
	mem  []byte // twice size, kept equal by put
}

func newFake(size int) *fakeRing {
	words := func(n int) []byte {
		w := make([]uint64, (n+7)/8)
		return unsafe.Slice((*byte)(unsafe.Pointer(&w[0])), n)
	}
	cons, prod, data := words(8), words(8), words(size)
	return &fakeRing{
		Ring: newRing(cons, prod, data, size), size: uint64(size),
		prod: (*uint64)(unsafe.Pointer(&prod[0])), cons: (*uint64)(unsafe.Pointer(&cons[0])), mem: data,
	}
}

func (f *fakeRing) write(at uint64, b []byte) {
	for i, c := range b {
		f.mem[(at+uint64(i))&(f.size-1)] = c
	}
}

// put appends a record as bpf_ringbuf_reserve and _submit do; it reports
// whether there was room.
func (f *fakeRing) put(data []byte, flags uint32) bool {
	whole := uint64(len(data)+headerSize+7) &^ 7
	at := *f.prod
	if at+whole-atomic.LoadUint64(f.cons) > f.size {
		return false
	}
	var h [8]byte
	binary.LittleEndian.PutUint32(h[:], uint32(len(data))|flags)
	f.write(at, h[:])
	f.write(at+8, data)
	atomic.StoreUint64(f.prod, at+whole)
	return true
}

func (f *fakeRing) all(t *testing.T) []string {
	t.Helper()
	var got []string
	_, _, err := f.Read(0, func(b []byte) bool { got = append(got, string(b)); return true })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestReadInOrder(t *testing.T) {
	f := newFake(4096)
	f.put([]byte("one"), 0)
	f.put([]byte("dropped"), discardBit)
	f.put([]byte("three"), 0)
	if diff := cmp.Diff([]string{"one", "three"}, f.all(t)); diff != "" {
		t.Error(diff)
	}
	if *f.cons != *f.prod {
		t.Errorf("consumer position is %d, want %d: the kernel would think the buffer full", *f.cons, *f.prod)
	}
	if got := f.all(t); got != nil {
		t.Errorf("second read gives %q", got)
	}
}

func TestReadWrapsAround(t *testing.T) {
	f := newFake(4096)
	n := 0
	for round := range 100 {
		var want []string
		for i := range 7 {
			s := fmt.Sprintf("%d/%d %0*d", round, i, 50+13*i, 0)
			if !f.put([]byte(s), 0) {
				t.Fatalf("no room for record %d of round %d", i, round)
			}
			want = append(want, s)
			n++
		}
		if diff := cmp.Diff(want, f.all(t)); diff != "" {
			t.Fatalf("round %d: %s", round, diff)
		}
	}
}

func TestReadStopsAtBusyRecord(t *testing.T) {
	f := newFake(4096)
	f.put([]byte("a"), 0)
	at := *f.prod
	f.put([]byte("b"), busyBit)
	f.put([]byte("c"), 0)
	var got []string
	n, busy, err := f.Read(0, func(b []byte) bool { got = append(got, string(b)); return true })
	if n != 1 || !busy || err != nil || got[0] != "a" {
		t.Fatalf("Read = %d, %v, %v with %q, want one record and busy", n, busy, err, got)
	}
	if f.Pending() == 0 {
		t.Error("Pending is 0 with a busy record in the buffer")
	}
	var h [8]byte
	binary.LittleEndian.PutUint32(h[:], 1)
	f.write(at, h[:])
	if diff := cmp.Diff([]string{"b", "c"}, f.all(t)); diff != "" {
		t.Error(diff)
	}
}

func TestReadLimitAndStop(t *testing.T) {
	f := newFake(4096)
	for i := range 5 {
		f.put([]byte{byte(i)}, 0)
	}
	if n, _, _ := f.Read(2, func([]byte) bool { return true }); n != 2 {
		t.Errorf("limit 2 read %d records", n)
	}
	if n, _, _ := f.Read(0, func([]byte) bool { return false }); n != 1 {
		t.Errorf("a false yield read %d records", n)
	}
	if got := f.all(t); len(got) != 2 {
		t.Errorf("%d records are left, want 2", len(got))
	}
}

func TestReadCorruptLength(t *testing.T) {
	for _, length := range []uint32{lengthMask, 5000, 100} {
		f := newFake(4096)
		f.put([]byte("x"), 0)
		var h [8]byte
		binary.LittleEndian.PutUint32(h[:], length)
		f.write(*f.prod, h[:])
		*f.prod += 16
		n, _, err := f.Read(0, func([]byte) bool { return true })
		if n != 1 || !errors.Is(err, ErrCorrupt) {
			t.Errorf("length %d: Read = %d, %v, want one record and ErrCorrupt", length, n, err)
		}
		f.put([]byte("y"), 0)
		if diff := cmp.Diff([]string{"y"}, f.all(t)); diff != "" {
			t.Errorf("length %d: after the damage: %s", length, diff)
		}
	}
}

// TestReadWhileWriting lets a writer and the reader race over a small buffer:
// every record must arrive once and in order.
func TestReadWhileWriting(t *testing.T) {
	f := newFake(1 << 12)
	const total = 200000
	go func() {
		var b [24]byte
		for i := range uint64(total) {
			binary.LittleEndian.PutUint64(b[:], i)
			for !f.put(b[:8+i%16], 0) {
				time.Sleep(time.Microsecond)
			}
		}
	}()
	next := uint64(0)
	deadline := time.Now().Add(30 * time.Second)
	for next < total {
		_, _, err := f.Read(0, func(b []byte) bool {
			if got := binary.LittleEndian.Uint64(b); got != next {
				t.Fatalf("record %d arrived when %d was due", got, next)
			}
			next++
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d records arrived", next, total)
		}
	}
}

func events() []*object.RecordLayout {
	return []*object.RecordLayout{
		{ID: 0, Fn: &builtin.Func{}, Call: &builtin.CallInfo{Probe: "begin"}, Size: 8},
		{ID: 1, Fn: &builtin.Func{}, Call: &builtin.CallInfo{Probe: "p"}, Size: 48, Args: []object.RecordField{
			{Type: types.Uint32, Off: 8}, {Type: types.StringType(16), Off: 12}, {Type: types.StringType(20), Off: 28},
		}},
	}
}

func TestDecode(t *testing.T) {
	rec := make([]byte, 48)
	binary.LittleEndian.PutUint32(rec, 1)
	binary.LittleEndian.PutUint32(rec[4:], 3)
	binary.LittleEndian.PutUint32(rec[8:], 77)
	copy(rec[12:], "first")
	copy(rec[28:], "second")
	d := NewDecoder(events())
	for _, tc := range []struct {
		name string
		rec  []byte
	}{{"whole", rec}, {"cut tail", rec[:34]}} {
		r, err := d.Decode(tc.rec)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var got [][]byte
		for _, a := range r.Args {
			got = append(got, a.B)
		}
		want := [][]byte{rec[8:12], rec[12:28], rec[28:48]}
		if diff := cmp.Diff(want, got); diff != "" || r.Call.Probe != "p" {
			t.Errorf("%s: probe %s, arguments: %s", tc.name, r.Call.Probe, diff)
		}
	}
	// Two arguments beyond the end must not share memory.
	r, err := d.Decode(rec[:20])
	if err != nil {
		t.Fatal(err)
	}
	copy(r.Args[1].B, "xxxx")
	if r.Args[2].B[0] != 0 || len(r.Args[2].B) != 20 {
		t.Errorf("the second cut argument reads %q", r.Args[2].B)
	}
}

func TestDecodeRefuses(t *testing.T) {
	d := NewDecoder(events())
	for _, tc := range []struct {
		name string
		rec  []byte
	}{
		{"empty", nil},
		{"short head", make([]byte, 3)},
		{"unknown event", []byte{2, 0, 0, 0, 0, 0, 0, 0}},
		{"huge event", []byte{255, 255, 255, 255, 0, 0, 0, 0}},
	} {
		if _, err := d.Decode(tc.rec); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error is %v, want ErrCorrupt", tc.name, err)
		}
	}
}

func TestWaiter(t *testing.T) {
	w, err := NewWaiter()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Wake()
	start := time.Now()
	if err := w.Wait(10*time.Second, nil); err != nil {
		t.Fatal(err)
	}
	if time.Since(start) > 5*time.Second {
		t.Error("a pending Wake did not end Wait")
	}
	if err := w.Wait(time.Millisecond, nil); err != nil {
		t.Fatal(err)
	}
}

// FuzzDecode feeds arbitrary bytes as the data area of a buffer and as
// records.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, uint16(16))
	f.Add([]byte{255, 255, 255, 63, 0, 0, 0, 0}, uint16(8))
	f.Fuzz(func(t *testing.T, b []byte, written uint16) {
		r := newFake(4096)
		r.write(0, b[:min(len(b), 4096)])
		*r.prod = uint64(min(written, 4096)) &^ 7
		d := NewDecoder(events())
		for range 3 {
			_, busy, err := r.Read(0, func(rec []byte) bool {
				if out, err := d.Decode(rec); err == nil {
					for i, a := range out.Args {
						if len(a.B) != a.T.Size {
							t.Fatalf("argument %d has %d bytes, its type %d", i, len(a.B), a.T.Size)
						}
					}
				}
				return true
			})
			if err == nil && !busy && r.Pending() != 0 {
				t.Fatalf("%d bytes are left after a complete read", r.Pending())
			}
		}
	})
}

func BenchmarkReadDecode(b *testing.B) {
	const size = 1 << 20
	f := newFake(size)
	rec := make([]byte, 48)
	rec[0] = 1
	per := 0
	for f.put(rec, 0) {
		per++
	}
	end := *f.prod
	d := NewDecoder(events())
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += per {
		f.pos, f.published = 0, 0
		*f.prod = end
		n, _, err := f.Read(0, func(r []byte) bool {
			_, err := d.Decode(r)
			return err == nil
		})
		if n != per || err != nil {
			b.Fatalf("Read = %d, %v", n, err)
		}
	}
}
