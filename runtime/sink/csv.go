package sink

import (
	"bytes"
	"errors"

	"probe/lang/value"
	"probe/runtime/event"
)

// csvSink writes what has columns as comma-separated values (RFC 4180, with
// plain newlines): snapshots of maps and printed values. Columns are named in a
// line ahead of the rows whenever they change, after an empty line. Everything
// else goes to standard error, as the text format shows it.
type csvSink struct {
	*stream
	rest  *textSink
	head  []byte // the last names of columns that were written
	names []byte // those of the event at hand
	field []byte
}

func newCSV(s *stream) event.Sink {
	c := s.Config
	c.Out, c.Buffer = c.Err, ByLine
	return &csvSink{stream: s, rest: &textSink{newStream(c)}}
}

// Take writes the rows of an event.
func (p *csvSink) Take(e event.Event) {
	switch e := e.(type) {
	case *event.Map:
		p.table(e.Table(), p.shows(e.Resolver))
	case *event.Value:
		p.table(e.Table(), p.shows(e.Resolver))
	case *event.End: // nothing has to stand apart
	default:
		p.rest.Take(e)
	}
}

// Close writes what is left in both streams.
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
			case v.T == nil: // an open end
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

// endLine makes the comma behind the last field the end of the line.
func (p *csvSink) endLine(b []byte) {
	b[len(b)-1] = '\n'
	p.buf = b
}

// appendField appends a field, in quotes where it needs them. An empty text is
// in quotes; a field that is absent is not.
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
