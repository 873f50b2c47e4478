package bcc

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/sink"
)

// names knows the symbols of two addresses of the kernel and of one of a process.
type names struct{ value.NoResolver }

func (names) Stack(id uint64, n int) []uint64 {
	return map[uint64][]uint64{1: {0x10, 0x20}, 2: {0x30, 0x31}, 3: {0x30, 0x32}}[id][:n]
}

func (names) KStackFrame(a uint64) []value.Frame {
	f, ok := map[uint64]value.Frame{0x10: {Name: "vfs_read", Offset: 1}, 0x20: {Name: "kvm_run", Offset: 0x5b, Module: "kvm"}}[a]
	if !ok {
		return nil
	}
	return []value.Frame{f}
}

func (names) UStackFrame(a uint64, _, _ uint32, _ bool) []value.Frame {
	f, ok := map[uint64]value.Frame{0x30: {Name: "read", Offset: 7, Module: "/lib/libc.so.6"}, 0x31: {Module: "/bin/ping"}}[a]
	if !ok {
		return nil
	}
	return []value.Frame{f}
}

func words(ns ...uint64) (b []byte) {
	for _, n := range ns {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

var (
	kstackType = &types.Type{Kind: types.KStack, Size: 16, Limit: 127}
	ustackType = &types.Type{Kind: types.UStack, Size: 24, Limit: 127}
	kernel     = value.Value{T: kstackType, B: words(1, 2)}
	user       = value.Value{T: ustackType, B: words(7, 2, 2)}
	count      = &types.Type{Kind: types.Count, Size: 8}
)

func comm16(s string) value.Value {
	b := make([]byte, 17)
	copy(b, s)
	return value.Value{T: types.StringType(16), B: b}
}

func printf(t *testing.T, format string, args ...value.Value) *event.Printf {
	t.Helper()
	specs, err := value.ParseFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	return &event.Printf{Format: specs, Args: args, Resolver: names{}}
}

// output runs events through a sink and returns what it prints.
func output(t *testing.T, l Layout, events ...event.Event) (string, *Sink) {
	t.Helper()
	var out strings.Builder
	to, err := sink.New("text", sink.Config{Out: &out, Err: &out, Quiet: true})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSink(l, to)
	for _, e := range events {
		s.Take(e)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), s
}

func same(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRows(t *testing.T) {
	const format = "%-7d %-15s %-8s "
	row := func(n uint64, message string, more ...value.Value) *event.Printf {
		args := []value.Value{value.OfInt(types.Int64, n), comm16("dd\x1b[1m"), comm16("vfs_read")}
		return printf(t, format+message, append(args, more...)...)
	}
	layout := Layout{Rows: &Rows{Prefix: 3}, Stack: StackStyle{Indent: "        ", Offset: true, Module: true}}
	got, _ := output(t, layout, printf(t, "PID\n"), row(5, "n=%d\n", value.OfInt(types.Int64, 9)))
	same(t, "PID\n5       dd\\x1b[1m       vfs_read n=9\n", got)

	layout.Rows = &Rows{Prefix: 3, Stacks: true}
	layout.Stack.Addr = "%16x "
	got, _ = output(t, layout, row(5, "\n%s%s", kernel, user))
	same(t, "5       dd\\x1b[1m       vfs_read \n"+
		"                      10 vfs_read+0x1 [kernel]\n                      20 kvm_run+0x5b [kvm]\n"+
		"                      30 read+0x7 [libc.so.6]\n                      31 [unknown] [ping]\n\n", got)

	// Only messages with "9", two of them, counted.
	layout.Rows = &Rows{Prefix: 3, Filter: "9", Max: 3, Aggregate: true}
	n := func(n uint64) event.Event { return row(1, "%d\n", value.OfInt(types.Int64, n)) }
	got, s := output(t, layout, n(8), n(9), n(5), n(19), n(9), n(9))
	same(t, "1       dd\\x1b[1m       vfs_read 9\n-->COUNT 2\n\n1       dd\\x1b[1m       vfs_read 19\n-->COUNT 1\n\n", got)
	select {
	case <-s.Done():
	default:
		t.Error("the sink is not done after the last row")
	}

	layout.Rows = &Rows{Prefix: 3, Since: true, SinceWidth: 8, SinceMax: 8}
	at := func(s, us uint64) event.Event {
		return printf(t, "%d.%06d %s x\n", value.OfInt(types.Int64, s), value.OfInt(types.Int64, us), comm16("sh"))
	}
	got, _ = output(t, layout, at(0, 1234), at(1234, 5))
	same(t, "0.001234 sh x\n1234.000 sh x\n", got)

	layout.Rows = &Rows{Prefix: 1, Folded: true}
	layout.Stack = StackStyle{}
	got, _ = output(t, layout, printf(t, "%s \n%s%s", comm16("sh"), kernel, user), printf(t, "%s \n%s", comm16("sh"), kernel))
	same(t, "sh;[unknown];read;-;kvm_run;vfs_read 1\nsh;kvm_run;vfs_read 1\n", got)

	layout.Rows = &Rows{Prefix: 1}
	got, _ = output(t, layout, printf(t, "%-6.4s|\n", comm16("kworker")))
	same(t, "kwor  |\n", got)

	// %K and %U show offsets, which the language does not.
	layout.Rows = &Rows{Prefix: 1}
	ksym := value.Value{T: &types.Type{Kind: types.KSym, Size: 8}, B: words(0x20)}
	usym := value.Value{T: &types.Type{Kind: types.USym, Size: 16}, B: words(0x30, 7)}
	none := value.Value{T: &types.Type{Kind: types.KSym, Size: 8}, B: words(0x99)}
	got, _ = output(t, layout, printf(t, "%s %s %s %s\n", comm16("sh"), ksym, usym, none))
	same(t, "sh kvm_run+0x5b read+0x7 [libc.so.6] [unknown]\n", got)
}

func TestTables(t *testing.T) {
	str := types.StringType(31)
	key := func(s string) []byte { return append([]byte(s), make([]byte, 32-len(s))...) }
	m := func(name string, k, v *types.Type, entries ...value.Entry) *event.Map {
		return &event.Map{Name: name, Key: k, Val: v, Entries: entries, Resolver: names{}}
	}
	tables := map[string]TableFunc{"": countTable(lastPart(2)), "time": histTable("usecs", "Function", func(k []value.Value, r value.Resolver) string {
		return string(value.AppendText(nil, k[0], r))
	}), "all": averageLine("usecs")}
	hist := &types.Type{Kind: types.Hist, Size: 8}
	stats := &types.Type{Kind: types.Stats, Size: 16}
	layout := Layout{Head: "Tracing %d functions\n", Own: 3, Table: tables}
	final := m("", str, count, value.Entry{Key: key("x"), Val: words(1)})
	final.Final = true
	got, _ := output(t, layout, &event.Attached{Probes: 6}, m("", str, count,
		value.Entry{Key: key("tracepoint:block:rq"), Val: words(3)}, value.Entry{Key: key("vfs_read"), Val: words(12345678)}),
		m("time", str, hist, value.Entry{Key: key("f"), Buckets: []value.Bucket{{Index: 1, Count: 1}, {Index: 2, Count: 1}, {Index: 3, Count: 4}}}),
		m("all", nil, stats, value.Entry{Val: words(7500, 6)}), m("all", nil, stats), m("other", str, count), &event.End{}, final)
	same(t, `Tracing 3 functions
block:rq                                    3
vfs_read                             12345678

Function = f
     usecs               : count     distribution
         0 -> 1          : 2        |********************                    |
         2 -> 3          : 4        |****************************************|

avg = 1 usecs, total: 7 usecs, count: 6

`, got)
}

func TestStacks(t *testing.T) {
	k := types.TupleType(kstackType, ustackType, types.Uint32, types.StringType(15))
	entry := func(pid uint64, n uint64, us []byte) value.Entry {
		b := append(append(words(1, 2), us...), byte(pid), 0, 0, 0)
		b = append(b, "dd"...)
		return value.Entry{Key: append(b, make([]byte, k.Size-len(b))...), Val: words(n)}
	}
	m := &event.Map{Key: k, Val: count, Entries: []value.Entry{entry(5, 1, words(7, 2, 2)), entry(6, 4, words(8, 2, 1))}, Resolver: names{}}
	plain := stackTable{delimited: true, comm: true}
	same(t, "  vfs_read\n  kvm_run\n    --\n  read\n  [unknown]\n    b'dd' [5]\n    1\n\n  vfs_read\n  kvm_run\n    --\n  read\n    b'dd' [6]\n    4\n\n",
		string(plain.append(nil, m, &StackStyle{Indent: "  "})))
	folded := stackTable{folded: true}
	same(t, "dd;[unknown];read;kvm_run;vfs_read 1\ndd;read;kvm_run;vfs_read 4\n", string(folded.append(nil, m, &StackStyle{})))
	// Stacks that print the same are two entries if their addresses differ.
	m.Entries = []value.Entry{entry(5, 1, words(7, 2, 2)), entry(5, 2, words(7, 3, 2)), entry(6, 4, words(8, 2, 2))}
	same(t, "[unknown];read;kvm_run;vfs_read 2\n[unknown];read;kvm_run;vfs_read 5\n", strings.ReplaceAll(string(folded.append(nil, m, &StackStyle{})), "dd;", ""))
	// Stacks of two processes with the same addresses are one entry.
	m.Entries = []value.Entry{entry(5, 3, words(7, 2, 1)), entry(6, 4, words(8, 2, 1))}
	merged := stackTable{}
	same(t, "  vfs_read+0x1\n  kvm_run+0x5b\n  read+0x7\n    7\n\n", string(merged.append(nil, m, &StackStyle{Indent: "  ", Offset: true})))
}

func TestEvents(t *testing.T) {
	d := &dist{raw: "p::f(char *s):char*:s", shown: []string{"s"}, line: &line{values: map[string][]string{"top": {"1"}}}}
	str := types.StringType(15)
	key := func(s string) []byte { return append([]byte(s), make([]byte, 16-len(s))...) }
	m := &event.Map{Key: str, Val: count, Entries: []value.Entry{{Key: key("no"), Val: words(1)}, {Key: key("a'b\n"), Val: words(2)}}, Resolver: names{}}
	same(t, "p::f(char *s):char*:s\n\tCOUNT      EVENT\n\t2          s = b\"a'b\\n\"\n", string(d.table()(nil, m, &StackStyle{})))
	d.label = "calls"
	scalar := &event.Map{Val: count, Entries: []value.Entry{{Val: words(9)}}}
	same(t, "calls\n\tCOUNT      EVENT\n\t9          total calls\n", string(d.table()(nil, scalar, &StackStyle{})))
}
