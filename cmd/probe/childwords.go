package main

import (
	"errors"
	"fmt"
	"strings"
)

// childWords returns the words of the command of -c. bpftrace takes what is
// between blanks.
func (o *options) childWords() ([]string, error) {
	if o.compat {
		return strings.Fields(o.cmd), nil
	}
	words, err := splitWords(o.cmd)
	if err != nil {
		return nil, fmt.Errorf("-c %s: %w", o.cmd, err)
	}
	return words, nil
}

// splitWords splits a command line into words as a POSIX shell does, with
// single and double quotes and backslashes. Nothing is expanded.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	in := false // a word has begun: it can be empty, ""
	quote := rune(0)
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			// Between double quotes a backslash is itself before all but these.
			if quote == '"' && !strings.ContainsRune("$`\"\\\n", r) {
				word.WriteRune('\\')
			}
			if r != '\n' {
				word.WriteRune(r)
			}
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, in = r, true
		case strings.ContainsRune(" \t\n", r):
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(r)
			in = true
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	case escaped:
		return nil, errors.New("a backslash ends the command")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
