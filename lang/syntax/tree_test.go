package syntax

import (
	"strings"
	"testing"

	"probe/internal/golden"
	"probe/lang/source"
)

// TestTrees compares scripts with their trees: testdata/tree/*.txtar hold the
// parts "script" and "tree", and "messages" for a script with errors.
func TestTrees(t *testing.T) {
	golden.Run(t, "testdata/tree/*.txtar", func(t *testing.T, c *golden.Case) {
		f, diags := Parse(source.New("script", c.In("script")))
		c.Out("tree", Dump(f))
		var messages strings.Builder
		for _, d := range diags.All {
			messages.WriteString(d.Error() + "\n")
		}
		c.Out("messages", messages.String())
	})
}
