package check_test

import (
	"strings"
	"testing"

	"probe/internal/golden"
)

// TestHIR compares the typed form of whole scripts with testdata/hir.
func TestHIR(t *testing.T) {
	golden.Run(t, "testdata/hir/*.txtar", func(t *testing.T, c *golden.Case) {
		p, ds := run(t, c.In("script.pr"))
		var got strings.Builder
		got.WriteString(render(ds))
		if p != nil {
			p.Dump(&got)
		}
		c.Out("hir", got.String())
	})
}
