package value

import "unicode/utf8"

// Escaped returns a Resolver that shows control characters from the traced
// system as \xHH: in the names that r returns, and in the strings and
// characters of values shown with the result. Otherwise a traced process could
// send escape sequences to the user's terminal. Text from the script, such as
// literals and time formats, is not escaped.
func Escaped(r Resolver) Resolver { return &escaped{orDefault(r)} }

type escaped struct{ Resolver }

// escapes reports whether values shown with r are escaped.
func escapes(r Resolver) bool {
	switch r := r.(type) {
	case *escaped:
		return true
	case shapes:
		return escapes(r.Resolver)
	case frameArrays:
		return escapes(r.Resolver)
	}
	return false
}

func (e *escaped) KSym(addr uint64) string { return Visible(e.Resolver.KSym(addr), false) }

func (e *escaped) USym(addr uint64, pid, probe uint32) string {
	return Visible(e.Resolver.USym(addr, pid, probe), false)
}

func (e *escaped) KStackFrame(addr uint64) []Frame {
	return visibleFrames(e.Resolver.KStackFrame(addr))
}

func (e *escaped) UStackFrame(addr uint64, pid, probe uint32, call bool) []Frame {
	return visibleFrames(e.Resolver.UStackFrame(addr, pid, probe, call))
}

// visibleFrames returns a copy of frames with escaped names.
func visibleFrames(frames []Frame) []Frame {
	var out []Frame
	for i := range frames {
		f := &frames[i]
		if visible(f.Name, false) && visible(f.Module, false) && visible(f.File, false) {
			continue
		}
		if out == nil {
			out = append(out, frames...)
		}
		out[i].Name, out[i].Module, out[i].File = Visible(f.Name, false), Visible(f.Module, false), Visible(f.File, false)
	}
	if out == nil {
		return frames
	}
	return out
}

// Graph returns the escaped graph. Newlines stay, since its text has several
// lines.
func (e *escaped) Graph(id GraphID, form GraphForm) string {
	text := e.Resolver.Graph(id, form)
	if form == GraphJSON {
		return text
	}
	return Visible(text, true)
}

func (e *escaped) Username(uid uint64) string { return Visible(e.Resolver.Username(uid), false) }

func (e *escaped) CgroupPath(filter, id uint64) string {
	return Visible(e.Resolver.CgroupPath(filter, id), false)
}

// Sysctl returns the escaped setting. Tabs and newlines stay, since a setting
// can have several columns and lines.
func (e *escaped) Sysctl(name uint64) string { return Visible(e.Resolver.Sysctl(name), true) }

// Visible returns a text with its control characters as \xHH: those of ASCII,
// DEL, and those of ISO 6429 (C1) both in UTF-8 and as single bytes; and those of
// Unicode that turn the direction of what follows. If lines
// is set, newlines and tabs stay.
func Visible(s string, lines bool) string {
	if visible(s, lines) {
		return s
	}
	return string(AppendVisible(nil, s, lines))
}

// AppendVisible appends Visible of a text.
func AppendVisible[T string | []byte](dst []byte, s T, lines bool) []byte {
	from := 0 // start of the text not appended yet
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < 0x7f { // the common case
			i++
			continue
		}
		n, hidden := char(s, i, lines)
		if hidden {
			dst = append(dst, s[from:i]...)
			for _, c := range []byte(s[i : i+n]) {
				dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			}
			from = i + n
		}
		i += n
	}
	return append(dst, s[from:]...)
}

func visible(s string, lines bool) bool {
	for i := 0; i < len(s); {
		n, hidden := char(s, i, lines)
		if hidden {
			return false
		}
		i += n
	}
	return true
}

// char returns the length of the character at i, and whether it is a control
// character.
func char[T string | []byte](s T, i int, lines bool) (n int, hidden bool) {
	c := s[i]
	switch {
	case c < ' ':
		return 1, !lines || c != '\n' && c != '\t'
	case c < 0x7f:
		return 1, false
	case c == 0x7f:
		return 1, true
	}
	r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
	if r == utf8.RuneError && n <= 1 {
		return 1, c < 0xa0 // a terminal not in UTF-8 mode obeys it
	}
	return n, r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
