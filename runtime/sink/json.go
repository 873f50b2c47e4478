package sink

import (
	"strconv"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
)

// jsonPrinter is the format for programs: one JSON object a line (section
// 6.6).
type jsonPrinter struct {
	*stream
	scratch []byte // text of the printf call at hand
}

func (p *jsonPrinter) Attached(n int) {
	if p.Quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count("attached_probes", "probes", uint64(n))
}

func (p *jsonPrinter) Lost(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count("lost_events", "events", n)
}

// count writes a record whose data is one number.
func (p *jsonPrinter) count(typ, what string, n uint64) {
	b := p.open(typ)
	b = strconv.AppendUint(append(b, `, "count": `...), n, 10)
	b = append(append(append(b, `, "data": {"`...), what...), `": `...)
	p.shut(append(strconv.AppendUint(b, n, 10), '}'))
}

// open starts a record in the buffer.
func (p *jsonPrinter) open(typ string) []byte {
	b := append(p.buf, `{"type": "`...)
	return append(append(b, typ...), '"')
}

// shut ends the record that open started.
func (p *jsonPrinter) shut(b []byte) {
	p.buf = append(b, "}\n"...)
	p.commit()
}

func (p *jsonPrinter) Printf(specs []value.Spec, args []value.Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scratch = value.AppendFormat(p.scratch[:0], specs, args, p.Resolver)
	p.shut(value.AppendJSONString(append(p.open("printf"), `, "data": `...), p.scratch))
}

func (p *jsonPrinter) Text(kind Kind, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut(value.AppendJSONString(append(p.open(string(kind)), `, "data": `...), text))
}

func (p *jsonPrinter) Value(v value.Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut(value.AppendJSON(append(p.open("value"), `, "data": `...), v, p.Resolver))
}

func (p *jsonPrinter) Map(m *value.MapData, o MapOptions) {
	entries := printed(m, o)
	if len(entries) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := append(p.open(mapRecord(m.Val)), `, "data": {`...)
	p.scratch = append(append(p.scratch[:0], '@'), m.Name...)
	b = append(value.AppendJSONString(b, p.scratch), ": "...)
	if !m.Scalar() {
		b = append(b, '{')
	}
	for i := range entries {
		e := &entries[i]
		if i > 0 {
			b = append(b, ", "...)
		}
		if !m.Scalar() {
			b = append(value.AppendKeyJSON(b, m.KeyOf(e), p.Resolver), ": "...)
		}
		switch m.Val.Kind {
		case types.Hist, types.LHist:
			b = value.AppendHistJSON(b, m.Val, e.Buckets, o.Div)
		case types.TSeries:
			b = value.AppendSeriesJSON(b, m.Val, e.Points, m.LastEpoch(), p.Resolver)
		default:
			b = value.AppendMapValueJSON(b, m.ValueOf(e), o.Div, p.Resolver)
		}
	}
	if !m.Scalar() {
		b = append(b, '}')
	}
	p.shut(append(b, '}'))
}

// mapRecord is the record type of a map with values of type t.
func mapRecord(t *types.Type) string {
	switch t.Kind {
	case types.Hist, types.LHist:
		return "hist"
	case types.Avg, types.Stats:
		return "stats"
	case types.TSeries:
		return "tseries"
	}
	return "map"
}

func (p *jsonPrinter) Message(s diag.Severity, at source.Span, text []byte) {
	if p.dropped(s) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	typ := "errorf"
	if s != diag.Error {
		typ = "warnf"
	}
	b := value.AppendJSONString(append(p.open(typ), `, "msg": `...), text)
	p.shut(appendJSONPlace(b, at))
}

func (p *jsonPrinter) RuntimeError(e *RuntimeError) {
	if p.dropped(diag.Warning) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	typ := "runtime_error"
	if e.Helper != "" {
		typ = "helper_error"
	}
	b := value.AppendJSONString(append(p.open(typ), `, "msg": `...), e.Message)
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

func (p *jsonPrinter) Log(s diag.Severity, text string) {
	if p.dropped(s) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.message(p.appendLog(nil, s, text))
}

// End writes nothing: JSON has no blank lines (O-JSON-04).
func (p *jsonPrinter) End() {}

func (p *jsonPrinter) Receipt(r *Receipt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := strconv.AppendBool(append(p.open("receipt"), `, "complete": `...), len(r.Items) == 0)
	b = append(b, `, "data": [`...)
	for i := range r.Items {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.Items[i].appendJSON(b)
	}
	p.shut(append(b, ']'))
}
