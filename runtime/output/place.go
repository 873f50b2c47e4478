package output

import (
	"strconv"
	"unicode/utf8"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/value"
)

// appendPlace appends "FILE:LINE:COL-COL: " or, over several lines,
// "FILE:LINE-LINE: " (O-DIAG-01); nothing for no place.
func appendPlace(dst []byte, at source.Span) []byte {
	if !at.Valid() {
		return dst
	}
	line, col := at.File.Position(at.Start)
	endLine, endCol := at.File.Position(at.End)
	dst = append(append(dst, at.File.Name...), ':')
	dst = strconv.AppendInt(dst, int64(line), 10)
	if endLine > line {
		dst = strconv.AppendInt(append(dst, '-'), int64(endLine), 10)
	} else {
		dst = strconv.AppendInt(append(dst, ':'), int64(col), 10)
		dst = strconv.AppendInt(append(dst, '-'), int64(endCol), 10)
	}
	return append(dst, ": "...)
}

// appendContext appends the script's lines under a message, a single line with
// the place underlined (O-DIAG-02).
func appendContext(dst []byte, at source.Span) []byte {
	if !at.Valid() {
		return dst
	}
	line, col := at.File.Position(at.Start)
	endLine, endCol := at.File.Position(at.End)
	for n := line; n <= endLine; n++ {
		dst = append(appendTabbed(dst, at.File.Line(n)), '\n')
	}
	if endLine > line {
		return dst
	}
	text := at.File.Line(line)
	from := min(col-1, len(text))
	to := min(max(endCol-1, from), len(text))
	for range columns(text[:from]) {
		dst = append(dst, ' ')
	}
	for range max(columns(text[from:to]), 1) {
		dst = append(dst, '~')
	}
	return append(dst, '\n')
}

const tabWidth = 4

func appendTabbed(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] != '\t' {
			dst = append(dst, s[i])
			continue
		}
		for range tabWidth {
			dst = append(dst, ' ')
		}
	}
	return dst
}

// columns is the width of a text on a terminal, tabs expanded.
func columns(s string) int {
	n := 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		switch {
		case r == '\t':
			n += tabWidth
		case r >= 0x300 && r <= 0x36f || r == 0x200d: // combining, joiner
		case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
			r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
			r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
			n += 2 // East Asian wide, emoji
		default:
			n++
		}
	}
	return n
}

// appendJSONPlace appends the members filename, line and col.
func appendJSONPlace(dst []byte, at source.Span) []byte {
	name, line, col := "", 0, 0
	if at.Valid() {
		name = at.File.Name
		line, col = at.File.Position(at.Start)
	}
	dst = value.AppendJSONString(append(dst, `, "filename": `...), name)
	dst = strconv.AppendInt(append(dst, `, "line": `...), int64(line), 10)
	return strconv.AppendInt(append(dst, `, "col": `...), int64(col), 10)
}

// appendSeverity appends "ERROR: " or "WARNING: ", painted if asked for.
func (s *stream) appendSeverity(dst []byte, sev diag.Severity) []byte {
	word, paint := "WARNING: ", "\x1b[33m"
	if sev == diag.Error {
		word, paint = "ERROR: ", "\x1b[31m"
	}
	if !s.Color {
		return append(dst, word...)
	}
	return append(append(append(dst, paint...), word...), "\x1b[0m"...)
}

// appendLog appends a message without a place (O-DIAG-04); notes have no word.
func (s *stream) appendLog(dst []byte, sev diag.Severity, text string) []byte {
	if sev != diag.Note {
		dst = s.appendSeverity(dst, sev)
	}
	return append(append(dst, text...), '\n')
}
