package check_test

import (
	"testing"

	"probe/cmd/front/manual"
	"probe/lang/check"
)

// TestWordsAreExplained checks that the manual has each name that the checker
// itself defines.
func TestWordsAreExplained(t *testing.T) {
	for _, w := range check.WordNames() {
		if len(manual.Lookup(w)) == 0 {
			t.Errorf("%s is not explained: it needs a line in cmd/front/manual/words.txt", w)
		}
	}
}
