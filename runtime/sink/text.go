package sink

import (
	"bytes"
	"fmt"
	"strconv"

	"probe/lang/diag"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// textSink is the format for people (sections 5.6, 5.7 and 6.4).
type textSink struct {
	*stream
	// ended is set if the empty lines before the maps are still to be written: a
	// run that shows nothing has none.
	ended bool
}

// Take shows an event.
func (p *textSink) Take(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := e.(type) {
	case *event.Printf:
		p.buf = value.AppendFormat(p.buf, e.Format, e.Args, p.shows(e.Resolver))
		p.commit()
	case *event.Text:
		p.buf = p.appendText(p.buf, e)
		if e.From == event.Join || e.From == event.System { // these two end their lines themselves (F-JOIN, F-SYSTEM)
			p.buf = append(p.buf, '\n')
		}
		p.commit()
	case *event.Value: // print() ends the line, too (M-PRINT-13)
		p.buf = append(value.AppendText(p.buf, e.Value, p.shows(e.Resolver)), '\n')
		p.commit()
	case *event.Map:
		if p.ended && len(e.Entries) > 0 {
			p.ended = false
			p.buf = append(p.buf, "\n\n"...)
		}
		p.buf = appendMap(p.buf, e, p.shows(e.Resolver))
		p.commit()
	case *event.End: // an empty line precedes the maps (M-PRINT-14)
		if !p.some && !p.Empty {
			p.ended = true
			break
		}
		p.buf = append(p.buf, "\n\n"...)
		p.commit()
	case *event.Attached:
		p.attached(e.Probes)
	case *event.Lost:
		p.message(append(strconv.AppendUint([]byte("Lost "), e.Events, 10), " events\n"...))
	case *event.Message:
		if !p.dropped(e.Severity) {
			line := p.appendSeverity(appendPlace(nil, e.At), e.Severity)
			line = value.AppendFormat(line, e.Format, e.Args, p.shows(e.Resolver))
			p.message(append(bytes.TrimSuffix(line, []byte("\n")), '\n'))
		}
	case *event.RuntimeError:
		if !p.dropped(diag.Warning) {
			p.runtimeError(e)
		}
	case *event.Log:
		p.log(e)
	case *event.Receipt:
		if d := receiptDiagnostic(e); d != nil {
			var b bytes.Buffer
			_ = diag.Render(&b, &diag.List{All: []*diag.Diagnostic{d}}, diag.Options{Color: p.Color}) // a Buffer takes everything
			p.message(b.Bytes())
		}
	}
}

// appendText appends a Text. Newlines in the contents of files and in the
// output of commands are kept; formatted times are not escaped, since their
// format comes from the script.
func (p *textSink) appendText(dst []byte, e *event.Text) []byte {
	if p.Raw || e.From == event.Time {
		return append(dst, e.Data...)
	}
	if e.From != event.Join {
		return value.AppendVisible(dst, e.Data, true)
	}
	for i, w := range e.Words {
		if i > 0 {
			dst = append(dst, e.Separator...)
		}
		dst = value.AppendVisible(dst, w, false)
	}
	return dst
}

// attached writes how many probes there are (O-STREAM-03).
func (p *textSink) attached(n int) {
	if p.Quiet {
		return
	}
	line := append(strconv.AppendInt([]byte("Attached "), int64(n), 10), " probe"...)
	if n != 1 {
		line = append(line, 's')
	}
	p.message(append(line, '\n'))
}

// runtimeError writes a failure inside a probe. Unlike that of our own
// messages, this form is part of the language reference.
func (p *textSink) runtimeError(e *event.RuntimeError) {
	text := e.Message
	if e.Count > 1 {
		text += fmt.Sprintf(" (%d times)", e.Count)
	}
	if e.Helper != "" {
		text += fmt.Sprintf("\nAdditional Info - helper: %s, retcode: %d", e.Helper, e.Retcode)
	}
	var b bytes.Buffer
	d := &diag.Diagnostic{Severity: diag.Warning, Span: e.At, Message: text, Compat: diag.Compat{Text: text}}
	_ = diag.RenderBpftrace(&b, &diag.List{All: []*diag.Diagnostic{d}}, false) // a Buffer takes everything
	p.message(p.painted(b.Bytes(), diag.Warning))
}

// appendMap appends a map, with a line or a histogram for each entry (section
// 5.7).
func appendMap(dst []byte, m *event.Map, r value.Resolver) []byte {
	for i := range m.Entries {
		e := &m.Entries[i]
		dst = append(append(dst, '@'), m.Name...)
		if !m.Scalar() {
			dst = value.AppendKey(append(dst, '['), m.KeyOf(e), r)
			dst = append(dst, ']')
		}
		switch m.Val.Kind {
		case types.Hist, types.LHist:
			dst = value.AppendHist(append(dst, ":\n"...), m.Val, e.Buckets, m.Div)
		case types.TSeries:
			dst = value.AppendSeries(append(dst, ":\n"...), m.Val, e.Points, value.LastEpoch(m.Entries), r)
		default:
			dst = value.AppendMapValue(append(dst, ": "...), m.ValueOf(e), m.Div, r)
		}
		dst = append(dst, '\n')
	}
	return dst
}
