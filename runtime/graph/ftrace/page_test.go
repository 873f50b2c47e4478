package ftrace

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/graph"
	"probe/runtime/machine/live/tracefs"
)

// decoder makes a decoder from the formats of testdata, which were read from
// the kernels of their names.
func decoder(t testing.TB, kernel string) *Decoder {
	t.Helper()
	d, err := NewDecoder(tracefs.At("testdata/"+kernel, ""))
	if err != nil {
		t.Fatal(err)
	}
	f, err := parse(retFormat)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.setRecord(f); err != nil {
		t.Fatal(err)
	}
	return d
}

func parse(text string) (*tracefs.Format, error) { return tracefs.ParseFormat([]byte(text)) }

const retFormat = `name: r0
ID: 1392
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:unsigned long __probe_func;	offset:8;	size:8;	signed:0;
	field:unsigned long __probe_ret_ip;	offset:16;	size:8;	signed:0;
	field:u64 ret;	offset:24;	size:8;	signed:0;

print fmt: "(%lx <- %lx) ret=0x%Lx", REC->__probe_func, REC->__probe_ret_ip, REC->ret
`

// pager writes pages as the kernel does.
type pager struct {
	time, commit uint64
	data         []byte
}

func (p *pager) head(kind, delta uint32) { p.u32(kind | delta<<5) }
func (p *pager) u32(v uint32)            { p.data = binary.LittleEndian.AppendUint32(p.data, v) }
func (p *pager) u64(v uint64)            { p.data = binary.LittleEndian.AppendUint64(p.data, v) }

func (p *pager) common(id uint16, flags byte, tid uint32) {
	p.u32(uint32(id) | uint32(flags)<<16)
	p.u32(tid)
}

// entry writes a record of a 4-byte depth.
func (p *pager) entry(delta uint32, flags byte, tid uint32, fn uint64, depth uint32) {
	p.head(5, delta)
	p.common(11, flags, tid)
	p.u64(fn)
	p.u32(depth)
}

func (p *pager) exit(delta uint32, tid uint32, fn uint64, depth uint32, call, ret uint64) {
	p.head(10, delta)
	p.common(10, 0, tid)
	p.u64(fn)
	p.u32(depth)
	p.u32(0)
	p.u64(call)
	p.u64(ret)
}

func (p *pager) page(size int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, p.time)
	b = binary.LittleEndian.AppendUint64(b, p.commit|uint64(len(p.data)))
	b = append(b, p.data...)
	return append(b, make([]byte, max(size-len(b), 0))...)
}

func decode(t *testing.T, d *Decoder, page []byte) ([]graph.Event, []uint64) {
	t.Helper()
	events, args, err := d.Page(page, 3, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return events, args
}

func TestPage(t *testing.T) {
	p := &pager{time: 1_000_000}
	p.entry(0, 0, 77, 0xffffffff81000010, 0)
	p.head(recordTimeExtend, 5)
	p.u32(1) // 1<<27 + 5
	p.entry(7, flagHardIRQ, 77, 0xffffffff81000020, 1)
	p.head(recordPadding, 1) // a discarded record of 12 bytes
	p.u32(12)
	p.u64(0)
	p.head(0, 3) // a long record: its length follows
	p.u32(4 + 40)
	p.common(10, 0, 77)
	p.u64(0xffffffff81000020)
	p.u32(1)
	p.u32(0)
	p.u64(500)
	p.u64(900)
	p.head(recordTimeStamp, 9)
	p.u32(2) // 2<<27 + 9
	p.head(8, 0)
	p.common(1392, 0, 77)
	p.u64(0xffffffff81000010)
	p.u64(0)
	p.u64(1 << 63)
	p.head(3, 4)
	p.common(999, 0, 77) // of no interest
	p.u32(0)
	p.exit(1, 77, 0xffffffff81000010, 0, 100, 50)
	p.head(recordPadding, 0)
	p.u32(0)
	const start = 1_000_000
	inner := int64(start + 1<<27 + 5 + 7)
	last := int64(2<<27 + 9)
	want := []graph.Event{
		{Time: start, Addr: 0xffffffff81000010, TID: 77, CPU: 3},
		{Time: inner, Addr: 0xffffffff81000020, TID: 77, CPU: 3, Depth: 1, Flags: graph.HardIRQ},
		{Time: inner + 4, Addr: 0xffffffff81000020, TID: 77, CPU: 3, Depth: 1, Kind: graph.Exit, Value: 400},
		{Time: last, Addr: 0xffffffff81000010, TID: 77, CPU: 3, Depth: -1, Kind: graph.Return, Value: 1 << 63},
		{Time: last + 5, Addr: 0xffffffff81000010, TID: 77, CPU: 3, Kind: graph.Exit},
	}
	got, _ := decode(t, decoder(t, "6.1"), p.page(4096))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

func TestPageLost(t *testing.T) {
	d := decoder(t, "6.1")
	lost := func(p *pager, size int) uint64 {
		events, _ := decode(t, d, p.page(size))
		if len(events) != 2 || events[0].Kind != graph.Lost || events[0].Time != 5 {
			t.Fatalf("events %v, want a loss and an entry", events)
		}
		return events[0].Value
	}
	p := &pager{time: 5, commit: lostBefore}
	p.entry(1, 0, 1, 1<<63, 0)
	if n := lost(p, 4096); n != 0 {
		t.Errorf("%d lost, want an unknown number", n)
	}
	// The kernel's word is signed: the high bits are all set.
	p.commit = 0xffffffffc0000000
	page := p.page(4096)
	binary.LittleEndian.PutUint64(page[16+len(p.data):], 121)
	events, _ := decode(t, d, page)
	if events[0].Value != 121 {
		t.Errorf("%d lost, want 121", events[0].Value)
	}
	if n := lost(p, 0); n != 0 {
		t.Errorf("%d lost in a page without room for the count", n)
	}
}

func TestPageArgs(t *testing.T) {
	d := decoder(t, "7.2")
	p := &pager{time: 1}
	for i := range 2 {
		p.head(uint32(24+8*3)/4, 1)
		p.common(11, 0, 5)
		p.u64(1 << 63)
		p.u64(uint64(i)) // the depth has 8 bytes
		p.u64(10)
		p.u64(20)
		p.u64(30)
	}
	events, args := decode(t, d, p.page(4096))
	if len(events) != 2 || events[1].Depth != 1 || events[1].NArgs != 3 || events[1].Args != 3 {
		t.Errorf("events %+v", events)
	}
	if diff := cmp.Diff([]uint64{10, 20, 30, 10, 20, 30}, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestPageDamage(t *testing.T) {
	d := decoder(t, "6.1")
	good := &pager{time: 1}
	good.entry(1, 0, 1, 1<<63, 0)
	for name, change := range map[string]func(p *pager) []byte{
		"short":             func(p *pager) []byte { return p.page(0)[:10] },
		"too many bytes":    func(p *pager) []byte { p.commit = 5000; return p.page(4096) },
		"record cut off":    func(p *pager) []byte { p.head(20, 1); return p.page(4096) },
		"length cut off":    func(p *pager) []byte { p.head(0, 1); return p.page(4096) },
		"time cut off":      func(p *pager) []byte { p.head(30, 1); return p.page(4096) },
		"length too small":  func(p *pager) []byte { p.head(0, 1); p.u32(3); return p.page(4096) },
		"length far beyond": func(p *pager) []byte { p.head(0, 1); p.u32(1 << 31); return p.page(4096) },
	} {
		t.Run(name, func(t *testing.T) {
			p := *good
			p.data = append([]byte(nil), good.data...)
			events, _, err := d.Page(change(&p), 0, nil, nil)
			if !errors.Is(err, ErrPage) {
				t.Errorf("error %v", err)
			}
			if len(events) > 1 {
				t.Errorf("%d events", len(events))
			}
		})
	}
}

func TestLayoutRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no function": "name: x\nID: 5\nformat:\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n",
		"no value":    "name: x\nID: 5\nformat:\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\tfield:unsigned long func;\toffset:8;\tsize:8;\tsigned:0;\n",
	} {
		t.Run(name, func(t *testing.T) {
			f, err := parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := new(Decoder).setRecord(f); err == nil {
				t.Error("accepted")
			}
		})
	}
	if _, err := NewDecoder(tracefs.At(t.TempDir(), "")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without formats: %v", err)
	}
}

func FuzzPage(f *testing.F) {
	p := &pager{time: 1}
	p.entry(1, 0, 1, 1<<63, 0)
	p.exit(1, 1, 1<<63, 0, 1, 2)
	f.Add(p.page(4096)[:200])
	f.Add(p.page(0))
	d := decoder(f, "7.2")
	f.Fuzz(func(t *testing.T, page []byte) {
		events, args, _ := d.Page(page, 0, nil, nil)
		for _, e := range events {
			if int(e.Args)+int(e.NArgs) > len(args) {
				t.Fatalf("event %+v refers to %d arguments", e, len(args))
			}
		}
	})
}
