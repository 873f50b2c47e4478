package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"probe/runtime/graph"
)

// events has every form of an event. Those with Place 1 come behind the first
// tree.
func events() []Output {
	return []Output{
		{Time: 1, JSON: json.RawMessage(`{"type":"attached_probes","count":1,"data":{"probes":1}}`)},
		{Time: 2, JSON: json.RawMessage(`{"type":"printf","data":"a <b> & \"c\"\n"}`), Text: "a <b> & \"c\"\n"},
		{Time: 3, JSON: json.RawMessage(`{"type":"printf","data":""}`)},
		{Time: 4, JSON: json.RawMessage(`{"type":"join","data":"a b"}`), Text: "a b\n"},
		{Time: 5, JSON: json.RawMessage(`{"type":"value","data":"time printf cat"}`), Text: "time printf cat\n"},
		{Time: 6, JSON: json.RawMessage(`{"type":"errorf","msg":"no"}`), Message: "ERROR: no\n"},
		{Time: 7, Message: "WARNING: hm\n"},
		{Time: 8, Trees: []int{0}, Place: 1},
		{Time: 9, JSON: json.RawMessage(`{"type":"value","data":[1,{}]}`), Text: "(1, \n x)\n", Trees: []int{0}, Place: 1},
		{Time: 10, Text: "\n\n", Place: 1},
		{Time: 11, JSON: json.RawMessage(`{"type":"map","data":{"@":5}}`), Text: "@: 5\n", Place: 1},
		{Time: 12, JSON: json.RawMessage(`{"type":"map","data":{"@":{"f,":2}}}`), Text: "@[f]: 2\n", Place: 1, Stacks: &Stacks{Map: "us", Unit: "microseconds", Lost: 1,
			Frames: []Frame{{Name: "f \"x\""}, {Name: "g", Module: "veth"}}, Samples: [][]int64{{2, 1, 0}, {7}}}},
	}
}

var scriptHeader = Header{Version: Version, Started: header.Started, WallOffset: 7, Functions: []string{"a"},
	Script: &Script{Name: "x.pr", Text: "fgraph:a { print(graph); } // <&>", Args: []string{"1"}}}

// writeScript writes events and trees in the order of their places.
func writeScript(t testing.TB, w *Writer, list []Output, trees []*graph.Tree) {
	t.Helper()
	done := 0
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range list {
		for ; done < e.Place; done++ {
			check(w.Tree(trees[done]))
		}
		check(w.Event(e))
	}
	for ; done < len(trees); done++ {
		check(w.Tree(trees[done]))
	}
	check(w.Close(End{}))
}

func scriptText(t testing.TB, list []Output) []byte {
	t.Helper()
	funcs, trees := sample()
	var out bytes.Buffer
	w, err := NewWriter(&out, scriptHeader, funcs)
	if err != nil {
		t.Fatal(err)
	}
	writeScript(t, w, list, trees)
	return out.Bytes()
}

func TestEvents(t *testing.T) {
	funcs, trees := sample()
	for _, name := range []string{"r.jsonl", "r.jsonl.zst"} {
		path := filepath.Join(t.TempDir(), name)
		w, err := Create(path, scriptHeader, funcs)
		if err != nil {
			t.Fatal(err)
		}
		writeScript(t, w, events(), trees)
		got, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Damage != nil {
			t.Error(got.Damage)
		}
		if d := cmp.Diff(scriptHeader, got.Header); d != "" {
			t.Errorf("header (-want +got):\n%s", d)
		}
		if d := cmp.Diff(events(), got.Events); d != "" {
			t.Errorf("events (-want +got):\n%s", d)
		}
		if d := cmp.Diff(trees, got.Trees); d != "" {
			t.Errorf("trees (-want +got):\n%s", d)
		}
		if got.End == nil || got.End.Events != len(events()) || got.End.Trees != len(trees) {
			t.Errorf("end %+v", got.End)
		}
	}
}

// Text that JSON cannot hold comes back byte for byte, and the file is UTF-8.
func TestEventBytes(t *testing.T) {
	list := []Output{
		{JSON: json.RawMessage("{\"type\":\"printf\",\"data\":\"\xff<\"}"), Text: "\xff<"},
		{JSON: json.RawMessage(`{"type":"cat","data":"x"}`), Text: "x"},
		{JSON: json.RawMessage(`{"type": "printf", "data": "\u0001\t<\"\\"}`), Text: "\x01\t<\"\\"},
		{JSON: json.RawMessage(`{"type": "printf", "data": "other"}`), Text: "this"},
		{JSON: json.RawMessage("{\n}"), Text: "two lines"},
		{JSON: json.RawMessage("{"), Text: "no JSON"},
	}
	text := scriptText(t, list)
	if bytes.Contains(text, []byte{0xff}) || !bytes.Contains(text, []byte(`"data":"`+"\uFFFD"+`<"`)) || bytes.Contains(text, []byte(`"text":"x"`)) {
		t.Errorf("written as\n%s", text)
	}
	r, err := Read(bytes.NewReader(text))
	if err != nil || r.Damage != nil {
		t.Fatal(err, r.Damage)
	}
	for i, want := range list {
		if got := r.Events[i].Text; got != want.Text {
			t.Errorf("event %d: %q, want %q", i, got, want.Text)
		}
	}
}

// Recordings without a script are of version 1 and take no events.
func TestEventVersion(t *testing.T) {
	funcs, _ := sample()
	var out bytes.Buffer
	w, err := NewWriter(&out, header, funcs)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Event(Output{Text: "x"}); !errors.Is(err, errNoScript) {
		t.Errorf("event without a script: %v", err)
	}
	if err := w.Close(End{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes(), []byte(`"version":1`)) {
		t.Errorf("header: %s", out.Bytes())
	}
}

func TestEventSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../../docs/graph-recording.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	list := append(events(), Output{Time: 12, Text: "\xff"})
	for line := range bytes.Lines(scriptText(t, list)) {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%.200s\n%v", line, err)
		}
	}
	for _, wrong := range []string{
		`{"event":{"time":1}}`, `{"event":{"text":"x"}}`, `{"event":{"time":1,"json":[]}}`, `{"event":{"time":1,"json":{"data":1}}}`,
		`{"event":{"time":1,"text":"x","bytes":"eA=="}}`, `{"event":{"time":1,"trees":[]}}`, `{"event":{"time":1,"text":"x","other":1}}`,
		`{"probe_graph":{"version":1,"started":"2026-03-01T12:00:00Z","wall_offset_ns":0,"script":{"name":"x","text":"y"}}}`,
		`{"probe_graph":{"version":2,"started":"2026-03-01T12:00:00Z","wall_offset_ns":0,"script":{"name":"x"}}}`,
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

// A file that ends anywhere gives the events and trees before.
func TestEventsTruncated(t *testing.T) {
	text := scriptText(t, events())
	head := bytes.IndexByte(text, '\n') + 1
	for n := head; n < len(text); n++ {
		r, err := Read(bytes.NewReader(text[:n]))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		whole := text[:bytes.LastIndexByte(text[:n], '\n')+1]
		if want := bytes.Count(whole, []byte(`{"event"`)); r.Damage == nil || len(r.Events) != want {
			t.Fatalf("%d bytes: %d events, want %d; damage %v", n, len(r.Events), want, r.Damage)
		}
	}
}

func TestEventsDamaged(t *testing.T) {
	const head = `{"probe_graph":{"version":2,"started":"2026-03-01T12:00:00Z","wall_offset_ns":0,"script":{"name":"","text":""}}}` + "\n" +
		`{"event":{"time":1,"text":"first\n"}}` + "\n"
	for text, want := range map[string]string{
		`{"event":{"time":1,"trees":[0]}}`:   "shows tree 0, which did not come before",
		`{"event":{"time":1,"bytes":"%"}}`:   "base64",
		`{"event":{"time":1,"text":7}}`:      "cannot unmarshal",
		`{"event":{"time":1,"text":"x"`:      "unexpected end",
		`{"event":{"time":1,"trees":["x"]}}`: "cannot unmarshal",
		`{"event":{"time":1,"stacks":{"map":"","unit":"units","frames":[{"name":"f"}],"samples":[[1,1]]}}}`:  "a stack has frame 1 of 1",
		`{"event":{"time":1,"stacks":{"map":"","unit":"units","frames":[{"name":"f"}],"samples":[[1,-1]]}}}`: "a stack has frame -1 of 1",
		`{"event":{"time":1,"stacks":{"map":"","unit":"units","frames":[],"samples":[[]]}}}`:                 "has no value",
	} {
		r, err := Read(strings.NewReader(head + text + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Events) != 1 || r.Damage == nil || r.Damage.Line != 3 || !strings.Contains(r.Damage.Error(), want) {
			t.Errorf("%s: %d events, damage %v, want %q", text, len(r.Events), r.Damage, want)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	funcs, _ := sample()
	w, err := NewWriter(io.Discard, scriptHeader, funcs)
	if err != nil {
		b.Fatal(err)
	}
	e := Output{Time: 43079723860, JSON: []byte(`{"type": "printf", "data": "ping[4711] -ENETUNREACH after 17 us\n"}`), Text: "ping[4711] -ENETUNREACH after 17 us\n"}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Event(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadEvents(b *testing.B) {
	var list []Output
	for range 10_000 {
		list = append(list, events()[1])
	}
	text := scriptText(b, list)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if r, err := Read(bytes.NewReader(text)); err != nil || len(r.Events) != len(list) {
			b.Fatal(err)
		}
	}
}
