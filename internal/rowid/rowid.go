// Package rowid finds the row ids of the language reference in texts.
package rowid

import "strings"

// form is the form of the ids of a family.
type form int

const (
	numbered form = 1 << iota // a subject and a number: L-LEX-01
	named                     // a subject: F-SIGNAL
	plain                     // a number: G-01
)

// families maps the words that ids begin with to the forms of the ids.
var families = map[string]form{
	"G": plain, "N": plain, "D": plain, "CLI": plain, "FMT": plain,
	"L": numbered, "T": numbered, "E": numbered, "P": numbered, "R": numbered, "A": numbered,
	"M": named | numbered, "O": named | numbered, "C": named | plain,
	"F": named | numbered, "B": named, "V": named, "K": named, "TL": named, "X": named,
}

// In returns the ids in a text, in their order. A text with the form of an id
// counts, whether or not lang/reference has such a row.
func In(text string) []string {
	var out []string
	for at := 0; at < len(text); {
		if !inWord(text[at]) {
			at++
			continue
		}
		end := at
		for end < len(text) && inWord(text[end]) {
			end++
		}
		if word := text[at:end]; isID(word) {
			out = append(out, word)
		}
		at = end
	}
	return out
}

// inWord reports whether a byte continues a word with dashes.
func inWord(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func isID(word string) bool {
	parts := strings.Split(word, "-")
	f := families[parts[0]]
	if f == 0 || len(parts) < 2 {
		return false
	}
	subjects, last := parts[1:len(parts)-1], parts[len(parts)-1]
	for _, s := range subjects {
		if !letters(s) {
			return false
		}
	}
	if letters(last) {
		return f&named != 0
	}
	if len(last) != 2 || strings.Trim(last, "0123456789") != "" {
		return false
	}
	return f&plain != 0 && len(subjects) == 0 || f&numbered != 0 && len(subjects) == 1
}

// letters reports whether a part of an id is a subject: two capital letters or
// more.
func letters(s string) bool { return len(s) > 1 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" }
