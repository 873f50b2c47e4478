// Package source represents places in scripts: files, spans of bytes in them,
// and the line table that converts a byte offset to a line and a column. It
// imports no other package of this module.
package source

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

// File is one script text. It does not change after New.
type File struct {
	Name  string // as the user named it; "-e" for the script of that option, "stdin" for standard input
	Text  string
	once  sync.Once
	lines []uint32 // byte offset of the start of each line; see table
}

// New makes a File. The text is shorter than 4 GB.
func New(name, text string) *File { return &File{Name: name, Text: text} }

// table returns the line table, which most files need only for a message. The lines
// are counted first, since a text can be nothing but lines.
func (f *File) table() []uint32 {
	f.once.Do(func() {
		f.lines = make([]uint32, 1, 1+strings.Count(f.Text, "\n"))
		for i := range len(f.Text) {
			if f.Text[i] == '\n' {
				f.lines = append(f.lines, uint32(i+1))
			}
		}
	})
	return f.lines
}

// Position returns the 1-based line and 1-based byte column of an offset;
// offsets outside the text are clamped.
func (f *File) Position(offset int) (line, col int) {
	offset = min(max(offset, 0), len(f.Text))
	lines := f.table()
	i := sort.Search(len(lines), func(i int) bool { return int(lines[i]) > offset }) - 1
	return i + 1, offset - int(lines[i]) + 1
}

// Lines returns the number of lines, at least 1.
func (f *File) Lines() int { return len(f.table()) }

// Line returns the text of the 1-based line n without its line end, or "" when
// there is no such line.
func (f *File) Line(n int) string {
	lines := f.table()
	if n < 1 || n > len(lines) {
		return ""
	}
	end := len(f.Text)
	if n < len(lines) {
		end = int(lines[n]) - 1
	}
	return strings.TrimSuffix(f.Text[lines[n-1]:end], "\r")
}

// LineStart returns the byte offset at which the 1-based line n starts.
func (f *File) LineStart(n int) int {
	lines := f.table()
	if n < 1 || n > len(lines) {
		return len(f.Text)
	}
	return int(lines[n-1])
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
