package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Event is something that a script printed.
type Event struct {
	// Time is when it was printed, by CLOCK_MONOTONIC.
	Time int64 `json:"time"`
	// JSON is the object that stands for it in JSON output. It is empty where
	// there is none, and where the event is nothing but a tree.
	JSON json.RawMessage `json:"json,omitempty"`
	// Text is what it looks like on the output, Message on standard error. In
	// the file Text is left out where it is the data of JSON, and Bytes stands
	// for it where it is not UTF-8, which JSON cannot hold.
	Text    string `json:"text,omitempty"`
	Bytes   []byte `json:"bytes,omitempty"`
	Message string `json:"message,omitempty"`
	// Trees are the trees that it shows: indexes in the recording, or, for the
	// Writer, how many trees were written before each. An event without Text
	// shows nothing else.
	Trees []int `json:"trees,omitempty"`

	// Place is how many trees come before it. The Writer does not look at it.
	Place int `json:"-"`
}

// textKinds are the types of objects whose data is the text, as it is.
var textKinds = map[string]bool{"printf": true, "time": true, "cat": true}

// data is the text that an object holds.
func data(object json.RawMessage) (text string, ok bool) {
	var o struct {
		Type string  `json:"type"`
		Data *string `json:"data"`
	}
	// Most objects that are no text are large.
	head := object[:min(len(object), 32)]
	if !bytes.Contains(head, []byte("printf")) && !bytes.Contains(head, []byte("time")) && !bytes.Contains(head, []byte("cat")) {
		return "", false
	}
	if json.Unmarshal(object, &o) != nil || o.Data == nil || !textKinds[o.Type] {
		return "", false
	}
	return *o.Data, true
}

var errNoScript = errors.New("write a recording: events need the script in the header")

// Event writes an event.
func (w *Writer) Event(e Event) error {
	if !w.script {
		return errNoScript
	}
	if !utf8.Valid(e.JSON) {
		e.JSON = bytes.ToValidUTF8(e.JSON, []byte("\uFFFD"))
	}
	if !utf8.ValidString(e.Text) {
		e.Text, e.Bytes = "", []byte(e.Text)
	} else if text, ok := data(e.JSON); ok && text == e.Text {
		e.Text = ""
	}
	line, err := objectLine("event", &e)
	if err == nil && len(line) > maxLine {
		line, err = objectLine("event", &Event{Time: e.Time, Message: fmt.Sprintf("an event of %d bytes was too large for the recording\n", len(line))})
	}
	if err != nil {
		return fmt.Errorf("write a recording: %w", err)
	}
	w.events++
	if _, err := w.buf.Write(line); err != nil {
		return err
	}
	return w.flushOld()
}

// event takes an event of the file.
func (p *parser) event(e *Event) error {
	for i, id := range e.Trees {
		at, ok := p.trees[id]
		if !ok {
			return fmt.Errorf("an event shows tree %d, which did not come before it", id)
		}
		e.Trees[i] = at
	}
	switch {
	case len(e.Bytes) > 0:
		e.Text, e.Bytes = string(e.Bytes), nil
	case e.Text == "" && len(e.JSON) > 0:
		e.Text, _ = data(e.JSON)
	}
	e.Place = len(p.rec.Trees)
	p.rec.Events = append(p.rec.Events, *e)
	return nil
}
