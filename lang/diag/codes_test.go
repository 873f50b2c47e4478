package diag

import (
	"regexp"
	"strings"
	"testing"
)

// TestCodeTable checks the form of the rows; the packages that raise the codes
// check that each Wrong script does raise its own.
func TestCodeTable(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, e := range Codes() {
		if !kebab.MatchString(string(e.Code)) {
			t.Errorf("%q is not in kebab-case", e.Code)
		}
		for what, text := range map[string]string{"cause": e.Cause, "cure": e.Cure} {
			if text == "" {
				t.Errorf("%s has no %s", e.Code, what)
			} else if strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
				t.Errorf("the %s of %s is not one line without a full stop: %q", what, e.Code, text)
			}
		}
	}
	if len(syntaxCodes) == 0 || len(Codes()) < len(syntaxCodes)+len(checkNameCodes)+len(checkTypeCodes) {
		t.Error("rows are missing")
	}
}

func TestExplain(t *testing.T) {
	text, ok := Explain("for-range")
	if !ok {
		t.Fatal("no entry")
	}
	want := "error[for-range]: a `for` loop runs over something that is neither a map nor a range\n\n" +
		"This script raises it:\n\n    begin { for ($x : $y) { } }\n\n" +
		"What to do: write `for ($kv : @map) { … }` or `for ($i : 0..10) { … }`; put calculated ends in parentheses\n"
	if text != want {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
	if text, ok := Explain("while-loop"); !ok || !strings.HasPrefix(text, "warning[while-loop]: ") {
		t.Errorf("a warning is explained as %q", text)
	}
	if text, ok := Explain("for-rnage"); ok || !strings.Contains(text, "a code with a similar name exists: `for-range`") {
		t.Errorf("got %q, %t", text, ok)
	}
	if text, ok := Explain("not-text"); !ok || strings.ContainsAny(text, "\x00\x01\x02\x7f") {
		t.Errorf("control characters in %q", text)
	}
}
