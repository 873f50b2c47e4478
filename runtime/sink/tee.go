package sink

import (
	"bytes"
	"sync"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
)

// Event is one thing that a Printer was asked to show, in all formats at once.
// The slices are valid until the next event.
type Event struct {
	// JSON is the object that the JSON format prints, without a newline; empty
	// where it prints none.
	JSON []byte
	// Text and Message are what the text format prints on the output and on
	// standard error.
	Text, Message []byte
	// Graphs are the call graphs that it shows. Bare tells that it shows
	// nothing but one.
	Graphs []value.GraphID
	Bare   bool
}

// tee is a Printer that also hands out what it shows.
type tee struct {
	Printer
	mu             sync.Mutex
	text, json     Printer
	out, err, line bytes.Buffer // what these two have printed
	event          func(*Event) error
	failed         error
	closed         chan struct{} // closed when failed is set
}

// Tee makes a Printer that shows what p shows, and gives each piece to event,
// in the order of the calls and one at a time. After an error of event it acts
// as if nobody could read the output any more; Close does not report that.
// Only the resolver and NoWarnings of c matter.
func Tee(p Printer, c Config, event func(*Event) error) Printer {
	t := &tee{Printer: p, event: event, closed: make(chan struct{})}
	c.Buffer, c.Color = Unbuffered, false
	c.Out, c.Err, c.Quiet = &t.out, &t.err, true
	t.text = &textPrinter{newStream(c)}
	// How many probes there were belongs to the data. Messages are those of
	// the text format.
	c.Out, c.Err, c.Quiet = &t.line, nowhere{}, false
	t.json = &jsonPrinter{stream: newStream(c)}
	return t
}

// nowhere takes everything.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// show prints with all three.
func (t *tee) show(show func(p Printer), graphs []value.GraphID, bare bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	show(t.Printer)
	if t.failed != nil {
		return
	}
	t.out.Reset()
	t.err.Reset()
	t.line.Reset()
	show(t.text)
	show(t.json)
	e := Event{JSON: bytes.TrimSuffix(t.line.Bytes(), []byte("\n")), Text: t.out.Bytes(), Message: t.err.Bytes(), Graphs: graphs, Bare: bare}
	if len(e.JSON)+len(e.Text)+len(e.Message) == 0 {
		return // a map without entries, a message that nobody wants
	}
	if t.failed = t.event(&e); t.failed != nil {
		close(t.closed)
	}
}

func (t *tee) Attached(n int) { t.show(func(p Printer) { p.Attached(n) }, nil, false) }

func (t *tee) Printf(specs []value.Spec, args []value.Value) {
	t.show(func(p Printer) { p.Printf(specs, args) }, nil, false)
}

func (t *tee) Text(kind Kind, text []byte) {
	t.show(func(p Printer) { p.Text(kind, text) }, nil, false)
}

func (t *tee) Value(v value.Value) {
	t.show(func(p Printer) { p.Value(v) }, value.Graphs(v), v.T.Kind == types.Graph)
}

func (t *tee) Map(m *value.MapData, o MapOptions) {
	t.show(func(p Printer) { p.Map(m, o) }, nil, false)
}

func (t *tee) Message(s diag.Severity, at source.Span, text []byte) {
	t.show(func(p Printer) { p.Message(s, at, text) }, nil, false)
}

func (t *tee) RuntimeError(e *RuntimeError) {
	t.show(func(p Printer) { p.RuntimeError(e) }, nil, false)
}

func (t *tee) Lost(n uint64) { t.show(func(p Printer) { p.Lost(n) }, nil, false) }

func (t *tee) Log(s diag.Severity, text string) {
	t.show(func(p Printer) { p.Log(s, text) }, nil, false)
}

func (t *tee) End() { t.show(Printer.End, nil, false) }

func (t *tee) Receipt(r *Receipt) { t.show(func(p Printer) { p.Receipt(r) }, nil, false) }

// Closed is that of the Printer, unless an event could not be taken.
func (t *tee) Closed() <-chan struct{} {
	select {
	case <-t.closed:
		return t.closed
	default:
		return t.Printer.Closed()
	}
}
