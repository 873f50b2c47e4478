package bcc

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// scope is what the names in an expression of a probe mean.
type scope struct {
	probe *spec
	// names replaces words: "$pid" by "tid", parameters of the signature by casts
	// of arguments.
	names map[string]string
	// binary is set by trace -B: literals of STRCMP are lists of bytes.
	binary bool
}

// token is a piece of an expression: a word, a number, a literal in quotes, or a
// punctuation mark.
type token struct {
	text  string
	word  bool
	space bool // blanks come before it
}

// tokens splits an expression of C.
func tokens(s string) ([]token, error) {
	var out []token
	space := false
	for i := 0; i < len(s); {
		c := s[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			space = true
			i++
			continue
		case isWord(c) || c == '$' || c == '@':
			for i++; i < len(s) && isWord(s[i]); i++ {
			}
			out = append(out, token{s[start:i], !unicode.IsDigit(rune(c)), space})
		case c == '"' || c == '\'':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if i >= len(s) {
				return nil, fmt.Errorf("unterminated literal %s", s[start:])
			}
			i++
			out = append(out, token{s[start:i], false, space})
		case strings.HasPrefix(s[i:], "->"):
			i += 2
			out = append(out, token{"->", false, space})
		default:
			i++
			out = append(out, token{s[start:i], false, space})
		}
		space = false
	}
	return out, nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// rewrite translates an expression of C to one of the language. The operators
// and casts are the same; names of arguments, bcc's aliases and STRCMP differ.
func (sc *scope) rewrite(expr string) (string, error) {
	toks, err := tokens(expr)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		if t.space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		after := i > 0 && (toks[i-1].text == "->" || toks[i-1].text == ".")
		if !t.word || after {
			// A field of a tracepoint whose data lies elsewhere has its own name
			// in bcc's struct.
			b.WriteString(field(strings.TrimPrefix(t.text, "data_loc_")))
			continue
		}
		switch {
		case t.text == "STRCMP" && i+1 < len(toks) && toks[i+1].text == "(":
			end := closing(toks, i+1)
			if end < 0 {
				return "", fmt.Errorf("STRCMP( is not closed")
			}
			text, err := sc.compare(toks[i+2 : end])
			if err != nil {
				return "", err
			}
			b.WriteString(text)
			i = end
		case t.text == "$entry" && i+3 < len(toks) && toks[i+1].text == "(":
			name := toks[i+2].text
			text, ok := sc.names[name]
			if !ok || toks[i+3].text != ")" || sc.probe.kind != "r" {
				return "", fmt.Errorf("$entry(%s): no such param", name)
			}
			b.WriteString(text)
			i += 3
		case i+1 < len(toks) && toks[i+1].text == "@user":
			text, ok := sc.name(t.text)
			if !ok {
				return "", fmt.Errorf("%s@user: only arg1 to arg6 can be in user memory", t.text)
			}
			b.WriteString("uptr(" + text + ")")
			i++
		default:
			text, ok := sc.name(t.text)
			if !ok {
				text = t.text
			}
			if strings.HasPrefix(text, "$") {
				return "", fmt.Errorf("unknown name %s", text)
			}
			b.WriteString(text)
		}
	}
	return strings.TrimSpace(b.String()), nil
}

// field returns the field of the kernel's types that a word behind -> means.
// include/net/sock.h has macros for those of sockets that all kinds share, which
// examples of bcc use; types have the fields only.
func field(name string) string {
	switch name {
	case "sk_num", "sk_dport", "sk_daddr", "sk_rcv_saddr", "sk_family", "sk_state", "sk_reuse", "sk_reuseport", "sk_bound_dev_if",
		"sk_prot", "sk_net", "sk_v6_daddr", "sk_v6_rcv_saddr", "sk_cookie", "sk_hash", "sk_refcnt":
		return "__sk_common.skc_" + strings.TrimPrefix(name, "sk_")
	}
	return name
}

// name translates a word.
func (sc *scope) name(word string) (string, bool) {
	if text, ok := sc.names[word]; ok {
		return text, true
	}
	if len(word) == 4 && strings.HasPrefix(word, "arg") && word[3] >= '1' && word[3] <= '6' {
		return sc.probe.arg(int(word[3] - '1')), true
	}
	return "", false
}

// cast returns an expression converted to a type.
func cast(typ, expr string) string {
	if strings.HasPrefix(expr, "(("+typ+")") && balanced(expr) == len(expr)-1 {
		return expr[1 : len(expr)-1] // a parameter of that type
	}
	for i := range len(expr) {
		if !isWord(expr[i]) && balanced(expr) != len(expr)-1 {
			return "(" + typ + ")(" + expr + ")"
		}
	}
	return "(" + typ + ")" + expr
}

// group returns a condition that can be joined with others.
func group(expr string) string {
	if balanced(expr) == len(expr)-1 {
		return expr
	}
	return "(" + expr + ")"
}

// compare translates the words between the parentheses of STRCMP. It compares as
// many characters as the literal has, as bcc does.
func (sc *scope) compare(toks []token) (string, error) {
	if len(toks) < 3 || toks[0].text[0] != '"' || toks[1].text != "," {
		return "", fmt.Errorf(`STRCMP takes a literal and a string: STRCMP("test", arg1)`)
	}
	var rest strings.Builder
	for _, t := range toks[2:] {
		rest.WriteString(t.text)
	}
	with, err := sc.rewrite(rest.String())
	if err != nil {
		return "", err
	}
	literal := toks[0].text
	if !sc.binary {
		text, err := strconv.Unquote(literal)
		if err != nil {
			return "", fmt.Errorf("STRCMP: %s is no string", literal)
		}
		if text == "" {
			return "1", nil
		}
		return fmt.Sprintf("(strncmp(%s, %s, %d) == 0)", sc.probe.str(with, 0), quote(text), len(text)), nil
	}
	list := strings.TrimSuffix(strings.TrimPrefix(strings.Trim(literal, `"`), "{"), "}")
	var parts []string
	for i, f := range strings.Split(list, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(f), 0, 8)
		if err != nil {
			return "", fmt.Errorf("STRCMP: %q is no byte: with -B the literal is a list such as \"{0x6C, 0x00}\"", strings.TrimSpace(f))
		}
		parts = append(parts, fmt.Sprintf("((uint8 *)%s)[%d] == %d", with, i, n))
	}
	// bcc takes the last byte of a list for the end of a string and leaves it
	// out.
	if len(parts) > 1 {
		parts = parts[:len(parts)-1]
	}
	return "(" + strings.Join(parts, " && ") + ")", nil
}

// closing returns the index of the parenthesis that closes the one at i, -1 if
// none does.
func closing(toks []token, i int) int {
	depth := 0
	for ; i < len(toks); i++ {
		switch toks[i].text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// params adds the parameters of a signature to the names: each stands for a cast
// of its argument.
func (sc *scope) params(signature string) error {
	if strings.TrimSpace(signature) == "" || strings.TrimSpace(signature) == "void" {
		return nil
	}
	for i, p := range splitTop(signature, ',') {
		p = strings.TrimSpace(p)
		end := len(p)
		for end > 0 && isWord(p[end-1]) {
			end--
		}
		name, typ := p[end:], strings.TrimSpace(p[:end])
		if name == "" || typ == "" {
			continue // a parameter without a name cannot be used
		}
		if i >= 6 {
			return fmt.Errorf("parameter %s is not among the first six, which lie in registers", name)
		}
		user := false
		var words []string
		for _, w := range strings.Fields(strings.ReplaceAll(typ, "*", " * ")) {
			switch w {
			case "__user":
				user = true
			case "const", "volatile", "restrict", "register":
			default:
				words = append(words, w)
			}
		}
		arg := sc.probe.arg(i)
		// What system calls are given points into the process.
		if user || sc.probe.syscall && strings.Contains(typ, "*") {
			arg = "uptr(" + arg + ")"
		}
		sc.names[name] = fmt.Sprintf("((%s)%s)", strings.ReplaceAll(strings.Join(words, " "), "* *", "**"), arg)
	}
	return nil
}

// eachOutside calls f with each byte that is not in a literal, until f returns
// false. depth is how many parentheses, brackets and braces are open around it: a
// closing one is outside of itself.
func eachOutside(s string, f func(i int, c byte, depth int) bool) {
	depth := 0
	var in byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case in != 0:
			if c == '\\' {
				i++
			} else if c == in {
				in = 0
			}
			continue
		case c == '"' || c == '\'':
			in = c
			continue
		case c == ')' || c == ']' || c == '}':
			depth--
		}
		if !f(i, c, depth) {
			return
		}
		if c == '(' || c == '[' || c == '{' {
			depth++
		}
	}
}

// splitTop splits at a separator that is not inside of parentheses, brackets,
// braces or quotes.
func splitTop(s string, sep byte) []string {
	var out []string
	start := 0
	eachOutside(s, func(i int, c byte, depth int) bool {
		if c == sep && depth == 0 {
			out = append(out, s[start:i])
			start = i + 1
		}
		return true
	})
	return append(out, s[start:])
}

// balanced returns the index of the parenthesis that closes the first one, -1 if
// none does. Those in literals do not count.
func balanced(s string) int {
	end := -1
	if s == "" || s[0] != '(' {
		return end
	}
	eachOutside(s, func(i int, c byte, depth int) bool {
		if c == ')' && depth == 0 {
			end = i
		}
		return end < 0
	})
	return end
}

// quote returns a literal of the language.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// printed returns a text as it has to stand in a format so that printf prints
// it.
func printed(s string) string { return strings.ReplaceAll(s, "%", "%%") }
