package sink

import (
	"strconv"

	"probe/lang/diag"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// jsonSink is the format for programs: one JSON object a line (section 6.6),
// described in docs/output.schema.json.
type jsonSink struct {
	*stream
	scratch []byte // text of the current printf call
}

// Take writes the object of an event, if it has one. There are no blank lines
// (O-JSON-04).
func (p *jsonSink) Take(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := e.(type) {
	case *event.Printf:
		p.scratch = value.AppendFormat(p.scratch[:0], e.Format, e.Args, e.Resolver)
		p.shut(value.AppendJSONString(append(p.open(e), `, "data": `...), p.scratch))
	case *event.Text:
		p.shut(value.AppendJSONString(append(p.open(e), `, "data": `...), e.Data))
	case *event.Value:
		p.shut(value.AppendJSON(append(p.open(e), `, "data": `...), e.Value, p.frames(e.Resolver)))
	case *event.Map:
		// bpftrace leaves out empty maps, except those of avg and stats.
		if len(e.Entries) > 0 || e.Kind() == "stats" {
			p.shut(p.appendMap(append(p.open(e), `, "data": {`...), e))
		}
	case *event.Attached:
		if !p.Quiet {
			p.count(e, "probes", uint64(e.Probes))
		}
	case *event.Lost:
		p.count(e, "events", e.Events)
	case *event.Message:
		if !p.dropped(e.Severity) {
			p.scratch = value.AppendFormat(p.scratch[:0], e.Format, e.Args, e.Resolver)
			p.shut(appendJSONPlace(value.AppendJSONString(append(p.open(e), `, "msg": `...), p.scratch), e.At))
		}
	case *event.RuntimeError:
		if !p.dropped(diag.Warning) {
			p.runtimeError(e)
		}
	case *event.Log:
		p.log(e)
	case *event.Receipt:
		p.receipt(e)
	}
}

// frames returns a resolver with which stacks have the form that is wanted.
func (p *jsonSink) frames(r value.Resolver) value.Resolver {
	if p.TextStacks {
		return r
	}
	return value.FrameArrays(r)
}

// open starts the object of an event in the buffer.
func (p *jsonSink) open(e event.Event) []byte {
	b := append(p.buf, `{"type": "`...)
	return append(append(b, e.Kind()...), '"')
}

// shut ends the object that open started.
func (p *jsonSink) shut(b []byte) {
	p.buf = append(b, "}\n"...)
	p.commit()
}

// count writes an object whose data is one number.
func (p *jsonSink) count(e event.Event, what string, n uint64) {
	b := strconv.AppendUint(append(p.open(e), `, "count": `...), n, 10)
	b = append(append(append(b, `, "data": {"`...), what...), `": `...)
	p.shut(append(strconv.AppendUint(b, n, 10), '}'))
}

// appendMap appends the member of a map, and the brace that ends the data.
func (p *jsonSink) appendMap(b []byte, m *event.Map) []byte {
	p.scratch = append(append(p.scratch[:0], '@'), m.Name...)
	b = append(value.AppendJSONString(b, p.scratch), ": "...)
	braces := !m.Scalar() || len(m.Entries) == 0
	if braces {
		b = append(b, '{')
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		if i > 0 {
			b = append(b, ", "...)
		}
		if !m.Scalar() {
			b = append(value.AppendKeyJSON(b, m.KeyOf(e), m.Resolver), ": "...)
		}
		switch m.Val.Kind {
		case types.Hist, types.LHist:
			b = value.AppendHistJSON(b, m.Val, e.Buckets, m.Div)
		case types.TSeries:
			b = value.AppendSeriesJSON(b, m.Val, e.Points, value.LastEpoch(m.Entries), m.Resolver)
		default:
			b = value.AppendMapValueJSON(b, m.ValueOf(e), m.Div, p.frames(m.Resolver))
		}
	}
	if braces {
		b = append(b, '}')
	}
	return append(b, '}')
}

func (p *jsonSink) runtimeError(e *event.RuntimeError) {
	b := value.AppendJSONString(append(p.open(e), `, "msg": `...), e.Message)
	if e.Helper != "" {
		b = value.AppendJSONString(append(b, `, "helper": `...), e.Helper)
		b = strconv.AppendInt(append(b, `, "retcode": `...), int64(e.Retcode), 10)
	}
	b = appendJSONPlace(b, e.At)
	if e.Count > 1 {
		b = strconv.AppendUint(append(b, `, "count": `...), e.Count, 10)
	}
	p.shut(b)
}

func (p *jsonSink) receipt(r *event.Receipt) {
	b := strconv.AppendBool(append(p.open(r), `, "complete": `...), len(r.Items) == 0)
	b = append(b, `, "data": [`...)
	for i := range r.Items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendItemJSON(b, &r.Items[i])
	}
	p.shut(append(b, ']'))
}
