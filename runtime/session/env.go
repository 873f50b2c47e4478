package session

import (
	"time"

	"probe/compiler"
	"probe/compiler/builtin"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/value"
	"probe/runtime/sink"
)

// handler is what the user-space halves of functions work on (builtin.Env).
type handler struct {
	s   *Session
	u   *Clause
	buf []byte
}

var _ builtin.Env = (*handler)(nil)

// Text prints text of a kind.
func (h *handler) Text(kind string, text []byte) { h.s.opts.Printer.Text(sink.Kind(kind), text) }

// Format renders a printf-like call; the bytes are valid until the next call.
func (h *handler) Format(specs []value.Spec, args []value.Value) []byte {
	h.buf = value.AppendFormat(h.buf[:0], specs, args, h.s.opts.Resolver)
	return h.buf
}

// Value prints one value.
func (h *handler) Value(v value.Value) { h.s.opts.Printer.Value(v) }

// PrintMap prints a map.
func (h *handler) PrintMap(m int, top, div int64) {
	if m < 0 || m >= len(h.u.obj.Maps) {
		return
	}
	data, err := h.u.mapData(h.u.obj.Maps[m])
	if err != nil {
		h.s.log(diag.Error, err.Error())
		return
	}
	h.s.opts.Printer.Map(data, sink.MapOptions{Top: top, Div: div})
}

// ClearMap deletes all keys.
func (h *handler) ClearMap(m int) {
	if m >= 0 && m < len(h.u.obj.Maps) {
		if err := h.u.clearMap(h.u.obj.Maps[m]); err != nil {
			h.s.log(diag.Error, err.Error())
		}
	}
}

// ZeroMap sets all values to zero.
func (h *handler) ZeroMap(m int) {
	if m >= 0 && m < len(h.u.obj.Maps) {
		if err := h.u.zeroMap(h.u.obj.Maps[m]); err != nil {
			h.s.log(diag.Error, err.Error())
		}
	}
}

// Exit ends the run.
func (h *handler) Exit(code int) { h.s.exit(h.u, code) }

// Message is errorf or warnf.
func (h *handler) Message(severity string, at source.Span, text []byte) {
	sev := diag.Error
	if severity == "warning" {
		sev = diag.Warning
	}
	h.s.opts.Printer.Message(sev, at, text)
}

// Now is the wall clock: that of the recording where one is replayed.
func (h *handler) Now() time.Time { return h.u.host.now() }

// Config reads an integer config variable.
func (h *handler) Config(name string) int64 { return compiler.ConfigInt(h.u.obj.HIR, name) }
