package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"probe/runtime/graph"
	"probe/runtime/trust"
)

// Writer writes a recording. It is not safe for concurrent use.
type Writer struct {
	mu      sync.Mutex  // guards all fields below against the timer
	timer   *time.Timer // of the next flush, nil when nothing waits for one
	err     error       // of a flush by the timer
	closed  bool
	funcs   *graph.Funcs
	written int // functions written
	trees   int
	events  int
	script  bool
	buf     *bufio.Writer
	pack    *zstd.Encoder // nil without compression
	file    io.Closer     // nil when the stream is the caller's
	line    []byte
	// The name of a thread, most often that of the last tree, and its JSON.
	comm     string
	commJSON []byte
}

// flushEvery is the maximum time until a tree is in the file, and so the part
// of a recording that a kill loses.
const flushEvery = time.Second

// Create starts a recording in a file, compressed when its name ends in .zst.
// Create truncates an existing file.
func Create(path string, h Header, funcs *graph.Funcs) (*Writer, error) {
	f, err := trust.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write a recording: %w", err)
	}
	w, err := CreateOn(f, strings.HasSuffix(path, ".zst"), h, funcs)
	if err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// CreateOn starts a recording in an open file, which Close closes.
func CreateOn(f io.WriteCloser, compress bool, h Header, funcs *graph.Funcs) (*Writer, error) {
	w, err := newWriter(f, compress, h, funcs)
	if err == nil {
		w.file = f
	}
	return w, err
}

// NewWriter starts a recording on a stream, without compression.
func NewWriter(to io.Writer, h Header, funcs *graph.Funcs) (*Writer, error) {
	return newWriter(to, false, h, funcs)
}

func newWriter(to io.Writer, compress bool, h Header, funcs *graph.Funcs) (*Writer, error) {
	makeNumbers()
	w := &Writer{funcs: funcs}
	if compress {
		var err error
		if w.pack, err = zstd.NewWriter(to, zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, fmt.Errorf("write a recording: %w", err)
		}
		to = w.pack
	}
	w.buf = bufio.NewWriterSize(to, 64<<10)
	h.Version = treesOnly
	if h.Script != nil {
		h.Version, w.script = Version, true
	}
	return w, w.object("probe_graph", h)
}

// object writes one line.
func (w *Writer) object(key string, value any) error {
	text, err := objectLine(key, value)
	if err != nil {
		return err
	}
	_, err = w.buf.Write(text)
	return err
}

// objectLine returns a line with one key. It does not escape <, > and &, so
// that the line stays readable.
func objectLine(key string, value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(map[string]any{key: value})
	return b.Bytes(), err
}

// Tree writes a tree, and the functions that are new in it.
func (w *Writer) Tree(t *graph.Tree) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	for ; w.written < len(w.funcs.List); w.written++ {
		f := &w.funcs.List[w.written]
		line := funcLine{ID: int32(w.written), Name: f.Name, Module: f.Module, Result: f.Result.String(), Notation: notationOf(f.Notation)}
		if f.Addr != 0 {
			line.Addr = strconv.FormatUint(f.Addr, 16)
		}
		for _, p := range f.Params {
			line.Params = append(line.Params, paramLine{p.Name, p.Type.String(), notationOf(p.Notation)})
		}
		if err := w.object("func", line); err != nil {
			return err
		}
	}
	for from := 0; from < len(t.Calls); from += lineCalls {
		w.part(t, from, min(from+lineCalls, len(t.Calls)))
		if _, err := w.buf.Write(w.line); err != nil {
			return err
		}
	}
	w.trees++
	w.flushSoon()
	return nil
}

// part composes the line with some of a tree's calls.
func (w *Writer) part(t *graph.Tree, from, to int) {
	b := w.line[:0]
	if from == 0 {
		b = append(b, `{"tree":{"id":`...)
	} else {
		b = append(b, `{"more":{"id":`...)
	}
	b = strconv.AppendInt(b, int64(w.trees), 10)
	num := func(key string, n int64, always bool) {
		if n != 0 || always {
			b = append(b, `,"`...)
			b = append(b, key...)
			b = append(b, `":`...)
			b = strconv.AppendInt(b, n, 10)
		}
	}
	start := t.Calls[0].T0
	if from == 0 {
		num("tid", int64(t.Thread.TID), true)
		num("pid", int64(t.Thread.PID), false)
		if t.Thread.Comm != "" {
			if t.Thread.Comm != w.comm {
				w.comm = t.Thread.Comm
				w.commJSON, _ = json.Marshal(w.comm) // encoding a string cannot fail
			}
			b = append(append(b, `,"comm":`...), w.commJSON...)
		}
		num("start", start, true)
		num("lost", int64(t.Lost), false)
		num("interruptions", int64(t.Folded.Interruptions), false)
		num("folded_calls", int64(t.Folded.Calls), false)
		num("folded_ns", t.Folded.Time, false)
		num("skipped", int64(t.Folded.Skipped), false)
	}
	b = append(b, `,"calls":[`...)
	args := false
	b = slices.Grow(b, (to-from)*callMax)
	for i := from; i < to; i++ {
		c := &t.Calls[i]
		args = args || c.NArgs > 0
		b = appendCall(b, c, start)
	}
	b[len(b)-1] = ']'
	if args {
		b = append(b, `,"args":[`...)
		for i := from; i < to; i++ {
			c := &t.Calls[i]
			if c.NArgs == 0 {
				continue
			}
			b = strconv.AppendInt(append(b, '['), int64(i-from), 10)
			for _, a := range t.Args[c.Args : int(c.Args)+int(c.NArgs)] {
				b = strconv.AppendInt(append(b, ','), int64(a), 10)
			}
			b = append(b, ']', ',')
		}
		b[len(b)-1] = ']'
	}
	b = appendValues(b, w.funcs, t, from, to)
	if to < len(t.Calls) {
		b = append(b, `,"more":true`...)
	}
	w.line = append(b, "}}\n"...)
}

// callMax is the maximum number of bytes that appendCall writes.
const callMax = 7*numberMax + len("[,")

// appendCall appends the numbers of a call, and a comma. b has room for
// callMax bytes.
func appendCall(b []byte, c *graph.Call, start int64) []byte {
	to := b[len(b) : len(b)+callMax]
	to[0] = '['
	at := 1 + putComma(to[1:], int64(c.Fn))
	at += putComma(to[at:], int64(c.Depth))
	at += putComma(to[at:], int64(c.CPU))
	at += putComma(to[at:], c.T0-start)
	at += putComma(to[at:], c.T1-c.T0)
	at += putComma(to[at:], int64(c.Flags&knownFlags))
	if c.Flags&(graph.HasRet|graph.Gap) != 0 {
		at += putComma(to[at:], int64(c.Ret))
	}
	to[at-1], to[at] = ']', ','
	return b[:len(b)+at+1]
}

// flushSoon starts the timer for the next flush unless it is running. The lock
// is held.
func (w *Writer) flushSoon() {
	if w.timer != nil {
		return
	}
	w.timer = time.AfterFunc(flushEvery, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.timer = nil
		if !w.closed && w.err == nil {
			w.err = w.flush()
		}
	})
}

// Flush writes all buffered data to the file.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}

func (w *Writer) flush() error {
	err := w.buf.Flush()
	if err == nil && w.pack != nil {
		err = w.pack.Flush()
	}
	return err
}

// Close writes the end and closes the file. It sets e.Trees and e.Events
// itself.
func (w *Writer) Close(e End) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	e.Trees, e.Events = w.trees, w.events
	err := w.err
	if err == nil {
		err = w.object("end", e)
	}
	if err == nil {
		err = w.buf.Flush()
	}
	if w.pack != nil {
		if packErr := w.pack.Close(); err == nil {
			err = packErr
		}
	}
	if w.file != nil {
		if fileErr := w.file.Close(); err == nil {
			err = fileErr
		}
	}
	if err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return nil
}
