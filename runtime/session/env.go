package session

import (
	"bytes"
	"io"
	"time"

	"probe/compiler/builtin"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/trust"
)

// handler implements builtin.Env, the interface that the user-space halves of
// functions work on.
type handler struct {
	s      *Session
	u      *Clause
	buf    []byte
	printf event.Printf // reused, since most records become one of these events
	value  event.Value
}

var _ builtin.Env = (*handler)(nil)

// Printf prints a printf call.
func (h *handler) Printf(specs []value.Spec, args []value.Value) {
	h.printf = event.Printf{Format: specs, Args: args, Resolver: h.s.opts.Resolver}
	h.s.send(&h.printf)
}

// Text prints text of a kind.
func (h *handler) Text(kind string, text []byte) {
	h.s.send(&event.Text{From: event.Source(kind), Data: text})
}

// Format renders a printf-like call; the bytes are valid until the next call.
func (h *handler) Format(specs []value.Spec, args []value.Value) []byte {
	h.buf = value.AppendFormat(h.buf[:0], specs, args, h.s.opts.Resolver)
	return h.buf
}

// Join prints strings with a separator between them.
func (h *handler) Join(words [][]byte, separator string) {
	h.s.send(&event.Text{From: event.Join, Data: bytes.Join(words, []byte(separator)), Words: words, Separator: separator})
}

// Value prints one value.
func (h *handler) Value(v value.Value) {
	h.value = event.Value{Value: v, Resolver: h.s.opts.Resolver}
	h.s.send(&h.value)
}

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
	h.s.send(event.NewMap(data, top, div, h.s.opts.Resolver))
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
func (h *handler) Exit(code int) {
	h.s.send(&event.Exit{Status: code})
	h.s.exit(h.u, code)
}

// Message is errorf or warnf.
func (h *handler) Message(severity string, at source.Span, specs []value.Spec, args []value.Value) {
	sev := diag.Error
	if severity == "warning" {
		sev = diag.Warning
	} else {
		h.s.errors++
	}
	h.s.send(&event.Message{Severity: sev, At: at, Format: specs, Args: args, Resolver: h.s.opts.Resolver})
}

// Now returns the wall clock, in a replay that of the recording.
func (h *handler) Now() time.Time { return h.u.host.now() }

// Open opens a file that a script names, with the rights of the user: a
// capability of this process must not give a script access to files that the
// user cannot read.
func (h *handler) Open(name string) (io.ReadCloser, error) { return trust.Open(name) }

// Config reads an integer config variable.
func (h *handler) Config(name string) int64 { return h.u.obj.HIR.ConfigInt(name) }
