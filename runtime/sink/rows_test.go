package sink

import (
	"strings"
	"testing"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// stackKey returns a raw kernel stack of one frame.
func stackKey() value.Value {
	return value.Value{T: types.StackType(false, types.StackRaw, 2), B: words(7, 1)}
}

// oneStack knows the frames of stackKey.
type oneStack struct{ value.NoResolver }

func (oneStack) Stack(id uint64, n int) []uint64 {
	return []uint64{0xab}[:min(n, int(id/7))]
}

// end prints maps as at the end of a run.
func end(maps ...*value.MapData) func(printer) {
	return func(p printer) {
		p.End()
		for _, m := range maps {
			p.Final(m)
		}
	}
}

func bucketLine(label, count string, bar int) string {
	return label + strings.Repeat(" ", 16-len(label)) + strings.Repeat(" ", 8-len(count)) + count + " |" +
		strings.Repeat("@", bar) + strings.Repeat(" ", 52-bar) + "|\n"
}

// The worked examples of appendix G and the rows of sections 5.7 and 6.6, in
// both formats.
func TestRows(t *testing.T) {
	i64 := types.Int64
	s2 := func(s string) value.Value { return str(2, s) }
	s4 := func(s string) value.Value { return str(4, s) }
	xy := keyed("m", pair{tuple(s2("x"), num(i64, 1)), num(i64, 10)}, pair{tuple(s2("y"), num(i64, 2)), num(i64, 3)})
	stats := value.Value{T: agg(types.Stats, true), B: words(25, 2)}
	avg := value.Value{T: agg(types.Avg, true), B: words(25, 2)}
	top := keyed("h", pair{num(i64, 1), num(i64, 10)}, pair{num(i64, 2), num(i64, 30)}, pair{num(i64, 3), num(i64, 20)})
	series := &types.Type{Kind: types.TSeries, Size: 24, Interval: 1e9, Buckets: 3}
	specs, err := value.ParseFormat("a\tb %d\n")
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		row   string
		print func(p printer)
		text  string
		json  string
	}{
		{"A-EX-01, A-JX-06, M-PRINT-13", func(p printer) {
			p.Value(num(types.Int8, 7))
			p.Value(str(4, "x y"))
			p.Value(tuple(num(types.Int8, 1), s2("a"), tuple(num(types.Int8, 2), num(types.Int8, 3))))
			p.End()
		}, "7\nx y\n(1, a, (2, 3))\n\n\n",
			`{"type": "value", "data": 7}` + "\n" + `{"type": "value", "data": "x y"}` + "\n" + `{"type": "value", "data": [1,"a",[2,3]]}` + "\n"},
		{"A-EX-02, A-JX-01, M-PRINT-01", end(scalar("", num(i64, 5))), "\n\n@: 5\n", `{"type": "map", "data": {"@": 5}}` + "\n"},
		{"A-EX-03, M-PRINT-02", end(keyed("a", pair{s2("k"), num(i64, 1)}), keyed("b", pair{num(i64, 1), num(i64, 2)})),
			"\n\n@a[k]: 1\n@b[1]: 2\n",
			`{"type": "map", "data": {"@a": {"k": 1}}}` + "\n" + `{"type": "map", "data": {"@b": {"1": 2}}}` + "\n"},
		{"A-EX-04, A-JX-02", end(xy), "\n\n@m[y, 2]: 3\n@m[x, 1]: 10\n", `{"type": "map", "data": {"@m": {"y,2": 3, "x,1": 10}}}` + "\n"},
		{"A-EX-05", end(keyed("s", pair{s2("b"), s4("two")}, pair{s2("a"), s4("one")})),
			"\n\n@s[a]: one\n@s[b]: two\n", `{"type": "map", "data": {"@s": {"a": "one", "b": "two"}}}` + "\n"},
		{"A-EX-06", end(keyed("c", pair{s2("k"), num(agg(types.Count, false), 2)})), "\n\n@c[k]: 2\n", `{"type": "map", "data": {"@c": {"k": 2}}}` + "\n"},
		{"A-EX-07, O-JSON-STATS", end(scalar("v", avg)), "\n\n@v: 12\n", `{"type": "stats", "data": {"@v": 12}}` + "\n"},
		{"A-EX-08, A-JX-03", end(scalar("v", stats)), "\n\n@v: { .count = 2, .average = 12, .total = 25 }\n",
			`{"type": "stats", "data": {"@v": {"count": 2, "average": 12, "total": 25}}}` + "\n"},
		{"O-JSON-STATS keyed", end(keyed("v", pair{s2("k"), stats})), "\n\n@v[k]: { .count = 2, .average = 12, .total = 25 }\n",
			`{"type": "stats", "data": {"@v": {"k": {"count": 2, "average": 12, "total": 25}}}}` + "\n"},
		{"A-EX-09", end(scalar("v", num(agg(types.Min, true), 4)), scalar("w", num(agg(types.Max, true), 9))), "\n\n@v: 4\n@w: 9\n",
			`{"type": "map", "data": {"@v": 4}}` + "\n" + `{"type": "map", "data": {"@w": 9}}` + "\n"},
		{"A-EX-13, A-JX-09", func(p printer) { p.Value(num(enumE, 4)) }, "BLUE\n", `{"type": "value", "data": 4}` + "\n"},
		{"A-EX-15", func(p printer) {
			p.Map(scalar("", value.Value{T: types.BufferType(3), B: []byte("\x03\x00\x00\x00a\x02b")}), 0, 0)
			p.End()
			p.Final(&value.MapData{Val: types.BufferType(3)})
		}, "@: a\\x02b\n\n\n", `{"type": "map", "data": {"@": [97,2,98]}}` + "\n"},
		{"A-EX-16, M-PRINT-11", end(&value.MapData{Name: "x", Key: i64, Val: i64}, &value.MapData{Name: "y", Val: i64}), "\n\n", ""},
		{"A-EX-18, M-PRINT-09, M-PRINT-10", func(p printer) { p.Map(top, 2, 10) }, "@h[3]: 2\n@h[2]: 3\n",
			`{"type": "map", "data": {"@h": {"3": 2, "2": 3}}}` + "\n"},
		{"A-JX-07, O-JSON-PRINTF", func(p printer) { p.Printf(specs, num(i64, 1)) }, "a\tb 1\n", `{"type": "printf", "data": "a\tb 1\n"}` + "\n"},
		{"A-JX-08", func(p printer) { p.Value(num(types.Uint64, -1)) }, "18446744073709551615\n", `{"type": "value", "data": "18446744073709551615"}` + "\n"},
		{"A-HG-01, A-JX-04, M-PRINT-03", end(buckets(&value.MapData{Val: hist(0)}, nil, 0, 1, 1, 3)),
			"\n\n@:\n" + bucketLine("[0]", "1", 26) + bucketLine("[1]", "2", 52) + bucketLine("[2, 4)", "1", 26) + "\n",
			`{"type": "hist", "data": {"@": [{"min": 0, "max": 0, "count": 1},{"min": 1, "max": 1, "count": 2},{"min": 2, "max": 3, "count": 1}]}}` + "\n"},
		{"A-HG-04, A-JX-05", end(buckets(&value.MapData{Val: lhist(0, 20, 10)}, nil, 5, 25, -1)),
			"\n\n@:\n" + bucketLine("(..., 0)", "1", 52) + bucketLine("[0, 10)", "1", 52) + bucketLine("[10, 20)", "0", 0) + bucketLine("[20, ...)", "1", 52) + "\n",
			`{"type": "hist", "data": {"@": [{"max": -1, "count": 1},{"min": 0, "max": 9, "count": 1},{"min": 10, "max": 19, "count": 0},{"min": 20, "count": 1}]}}` + "\n"},
		{"A-HG-08, O-JSON-HIST keyed", end(buckets(&value.MapData{Key: types.StringType(2), Val: hist(0)}, []byte("a\x00"), 1)),
			"\n\n@[a]:\n" + bucketLine("[1]", "1", 52) + "\n",
			`{"type": "hist", "data": {"@": {"a": [{"min": 1, "max": 1, "count": 1}]}}}` + "\n"},
		{"M-PRINT-05 zeroed", end(&value.MapData{Name: "h", Val: hist(0), Entries: []value.Entry{{}}}), "\n\n@h:\n\n", `{"type": "hist", "data": {"@h": []}}` + "\n"},
		{"M-PRINT-11 histogram", func(p printer) { p.Map(&value.MapData{Name: "h", Val: hist(0)}, 0, 0) }, "", ""},
		{"M-PRINT-11 keyed", func(p printer) { p.Map(&value.MapData{Name: "k", Key: i64, Val: i64}, 0, 0) }, "", ""},
		{"M-PRINT-11 scalar", func(p printer) {
			p.Map(&value.MapData{Name: "n", Val: i64}, 0, 0)
			p.Map(&value.MapData{Name: "c", Val: agg(types.Count, false)}, 0, 0)
			p.Map(&value.MapData{Name: "s", Val: types.StringType(4)}, 0, 0)
			p.Map(&value.MapData{Name: "a", Val: agg(types.Avg, false)}, 0, 0)
		}, "@n: 0\n@c: 0\n@s: \n@a: 0\n", `{"type": "map", "data": {"@n": 0}}` + "\n" + `{"type": "map", "data": {"@c": 0}}` + "\n" +
			`{"type": "map", "data": {"@s": ""}}` + "\n" + `{"type": "stats", "data": {"@a": 0}}` + "\n"},
		{"M-PRINT-12 key", func(p printer) { p.Map(keyed("s", pair{stackKey(), num(i64, 3)}), 0, 0) },
			"@s[\nab\n]: 3\n", `{"type": "map", "data": {"@s": {"\nab\n": 3}}}` + "\n"},
		{"M-PRINT-12 value", func(p printer) { p.Map(scalar("s", stackKey()), 0, 0) },
			"@s: \nab\n\n", `{"type": "map", "data": {"@s": "\nab\n"}}` + "\n"},
		{"M-PRINT-12 value, own form", func(p printer) { p.Map(scalar("s", stackKey()), 0, 0) },
			"@s: \nab\n\n", `{"type": "map", "data": {"@s": ["ab"]}}` + "\n"},
		{"O-JSON-02, own form", func(p printer) { p.Value(tuple(stackKey(), num(i64, 2))) },
			"(\nab\n, 2)\n", `{"type": "value", "data": [["ab"],2]}` + "\n"},
		{"M-PRINT-15", func(p printer) {
			p.Map(&value.MapData{Name: "t", Key: i64, Val: series, Entries: []value.Entry{{Key: words(1)}}}, 0, 0)
		}, "@t[1]:\n<no data>\n\n", `{"type": "tseries", "data": {"@t": {"1": []}}}` + "\n"},
		{"O-JSON-TSERIES", func(p printer) {
			p.Map(&value.MapData{Name: "t", Val: series, Entries: []value.Entry{{Points: []value.Point{{Epoch: 2, Value: 4}}}}}, 0, 0)
		}, "", `{"type": "tseries", "data": {"@t": [{"interval_start":"1970-01-01 00:00:02.000000000","value":4}]}}` + "\n"},
		{"O-JSON-TEXTS", func(p printer) {
			p.Text(event.Time, "10:00:00\n")
			p.Text(event.Cat, "content\n")
			p.Text(event.Join, "ls -l")
			p.Text(event.System, "out\n")
			p.Printf([]value.Spec{{Text: "done"}})
		}, "10:00:00\ncontent\nls -l\nout\n\ndone",
			`{"type": "time", "data": "10:00:00\n"}` + "\n" + `{"type": "cat", "data": "content\n"}` + "\n" +
				`{"type": "join", "data": "ls -l"}` + "\n" + `{"type": "syscall", "data": "out\n"}` + "\n" +
				`{"type": "printf", "data": "done"}` + "\n"},
		{"O-JSON-03", end(keyed("m", pair{tuple(str(16, "a b"), num(i64, 7)), num(i64, 1)})), "\n\n@m[a b, 7]: 1\n",
			`{"type": "map", "data": {"@m": {"ab,7": 1}}}` + "\n"},
	}
	schema := schema(t)
	for _, tt := range tests {
		t.Run(tt.row, func(t *testing.T) {
			out, errs := run(t, "text", Config{Empty: true}, oneStack{}, tt.print)
			if out != tt.text && tt.row != "O-JSON-TSERIES" {
				t.Errorf("text =\n%q\nwant\n%q", out, tt.text)
			}
			if errs != "" {
				t.Errorf("text on standard error: %q", errs)
			}
			out, errs = run(t, "json", Config{TextStacks: !strings.Contains(tt.row, "own form")}, oneStack{}, tt.print)
			if out != tt.json {
				t.Errorf("JSON =\n%s\nwant\n%s", out, tt.json)
			}
			if errs != "" {
				t.Errorf("JSON mode on standard error: %q", errs)
			}
			validate(t, schema, out)
		})
	}
}

// list is a resolver that cannot be compared.
type list struct {
	value.NoResolver
	names []string
}

func (l list) Username(uid uint64) string { return l.names[uid] }

// Each event is shown with its own resolver, escaped unless the output is raw.
func TestResolvers(t *testing.T) {
	user := func(n int64, r value.Resolver) event.Event {
		return &event.Value{Value: num(&types.Type{Kind: types.Username, Size: 8}, n), Resolver: r}
	}
	events := []event.Event{
		user(0, list{names: []string{"a\x1b"}}), user(1, list{names: []string{"b", "c\x1b"}}), user(0, nil), user(0, &list{names: []string{"d\x1b"}}), user(0, value.NoResolver{}),
	}
	for raw, want := range map[bool]string{false: "a\\x1b\nc\\x1b\n\nd\\x1b\n\n", true: "a\x1b\nc\x1b\n\nd\x1b\n\n"} {
		out, _ := run(t, "text", Config{Raw: raw}, nil, func(p printer) {
			for range 2 {
				for _, e := range events {
					p.Take(e)
				}
			}
		})
		if out != want+want {
			t.Errorf("raw %v: %q, want %q twice", raw, out, want)
		}
	}
}
