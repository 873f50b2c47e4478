package engine_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/graph"
	"probe/runtime/graph/record"
	"probe/runtime/machine/recording"
	"probe/runtime/sink"
)

// lookups returns a recording of n route lookups: outer calls inner and leaf,
// and every third one fails. Lookup i returns i ms after the start.
func lookups(n int) *record.Recording {
	rec := &record.Recording{Header: record.Header{Started: time.Unix(1000, 0), WallOffset: 1000e9 - 1e6, BootOffset: 5e9}}
	scope := &graph.Notation{Enum: []graph.Enumerator{{Name: "UNIVERSE"}, {Name: "HOST", Value: 254}}}
	rec.Funcs.List = []graph.Func{
		{Name: "outer", Result: graph.Int32, Params: []graph.Param{{Name: "net", Type: graph.Pointer}, {Name: "n", Type: graph.Uint16}}},
		{Name: "inner", Result: graph.Pointer, Addr: 0xffffffff81000000, Params: []graph.Param{{Name: "id", Type: graph.Int32}}},
		{Name: "leaf", Module: "mod", Result: graph.Uint8, Notation: scope},
		{Name: "nothing", Result: graph.Void},
	}
	rec.Funcs.Symbols = map[uint64]string{0xffffffff82000000: "init_net"}
	for i := range int64(n) {
		end := int64(1e6) + (i+1)*1e6
		ret := uint64(i)
		if i%3 == 2 {
			ret = 0xffffff9b // -101
		}
		t := &graph.Tree{Thread: graph.Thread{TID: int32(10 + i%2), PID: 10, Comm: []string{"ping", "curl"}[i%2]}}
		t.Calls = []graph.Call{
			{T0: end - 5000, T1: end, Fn: 0, Parent: -1, End: 4, Args: 0, NArgs: 2, Flags: graph.HasRet, Ret: ret, CPU: uint16(i % 4)},
			{T0: end - 4000, T1: end - 1000, Fn: 1, Parent: 0, End: 3, Depth: 1, Args: 2, NArgs: 1, Flags: graph.HasRet, Ret: 0xffff888000000000},
			{T0: end - 3000, T1: end - 2000, Fn: 2, Parent: 1, End: 3, Depth: 2, Flags: graph.HasRet, Ret: 254},
			{T0: end - 900, T1: end - 800, Fn: 3, Parent: 0, End: 4, Depth: 1},
		}
		t.Args = []uint64{0xffffffff82000000, uint64(i) | 0xabc<<16, uint64(i)}
		rec.Trees = append(rec.Trees, t)
	}
	rec.End = &record.End{Trees: n}
	return rec
}

// replayed runs a script over a recording and gives its output and messages.
func replayed(tb testing.TB, m *recording.Machine, script string, check engine.CheckOptions, opts engine.RunOptions) (out, messages string, res engine.Result) {
	tb.Helper()
	compiled, list := engine.Build(engine.Script{Name: "test", Text: script}, m, check, engine.CompileOptions{})
	if compiled == nil {
		tb.Fatalf("%s: %v", script, list.Err())
	}
	var stdout, stderr bytes.Buffer
	opts.Resolver = engine.NewResolver(m)
	var err error
	if opts.Sink, err = sink.New("text", sink.Config{Out: &stdout, Err: &stderr}); err != nil {
		tb.Fatal(err)
	}
	if res, err = engine.Run(tb.Context(), compiled, opts); err != nil {
		tb.Fatal(err)
	}
	if err := opts.Sink.Close(); err != nil {
		tb.Fatal(err)
	}
	return stdout.String(), stderr.String(), res
}

const manyTrees = `fgraph:outer /comm != "none" && duration > 100/ {
	printf("%s %d %e\n", comm, tid, retval); print(graph);
	@[graph] = count(); @us[comm] = hist(duration / 1000); @n[args.n] = sum(1);
}`

func BenchmarkReplay(b *testing.B) {
	for name, script := range map[string]string{
		"count":  `fgraph:outer /retval < 0/ { @[comm] = count(); }`,
		"printf": `fgraph:outer { printf("%s %d %e\n", comm, tid, retval); }`,
		"all":    manyTrees,
	} {
		b.Run("script="+name, func(b *testing.B) {
			const n = 10000
			rec := lookups(n)
			b.ReportAllocs()
			for b.Loop() {
				replayed(b, recording.New("file", rec), script, engine.CheckOptions{}, engine.RunOptions{})
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "trees/s")
		})
	}
}

// TestReplay runs what the language has over recorded calls.
func TestReplay(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		n            int
		env          engine.CheckOptions
		limit        time.Duration
		max          uint64
		want         string
	}{
		{name: "values of a call", n: 1, script: `fgraph:outer { printf("%s %d %d %d %d %d %s %s", comm, pid, tid, cpu, retval, duration, probe, probetype); }`,
			want: "ping 10 10 0 0 5000 fgraph:outer fgraph"},
		{name: "arguments by name and number", n: 2, script: `fgraph:outer { printf("%d %d %s ", args.n, arg1 >> 16, ksym(args.net)); print(args); }`,
			want: "0 2748 init_net { .net = 0xffffffff82000000, .n = 0 }\n1 2748 init_net { .net = 0xffffffff82000000, .n = 1 }\n"},
		{name: "errors", n: 3, script: `fgraph:outer /retval < 0/ { printf("%e %s %d", retval, strerror(-retval), args.n); }`, want: "-ENETUNREACH Network is unreachable 2"},
		{name: "enums by name", n: 1, script: `ret:leaf { print(retval); if (retval == HOST) { print(enumname(retval, "HOST")); } }`, want: "HOST\nHOST\n"},
		{name: "calls below", n: 2, script: `call:inner { printf("> %d ", args.id); } ret:inner { printf("< %d %s %d ", args.id, func, duration); } call:mod:leaf { printf("leaf "); } ret:outer { printf("| "); }`,
			want: "> 0 leaf < 0 inner 3000 | > 1 leaf < 1 inner 3000 | "},
		{name: "clocks", n: 1, script: `begin { printf("%d ", elapsed); } fgraph:outer { printf("%lld %lld %d ", nsecs(monotonic), nsecs - nsecs(monotonic), elapsed); time("%S "); printf("%s", strftime("%S.%f", nsecs)); }`,
			want: "0 2000000 5000000000 1000000 40 40.001000"},
		{name: "one function of a pattern", n: 1, script: `ret:*in*e* { printf("%s ", probe); }`, want: "ret:inner "},
		{name: "alternatives", n: 1, script: `fgraph:none | fgraph:outer { printf("%s", probe); }`, want: "fgraph:outer"},
		{name: "filter by thread", n: 4, env: engine.CheckOptions{Comm: "curl"}, script: `fgraph:outer { printf("%s%d ", comm, args.n); }`, want: "curl1 curl3 "},
		{name: "filter by process", n: 4, env: engine.CheckOptions{PID: 11}, script: `fgraph:outer { printf("%d", args.n); } end { printf("none"); }`, want: "none"},
		{name: "a part of the time", n: 9, limit: 3 * time.Millisecond, script: `fgraph:outer { printf("%d", args.n); }`, want: "012"},
		{name: "the first events", n: 9, max: 2, script: `fgraph:outer { printf("%d", args.n); } end { printf("!"); }`, want: "01!"},
		{name: "exit", n: 9, script: `fgraph:outer { printf("%d", args.n); if (args.n == 1) { exit(7); } } end { printf("!"); }`, want: "01!"},
		{name: "maps while it runs", n: 4, script: `fgraph:outer { @n[comm]++; @c = count(); if (args.n == 2) { print(@n); print(@c); clear(@n); zero(@c); } }`,
			want: "@n[curl]: 1\n@n[ping]: 2\n@c: 3\n"},
		{name: "loops", n: 1, script: `fgraph:outer { @m["a"] = 1; @m["b"] = 2; for ($kv : @m) { printf("%s%d", $kv.0, $kv.1); } for ($i : 0..3) { printf("%d", $i); } $j = 0; while ($j < 1000) { $j++; } printf(" %d", $j); delete(@m, "a"); delete(@m, "b"); }`,
			want: "a1b2012 1000"},
		{name: "values of aggregations", n: 6, script: `fgraph:outer { @c[comm] = count(); @a[comm] = avg(args.n); @x[comm] = max(args.n); } end { printf("%d %d %d", @c["ping"], @a["curl"], @x["curl"]); clear(@c); clear(@a); clear(@x); }`,
			want: "3 3 5"},
		{name: "strings and tuples", n: 1, script: `fgraph:outer { $t = (comm, (args.n, "x")); @s[$t.0] = $t; if (strncmp(comm, "pi", 2) == 0 && strcontains(comm, "ng")) { print(@s[comm]); } delete(@s, comm); }`,
			want: "(ping, (0, x))\n"},
		{name: "long strings", n: 1, script: `fgraph:outer { @s = "a"; @t[@s] = comm; print((@s, @t[@s])); clear(@t); clear(@s); }`, want: "(a, ping)\n"},
		{name: "parts of a tree", n: 1, script: `fgraph:outer:depth=1 { print(graph); } fgraph:outer:only=leaf { print(graph); } fgraph:outer:skip=inner:args=on { print(graph); }`,
			want: " outer        5.0 us  = 0\n ├─ inner     3.0 us  = 0xffff888000000000\n └─ nothing   0.1 us\n" +
				" outer           5.0 us  = 0\n └─ leaf [mod]   1.0 us  = HOST\n" +
				" outer(net=init_net, n=0)   5.0 us  = 0\n └─ nothing                 0.1 us\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, messages, _ := replayed(t, recording.New("file", lookups(tt.n)), "config = { print_maps_on_exit = false; max_strlen = 600 } "+tt.script, tt.env, engine.RunOptions{MaxEvents: tt.max, For: tt.limit})
			if got := strings.TrimRight(out, "\n"); got != strings.TrimRight(tt.want, "\n") || messages != "" {
				t.Errorf("%s\ngot  %q %s\nwant %q", tt.script, got, messages, tt.want)
			}
		})
	}
}

// What a call lacks that others have is left out and told.
func TestReplayReceipt(t *testing.T) {
	rec := lookups(5)
	trees := rec.Trees
	trees[0].Calls[0].Flags &^= graph.HasRet
	trees[1].Calls[0].Flags |= graph.NoExit
	trees[2].Thread.PID = 0
	trees[3].Calls[0].Flags |= graph.NoEntry
	trees[3].Lost = 4
	rec.End.Lost = 2
	out, messages, res := replayed(t, recording.New("file", rec), `fgraph:outer { printf("%d ", retval); } fgraph:outer { printf("p%d ", pid); } fgraph:outer { printf("d%d ", duration); print(graph); exit(); }`,
		engine.CheckOptions{}, engine.RunOptions{})
	if want := "p10 d5000 "; !strings.HasPrefix(out, want) {
		t.Errorf("got %q, want %q …", out, want)
	}
	for _, want := range []string{
		"2 events were lost (while it was recorded)",
		"1 call of fgraph:outer was left out (the result was not recorded)",
	} {
		if !strings.Contains(messages, want) {
			t.Errorf("%q is not in %s", want, messages)
		}
	}
	if res.Complete {
		t.Errorf("result %+v, want an incomplete one", res)
	}
	_, messages, res = replayed(t, recording.New("file", rec), `fgraph:outer { @[pid, duration, graph] = count(); }`, engine.CheckOptions{}, engine.RunOptions{})
	for _, want := range []string{
		"1 call of fgraph:outer was left out (the return was not recorded)",
		"1 call of fgraph:outer was left out (the entry was not recorded)",
		"1 call of fgraph:outer was left out (the process was not recorded)",
	} {
		if !strings.Contains(messages, want) {
			t.Errorf("%q is not in %s", want, messages)
		}
	}
	if res.Complete {
		t.Errorf("result %+v, want an incomplete one", res)
	}
}

// A call that is in two trees is one call for ret: and call:, and a tree of its
// own for fgraph:.
func TestReplayNested(t *testing.T) {
	rec := lookups(2)
	own := rec.Trees[0].Sub(1)
	own.Args = rec.Trees[0].Args
	rec.Trees = append(rec.Trees, own)
	out, _, _ := replayed(t, recording.New("file", rec), `ret:inner { printf("ret "); } call:inner { printf("call "); } ret:leaf { printf("leaf "); } fgraph:inner { printf("tree "); }`, engine.CheckOptions{}, engine.RunOptions{})
	if want := "call leaf ret tree call leaf ret "; !strings.HasPrefix(out, want) {
		t.Errorf("got %q, want %q", out, want)
	}
}

// Two probes of one function had their own trees recorded: each runs once for a
// call, with what it asks for.
func TestReplayTwins(t *testing.T) {
	rec := lookups(2)
	for n, t := range rec.Trees[:2] {
		twin := t.Clone()
		t.Retain(func(fn int32) bool { return fn == 1 })
		twin.Retain(func(fn int32) bool { return fn == 3 })
		for i := range twin.Calls {
			twin.Calls[i].Args, twin.Calls[i].NArgs = 0, 0
		}
		twin.Calls[0].T0, twin.Calls[0].T1 = twin.Calls[0].T0+100, twin.Calls[0].T1+int64(100*n)
		rec.Trees = append(rec.Trees, twin)
	}
	out, messages, _ := replayed(t, recording.New("file", rec), `fgraph:outer:only=nothing { print(graph); } fgraph:outer:only=inner { printf("%d\n", args.n); print(graph); } ret:outer { @ = count(); }`, engine.CheckOptions{}, engine.RunOptions{})
	want := ""
	for n := range 2 {
		width := []string{" outer        4.9 us  = 0\n └─ nothing   0.1 us\n0\n", " outer        5.0 us  = 1\n └─ nothing   0.1 us\n1\n"}[n]
		want += width + " outer      5.0 us  = " + string(rune('0'+n)) + "\n └─ inner   3.0 us  = 0xffff888000000000\n"
	}
	if want += "\n\n@: 2\n"; out != want || messages != "" {
		t.Errorf("got\n%s%s\nwant\n%s", out, messages, want)
	}
}

// Of several functions that match, those without a result are left out.
func TestReplayPattern(t *testing.T) {
	m := recording.New("file", lookups(1))
	build := func(text string) (*engine.Compiled, diag.List) {
		return engine.Build(engine.Script{Name: "test", Text: text}, m, engine.CheckOptions{}, engine.CompileOptions{})
	}
	c, list := build(`ret:* { print(retval); }`)
	if c == nil || len(c.Program.Probes) != 3 || list.Count(diag.Warning) != 1 || !strings.Contains(list.All[0].Message, "nothing returns nothing") {
		t.Errorf("got %v", list.All)
	}
	if c, list = build(`ret:nothing { print(retval); }`); c != nil {
		t.Errorf("a result of nothing: %v", list.All)
	}
}

// Shapes are few however many calls there are.
func TestReplayShapes(t *testing.T) {
	const n = 5000 // more than max_map_keys
	out, messages, _ := replayed(t, recording.New("file", lookups(n)), `fgraph:outer:depth=1 { @[graph, is_err(retval)] = count(); @n[nsecs] = 1; } end { print(len(@n)); clear(@n); }`, engine.CheckOptions{}, engine.RunOptions{})
	if !strings.Contains(out, "└─ nothing, false]: 3334\n") || !strings.Contains(out, "└─ nothing, true]: 1666\n") {
		t.Errorf("got %s", out)
	}
	if !strings.HasPrefix(out, "4096\n") || !strings.Contains(messages, "904 updates of @n were refused") {
		t.Errorf("a map without graphs is not bounded: %s%s", out, messages)
	}
}

// Programs that do not end are stopped, and loops are bounded as in kernels.
func TestReplayLoop(t *testing.T) {
	out, messages, _ := replayed(t, recording.New("file", lookups(1)), `fgraph:outer { $i = 0; while (1) { $i++; } printf("%d", $i > 1000); }`, engine.CheckOptions{}, engine.RunOptions{})
	if !strings.HasPrefix(out, "1") || !strings.Contains(messages, "1 loop in fgraph:outer was cut short") {
		t.Errorf("got %q and %s", out, messages)
	}
}
