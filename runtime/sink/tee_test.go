package sink

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"probe/lang/diag"
	"probe/lang/types"
	"probe/lang/value"
)

// graphValue is the value of `graph` for a call.
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

// everything calls each method that shows something.
func everything(p Printer) {
	p.Attached(2)
	p.Hold()
	p.Text(Printf, []byte("a "))
	p.Text(Join, []byte("b c"))
	p.Value(num(types.Int64, 5))
	p.Value(graphValue(3))
	p.Value(tuple(num(types.Int64, 1), graphValue(4)))
	p.Release()
	p.Message(diag.Error, at("print"), []byte("bad"))
	p.RuntimeError(&RuntimeError{Message: "Bad address"})
	p.Log(diag.Warning, "hm")
	p.Lost(3)
	p.End()
	p.Map(scalar("m", num(types.Int64, 5)), MapOptions{AtExit: true})
	p.Map(keyed("e", pair{num(types.Int64, 1), num(types.Int64, 1)}), MapOptions{})
	p.Receipt(&Receipt{Items: []ReceiptItem{{Kind: LostEvents, Where: "f", Count: 7}}})
}

// What is handed out is what the two formats print, and what is shown does not
// change.
func TestTee(t *testing.T) {
	for _, format := range Formats() {
		for _, c := range []Config{{}, {Quiet: true, Color: true}} {
			c.Resolver = oneGraph{}
			wantOut, wantErr := run(t, format, c, everything)
			var text, messages, json strings.Builder
			var graphs []string
			gotOut, gotErr := run(t, format, c, func(p Printer) {
				everything(Tee(p, c, func(e *Event) error {
					text.Write(e.Text)
					messages.Write(e.Message)
					if len(e.JSON) > 0 {
						json.WriteString(string(e.JSON) + "\n")
					}
					for _, id := range e.Graphs {
						graphs = append(graphs, fmt.Sprint(id.Time, id.TID, e.Bare))
					}
					return nil
				}))
			})
			if gotOut != wantOut || gotErr != wantErr {
				t.Errorf("%s: shown %q %q, want %q %q", format, gotOut, gotErr, wantOut, wantErr)
			}
			textOut, textErr := run(t, "text", Config{Resolver: c.Resolver, Quiet: true}, everything)
			jsonOut, _ := run(t, "json", Config{Resolver: c.Resolver}, everything)
			if text.String() != textOut || messages.String() != textErr || json.String() != jsonOut {
				t.Errorf("%s: handed out\n%s%s%swant\n%s%s%s", format, text.String(), messages.String(), json.String(), textOut, textErr, jsonOut)
			}
			if got := strings.Join(graphs, ", "); got != "3 7 true, 4 7 false" {
				t.Errorf("graphs: %s", got)
			}
		}
	}
}

// What prints nothing is no event.
func TestTeeNothing(t *testing.T) {
	run(t, "", Config{NoWarnings: true}, func(p Printer) {
		q := Tee(p, Config{NoWarnings: true}, func(e *Event) error { t.Errorf("event %+v", e); return nil })
		q.Log(diag.Warning, "hm")
		q.Map(&value.MapData{Name: "x", Key: types.Int64, Val: types.Int64}, MapOptions{AtExit: true})
	})
}

// A failure to take an event ends the run, and nothing more is handed out.
func TestTeeFails(t *testing.T) {
	var out bytes.Buffer
	p, err := New("", Config{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	q := Tee(p, Config{}, func(*Event) error { n++; return errors.New("full") })
	closed := func() bool {
		select {
		case <-q.Closed():
			return true
		default:
			return false
		}
	}
	if closed() {
		t.Error("closed at the start")
	}
	q.Text(Printf, []byte("a\n"))
	q.Text(Printf, []byte("b\n"))
	if !closed() || n != 1 || out.String() != "a\nb\n" {
		t.Errorf("closed %v, %d events, shown %q", closed(), n, out.String())
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}
