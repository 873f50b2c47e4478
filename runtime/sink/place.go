package sink

import (
	"bytes"
	"strconv"

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
	endLine, endCol := at.File.Position(max(at.End, at.Start+1))
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

// severities holds the words for severities, plain and with colour.
var severities = [...]struct{ plain, painted string }{
	diag.Error:   {"ERROR: ", "\x1b[31mERROR: \x1b[0m"},
	diag.Warning: {"WARNING: ", "\x1b[33mWARNING: \x1b[0m"},
	diag.Note:    {"", ""},
}

// appendSeverity appends "ERROR: " or "WARNING: ", coloured if Config.Color is
// set.
func (s *stream) appendSeverity(dst []byte, sev diag.Severity) []byte {
	if s.Color {
		return append(dst, severities[sev].painted...)
	}
	return append(dst, severities[sev].plain...)
}

// painted colours the severity word of a finished message if Config.Color is
// set.
func (s *stream) painted(text []byte, sev diag.Severity) []byte {
	if !s.Color {
		return text
	}
	return bytes.Replace(text, []byte(severities[sev].plain), []byte(severities[sev].painted), 1)
}
