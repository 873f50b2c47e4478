package docs

import (
	"fmt"
	"strings"

	"probe/lang/reference"
)

// referenceSections returns the sections of docs/reference/: one for each page
// of the language reference, and their list.
func referenceSections() map[string]string {
	out := map[string]string{}
	var index strings.Builder
	for _, page := range reference.Pages() {
		var b strings.Builder
		n, works := 0, 0
		for _, s := range page.List {
			fmt.Fprintf(&b, "## %s\n\n", s.Title)
			rows := make([][]string, 0, len(s.Rows))
			for _, r := range s.Rows {
				n++
				note := ""
				switch r.Status {
				case reference.Works:
					works++
				case reference.Differs:
					note = r.Note
				case reference.Missing:
					note = "**missing**: " + r.Note
				}
				rows = append(rows, []string{r.ID, r.Title, r.Text, note})
			}
			b.WriteString(table([]string{"row", "", "", "in probe"}, rows) + "\n")
		}
		out["reference "+page.Name] = b.String()
		fmt.Fprintf(&index, "- [%s](%s.md): %d rows, %d of them work as they say\n", page.Title, page.Name, n, works)
	}
	out["reference index"] = index.String()
	return out
}
