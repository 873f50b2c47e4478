package sink

import (
	"bytes"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// Rendered is an event in all formats that recordings hold. The slices are valid
// until the next event is rendered.
type Rendered struct {
	// JSON is the object that the JSON format writes, without a newline; empty
	// where it writes none.
	JSON []byte
	// Text and Message are what the text format writes on the output and on
	// standard error.
	Text, Message []byte
	// Graphs are the call graphs that it shows. Bare is set when it shows
	// nothing but one graph.
	Graphs []value.GraphID
	Bare   bool
}

// Renderer renders events for recordings. It is not safe for concurrent use.
type Renderer struct {
	text, json     event.Sink
	out, err, line bytes.Buffer // what these two have written
}

// NewRenderer returns a Renderer. Of c it uses NoWarnings and Raw.
func NewRenderer(c Config) *Renderer {
	r := &Renderer{}
	c = Config{Out: &r.out, Err: &r.err, Buffer: Unbuffered, NoWarnings: c.NoWarnings, Raw: c.Raw, Quiet: true}
	r.text = &textSink{stream: newStream(c)}
	// The JSON sink must not be quiet, since the number of probes is part of
	// the recorded data, and its messages are discarded: those of the text sink
	// are recorded.
	c.Out, c.Err, c.Quiet = &r.line, nowhere{}, false
	r.json = &jsonSink{stream: newStream(c)}
	return r
}

// nowhere is a writer that discards everything.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// Render renders one event. ok is false if no format writes anything, as for a
// map without entries or a message that is switched off.
func (r *Renderer) Render(e event.Event) (out Rendered, ok bool) {
	r.out.Reset()
	r.err.Reset()
	r.line.Reset()
	r.text.Take(e)
	r.json.Take(e)
	out = Rendered{JSON: bytes.TrimSuffix(r.line.Bytes(), []byte("\n")), Text: r.out.Bytes(), Message: r.err.Bytes()}
	if v, is := e.(*event.Value); is {
		out.Graphs, out.Bare = value.Graphs(v.Value), v.Value.T.Kind == types.Graph
	}
	return out, len(out.JSON)+len(out.Text)+len(out.Message) > 0
}
