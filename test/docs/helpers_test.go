package docs

import (
	"strconv"
	"strings"

	"probe/lang/diag"
)

func itoa(n int) string { return strconv.Itoa(n) }

// render returns a list of messages as a user sees them.
func render(list diag.List) string {
	if len(list.All) == 0 {
		return "(no message)"
	}
	var b strings.Builder
	if err := diag.Render(&b, &list, diag.Options{}); err != nil {
		return err.Error()
	}
	return b.String()
}
