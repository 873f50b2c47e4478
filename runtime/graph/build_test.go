package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names give test functions their addresses: the first has address 1.
type names struct{ list []string }

func (n *names) addr(name string) uint64 {
	for i, s := range n.list {
		if s == name {
			return uint64(i + 1)
		}
	}
	n.list = append(n.list, name)
	return uint64(len(n.list))
}

func (n *names) resolve(addr uint64) Func {
	f := Func{Name: n.list[addr-1]}
	switch {
	case strings.HasPrefix(f.Name, "int_"):
		f.Result = Int32
	case strings.HasPrefix(f.Name, "ptr_"):
		f.Result = Pointer
	}
	return f
}

// feed passes a builder events in words, one a line, each a microsecond later:
//
//	> NAME [DEPTH] [irq]    enter        < NAME [DEPTH] [DURATION]   exit
//	= NAME VALUE            return       ! N                         lost
//
// "TID:" before the line picks another thread than 1.
func feed(t *testing.T, b *Builder, text string) string {
	t.Helper()
	n := &names{}
	var funcs Funcs
	var out strings.Builder
	b.Funcs, b.Resolve = &funcs, n.resolve
	b.Done = func(tid int32, tree *Tree) {
		fmt.Fprintf(&out, "[%d]\n", tid)
		check(t, tree)
		if err := tree.Write(&out, &funcs, Lines); err != nil {
			t.Fatal(err)
		}
	}
	now := int64(0)
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		now += 1000
		e := Event{Time: now, TID: 1, CPU: 1, Depth: -1}
		if id, ok := strings.CutSuffix(w[0], ":"); ok {
			fmt.Sscan(id, &e.TID)
			w = w[1:]
		}
		if w[0] != "!" {
			e.Addr = n.addr(w[1])
		}
		switch w[0] {
		case ">":
			if len(w) > 2 {
				fmt.Sscan(w[2], &e.Depth)
			}
			if len(w) > 3 {
				e.Flags = HardIRQ
			}
		case "<":
			e.Kind = Exit
			if len(w) > 2 {
				fmt.Sscan(w[2], &e.Depth)
			}
			if len(w) > 3 {
				fmt.Sscan(w[3], &e.Value)
			}
		case "=":
			e.Kind = Return
			var v int64
			fmt.Sscan(w[2], &v)
			e.Value = uint64(v)
		case "!":
			e.Kind = Lost
			fmt.Sscan(w[1], &e.Value)
		}
		b.Add(&e, nil)
	}
	b.Flush()
	return out.String()
}

// check verifies what every tree must be.
func check(t *testing.T, tree *Tree) {
	t.Helper()
	n := int32(len(tree.Calls))
	for i := range n {
		c := &tree.Calls[i]
		switch {
		case (i == 0) != (c.Parent < 0):
			t.Errorf("call %d has parent %d", i, c.Parent)
		case c.End <= i || c.End > n:
			t.Errorf("call %d ends at %d of %d", i, c.End, n)
		case c.T1 < c.T0:
			t.Errorf("call %d takes %d ns", i, c.Duration())
		}
		if c.Parent < 0 {
			continue
		}
		p := &tree.Calls[c.Parent]
		if c.Parent >= i || c.End > p.End || c.Depth != p.Depth+1 {
			t.Errorf("call %d (depth %d, end %d) is not inside its parent %d (depth %d, end %d)", i, c.Depth, c.End, c.Parent, p.Depth, p.End)
		}
		if c.T0 < p.T0 || c.T1 > p.T1 {
			t.Errorf("call %d runs %d-%d, its parent %d-%d", i, c.T0, c.T1, p.T0, p.T1)
		}
	}
}

func TestBuild(t *testing.T) {
	tests := []struct{ name, events, want string }{
		{"nested calls", `
			> a 0
			> b 1
			> c 2
			< c 2
			< b 1
			> d 1
			< d 1
			< a 0`, `
[1]
 a         7.0 us
 ├─ b      3.0 us
 │  └─ c   1.0 us
 └─ d      1.0 us
`},
		{"two threads and two roots", `
			> a 0
			2: > a 0
			2: > b 1
			< a 0
			> a 0
			< a 0
			2: < b 1
			2: < a 0`, `
[1]
 a   3.0 us
[1]
 a   1.0 us
[2]
 a      6.0 us
 └─ b   4.0 us
`},
		{"durations of the source", "> a 0\n > b 1 \n < b 1 400\n < a 0 900", `
[1]
 a      1.4 us
 └─ b   0.4 us
`},
		{"results after the exit", `
			> a 0
			> int_b 1
			< int_b 1
			= int_b -101
			> ptr_c 1
			< ptr_c 1
			= ptr_c 0
			< a 0`, `
[1]
 a          7.0 us
 ├─ int_b   1.0 us  = -ENETUNREACH
 └─ ptr_c   1.0 us  = NULL
`},
		{"results before the exit", `
			> int_a 0
			> int_a 1
			= int_a 1
			< int_a 1
			= int_a 2
			< int_a 0`, `
[1]
 int_a      5.0 us  = 2
 └─ int_a   2.0 us  = 1
`},
		{"result of a root after its exit", "> int_a 0 \n < int_a 0 \n = int_a -2", `
[1]
 int_a   1.0 us  = -ENOENT
`},
		{"recursion with results after the exits", `
			> int_a 0
			> int_a 1
			< int_a 1
			= int_a 1
			< int_a 0
			= int_a 2`, `
[1]
 int_a      4.0 us  = 2
 └─ int_a   1.0 us  = 1
`},
		{"end of calls lost", `
			> a 0
			> b 1
			> c 2
			! 3
			> d 1
			< d 1
			< a 0`, `
[1]
 incomplete: at least 3 events lost, the end of 2 calls not seen
 a         6.0 us
 ├─ b        ?
 │  └─ c     ?
 │     └─ … 3 events lost …
 └─ d      1.0 us
`},
		{"start of calls lost", `
			> a 0
			! 0
			> e 3
			< e 3
			< d 2 500
			< c 1
			< a 0`, `
[1]
 incomplete: at least 1 event lost, the start of 2 calls not seen
 a            6.0 us
 ├─ … events lost …
 └─ c         3.0 us
    └─ d      2.0 us
       └─ e   1.0 us
`},
		{"start of a call and of its caller lost", "> a 0 \n ! 1 \n < c 2 \n < b 1 \n < a 0", `
[1]
 incomplete: at least 1 event lost, the start of 2 calls not seen
 a         4.0 us
 ├─ … 1 event lost …
 └─ b      1.0 us
    └─ c     ?
`},
		{"end of a root lost", "> a 0 \n > b 1 \n ! 2 \n > a 0 \n < a 0", `
[1]
 incomplete: at least 2 events lost, the end of 2 calls not seen
 a      ?
 └─ b   ?
    └─ … 2 events lost …
[1]
 a   1.0 us
`},
		{"still open at the end", "> a 0 \n > b 1", `
[1]
 incomplete: the end of 2 calls not seen
 a      ?
 └─ b   ?
`},
		{"no depths", "> a \n > b \n > c \n < b \n < a", `
[1]
 incomplete: the end of 1 call not seen
 a         4.0 us
 └─ b      2.0 us
    └─ c     ?
`},
		{"an interrupt before the record of an entry", "> a 0\n > irq_enter 2 \n < irq_enter 2 \n > b 1 \n < b 1 \n < a 0", `
[1]
 a              5.0 us
 ├─ irq_enter   1.0 us
 └─ b           1.0 us
`},
		{"an interrupt before the record of an exit", "> a 0\n > b 1 \n > irq_enter 1 \n < irq_enter 1 \n < b 1 \n < a 0", `
[1]
 a                 5.0 us
 └─ b              3.0 us
    └─ irq_enter   1.0 us
`},
		{"the end of a root is not there", "> a 0\n > b 1 \n < b 1 \n > a 0 \n < a 0", `
[1]
 incomplete: the end of 1 call not seen
 a        ?
 └─ b   1.0 us
[1]
 a   1.0 us
`},
		{"exits of unknown calls", "< a 0 \n > b 0 \n < c 0 \n < b 0", "\n[1]\n b   2.0 us\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := feed(t, &Builder{}, tt.events)
			if d := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); d != "" {
				t.Errorf("trees (-want +got):\n%s", d)
			}
		})
	}
}

func TestMaxCalls(t *testing.T) {
	got := feed(t, &Builder{MaxCalls: 2}, "> a 0\n> b 1\n< b 1\n> c 1\n> d 2\n< d 2\n< c 1\n< a 0\n> a 0\n< a 0")
	want := ` incomplete: at least 2 events lost
 a      7.0 us
 ├─ b   1.0 us
 └─ … 2 events lost …
[1]
 a   1.0 us
`
	if d := cmp.Diff("[1]\n"+want, got); d != "" {
		t.Errorf("trees (-want +got):\n%s", d)
	}
}

// The idle threads of two CPUs have the same number and are two threads.
func TestIdleThreads(t *testing.T) {
	var funcs Funcs
	var got []string
	b := &Builder{Funcs: &funcs, Resolve: func(a uint64) Func { return Func{Name: string(rune('a' + a))} }}
	b.Done = func(tid int32, tree *Tree) {
		check(t, tree)
		names := fmt.Sprintf("%d/%d", tid, tree.Root().CPU)
		for i := range tree.Calls {
			names += " " + funcs.Name(tree.Calls[i].Fn)
		}
		got = append(got, names)
	}
	for i, e := range []Event{
		{Addr: 0, CPU: 0}, {Addr: 0, CPU: 1, Depth: 0}, {Addr: 1, CPU: 0, Depth: 1}, {Addr: 2, CPU: 1, Depth: 1},
		{Addr: 1, CPU: 0, Depth: 1, Kind: Exit}, {Addr: 0, CPU: 0, Kind: Exit}, {Addr: 2, CPU: 1, Depth: 1, Kind: Exit}, {Addr: 0, CPU: 1, Kind: Exit},
	} {
		e.Time = int64(i)
		b.Add(&e, nil)
	}
	b.Flush()
	slices.Sort(got)
	if d := cmp.Diff([]string{"0/0 a b", "0/1 a c"}, got); d != "" {
		t.Errorf("trees (-want +got):\n%s", d)
	}
}

func TestSettle(t *testing.T) {
	var funcs Funcs
	done := 0
	b := &Builder{Funcs: &funcs, Resolve: func(uint64) Func { return Func{Name: "a"} }, Done: func(int32, *Tree) { done++ }}
	b.Add(&Event{Time: 10, TID: 1, Addr: 1}, nil)
	b.Add(&Event{Time: 20, TID: 1, Addr: 1, Kind: Exit}, nil)
	b.Add(&Event{Time: 20, TID: 2, Addr: 1}, nil)
	if b.Settle(15); done != 0 {
		t.Error("a tree was delivered before its return value could come")
	}
	if b.Settle(21); done != 1 {
		t.Errorf("%d trees delivered, want 1", done)
	}
	if len(b.threads) != 1 {
		t.Errorf("%d threads remembered, want the one with an open call", len(b.threads))
	}
}

// Whatever the events, trees are well formed and nothing panics.
func FuzzBuild(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 2, 1, 1, 2, 1, 1, 1, 0}, true)
	f.Add([]byte{0, 1, 0, 3, 0, 0, 1, 9, 9, 2, 1, 1, 1, 1, 0}, true)
	f.Add([]byte{0, 1, 0, 0, 2, 0, 1, 1, 0, 2, 1, 0}, false)
	f.Fuzz(func(t *testing.T, data []byte, depths bool) {
		var funcs Funcs
		b := &Builder{Funcs: &funcs, MaxCalls: 20, Resolve: func(a uint64) Func { return Func{Name: string(rune('a' + a))} }}
		b.Done = func(_ int32, tree *Tree) {
			check(t, tree)
			u := tree.Clone()
			u.Fold()
			check(t, u)
			u.Skip(&funcs, []string{"b"})
			check(t, u)
			for _, style := range []Style{Lines, Braces} {
				if err := u.Write(new(strings.Builder), &funcs, style); err != nil {
					t.Fatal(err)
				}
			}
		}
		for now := int64(1); len(data) >= 3; data, now = data[3:], now+1 {
			e := Event{Time: now, Kind: Kind(data[0] % 4), Addr: uint64(data[1] % 8), Depth: -1, TID: int32(data[2] >> 7), CPU: uint16(data[2]>>6) & 1}
			e.Flags, e.Value = EventFlags(data[0]>>6), uint64(data[0]>>2)
			if depths {
				e.Depth = int16(int8(data[2]<<2)) >> 2
			}
			b.Add(&e, nil)
		}
		b.Flush()
	})
}

func BenchmarkBuild(b *testing.B) {
	var funcs Funcs
	trees := 0
	bd := &Builder{Funcs: &funcs, Resolve: func(a uint64) Func { return Func{Name: fmt.Sprint("f", a)} }, Done: func(int32, *Tree) { trees++ }}
	// 30 calls: chains of three below the root.
	var events []Event
	add := func(kind Kind, fn uint64, depth int16) {
		events = append(events, Event{Addr: fn, TID: 7, Depth: depth, Kind: kind, Value: 1})
	}
	add(Enter, 1, 0)
	for i := range uint64(10) {
		for d := range int16(3) {
			add(Enter, i*3+uint64(d)+2, d+1)
		}
		for d := int16(2); d >= 0; d-- {
			add(Exit, i*3+uint64(d)+2, d+1)
		}
	}
	add(Exit, 1, 0)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for i := range events {
			events[i].Time += 10
			bd.Add(&events[i], nil)
		}
		n += len(events)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
