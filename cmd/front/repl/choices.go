package repl

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"probe/lang/syntax"
)

// maxChoices is the maximum number of words that a TAB lists, and maxExplained
// the number up to which it lists them with what they mean.
const (
	maxChoices   = 100
	maxExplained = 12
)

// tab is the completer of the line editor. It returns at most one word: the
// editor asks a question before it lists many, and loses what is typed
// meanwhile. So the lists are shown here, above the line.
func (r *repl) tab(line string, pos int) (head string, list []string, tail string) {
	head, list, tail = r.complete(fromEditor(line), pos)
	before := string([]rune(fromEditor(line))[:pos])
	word := before[len(head):]
	head, tail = editable(head), editable(tail)
	if sig := r.signature(before); sig != "" && word == "" {
		fmt.Fprintln(r.out, sig)
		return head, nil, tail
	}
	if len(list) == 0 {
		return head, nil, tail
	}
	if common := commonPrefix(list); len(common) > len(word) || len(list) == 1 {
		return head, []string{common}, tail
	}
	r.choices(list, explains(before[:len(before)-len(word)]))
	return head, nil, tail
}

// commonPrefix returns what all words of a list begin with.
func commonPrefix(list []string) string {
	common := list[0]
	for _, w := range list[1:] {
		n := 0
		for n < min(len(common), len(w)) && common[n] == w[n] {
			n++
		}
		common = common[:n]
	}
	for !utf8.ValidString(common) {
		common = common[:len(common)-1]
	}
	return common
}

// explains reports whether the words that can follow a text are the language's
// or commands, and not names of something else, such as members, which may be
// spelled like a function.
func explains(before string) bool {
	if isCommand(before) {
		return false // arguments of commands
	}
	trimmed := strings.TrimRight(before, " \t\n")
	if trimmed == "" {
		return true
	}
	if len(trimmed) == len(before) && strings.ContainsRune(`@$:"`, rune(trimmed[len(trimmed)-1])) {
		return false
	}
	switch last := lastWord(trimmed); {
	case strings.HasSuffix(trimmed, "."), strings.HasSuffix(trimmed, "->"):
		return false
	case last == "struct", last == "union", last == "enum":
		return false
	}
	return true
}

// choices shows words in columns, or a few with what they mean.
func (r *repl) choices(list []string, explain bool) {
	left := len(list) - maxChoices
	list = list[:min(len(list), maxChoices)]
	wide := 0
	for _, w := range list {
		wide = max(wide, utf8.RuneCountInString(w))
	}
	columns := r.columns()
	var b strings.Builder
	if docs := r.explained(list); explain && docs != nil {
		for i, w := range list {
			line := w
			if docs[i] != "" {
				line = fmt.Sprintf("%-*s  %s", wide, w, docs[i])
			}
			b.WriteString(shortened(line, columns-1) + "\n")
		}
	} else {
		n := max(columns/(wide+2), 1)
		rows := (len(list) + n - 1) / n
		for i := range rows {
			var line strings.Builder
			for j := i; j < len(list); j += rows {
				fmt.Fprintf(&line, "%-*s", wide+2, list[j])
			}
			b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
	if left > 0 {
		fmt.Fprintf(&b, "… and %d more: type another letter\n", left)
	}
	fmt.Fprint(r.out, b.String())
}

// columns returns the width of the terminal.
func (r *repl) columns() int {
	f, ok := r.cfg.Out.(*os.File)
	if !ok {
		return 80
	}
	if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		return int(size.Col)
	}
	return 80
}

// shortened returns a text of at most n runes.
func shortened(text string, n int) string {
	if runes := []rune(text); len(runes) > n && n > 0 {
		return string(runes[:n-1]) + "…"
	}
	return text
}

// explained returns what each word of a short list means; nil if there is
// nothing to say about any of them.
func (r *repl) explained(list []string) []string {
	if len(list) > maxExplained {
		return nil
	}
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = r.meaning(w)
	}
	if !slices.ContainsFunc(out, func(s string) bool { return s != "" }) {
		return nil
	}
	return out
}

// meaning says in a line what a completed word is; "" if there is nothing to
// say.
func (r *repl) meaning(word string) string {
	if name, ok := strings.CutPrefix(word, ":"); ok {
		if c, _ := findCommand(name); c != nil {
			return c.doc
		}
		return ""
	}
	name := strings.TrimRight(word, "(:")
	if sig := r.builtins[name]; sig != nil && !strings.HasSuffix(word, ":") {
		usage, doc := sig.Usage, firstSentence(sig.Doc)
		if usage == "" || usage == name {
			return doc
		}
		return usage + ": " + doc
	}
	if strings.HasSuffix(word, "(") {
		if m := r.macros()[name]; m != nil {
			return macroHead(m)
		}
	}
	if k := r.kind(name); k != nil {
		return firstSentence(k.Doc)
	}
	return ""
}

func firstSentence(doc string) string {
	if i := strings.Index(doc, ". "); i >= 0 {
		return doc[:i+1]
	}
	return doc
}

// signature returns the signature of the call whose arguments are being typed
// at the end of an input; "" if there is none.
func (r *repl) signature(before string) string {
	trimmed := strings.TrimRight(before, " \t\n")
	if trimmed == "" || trimmed[len(trimmed)-1] != '(' && trimmed[len(trimmed)-1] != ',' {
		return ""
	}
	return r.callAt(before)
}

// callAt returns the signature of the innermost call that is open at the end of
// an input.
func (r *repl) callAt(text string) string {
	var open []int // the brackets that are open
	for i := 0; i < len(text); i++ {
		if end, unfinished := skipQuiet(text, i); unfinished {
			return ""
		} else if end > i {
			i = end - 1
			continue
		}
		switch text[i] {
		case '(', '[', '{':
			open = append(open, i)
		case ')', ']', '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
	if len(open) == 0 || text[open[len(open)-1]] != '(' {
		return ""
	}
	head := text[:open[len(open)-1]]
	name := head[wordStart(head):]
	if sig := r.builtins[name]; sig != nil && !sig.Missing && !sig.Bare {
		return sig.Usage
	}
	if m := r.macros()[name]; m != nil {
		return macroHead(m)
	}
	return ""
}

// macroHead returns the name and the parameters of a macro as they are written.
func macroHead(m *syntax.Macro) string {
	head, _, _ := strings.Cut(m.Span().Text(), "{")
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(head), "macro"))
}
