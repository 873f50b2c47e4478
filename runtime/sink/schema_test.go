package sink

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"probe/runtime/event"
)

const schemaFile = "../../docs/output.schema.json"

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate checks lines of JSON and returns the types of their objects.
func validate(t *testing.T, s *jsonschema.Schema, lines string) (types []string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Errorf("%s%v", line, err)
			continue
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s%v", line, err)
		}
		if name, ok := v.(map[string]any)["type"].(string); ok && !slices.Contains(types, name) {
			types = append(types, name)
		}
	}
	return types
}

// The published schema has the output of every type of event, and nothing else.
func TestSchema(t *testing.T) {
	s := schema(t)
	var out bytes.Buffer
	p, err := New("json", Config{Out: &out, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"log": false, "end": false, "exit": false, "graph": false, "tests": false, "tests_done": false}
	for _, e := range all(t) {
		if _, none := want[e.Kind()]; !none {
			want[e.Kind()] = true
		}
		p.Take(e)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	results, _ := reportOf(t, "json", &event.Test{Name: "one"}, &event.Bench{Name: "one"})
	out.WriteString(results)
	for _, name := range validate(t, s, out.String()) {
		if !want[name] {
			t.Errorf("an object of type %s, which is none of the events", name)
		}
		delete(want, name)
	}
	for name, has := range want {
		if has {
			t.Errorf("no object of type %s", name)
		}
	}
	for _, wrong := range []string{
		`{"type": "other", "data": 1}`, `{"data": 1}`, `{"type": "printf"}`, `{"type": "printf", "data": 1}`, `{"type": "printf", "data": "x", "more": 1}`,
		`{"type": "map", "data": {"m": 1}}`, `{"type": "map", "data": {}}`, `{"type": "map", "data": {"@a": 1, "@b": 2}}`, `{"type": "value", "data": 1.5}`,
		`{"type": "hist", "data": {"@": 1}}`, `{"type": "hist", "data": {"@": [{"min": 1}]}}`, `{"type": "hist", "data": {"@": {}}}`,
		`{"type": "stats", "data": {"@": {"k": {"average": 1}}}}`, `{"type": "tseries", "data": {"@": [{"interval_start": "now", "value": 1}]}}`,
		`{"type": "errorf", "msg": "x"}`, `{"type": "runtime_error", "msg": "x", "filename": "", "line": 0, "col": 0, "helper": "y"}`,
		`{"type": "helper_error", "msg": "x", "filename": "", "line": 0, "col": 0, "helper": "y", "retcode": 14}`,
		`{"type": "lost_events", "count": -1, "data": {"events": -1}}`, `{"type": "attached_probes", "count": 1, "data": {}}`,
		`{"type": "receipt", "complete": true, "data": [{"kind": "x", "count": 1}]}`, `{"type": "receipt", "complete": false, "data": []}`,
		`{"type": "receipt", "complete": false, "data": [{"kind": "x", "count": 1, "line": 2}]}`,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(v) == nil {
			t.Errorf("the schema accepts %s", wrong)
		}
	}
}

// The page shows objects that the schema has, and names all kinds of receipts
// and the version of the stream.
func TestOutputPage(t *testing.T) {
	s := schema(t)
	b, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	page, blocks := string(b), 0
	for rest := page; ; blocks++ {
		_, from, ok := strings.Cut(rest, "```json\n")
		if !ok {
			break
		}
		block, after, _ := strings.Cut(from, "```\n")
		validate(t, s, block)
		rest = after
	}
	if blocks == 0 {
		t.Error("the page shows no JSON")
	}
	for _, k := range slices.Sorted(maps.Keys(receiptKinds)) {
		if !strings.Contains(page, "`"+string(k)+"`") {
			t.Errorf("the page does not name the kind %s", k)
		}
	}
	for _, e := range all(t) {
		switch e.(type) {
		case *event.Log, *event.End, *event.Exit, *event.Graph, *event.Tests, *event.TestsDone:
			continue
		}
		if !strings.Contains(page, "`"+e.Kind()+"`") {
			t.Errorf("the page does not name the type %s", e.Kind())
		}
	}
	for _, f := range Names() {
		if !strings.Contains(page, "| `"+f+"` |") {
			t.Errorf("the page does not name the format %s", f)
		}
	}
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if title := fmt.Sprintf("-f json, version %d\"", event.Version); !strings.Contains(string(text), title) {
		t.Errorf("the schema's title does not name version %d", event.Version)
	}
}
