// Package source represents places in scripts: files, spans of bytes in them,
// and the line table that converts a byte offset to a line and a column. It
// imports no other package of this module.
package source

import (
	"fmt"
	"sort"
	"strings"
)

// File is one script text. It is immutable after New.
type File struct {
	Name  string // as the user named it; "-e" for the script of that option, "stdin" for standard input
	Text  string
	lines []int // byte offset of the start of each line
}

// New makes a File and its line table.
func New(name, text string) *File {
	f := &File{Name: name, Text: text, lines: []int{0}}
	for i := 0; ; {
		j := strings.IndexByte(text[i:], '\n')
		if j < 0 {
			return f
		}
		i += j + 1
		f.lines = append(f.lines, i)
	}
}

// Position returns the 1-based line and 1-based byte column of an offset;
// offsets outside the text are clamped.
func (f *File) Position(offset int) (line, col int) {
	offset = min(max(offset, 0), len(f.Text))
	i := sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > offset }) - 1
	return i + 1, offset - f.lines[i] + 1
}

// Lines returns the number of lines, at least 1.
func (f *File) Lines() int { return len(f.lines) }

// Line returns the text of the 1-based line n without its line end, or "" when
// there is no such line.
func (f *File) Line(n int) string {
	if n < 1 || n > len(f.lines) {
		return ""
	}
	end := len(f.Text)
	if n < len(f.lines) {
		end = f.lines[n] - 1
	}
	return strings.TrimSuffix(f.Text[f.lines[n-1]:end], "\r")
}

// LineStart returns the byte offset at which the 1-based line n starts.
func (f *File) LineStart(n int) int {
	if n < 1 || n > len(f.lines) {
		return len(f.Text)
	}
	return f.lines[n-1]
}

// Span is the half-open byte range [Start, End) of File. The zero Span means no
// place.
type Span struct {
	File       *File
	Start, End int
}

// Valid reports whether the span names a place.
func (s Span) Valid() bool { return s.File != nil }

// Text returns the source text under the span.
func (s Span) Text() string {
	if s.File == nil || s.Start < 0 || s.End > len(s.File.Text) || s.Start > s.End {
		return ""
	}
	return s.File.Text[s.Start:s.End]
}

// To returns the span from the start of s to the end of t.
func (s Span) To(t Span) Span {
	if !s.Valid() {
		return t
	}
	if t.Valid() && t.File == s.File && t.End > s.End {
		s.End = t.End
	}
	return s
}

// String returns FILE:LINE:COL of the start.
func (s Span) String() string {
	if s.File == nil {
		return "-"
	}
	l, c := s.File.Position(s.Start)
	return fmt.Sprintf("%s:%d:%d", s.File.Name, l, c)
}
