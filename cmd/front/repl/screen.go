package repl

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// The maximum size and time of output without a newline that is held back.
const (
	maxOpen  = 4096
	openTime = 300 * time.Millisecond
)

// screen is a terminal on whose last line a text is being edited. What is
// written to it appears above that line, in whole lines. The line itself is not
// shown as the editor draws it: it gets colours, and hints behind its text.
type screen struct {
	mu      sync.Mutex
	tty     io.Writer
	hints   *hints     // nil for neither colours nor hints
	columns func() int // the width of the terminal
	line    line       // what the editor drew on the last line
	shown   []cell     // what is on the terminal there
	at      int        // the column of the cursor there
	wide    int        // how wide the terminal was when it was drawn
	whole   string     // the text of a line that is too long for the terminal
	offer   string     // what would complete the line, and is shown behind it
	changed time.Time  // when the editor last drew
	open    []byte     // output that has not ended its line yet
	idle    *time.Timer
}

func newScreen(tty io.Writer) *screen {
	return &screen{tty: tty, columns: func() int { return 80 }}
}

// Write shows output above the edited line. It never fails: reading from the
// terminal reports its end.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, p...)
	if i := bytes.LastIndexByte(s.open, '\n'); i >= 0 {
		s.show(s.open[:i+1])
		s.open = append(s.open[:0], s.open[i+1:]...)
	}
	switch {
	case len(s.open) > maxOpen:
		s.endLine()
	case len(s.open) > 0 && s.idle == nil:
		s.idle = time.AfterFunc(openTime, s.Flush)
	}
	return len(p), nil
}

// Flush ends a line that output has begun.
func (s *screen) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLine()
}

func (s *screen) endLine() {
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
	if len(s.open) > 0 {
		s.show(append(s.open, '\n'))
		s.open = s.open[:0]
	}
}

// show writes whole lines, with a single write so that they remain together on
// the terminal.
func (s *screen) show(lines []byte) {
	if len(s.shown) == 0 {
		_, _ = s.tty.Write(lines)
		return
	}
	b := append([]byte("\r\x1b[K"), lines...)
	_, _ = s.tty.Write(append(b, redraw(nil, 0, s.shown, s.at)...))
}

// edit reads output of the line editor, and shows the line that it draws.
func (s *screen) edit(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	s.changed = time.Now()
	for _, c := range p {
		switch s.line.add(c) {
		case ended:
			s.draw(&b, false)
			b.WriteByte('\n')
			s.line, s.shown, s.at, s.whole = line{}, nil, 0, ""
		case cleared:
			b.WriteString("\x1b[H\x1b[2J")
			s.shown, s.at = nil, 0
		case rang:
			b.WriteByte('\a')
		}
	}
	s.draw(&b, true)
	_, _ = io.WriteString(s.tty, b.String())
}

// draw writes what makes the terminal show the line.
func (s *screen) draw(b *strings.Builder, hint bool) {
	s.offer = ""
	columns := s.columns()
	if columns != s.wide && len(s.shown) > 0 {
		// The terminal may have broken the line into several.
		b.WriteString("\r\x1b[J")
		s.shown, s.at = nil, 0
	}
	s.wide = columns
	want := s.line.cells
	if s.hints != nil {
		want = s.decorated(want, columns-1, hint)
	}
	b.WriteString(redraw(s.shown, s.at, want, s.line.col))
	s.shown, s.at = append(s.shown[:0], want...), s.line.col
}

// decorated returns the line with colours and with what is shown behind it, in at
// most room columns.
func (s *screen) decorated(cells []cell, room int, hint bool) []cell {
	all, cols := text(cells)
	p, ok := promptOf(all)
	if !ok {
		return cells // the editor asks for something else, such as what to search
	}
	cells = slices.Clone(cells)
	typed := []rune(all)[len(p):]
	cols = cols[len(p):]
	cursor := 0
	for cursor < len(cols) && cols[cursor] < s.line.col {
		cursor++
	}
	full := len(cells) >= room // the editor shows a part of the text between marks
	var styles []style
	if !full {
		s.whole = string(typed)
		styles = s.hints.styles(s.whole)
	} else if part, from, cut, ok := partOf(s.whole, string(typed)); ok {
		typed, cols = []rune(part), cols[cut:]
		styles = s.hints.styles(s.whole)[from:]
	}
	for i := range min(len(styles), len(typed)) {
		for c := cols[i]; c < len(cells) && (c == cols[i] || cells[c].text == ""); c++ {
			cells[c].style = styles[i]
		}
	}
	if !hint || full {
		return cells
	}
	h := s.hints.behind(string(typed[:cursor]), string(typed[cursor:]), room-len(cells))
	s.offer = h.accept
	col := len(cells)
	for _, part := range h.parts {
		for _, r := range part.text {
			cells, col = put(cells, col, r, part.style)
		}
	}
	return cells
}

// partOf finds the part of a text that the editor shows, behind "{" where something
// is left out before it and before "}" where something is left out behind it. from is
// where the part begins, in runes, and cut how many runes of shown are before it.
func partOf(whole, shown string) (part string, from, cut int, ok bool) {
	part = shown
	i := strings.Index(whole, part)
	if i < 0 {
		part = strings.TrimSuffix(part, "}")
		i = strings.Index(whole, part)
	}
	if i < 0 && strings.HasPrefix(part, "{") {
		part, cut = part[1:], 1
		i = strings.LastIndex(whole, part)
	}
	if i < 0 {
		part, cut = strings.TrimPrefix(shown, "{"), 1
		i = strings.LastIndex(whole, part)
	}
	return part, len([]rune(whole[:max(i, 0)])), cut, i >= 0
}

// promptOf returns the prompt that a line begins with.
func promptOf(text string) (string, bool) {
	for _, p := range []string{prompt, more} {
		if strings.HasPrefix(text, p) {
			return p, true
		}
	}
	return "", false
}

// is sets the whole text of a line that is too long for the terminal.
func (s *screen) is(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole = text
}

// long reports whether the line may be too long for the terminal when as many keys as
// were typed are drawn.
func (s *screen) long(typed int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hints != nil && max(len(s.line.cells), len(prompt)+typed) >= s.columns()-2
}

// offered returns what is shown behind the line to complete it, and for how long the
// editor has drawn nothing.
func (s *screen) offered() (string, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offer, time.Since(s.changed)
}

// painted returns a text with its colours.
func (s *screen) painted(text string) string {
	if s.hints == nil {
		return text
	}
	var b strings.Builder
	styles := s.hints.styles(text)
	last := plainText
	for i, r := range []rune(text) {
		st := styles[i]
		if r == '\n' {
			st = plainText
		}
		restyle(&b, &last, st)
		b.WriteRune(r)
	}
	restyle(&b, &last, plainText)
	return b.String()
}

// control writes a sequence that changes the terminal and not what the edited
// line shows, or text outside of that line.
func (s *screen) control(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.tty, text)
}

// redraw draws the edited line again where the cursor is.
func (s *screen) redraw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.tty, "\r\x1b[K"+redraw(nil, 0, s.shown, s.at))
}

// leave forgets the edited line and shows the output that was held back. From
// then on output is written directly.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shown) > 0 {
		_, _ = s.tty.Write([]byte("\n"))
	}
	s.line, s.shown, s.at = line{}, nil, 0
	s.endLine()
}
