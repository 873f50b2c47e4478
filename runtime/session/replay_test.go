package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"probe/compiler"
	"probe/compiler/object"
	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/graph"
	"probe/runtime/graph/record"
	"probe/runtime/output"
	"probe/runtime/replay"
	"probe/stdlib"
)

// lookups is a recording of n route lookups: outer calls inner and leaf, and
// every third one fails. Lookup i returns i ms after the start.
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

// compileFor checks and compiles a script for a recording.
func compileFor(tb testing.TB, r *replay.Recording, script string, env replay.Env) (*object.Object, diag.List) {
	tb.Helper()
	tree, list := syntax.Parse(source.New("test", script))
	if list.HasErrors() {
		tb.Fatal(list.Err())
	}
	prog, list := check.Check(&check.Input{File: tree, Builtins: stdlib.Signatures(), Probes: r, Types: r, Env: r.Env(env),
		PID: env.PID, Comm: env.Comm, Config: map[string]string{"missing_probes": "ignore"}})
	r.Unfed()
	if list.HasErrors() {
		return nil, list
	}
	obj, more := compiler.Compile(prog, compiler.Config{Target: r.Target(), Builtins: stdlib.Table(), Types: r, PID: env.PID, Comm: env.Comm, Interpret: true})
	list.All = append(list.All, more.All...)
	if obj != nil {
		lacks := r.Check(tree, obj)
		list.All = append(list.All, lacks.All...)
	}
	return obj, list
}

// replayed runs a script over a recording and gives its output and messages.
func replayed(tb testing.TB, rec *record.Recording, script string, env replay.Env, opts Options, limit time.Duration) (out, messages string, res Result) {
	tb.Helper()
	r := replay.New(rec)
	obj, list := compileFor(tb, r, script, env)
	if list.HasErrors() {
		tb.Fatalf("%s: %v", script, list.Err())
	}
	m, err := replay.NewMachine(r, obj, limit)
	if err != nil {
		tb.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	opts.Resolver = ReplayResolver(r)
	if opts.Printer, err = output.New("text", output.Config{Out: &stdout, Err: &stderr, Resolver: opts.Resolver}); err != nil {
		tb.Fatal(err)
	}
	if res, err = Replay(tb.Context(), obj, m, opts); err != nil {
		tb.Fatal(err)
	}
	if err := opts.Printer.Close(); err != nil {
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
				replayed(b, rec, script, replay.Env{}, Options{}, 0)
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "trees/s")
		})
	}
}

func TestReplaySmoke(t *testing.T) {
	out, msg, _ := replayed(t, lookups(4), manyTrees, replay.Env{}, Options{}, 0)
	fmt.Println(out, strings.TrimSpace(msg))
}
