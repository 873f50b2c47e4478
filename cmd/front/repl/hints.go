package repl

import (
	"strings"
	"sync"
	"unicode/utf8"

	"probe/lang/check"
	"probe/lang/hir"
	"probe/lang/types"
)

// hints knows what is shown with an input that is being typed: its colours, and
// behind it the call whose arguments are being typed or an earlier input that begins
// in the same way. Its methods run while a line is read.
type hints struct {
	color    bool
	builtins map[string]*types.Signature
	kinds    []hir.ProbeKind

	mu     sync.Mutex
	asking string            // the lines of the input before this one
	macros map[string]string // by name, as they are called
	past   []string          // earlier inputs as the editor has them, the oldest first
	once   map[string]style  // of the words of the language
}

// begin sets what a line is a part of. past only grows from one call to the next.
func (h *hints) begin(asking string, macros map[string]string, past []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asking, h.macros = asking, macros
	for _, input := range past[min(len(h.past), len(past)):] {
		h.past = append(h.past, editable(input))
	}
	if asking != "" {
		h.asking += "\n"
	}
}

// shownHint is what is shown behind a line.
type shownHint struct {
	parts  []styled
	accept string // what completes the line if the user takes it
}

type styled struct {
	text  string
	style style
}

// minHint is the minimum number of columns in which a hint is shown.
const minHint = 12

// behind returns what is shown behind a line in at most room columns. Without
// colours that is no earlier input, which would look as if it had been typed.
func (h *hints) behind(before, after string, room int) shownHint {
	h.mu.Lock()
	defer h.mu.Unlock()
	if strings.TrimSpace(before) == "" || room < minHint {
		return shownHint{}
	}
	if sig, arg, ok := h.call(h.asking + fromEditor(before)); ok {
		if s := h.signature(sig, arg, room-2); s != nil {
			return shownHint{parts: append([]styled{{"  ", plainText}}, s...)}
		}
		return shownHint{}
	}
	if !h.color || after != "" || h.asking != "" {
		return shownHint{}
	}
	for i := len(h.past) - 1; i >= 0; i-- {
		if rest, ok := strings.CutPrefix(h.past[i], before); ok && rest != "" {
			return shownHint{parts: []styled{{shortened(rest, room), faint}}, accept: rest}
		}
	}
	return shownHint{}
}

// call returns how the innermost call that is open at the end of a text is written,
// and which of its arguments is being typed there, from 0.
func (h *hints) call(text string) (sig string, arg int, ok bool) {
	type bracket struct{ at, commas int }
	var open []bracket
scan:
	for i := 0; i < len(text); i++ {
		switch end, unfinished := skipQuiet(text, i); {
		case unfinished && text[i] == '"':
			break scan // the argument is a string that is being typed
		case unfinished:
			return "", 0, false
		case end > i:
			i = end - 1
			continue
		}
		switch text[i] {
		case '(', '[', '{':
			open = append(open, bracket{at: i})
		case ')', ']', '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case ',':
			if len(open) > 0 {
				open[len(open)-1].commas++
			}
		}
	}
	// Brackets around a part of an argument are of no call.
	for i := len(open) - 1; i >= 0 && text[open[i].at] != '{'; i-- {
		if text[open[i].at] != '(' {
			continue
		}
		head := text[:open[i].at]
		name := head[wordStart(head):]
		if s := h.builtins[name]; s != nil && !s.Missing && (!s.Bare || len(s.Params) > 0) {
			return s.Usage, open[i].commas, true
		}
		if usage := h.macros[name]; usage != "" {
			return usage, open[i].commas, true
		}
		if name != "" {
			break
		}
	}
	return "", 0, false
}

// signature returns a call as it is written with one of its arguments marked, in at
// most room columns. It returns nil if the argument has no room.
func (h *hints) signature(usage string, arg, room int) []styled {
	from, to := argument(usage, arg)
	on, off := "", ""
	if !h.color && from < to {
		on, off = "«", "»"
	}
	runes := func(s string) int { return utf8.RuneCountInString(s) }
	before, param, after := usage[:from], on+usage[from:to]+off, usage[to:]
	if runes(before+param+after) > room && runes(before+param)+1 > room {
		before = "…"
	}
	if runes(before+param) > room-1 {
		return nil
	}
	after = shortened(after, max(room-runes(before+param), 1))
	st := plainText
	if h.color {
		st = faint
	}
	var out []styled
	for _, p := range []styled{{before, st}, {param, marked}, {after, st}} {
		if !h.color {
			p.style = plainText
		}
		if p.text != "" {
			out = append(out, p)
		}
	}
	return out
}

// argument returns where a parameter stands in a usage such as "buf(data, [length])",
// an empty range if there is none. The last one that may be repeated stands for all
// that follow.
func argument(usage string, n int) (from, to int) {
	start := strings.IndexByte(usage, '(') + 1
	end := strings.LastIndexByte(usage, ')')
	if start == 0 || end < start {
		return len(usage), len(usage)
	}
	depth, at := 0, start
	for i := start; i <= end; i++ {
		switch c := usage[i]; {
		case c == '(' || c == '{':
			depth++
		case (c == ')' || c == '}') && i < end:
			depth--
		case i == end || c == ',' && depth == 0:
			part := usage[at:i]
			if trimmed := strings.TrimSpace(part); n == 0 || i == end && (strings.Contains(trimmed, "...") || strings.Contains(trimmed, "…")) {
				from = at + len(part) - len(strings.TrimLeft(part, " "))
				return from, from + len(trimmed)
			}
			n--
			at = i + 1
		}
	}
	return end, end
}

// styles returns the style of each rune of a line, in the light of the lines before
// it.
func (h *hints) styles(typed string) []style {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.color {
		return make([]style, utf8.RuneCountInString(typed))
	}
	before := utf8.RuneCountInString(h.asking)
	return h.paint(h.asking + strings.ReplaceAll(typed, lineSign, "\n"))[before:]
}

// paint returns the style of each rune of an input.
func (h *hints) paint(text string) []style {
	out := make([]style, len(text)) // of each byte, at first
	fill := func(from, to int, st style) {
		for i := from; i < to; i++ {
			out[i] = st
		}
	}
	if isCommand(text) {
		end := len(text)
		if i := strings.IndexAny(text, " \t\n"); i >= 0 {
			end = i
		}
		st := keyword
		if c, _ := findCommand(text[1:end]); c == nil && end > 1 && !strings.HasPrefix(text, ":!") {
			st = wrong
		}
		fill(0, end, st)
		return perRune(text, out)
	}
	var open []byte
	for i := 0; i < len(text); {
		if end, _ := skipQuiet(text, i); end > i {
			st := comment
			if text[i] == '"' {
				st = literal
			}
			fill(i, end, st)
			i = end
			continue
		}
		c := text[i]
		switch {
		case c == '(' || c == '[' || c == '{':
			open = append(open, c)
			i++
		case c == ')' || c == ']' || c == '}':
			if len(open) == 0 || open[len(open)-1] != opening(c) {
				fill(i, i+1, wrong)
			} else {
				open = open[:len(open)-1]
			}
			i++
		case c == '@' || c == '$':
			end := wordEnd(text, i+1)
			fill(i, end, variable)
			i = end
		case c >= '0' && c <= '9':
			end := wordEnd(text, i)
			fill(i, end, literal)
			i = end
		case isWordByte(c):
			end := wordEnd(text, i)
			fill(i, end, h.word(text, i, end, len(open)))
			i = end
		default:
			i++
		}
	}
	return perRune(text, out)
}

// word returns the style of the word between two bytes of an input. depth is the
// number of brackets around it.
func (h *hints) word(text string, from, to, depth int) style {
	name := text[from:to]
	before := strings.TrimRight(text[:from], " \t\n")
	next := strings.TrimLeft(text[to:], " \t")
	switch {
	case strings.HasSuffix(before, "->"), strings.HasSuffix(before, ".") && !strings.HasSuffix(before, ".."),
		strings.HasSuffix(before, ":") && depth == 0:
		return plainText // a member, or a part of an attach point
	case h.words()[name] != plainText:
		return h.words()[name]
	case depth == 0 && strings.HasPrefix(next, ":") && !strings.HasPrefix(next, "::"):
		return plainText
	case h.macros[name] != "":
		return function
	}
	if sig := h.builtins[name]; sig != nil && !sig.Missing {
		return function
	}
	// A word before a bracket is a call, but not in C, where a macro is defined, or
	// where a module that is not read yet may have it.
	if to == len(text) || text[to] != '(' || lastWord(before) == "macro" || strings.HasPrefix(strings.TrimSpace(text), "#") ||
		strings.Contains(text, "macro "+name) || strings.Contains(text, "import ") {
		return plainText
	}
	return wrong
}

// words returns the styles of the words of the language and of the kinds of probes.
func (h *hints) words() map[string]style {
	if h.once == nil {
		h.once = map[string]style{}
		for _, w := range check.Words() {
			h.once[strings.TrimSuffix(w, "(")] = function
		}
		for _, w := range check.MapKinds() {
			h.once[w] = function
		}
		for _, w := range words {
			h.once[strings.TrimSuffix(w, "(")] = keyword
		}
		for _, k := range h.kinds {
			for _, name := range append([]string{k.Name}, k.Aliases...) {
				if len(name) > 1 {
					h.once[name] = keyword
				}
			}
		}
	}
	return h.once
}

func opening(closing byte) byte {
	switch closing {
	case ')':
		return '('
	case ']':
		return '['
	}
	return '{'
}

// wordEnd returns the end of the word that begins at i.
func wordEnd(text string, i int) int {
	for i < len(text) && isWordByte(text[i]) {
		i++
	}
	return i
}

// perRune returns the styles of the runes of a text from those of its bytes.
func perRune(text string, styles []style) []style {
	n := 0
	for i := range text {
		styles[n] = styles[i]
		n++
	}
	return styles[:n]
}
