package syntax

import (
	"strings"
	"testing"

	"probe/lang/source"
)

// TestSizeofErrors gives sizeof what it has no answer to.
func TestSizeofErrors(t *testing.T) {
	for text, want := range map[string]string{
		"enum { X = sizeof };":             "expected `(` after `sizeof`",
		"enum { X = sizeof( };":            "expected the name of a type",
		"enum { X = sizeof() };":           "expected the name of a type",
		"enum { X = sizeof(int };":         "expected the name of a type",
		"enum { X = sizeof(struct s) };":   "`sizeof(struct s)` is known only for base types and pointers here",
		"enum { X = sizeof(long short) };": "`sizeof(long short)` is known only",
	} {
		f, _ := Parse(source.New("t", text))
		_, diags := ParseCSection(f.Items, CInput{})
		if len(diags.All) == 0 || !strings.Contains(diags.All[0].Message, want) {
			t.Errorf("%s: %v, want %s", text, diags.All, want)
		}
	}
}
