package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"probe/runtime/graph"
)

var header = Header{Version: treesOnly, Started: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC), WallOffset: 77, Kernel: "6.12.1", Arch: "amd64", Source: "ftrace", Functions: []string{"a"}}

// sample has everything that a recording can hold: results, arguments, gaps, a
// function without an address, one of a module.
func sample() (*graph.Funcs, []*graph.Tree) {
	funcs := &graph.Funcs{List: []graph.Func{
		{Name: "a", Addr: 0xffffffff81000000, Result: graph.Pointer, Params: []graph.Param{{Name: "sk", Type: graph.Pointer}, {Name: "x"}}},
		{Name: "b.isra.0", Module: "veth", Result: graph.Int32},
		{
			Name: "c", Result: graph.Uint32, Notation: &graph.Notation{Enum: []graph.Enumerator{{Name: "ON", Value: 1}, {Name: "OFF", Value: -1}}},
			Params: []graph.Param{{Name: "addr", Type: graph.Uint32, Notation: &graph.Notation{As: graph.AsIP4}}},
		},
	}, Symbols: map[uint64]string{0xffffffff82000000: "init_net"}}
	return funcs, []*graph.Tree{
		{
			Thread: graph.Thread{TID: 7, PID: 5, Comm: "a \"b\"\n"}, Lost: 3,
			Folded: graph.Folded{Interruptions: 1, Calls: 9, Time: 1234, Skipped: 2},
			Args:   []uint64{1, math.MaxUint64, 5},
			Calls: []graph.Call{
				{T0: 1000, T1: 9000, Fn: 0, Parent: -1, End: 5, CPU: 1, NArgs: 2, Flags: graph.HasRet, Ret: math.MaxUint64 - 100},
				{T0: 2000, T1: 3000, Fn: 1, Parent: 0, End: 3, Depth: 1, Args: 2, NArgs: 1},
				{T0: 2500, T1: 2600, Fn: -1, Parent: 1, End: 3, Depth: 2, Flags: graph.NoEntry},
				{T0: 3000, T1: 3000, Fn: -1, Parent: 0, End: 4, Depth: 1, Flags: graph.Gap, Ret: 3},
				{T0: 4000, T1: 4100, Fn: 1, Parent: 0, End: 5, Depth: 1, Flags: graph.NoExit | graph.IRQ},
			},
		},
		{Thread: graph.Thread{TID: 8}, Calls: []graph.Call{{T0: 5, T1: 5, Fn: 1, Parent: -1, End: 1}}},
		{
			Thread: graph.Thread{TID: 9}, Args: []uint64{0xffffffff82000000, 0xffff888000000000}, Texts: map[int32]string{1: "{a → b}"},
			Calls: []graph.Call{{T0: 5, T1: 5, Fn: 0, Parent: -1, End: 1, NArgs: 2}},
		},
	}
}

// big returns a tree that takes several lines.
func big(calls int) *graph.Tree {
	r := rand.New(rand.NewPCG(1, 2))
	t := &graph.Tree{Thread: graph.Thread{TID: 1, PID: 1, Comm: "big"}, Calls: []graph.Call{{T0: 100, T1: int64(calls) * 100, Parent: -1}}}
	for i := 1; i < calls; i++ {
		parent := int32(i - 1)
		for t.Calls[parent].Depth > 0 && (r.IntN(2) == 0 || t.Calls[parent].Depth > 12) {
			parent = t.Calls[parent].Parent
		}
		t.Calls = append(t.Calls, graph.Call{T0: 100 + int64(i), T1: 200 + int64(i), Fn: int32(r.IntN(2)), Parent: parent, Depth: t.Calls[parent].Depth + 1, Ret: uint64(i), Flags: graph.HasRet})
	}
	for i := calls - 1; i >= 0; i-- {
		c := &t.Calls[i]
		c.End = max(c.End, int32(i)+1)
		if c.Parent >= 0 {
			t.Calls[c.Parent].End = max(t.Calls[c.Parent].End, c.End)
		}
	}
	return t
}

func write(t testing.TB, funcs *graph.Funcs, trees []*graph.Tree) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, header, funcs)
	if err != nil {
		t.Fatal(err)
	}
	for _, tree := range trees {
		if err := w.Tree(tree); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(End{MissedReturns: 4, Lost: 7}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRoundTrip(t *testing.T) {
	funcs, trees := sample()
	trees = append(trees, big(3*lineCalls+17))
	for _, name := range []string{"r.jsonl", "r.jsonl.zst"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			w, err := Create(path, header, funcs)
			if err != nil {
				t.Fatal(err)
			}
			for _, tree := range trees {
				if err := w.Tree(tree); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(End{}); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if packed := err == nil && text[0] != '{'; packed != strings.HasSuffix(name, ".zst") {
				t.Errorf("compressed: %v", packed)
			}
			got, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if got.Damage != nil {
				t.Error(got.Damage)
			}
			if d := cmp.Diff(header, got.Header); d != "" {
				t.Errorf("header (-want +got):\n%s", d)
			}
			if d := cmp.Diff(funcs.Symbols, got.Funcs.Symbols); d != "" {
				t.Errorf("symbols (-want +got):\n%s", d)
			}
			if d := cmp.Diff(funcs.List, got.Funcs.List); d != "" {
				t.Errorf("functions (-want +got):\n%s", d)
			}
			if d := cmp.Diff(trees, got.Trees); d != "" {
				t.Errorf("trees (-want +got):\n%s", d)
			}
			if got.End == nil || got.End.Trees != len(trees) {
				t.Errorf("end %+v", got.End)
			}
		})
	}
}

// What a killed process had written is there up to the last second, compressed
// or not; compressed data that is damaged later on keeps what is before.
func TestKilled(t *testing.T) {
	for _, name := range []string{"r.jsonl", "r.jsonl.zst"} {
		t.Run(name, func(t *testing.T) {
			funcs, trees := sample()
			path := filepath.Join(t.TempDir(), name)
			w, err := Create(path, header, funcs)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Tree(trees[0]), w.flush(), w.Tree(trees[1])); err != nil {
				t.Fatal(err)
			}
			for _, what := range []string{"cut off", "damaged"} {
				if what == "damaged" {
					if err := w.flush(); err != nil {
						t.Fatal(err)
					}
					text, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					copy(text[len(text)-10:], "xxxxxxxxxx")
					if err := os.WriteFile(path, text, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				got, err := Load(path)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if d := cmp.Diff(trees[:1], got.Trees); d != "" || got.Damage == nil {
					t.Errorf("%s: damage %v, trees (-want +got):\n%s", what, got.Damage, d)
				}
			}
		})
	}
}

// Lines that other programs have written, with blanks and keys in another
// order, mean the same as those of the writer.
func TestOtherWriters(t *testing.T) {
	funcs, trees := sample()
	trees = append(trees, big(2*lineCalls+3))
	text := write(t, funcs, trees)
	want, err := Read(bytes.NewReader(text))
	if err != nil || want.Damage != nil {
		t.Fatal(err, want.Damage)
	}
	for name, change := range map[string]func(line []byte) []byte{
		"blanks": func(line []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(line, []byte(`,"`), []byte(` , "`)), []byte(`],[`), []byte(` ] , [ `))
		},
		"order": func(line []byte) []byte {
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber() // an address has more digits than a float
			var v any
			if err := d.Decode(&v); err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return append(out, '\n')
		},
	} {
		var other []byte
		for line := range bytes.Lines(text) {
			other = append(other, change(line)...)
		}
		if bytes.Equal(other, text) {
			t.Fatalf("%s: nothing was changed", name)
		}
		got, err := Read(bytes.NewReader(other))
		if err != nil || got.Damage != nil {
			t.Errorf("%s: %v, %v", name, err, got.Damage)
			continue
		}
		if d := cmp.Diff(want.Trees, got.Trees); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Every line is as the published schema says.
func TestSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../../docs/graph-recording.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	funcs, trees := sample()
	text := write(t, funcs, append(trees, big(2*lineCalls)))
	kinds := map[string]bool{}
	for line := range bytes.Lines(text) {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		for k := range v.(map[string]any) {
			kinds[k] = true
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%.200s\n%v", line, err)
		}
	}
	if len(kinds) != 5 {
		t.Errorf("only lines of the kinds %v were checked", kinds)
	}
	for _, wrong := range []string{
		`{}`, `{"tree":{"id":0,"tid":1,"start":0,"calls":[]}}`, `{"end":{"trees":1},"func":{"id":1,"name":"x"}}`,
		`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,-1,0]]}}`, `{"func":{"id":1,"name":"x","result":"int"}}`, `{"probe_graph":{"version":2}}`,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(v) == nil {
			t.Errorf("the schema accepts %s", wrong)
		}
	}
}

// A file that ends anywhere gives what is before, and says that it is damaged.
func TestTruncated(t *testing.T) {
	funcs, trees := sample()
	text := write(t, funcs, trees)
	for n := range len(text) {
		r, err := Read(bytes.NewReader(text[:n]))
		if err != nil {
			if !errors.Is(err, ErrFormat) || bytes.IndexByte(text[:n], '\n') >= 0 {
				t.Fatalf("%d bytes: %v", n, err)
			}
			continue
		}
		if r.Damage == nil {
			t.Fatalf("%d bytes: no damage seen", n)
		}
		if want := bytes.Count(text[:n], []byte(`{"tree"`)) - map[bool]int{true: 0, false: 1}[!bytes.Contains(lastLine(text[:n]), []byte(`{"tree"`))]; len(r.Trees) != want {
			t.Fatalf("%d bytes: %d trees, want %d", n, len(r.Trees), want)
		}
	}
}

// lastLine returns what follows the last line end.
func lastLine(text []byte) []byte { return text[bytes.LastIndexByte(text, '\n')+1:] }

// A large tree that was cut off is kept up to there, and has a gap.
func TestTruncatedTree(t *testing.T) {
	funcs, _ := sample()
	text := write(t, funcs, []*graph.Tree{big(3 * lineCalls)})
	second := bytes.Index(text, []byte(`{"more"`))
	r, err := Read(bytes.NewReader(text[:second+100]))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Trees) != 1 || len(r.Trees[0].Calls) != lineCalls+1 || !r.Trees[0].Incomplete() {
		t.Fatalf("%d trees", len(r.Trees))
	}
	if r.Damage == nil || !strings.Contains(r.Damage.Error(), "damaged from line 6 on: the line is cut off") {
		t.Errorf("damage: %v", r.Damage)
	}
}

func TestDamaged(t *testing.T) {
	const head = `{"probe_graph":{"version":1,"started":"2026-03-01T12:00:00Z","wall_offset_ns":0}}` + "\n"
	const fn = `{"func":{"id":0,"name":"a"}}` + "\n"
	for name, tt := range map[string]struct{ text, want string }{
		"no number":           {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1.5,0]]}}`, "whole numbers"},
		"too large":           {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,9223372036854775808,0]]}}`, "whole numbers"},
		"too few numbers":     {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0]]}}`, "3 numbers"},
		"unknown function":    {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[5,0,0,0,1,0]]}}`, "function 5 is not known"},
		"first is no root":    {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,1,0,0,1,0]]}}`, "depth 1"},
		"two roots":           {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0],[0,0,0,0,1,0]]}}`, "depth 0"},
		"a level is missing":  {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0],[0,2,0,0,1,0]]}}`, "depth 2"},
		"negative duration":   {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,-1,0]]}}`, "out of range"},
		"no return value":     {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,1]]}}`, "no return value"},
		"args of no call":     {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0]],"args":[[4,1]]}}`, "arguments of no call"},
		"no calls":            {`{"tree":{"id":0,"tid":1,"start":0,"calls":[]}}`, "no known kind"},
		"more of nothing":     {`{"more":{"id":0,"calls":[[0,1,0,0,1,0]]}}`, "did not begin"},
		"a function twice":    {fn, "came before"},
		"a bad address":       {`{"func":{"id":3,"name":"a","addr":"xyz"}}`, "address"},
		"another kind":        {`{"other":1}`, "no known kind"},
		"no JSON":             {`{"tree`, "unexpected end"},
		"something after end": {`{"end":{"trees":0}}` + "\n" + fn, "after the end"},
		"cut off tree":        {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0]],"more":true}}` + "\n" + `{"func":{"id":9,"name":"x"}}`, "a tree is cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Read(strings.NewReader(head + fn + strings.TrimSuffix(tt.text, "\n") + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			if r.Damage == nil || !strings.Contains(r.Damage.Error(), tt.want) {
				t.Errorf("damage %v, want %q", r.Damage, tt.want)
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "text": "hello\n", "a later version": `{"probe_graph":{"version":3}}` + "\n", "zstd": "\x28\xb5\x2f\xfdxxxx"} {
		if _, err := Read(strings.NewReader(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The lists are parsed as encoding/json would.
func TestRows(t *testing.T) {
	for _, text := range []string{"[]", "[[]]", "[[1,2],[-3]]", " [ [ 9223372036854775807 , -9223372036854775808 ] ] ", "[[0],[]]"} {
		var want [][]int64
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		var r rows
		if err := r.UnmarshalJSON([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := len(r.ends); got != len(want) {
			t.Fatalf("%s: %d lists, want %d", text, got, len(want))
		}
		for i := range want {
			if d := cmp.Diff(append([]int64{}, want[i]...), append([]int64{}, r.row(i)...)); d != "" {
				t.Errorf("%s (-want +got):\n%s", text, d)
			}
		}
	}
	for _, text := range []string{"", "[", "[1]", "[[1]", "[[1,]]", "[[-]]", "[[1]]x", "[[1.0]]", "[[1 2]]", "[[9223372036854775808]]", "[[-9223372036854775809]]", "null", "[,[1]]"} {
		if new(rows).UnmarshalJSON([]byte(text)) == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func FuzzRead(f *testing.F) {
	funcs, trees := sample()
	f.Add(write(f, funcs, trees))
	f.Add([]byte(`{"probe_graph":{"version":1}}` + "\n" + `{"more":{"id":0,"calls":[[0,0,0,0,1,0]]}}`))
	f.Add(scriptText(f, events()))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, e := range r.Events {
			for _, at := range append(e.Trees, e.Place-1) {
				if at >= len(r.Trees) || at < -1 {
					t.Fatalf("event %+v of %d trees", e, len(r.Trees))
				}
			}
		}
		for _, tree := range r.Trees {
			for i := range tree.Calls {
				c := &tree.Calls[i]
				if c.End <= int32(i) || int(c.End) > len(tree.Calls) || c.Parent >= int32(i) || int(c.Args)+int(c.NArgs) > len(tree.Args) || int(c.Fn) >= len(r.Funcs.List) {
					t.Fatalf("call %d of %d: %+v", i, len(tree.Calls), c)
				}
			}
			tree.Fold()
			if err := tree.Write(new(bytes.Buffer), &r.Funcs, graph.Lines); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	funcs, _ := sample()
	const calls = 100_000
	text := write(b, funcs, []*graph.Tree{big(calls)})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if r, err := Read(bytes.NewReader(text)); err != nil || len(r.Trees) != 1 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(calls)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mcalls/s")
}
