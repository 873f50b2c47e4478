package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"probe/lang/diag"
	"probe/lang/types"
	"probe/lang/value"
)

func words(ns ...int64) []byte {
	var b []byte
	for _, n := range ns {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

// pair is the tuple type (int64, string[4]) and a value of it.
var pair = types.TupleType(types.Int64, types.StringType(4))

func pairOf(n int64, s string) []byte {
	return append(words(n), append([]byte(s), make([]byte, 8-len(s))...)...)
}

// table writes the columns and rows of an event. Names of key columns stand in
// parentheses.
func table(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", t.Name)
	for _, c := range t.Columns {
		if c.Key {
			fmt.Fprintf(&b, " (%s)", c.Name)
		} else {
			fmt.Fprintf(&b, " %s", c.Name)
		}
	}
	for row := range t.Rows {
		b.WriteString("\n")
		for i, v := range row {
			if v.T == nil {
				b.WriteString(" -")
				continue
			}
			if v.T != t.Columns[i].Type {
				fmt.Fprintf(&b, "[%s is no %s]", v.T, t.Columns[i].Type)
			}
			b.WriteString(" " + string(value.AppendText(nil, v, nil)))
		}
	}
	return b.String()
}

func TestTable(t *testing.T) {
	record := types.RecordLitType([]string{"pid", "name"}, []*types.Type{types.Int64, types.StringType(4)})
	keyed := func(key, val *types.Type, entries ...value.Entry) *value.MapData {
		return &value.MapData{Name: "m", Key: key, Val: val, Entries: entries}
	}
	count := &types.Type{Kind: types.Count, Size: 8}
	avg := &types.Type{Kind: types.Avg, Size: 16, Signed: true}
	stats := &types.Type{Kind: types.Stats, Size: 16, Signed: true}
	hist := &types.Type{Kind: types.Hist, Size: 8}
	lhist := &types.Type{Kind: types.LHist, Size: 8, Hi: 20, Step: 10}
	series := &types.Type{Kind: types.TSeries, Size: 24, Interval: 1e9, Buckets: 3, Signed: true}
	for _, tt := range []struct {
		name string
		of   interface{ Table() *Table }
		want string
	}{
		{"number", &Value{Value: value.OfInt(types.Int64, 7)}, ": value\n 7"},
		{"tuple", &Value{Value: value.Value{T: pair, B: pairOf(-1, "ab")}}, ": value1 value2\n -1 ab"},
		{"record", &Value{Value: value.Value{T: record, B: pairOf(5, "x")}}, ": pid name\n 5 x"},
		{"array", &Value{Value: value.Value{T: types.ArrayOf(types.Int64, 2), B: words(1, 2)}}, ": value\n [1,2]"},
		{"scalar map", NewMap(keyed(nil, types.Int64), 0, 0, nil), "@m: value\n 0"},
		{"scalar map at the end", FinalMap(keyed(nil, types.Int64), nil), "@m: value"},
		{"keyed", NewMap(keyed(types.Int64, count, value.Entry{Key: words(1), Val: words(30)}, value.Entry{Key: words(2), Val: words(20)}, value.Entry{Key: words(3), Val: words(40)}), 2, 10, nil),
			"@m: (key) value\n 1 3\n 3 4"},
		{"tuple key", NewMap(keyed(pair, types.Int64, value.Entry{Key: pairOf(1, "a"), Val: words(2)}), 0, 0, nil), "@m: (key1) (key2) value\n 1 a 2"},
		{"tuple value", NewMap(keyed(types.Int64, pair, value.Entry{Key: words(9), Val: pairOf(1, "a")}), 0, 0, nil), "@m: (key) value1 value2\n 9 1 a"},
		{"average", NewMap(keyed(nil, avg, value.Entry{Val: words(-30, 2)}), 0, 5, nil), "@m: value\n -3"},
		{"stats", NewMap(keyed(nil, stats, value.Entry{Val: words(-30, 2)}), 0, 5, nil), "@m: count average total\n 2 -3 -30"},
		{"hist", NewMap(keyed(types.Int64, hist, value.Entry{Key: words(1), Buckets: []value.Bucket{{Index: 0, Count: 4}, {Index: 2, Count: 6}}}), 0, 2, nil),
			"@m: (key) (min) (max) count\n 1 - -1 2\n 1 0 0 0\n 1 1 1 3"},
		{"lhist", NewMap(keyed(nil, lhist, value.Entry{Buckets: []value.Bucket{{Index: 2, Count: 1}, {Index: 3, Count: 2}}}), 0, 0, nil),
			"@m: (min) (max) count\n 10 19 1\n 20 - 2"},
		{"tseries", NewMap(keyed(nil, series, value.Entry{Points: []value.Point{{Epoch: 2, Value: 4}, {Epoch: 3, Value: 1<<64 - 5}}}), 0, 0, value.NoResolver{}),
			"@m: (time) value\n 2000000000 4\n 3000000000 -5"},
	} {
		if got := table(tt.of.Table()); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// A reader of rows may stop at any.
func TestTableStops(t *testing.T) {
	hist := &types.Type{Kind: types.Hist, Size: 8}
	m := NewMap(&value.MapData{Key: types.Int64, Val: hist, Entries: []value.Entry{
		{Key: words(1), Buckets: []value.Bucket{{Index: 1, Count: 4}, {Index: 3, Count: 6}}}, {Key: words(2), Buckets: []value.Bucket{{Index: 1, Count: 4}}}}}, 0, 0, nil)
	for limit := 1; limit <= 4; limit++ {
		n := 0
		for range m.Table().Rows {
			if n++; n == limit {
				break
			}
		}
		if n != limit {
			t.Errorf("%d rows, want %d", n, limit)
		}
	}
}

func TestKinds(t *testing.T) {
	kind := func(k types.Kind) *Map { return &Map{Val: &types.Type{Kind: k}} }
	for _, tt := range []struct {
		e    Event
		want string
	}{
		{&Attached{}, "attached_probes"}, {&Printf{}, "printf"}, {&Value{}, "value"}, {&Lost{}, "lost_events"}, {&Log{}, "log"},
		{&Text{From: Time}, "time"}, {&Text{From: Cat}, "cat"}, {&Text{From: Join}, "join"}, {&Text{From: System}, "syscall"},
		{kind(types.Int), "map"}, {kind(types.Count), "map"}, {kind(types.Hist), "hist"}, {kind(types.LHist), "hist"},
		{kind(types.Avg), "stats"}, {kind(types.Stats), "stats"}, {kind(types.TSeries), "tseries"},
		{&Message{Severity: diag.Error}, "errorf"}, {&Message{Severity: diag.Warning}, "warnf"},
		{&RuntimeError{}, "runtime_error"}, {&RuntimeError{Helper: "probe_read"}, "helper_error"},
		{&Graph{}, "graph"}, {&Exit{}, "exit"}, {&End{}, "end"}, {&Receipt{}, "receipt"},
	} {
		if got := tt.e.Kind(); got != tt.want {
			t.Errorf("%T: %s, want %s", tt.e, got, tt.want)
		}
	}
}

// list is a sink that notes what it is asked.
type list struct {
	mu    sync.Mutex
	calls []string
	done  chan struct{}
	err   error
	run   Run
}

func (l *list) note(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, s)
}

func (l *list) Take(e Event)          { l.note(e.Kind()) }
func (l *list) Hold()                 { l.note("hold") }
func (l *list) Release()              { l.note("release") }
func (l *list) Begin(r Run)           { l.run = r }
func (l *list) Done() <-chan struct{} { return l.done }
func (l *list) Close() error          { l.note("close"); return l.err }

type noRun struct{}

func (noRun) Snapshot(func(*Map)) error { return ErrEnded }

func TestTee(t *testing.T) {
	a, b := &list{}, &list{done: make(chan struct{}), err: errors.New("full")}
	n := 0
	c := Func(func(Event) error { n++; return nil })
	s := Tee(a, b, c)
	Hold(s)
	s.Take(&End{})
	Release(s)
	s.(Puller).Begin(noRun{})
	select {
	case <-s.Done():
		t.Error("done at the start")
	default:
	}
	close(b.done)
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Error("not done when one of them is")
	}
	if err := s.Close(); !errors.Is(err, b.err) {
		t.Errorf("Close = %v, want %v", err, b.err)
	}
	const want = "hold end release close"
	if got := strings.Join(a.calls, " "); got != want || strings.Join(b.calls, " ") != want || n != 1 {
		t.Errorf("%s and %q and %d events, want %s", got, b.calls, n, want)
	}
	if a.run == nil || b.run == nil {
		t.Error("the run was not handed out")
	}
}

func TestFunc(t *testing.T) {
	n := 0
	full := errors.New("full")
	s := Func(func(Event) error { n++; return full })
	Hold(s) // not a Batcher
	Release(s)
	if err := s.Close(); err != nil {
		t.Errorf("Close before an error = %v", err)
	}
	s.Take(&End{})
	s.Take(&End{})
	<-s.Done()
	if err := s.Close(); !errors.Is(err, full) || n != 1 {
		t.Errorf("Close = %v after %d events, want %v after one", err, n, full)
	}
}
