package sink

import (
	"bytes"
	"fmt"
	"strconv"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
)

// textPrinter is the format for people (sections 5.6, 5.7 and 6.4).
type textPrinter struct{ *stream }

func (p *textPrinter) Attached(n int) {
	if p.Quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	line := strconv.AppendInt([]byte("Attached "), int64(n), 10)
	line = append(line, " probe"...)
	if n != 1 {
		line = append(line, 's')
	}
	p.message(append(line, '\n'))
}

func (p *textPrinter) Printf(specs []value.Spec, args []value.Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = value.AppendFormat(p.buf, specs, args, p.Resolver)
	p.commit()
}

func (p *textPrinter) Text(kind Kind, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = append(p.buf, text...)
	if kind.newline() {
		p.buf = append(p.buf, '\n')
	}
	p.commit()
}

func (p *textPrinter) Value(v value.Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = append(value.AppendText(p.buf, v, p.Resolver), '\n')
	p.commit()
}

func (p *textPrinter) Map(m *value.MapData, o MapOptions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = appendMap(p.buf, m, o, p.Resolver)
	p.commit()
}

func appendMap(dst []byte, m *value.MapData, o MapOptions, r value.Resolver) []byte {
	entries := printed(m, o)
	for i := range entries {
		e := &entries[i]
		dst = append(append(dst, '@'), m.Name...)
		if !m.Scalar() {
			dst = value.AppendKey(append(dst, '['), m.KeyOf(e), r)
			dst = append(dst, ']')
		}
		if m.Val.IsMultiBucket() {
			dst = appendBuckets(append(dst, ":\n"...), m, e, o.Div, r)
			dst = append(dst, '\n')
			continue
		}
		dst = value.AppendMapValue(append(dst, ": "...), m.ValueOf(e), o.Div, r)
		dst = append(dst, '\n')
	}
	return dst
}

func appendBuckets(dst []byte, m *value.MapData, e *value.Entry, div int64, r value.Resolver) []byte {
	if m.Val.Kind == types.TSeries {
		return value.AppendSeries(dst, m.Val, e.Points, m.LastEpoch(), r)
	}
	return value.AppendHist(dst, m.Val, e.Buckets, div)
}

// printed is the entries of a map that appear. A scalar map that holds nothing
// still has its zero value when the script asks for it (M-PRINT-11).
func printed(m *value.MapData, o MapOptions) []value.Entry {
	if len(m.Entries) == 0 && m.Scalar() && !o.AtExit && !m.Val.IsMultiBucket() {
		return []value.Entry{{}}
	}
	return m.Sorted(o.Top)
}

func (p *textPrinter) Message(s diag.Severity, at source.Span, text []byte) {
	if p.dropped(s) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	line := appendPlace(nil, at)
	line = p.appendSeverity(line, s)
	line = append(line, bytes.TrimSuffix(text, []byte("\n"))...)
	p.message(append(line, '\n'))
}

func (p *textPrinter) RuntimeError(e *RuntimeError) {
	if p.dropped(diag.Warning) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	text := e.Message
	if e.Count > 1 {
		text += fmt.Sprintf(" (%d times)", e.Count)
	}
	if e.Helper != "" {
		text += fmt.Sprintf("\nAdditional Info - helper: %s, retcode: %d", e.Helper, e.Retcode)
	}
	// This form, unlike that of our own messages, is part of the language.
	var b bytes.Buffer
	d := &diag.Diagnostic{Severity: diag.Warning, Span: e.At, Message: text}
	_ = diag.RenderBpftrace(&b, &diag.List{All: []*diag.Diagnostic{d}}) // a Buffer takes everything
	p.message(p.painted(b.Bytes(), diag.Warning))
}

func (p *textPrinter) Lost(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := strconv.AppendUint([]byte("Lost "), n, 10)
	p.message(append(line, " events\n"...))
}

func (p *textPrinter) Log(s diag.Severity, text string) {
	if p.dropped(s) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.message(p.appendLog(nil, s, text))
}

func (p *textPrinter) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = append(p.buf, "\n\n"...)
	p.commit()
}

func (p *textPrinter) Receipt(r *Receipt) {
	if len(r.Items) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var b bytes.Buffer
	_ = diag.Render(&b, &diag.List{All: []*diag.Diagnostic{r.Diagnostic()}}, diag.Options{Color: p.Color})
	p.message(b.Bytes())
}
