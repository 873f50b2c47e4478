package syntax

import (
	"testing"

	"probe/lang/source"
)

// TestMapWithoutEntries checks that a declaration without a size is told what it
// lacks.
func TestMapWithoutEntries(t *testing.T) {
	_, list := Parse(source.New("t.pr", "let @m = lruhash();\nbegin { @m[1] = 2; }\n"))
	if len(list.All) != 1 || list.All[0].Label != "the number of entries is missing" || list.All[0].Row != "L-MAPD-01" {
		t.Errorf("messages: %v", list.All)
	}
}
