package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"probe/lang/value"
)

// Output is one event of the output of a script.
type Output struct {
	// Time is the time of the output in nanoseconds of CLOCK_MONOTONIC.
	Time int64 `json:"time"`
	// JSON is the object for it in JSON output. It is empty if there is none,
	// or if the event is only a tree. The Writer omits a text that is not valid
	// JSON or has more than one line.
	JSON json.RawMessage `json:"json,omitempty"`
	// Text is the event as text on standard output, Message that on standard
	// error. In the file Text is omitted if it equals the data of JSON, and
	// Bytes replaces it if it is not UTF-8, which JSON cannot hold.
	Text    string `json:"text,omitempty"`
	Bytes   []byte `json:"bytes,omitempty"`
	Message string `json:"message,omitempty"`
	// Trees lists the trees that it shows, by their index in the recording (the
	// number of trees written before each). An event without Text shows nothing
	// else.
	Trees []int `json:"trees,omitempty"`
	// Stacks has the stacks of a map at the end of the run as frames, which JSON
	// and Text have as text; nil for everything else.
	Stacks *Stacks `json:"stacks,omitempty"`

	// Place is the number of trees before the event in the file. The Writer
	// ignores it.
	Place int `json:"-"`
}

// Stacks is a map whose keys have stacks.
type Stacks struct {
	Map    string  `json:"map"` // its name
	Unit   string  `json:"unit"`
	Lost   int64   `json:"lost,omitempty"` // value of stacks that were not kept
	Frames []Frame `json:"frames"`
	// Samples has the value of each stack, and after it the indices of its frames,
	// the outermost first.
	Samples [][]int64 `json:"samples"`
}

// Frame is a function in a stack. The other parts of a key are frames as well.
type Frame struct {
	Name   string `json:"name"`
	Module string `json:"module,omitempty"`
}

// valid returns an error if an index is out of range.
func (s *Stacks) valid() error {
	for _, sample := range s.Samples {
		if len(sample) == 0 {
			return errors.New("a sample of stacks has no value")
		}
		for _, f := range sample[1:] {
			if f < 0 || f >= int64(len(s.Frames)) {
				return fmt.Errorf("a stack has frame %d of %d", f, len(s.Frames))
			}
		}
	}
	return nil
}

// size returns about how many bytes it takes.
func (s *Stacks) size() int {
	n := len(s.Map) + len(s.Unit)
	for _, f := range s.Frames {
		n += 32 + len(f.Name) + len(f.Module)
	}
	for _, sample := range s.Samples {
		n += 24 + 8*len(sample)
	}
	return n
}

// textKinds is the set of types of objects whose data is the text, unchanged.
var textKinds = map[string]bool{"printf": true, "time": true, "cat": true}

// data returns the text that an object holds.
func data(object json.RawMessage) (text string, ok bool) {
	var o struct {
		Type string  `json:"type"`
		Data *string `json:"data"`
	}
	// Look at the start only: most objects of other types are large.
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
func (w *Writer) Event(e Output) error {
	if !w.script {
		return errNoScript
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.line = appendEvent(w.line[:0], &e)
	if len(w.line) > maxLine && e.Stacks != nil {
		e.Stacks = nil
		w.line = appendEvent(w.line[:0], &e)
	}
	if len(w.line) > maxLine {
		w.line = appendEvent(w.line[:0], &Output{Time: e.Time, Message: fmt.Sprintf("an event of %d bytes was too large for the recording\n", len(w.line))})
	}
	w.events++
	if _, err := w.buf.Write(w.line); err != nil {
		return err
	}
	w.flushSoon()
	return nil
}

// appendEvent composes the line of an event. It dominates the cost of recording
// a busy script, so it does not use reflection.
func appendEvent(b []byte, e *Output) []byte {
	b = strconv.AppendInt(append(b, `{"event":{"time":`...), e.Time, 10)
	object := e.JSON
	if !utf8.Valid(object) {
		object = bytes.ToValidUTF8(object, []byte("\uFFFD"))
	}
	hasJSON := json.Valid(object) && bytes.IndexByte(object, '\n') < 0
	if hasJSON {
		b = append(append(b, `,"json":`...), object...)
	}
	text := func(key, text string) {
		b = append(append(append(b, `,"`...), key...), `":`...)
		b = value.AppendJSONString(b, text)
	}
	switch {
	case !utf8.ValidString(e.Text):
		text("bytes", base64.StdEncoding.EncodeToString([]byte(e.Text)))
	case e.Text != "" && !(hasJSON && isData(object, e.Text)):
		text("text", e.Text)
	}
	if e.Message != "" {
		text("message", strings.ToValidUTF8(e.Message, "\uFFFD"))
	}
	if len(e.Trees) > 0 {
		b = append(b, `,"trees":[`...)
		for i, n := range e.Trees {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(n), 10)
		}
		b = append(b, ']')
	}
	if e.Stacks != nil {
		if stacks, err := json.Marshal(e.Stacks); err == nil {
			b = append(append(b, `,"stacks":`...), stacks...)
		}
	}
	return append(b, "}}\n"...)
}

// isData reports whether text is the text that data returns for the object.
func isData(object []byte, text string) bool {
	rest, ok := bytes.CutSuffix(object, []byte("}"))
	if !ok || len(object) > len(text)*6+64 {
		return false
	}
	if quoted, ok := bytes.CutPrefix(rest, []byte(`{"type": "printf", "data": `)); ok {
		return bytes.Equal(quoted, value.AppendJSONString(nil, text)) // nearly all have this form; only others need parsing
	}
	found, ok := data(object)
	return ok && found == text
}

// event takes an event of the file.
func (p *parser) event(e *Output) error {
	if err := p.spend(eventCost + len(e.JSON) + len(e.Text) + len(e.Bytes) + len(e.Message) + 8*len(e.Trees)); err != nil {
		return err
	}
	if e.Stacks != nil {
		if err := p.spend(e.Stacks.size()); err != nil {
			return err
		}
		if err := e.Stacks.valid(); err != nil {
			return err
		}
	}
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
		if err := p.spend(len(e.Text)); err != nil {
			return err
		}
	}
	e.Place = len(p.rec.Trees)
	p.rec.Events = append(p.rec.Events, *e)
	return nil
}

// Incomplete reports whether e is the receipt of a run whose results were not
// complete.
func (e *Output) Incomplete() bool {
	var o struct {
		Type     string `json:"type"`
		Complete bool   `json:"complete"`
	}
	// Parse only objects that begin as a receipt does.
	head := e.JSON[:min(len(e.JSON), 40)]
	return bytes.Contains(head, []byte(`"receipt"`)) && json.Unmarshal(e.JSON, &o) == nil && o.Type == "receipt" && !o.Complete
}
