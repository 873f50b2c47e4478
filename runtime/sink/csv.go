package sink

import (
	"bytes"
	"errors"

	"probe/lang/value"
	"probe/runtime/event"
)

// csvSink writes events that have columns, snapshots of maps and printed
// values, as comma-separated values (RFC 4180, but with plain newlines).
// Whenever the columns change, an empty line and a line with their names
// precede the rows. Everything else goes to standard error, as the text format
// shows it.
type csvSink struct {
	*stream
	rest  *textSink
	head  []byte // the header that was written last
	names []byte // the header of the current event
	field []byte
}

func newCSV(s *stream) event.Sink {
	c := s.Config
	c.Out, c.Buffer = c.Err, ByLine
	return &csvSink{stream: s, rest: &textSink{stream: newStream(c)}}
}

// Take writes the rows of an event.
func (p *csvSink) Take(e event.Event) {
	switch e := e.(type) {
	case *event.Map:
		p.table(e.Table(), p.shows(e.Resolver))
	case *event.Value:
		p.table(e.Table(), p.shows(e.Resolver))
	case *event.End: // CSV has no empty line before the maps
	default:
		p.rest.Take(e)
	}
}

// Close writes the rest of both streams.
func (p *csvSink) Close() error { return errors.Join(p.stream.Close(), p.rest.Close()) }

func (p *csvSink) table(t *event.Table, r value.Resolver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names = p.names[:0]
	if t.Name != "" {
		p.names = append(p.names, "map,"...)
	}
	for i := range t.Columns {
		p.names = append(appendField(p.names, []byte(t.Columns[i].Name)), ',')
	}
	first := true
	for row := range t.Rows {
		if first && !bytes.Equal(p.names, p.head) {
			if len(p.head) > 0 {
				p.buf = append(p.buf, '\n')
			}
			p.head = append(p.head[:0], p.names...)
			p.endLine(append(p.buf, p.head...))
		}
		first = false
		if t.Name != "" {
			p.buf = append(appendField(p.buf, []byte(t.Name)), ',')
		}
		for i, v := range row {
			switch {
			case v.T == nil: // an open end of a bucket: an empty field of a bucket: an empty field
			case t.Columns[i].Key:
				p.field = value.AppendKey(p.field[:0], v, r)
				p.buf = appendField(p.buf, p.field)
			default:
				p.field = value.AppendText(p.field[:0], v, r)
				p.buf = appendField(p.buf, p.field)
			}
			p.buf = append(p.buf, ',')
		}
		p.endLine(p.buf)
	}
	p.commit()
}

// endLine replaces the comma after the last field by a newline.
func (p *csvSink) endLine(b []byte) {
	b[len(b)-1] = '\n'
	p.buf = b
}

// appendField appends a field, in quotes where it needs them. An empty text is
// written as "", to distinguish it from an absent field, which is empty.
func appendField(dst, field []byte) []byte {
	if len(field) > 0 && field[0] != ' ' && !bytes.ContainsAny(field, ",\"\r\n") {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for _, c := range field {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
