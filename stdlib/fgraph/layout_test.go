package fgraph

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/builtin"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// The fields of a record do not overlap, and the data comes last.
func TestFields(t *testing.T) {
	list := slices.Clone(fields)
	slices.SortFunc(list, func(a, b builtin.Field) int { return a.Off - b.Off })
	end := 4 // the number of the record
	for _, f := range list {
		if f.Off < end {
			t.Errorf("the %s at %d begins before %d, where another field ends", f.Type, f.Off, end)
		}
		end = f.Off + f.Type.Size
	}
	if last := list[len(list)-1]; last.Off != recData || end != slotSize-slotRecord {
		t.Errorf("the last field is at %d and ends at %d", last.Off, end)
	}
	if dataMax+2*maxEvent != slotSize-slotRecord-recData || maxEvent != evWords+8*MaxWords {
		t.Error("what is free for the root's two events is not what they may take")
	}
}

// args returns the arguments of a record as user space gets them.
func args(set map[int]uint64, comm string, data []byte) []value.Value {
	var out []value.Value
	for i, f := range fields {
		v := value.Value{T: f.Type, B: make([]byte, f.Type.Size)}
		switch i {
		case argComm:
			copy(v.B, comm)
		case argData:
			copy(v.B, data)
		default:
			copy(v.B, value.OfInt(types.Uint64, set[i]).B)
		}
		out = append(out, v)
	}
	return out
}

func TestRead(t *testing.T) {
	data := (&Event{Time: 10, Addr: 1, TID: 7}).Append(nil)
	set := map[int]uint64{argTime: 99, argTID: 0xffffffff, argProbe: 3, argRet: 5, argPID: 42<<32 | 7, argStart: 90, argUsed: uint64(len(data)), argLost: 2}
	want := &Record{ID: value.GraphID{Time: 99, TID: -1, Probe: 3}, Start: 90, Ret: 5, PID: 42, Comm: "sshd", Events: data, Lost: 2}
	all := args(set, "sshd", data)
	if d := cmp.Diff(want, Read(&builtin.Record{Args: all})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// The tracer has the calls.
	want.Events, want.Lost = nil, 0
	if d := cmp.Diff(want, Read(&builtin.Record{Args: all[:argUsed]})); d != "" {
		t.Errorf("without calls (-want +got):\n%s", d)
	}
	// More is used than there is: nothing behind the data is read.
	set[argUsed] = 1 << 31
	if got := Read(&builtin.Record{Args: args(set, "", data)}); len(got.Events) != slotSize-slotRecord-recData {
		t.Errorf("%d bytes of events", len(got.Events))
	}
	if got := Read(&builtin.Record{}); got.Events != nil || got.ID != (value.GraphID{}) {
		t.Errorf("an empty record is %+v", got)
	}
}

// Each gives back what Append has written.
func TestEvents(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for range 200 {
		var want []Event
		var r Record
		for range rnd.Intn(6) {
			e := Event{Time: rnd.Uint64(), Addr: rnd.Uint64(), Exit: rnd.Intn(2) == 1, IRQ: rnd.Intn(2) == 1, CPU: uint16(rnd.Uint32()), TID: int32(rnd.Uint32()), Words: []uint64{}}
			for range rnd.Intn(MaxWords + 1) {
				e.Words = append(e.Words, rnd.Uint64())
			}
			want = append(want, e)
			r.Events = e.Append(r.Events)
		}
		see := func(into *[]Event) func(e *Event) {
			return func(e *Event) {
				c := *e
				c.Words = append([]uint64{}, e.Words...)
				*into = append(*into, c)
			}
		}
		var got []Event
		if !r.Each(see(&got)) {
			t.Error("the data does not end with an event")
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		// Cut anywhere inside of the last event, the data has those before.
		if len(want) > 0 {
			size := evWords + 8*len(want[len(want)-1].Words)
			r.Events = r.Events[:len(r.Events)-1-rnd.Intn(size-1)]
			got = nil
			if r.Each(see(&got)) || len(got) != len(want)-1 {
				t.Errorf("%d of %d events after a cut", len(got), len(want))
			}
		}
	}
	r := Record{Events: (&Event{Time: 1}).Append(nil)}
	r.Events[evKind] = 5
	if r.Each(func(e *Event) { t.Errorf("an event of an unknown kind: %+v", e) }) {
		t.Error("an unknown kind is not noticed")
	}
}

func TestPlan(t *testing.T) {
	plan := &Plan{Func: "f"}
	if Of(&hir.Site{Plan: plan}) != plan || Of(&hir.Site{}) != nil || Of(&hir.Site{Plan: "another"}) != nil {
		t.Error("a site's plan is not the one that it has")
	}
	n, s := hir.Arg{Type: types.Uint64}, hir.Arg{Type: types.StringType(16)}
	for _, c := range []struct {
		args []hir.Arg
		want int
	}{{nil, 0}, {[]hir.Arg{n, n}, 2}, {[]hir.Arg{n, s, n}, 1}, {[]hir.Arg{n, n, n, n, n, n, n}, maxArgs}} {
		if got := len(Args(&hir.Site{Args: c.args})); got != c.want {
			t.Errorf("%d of %d arguments, want %d", got, len(c.args), c.want)
		}
	}
	deep := DeepArgs{nil, {Words: 1}}
	if deep.At(0) != nil || deep.At(1) == nil || deep.At(2) != nil || DeepArgs(nil).At(0) != nil {
		t.Error("what is read behind arguments is that of others")
	}
}
