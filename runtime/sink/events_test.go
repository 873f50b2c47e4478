package sink

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"probe/internal/golden"
	"probe/lang/diag"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// all has an event of each type, and of each form that a type has.
func all(t testing.TB) []event.Event {
	t.Helper()
	i64, r := types.Int64, oneGraph{}
	format := func(text string) []value.Spec {
		specs, err := value.ParseFormat(text)
		if err != nil {
			t.Fatal(err)
		}
		return specs
	}
	shown := func(v value.Value) event.Event { return &event.Value{Value: v, Resolver: r} }
	snapshot := func(m *value.MapData) event.Event { return event.NewMap(m, 0, 0, r) }
	text := func(from event.Source, s string) event.Event { return &event.Text{From: from, Data: []byte(s)} }
	record := types.RecordLitType([]string{"pid", "ratio"}, []*types.Type{i64, i64})
	stats := value.Value{T: agg(types.Stats, true), B: words(25, 2)}
	series := &types.Type{Kind: types.TSeries, Size: 24, Interval: 1e9, Buckets: 3}
	top := keyed("top", pair{str(8, "ssh"), num(i64, 10)}, pair{str(8, "a, \"b\""), num(i64, 30)}, pair{str(8, "cat"), num(i64, 20)})
	return []event.Event{
		&event.Printf{Format: format("begin %s|%5d\n"), Args: []value.Value{str(8, "x y"), num(i64, -7)}, Resolver: r},
		&event.Attached{Probes: 3},
		text(event.Time, "10:00:00\n"),
		text(event.Cat, "content\n"),
		&event.Text{From: event.Join, Data: []byte("ls -l"), Words: [][]byte{[]byte("ls"), []byte("-l")}, Separator: " "},
		text(event.System, "out\n"),
		shown(num(i64, 5)),
		shown(num(types.Uint64, -1)),
		shown(str(8, "line")),
		shown(tuple(num(i64, 1), str(4, "a,b"), tuple(num(i64, 2), num(i64, 3)))),
		shown(value.Value{T: record, B: words(42, -3)}),
		shown(num(enumE, 4)),
		shown(value.Value{T: types.ArrayOf(i64, 2), B: words(1, 2)}),
		&event.Graph{},
		shown(graphValue(3)),
		event.NewMap(top, 2, 10, r),
		snapshot(scalar("", num(agg(types.Count, false), 2))),
		snapshot(keyed("t", pair{tuple(str(4, "x"), num(i64, 1)), tuple(num(i64, 3), num(i64, 4))})),
		snapshot(scalar("avg", value.Value{T: agg(types.Avg, true), B: words(25, 2)})),
		snapshot(scalar("stats", stats)),
		snapshot(keyed("stats", pair{str(4, "k"), stats})),
		snapshot(buckets(&value.MapData{Name: "h", Val: hist(0)}, nil, 0, 1, 1, 3, -5)),
		snapshot(buckets(&value.MapData{Name: "h", Key: types.StringType(2), Val: hist(0)}, []byte("a\x00"), 1)),
		snapshot(buckets(&value.MapData{Name: "l", Val: lhist(0, 20, 10)}, nil, 5, 25, -1)),
		snapshot(&value.MapData{Name: "s", Val: series, Entries: []value.Entry{{Points: []value.Point{{Epoch: 2, Value: 4}, {Epoch: 4, Value: 1}}}}}),
		snapshot(&value.MapData{Name: "s", Key: i64, Val: series, Entries: []value.Entry{{Key: words(1)}}}),
		&event.Message{Severity: diag.Error, At: at("$nope"), Format: format("bad %s\n"), Args: []value.Value{str(8, "\"x\"")}, Resolver: r},
		&event.Message{Severity: diag.Warning, At: at("print"), Format: format("odd"), Resolver: r},
		&event.RuntimeError{At: at("$nope"), Message: "Bad address", Helper: "probe_read_user", Retcode: -14},
		&event.RuntimeError{At: at("print"), Message: "Divide by zero", Count: 5},
		&event.Lost{Events: 7},
		&event.Log{Severity: diag.Error, Text: "failed to open file 'x'"},
		// These are shown by the report alone.
		&event.Tests{Names: []string{"one"}},
		&event.Test{Name: "one"},
		&event.Bench{Name: "one"},
		&event.TestsDone{},
		&event.Exit{Status: 3},
		&event.End{},
		event.FinalMap(scalar("", num(agg(types.Count, false), 2)), r),
		event.FinalMap(&value.MapData{Name: "none", Key: i64, Val: i64}, r),
		&event.Receipt{},
		&event.Receipt{Items: []event.ReceiptItem{
			{Kind: event.LostEvents, Where: "kprobe:vfs_read", Count: 7, At: at("print")},
			{Kind: event.NotAttached, Where: "foo", Count: 1, Detail: "on the kernel's deny list"},
		}},
	}
}

// testdata/events.txtar is what each format makes of each type of event.
func TestEvents(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	defer func() { time.Local = zone }()
	golden.Run(t, "testdata/events.txtar", func(t *testing.T, c *golden.Case) {
		for _, format := range Names() {
			var out, errs bytes.Buffer
			s, err := New(format, Config{Out: &out, Err: &errs})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all(t) {
				s.Take(e)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			c.Out(format, out.String())
			c.Out(format+", standard error", errs.String())
		}
	})
}

// No type of event is missing above.
func TestAllEvents(t *testing.T) {
	files, err := filepath.Glob("../event/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	have := map[string]bool{}
	for _, e := range all(t) {
		have[reflect.TypeOf(e).Elem().Name()] = true
	}
	types := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "Kind" || fn.Recv == nil {
				continue
			}
			types++
			if of := fn.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name; !have[of] {
				t.Errorf("there is no event of type %s", of)
			}
		}
	}
	if types != len(have) {
		t.Errorf("%d types have the method Kind, there are events of %d", types, len(have))
	}
}
