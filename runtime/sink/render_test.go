package sink

import (
	"fmt"
	"strings"
	"testing"

	"probe/lang/diag"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// graphValue returns the value of `graph` for a call.
func graphValue(time int64) value.Value {
	return value.Value{T: types.GraphType, B: words(time, 7)}
}

// oneGraph knows every tree.
type oneGraph struct{ value.NoResolver }

func (oneGraph) Graph(id value.GraphID, form value.GraphForm) string {
	if form == value.GraphJSON {
		return `{"function": "f"}`
	}
	return " f"
}

// everything sends an event of each kind that shows something.
func everything(p printer) {
	p.Attached(2)
	p.Hold()
	p.Printf([]value.Spec{{Text: "a "}})
	p.Text(event.Join, "b c")
	p.Value(num(types.Int64, 5))
	p.Value(graphValue(3))
	p.Value(tuple(num(types.Int64, 1), graphValue(4)))
	p.Release()
	p.Message(diag.Error, at("print"), "bad")
	p.RuntimeError(&event.RuntimeError{Message: "Bad address"})
	p.Log(diag.Warning, "hm")
	p.Lost(3)
	p.End()
	p.Final(scalar("m", num(types.Int64, 5)))
	p.Map(keyed("e", pair{num(types.Int64, 1), num(types.Int64, 1)}), 0, 0)
	p.Receipt(&event.Receipt{Items: []event.ReceiptItem{{Kind: event.LostEvents, Where: "f", Count: 7}}})
}

// What is rendered is what the two formats write.
func TestRenderer(t *testing.T) {
	var text, messages, json strings.Builder
	var graphs []string
	r := NewRenderer(Config{})
	s := event.Func(func(e event.Event) error {
		out, ok := r.Render(e)
		if !ok {
			t.Errorf("nothing of %s", e.Kind())
		}
		text.Write(out.Text)
		messages.Write(out.Message)
		if len(out.JSON) > 0 {
			json.WriteString(string(out.JSON) + "\n")
		}
		for _, id := range out.Graphs {
			graphs = append(graphs, fmt.Sprint(id.Time, id.TID, out.Bare))
		}
		return nil
	})
	everything(printer{s, oneGraph{}})
	textOut, textErr := run(t, "text", Config{Quiet: true}, oneGraph{}, everything)
	jsonOut, _ := run(t, "json", Config{}, oneGraph{}, everything)
	if text.String() != textOut || messages.String() != textErr || json.String() != jsonOut {
		t.Errorf("rendered\n%s%s%swant\n%s%s%s", text.String(), messages.String(), json.String(), textOut, textErr, jsonOut)
	}
	if got := strings.Join(graphs, ", "); got != "3 7 true, 4 7 false" {
		t.Errorf("graphs: %s", got)
	}
}

// What is not written is not rendered.
func TestRendererNothing(t *testing.T) {
	r := NewRenderer(Config{NoWarnings: true})
	for _, e := range []event.Event{
		&event.Log{Severity: diag.Warning, Text: "hm"}, &event.Exit{}, &event.Graph{}, &event.Receipt{},
		event.FinalMap(&value.MapData{Name: "x", Key: types.Int64, Val: types.Int64}, nil),
	} {
		if out, ok := r.Render(e); ok != (e.Kind() == "receipt") {
			t.Errorf("%s: %+v", e.Kind(), out)
		}
	}
}
