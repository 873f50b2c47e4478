package syntax

import (
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
)

// This file has the words of bpftrace's parser, for its command line.

// firstQuoted returns the first of the alternatives that a message offers, in
// bpftrace's quotes.
func firstQuoted(what string) string {
	if i := strings.IndexByte(what, '`'); i >= 0 {
		if j := strings.IndexByte(what[i+1:], '`'); j > 0 {
			return "'" + what[i+1:i+1+j] + "'"
		}
	}
	for _, article := range [...]string{"an ", "a ", "the "} {
		what = strings.TrimPrefix(what, article)
	}
	return what
}

// compatEscape says what is wrong with an escape.
func compatEscape(text string) string {
	switch {
	case strings.HasPrefix(text, "\\x"):
		return "invalid hex escape sequence"
	case len(text) > 1 && text[1] >= '0' && text[1] <= '7':
		return "octal escape sequence out of range '" + text + "'"
	}
	return "invalid escape character '" + text + "'"
}

// firstWord returns the place of the first word of an item.
func firstWord(at source.Span) source.Span {
	if i := strings.IndexAny(at.Text(), " \t\n=({"); i > 0 {
		at.End = at.Start + i
	}
	return at
}

// compatInteger words a wrong number, whose text is given, as bpftrace does.
func compatInteger(d *diag.Diagnostic, text, message string, at source.Span) {
	switch {
	case strings.HasPrefix(message, "invalid integer suffix"):
		d.WithCompat("%s", strings.ReplaceAll(message, "`", "'"))
	case strings.HasSuffix(text, "_"):
		d.WithCompat("trailing underscore in integer literal")
	case strings.HasPrefix(message, "invalid digit"), strings.HasPrefix(message, "invalid trailing"):
		d.WithCompat("invalid trailing bytes: %s", text).CompatAt(at)
	case message == "invalid integer":
		d.WithCompat("invalid integer: %s", strings.TrimLeft(text, "0xX")).CompatAt(at)
	default:
		d.WithCompat("%s: %s", message, text).CompatAt(at)
	}
}
