package accept

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestRows reports how many rows of the language have a case, and fails for an
// everyday row that has neither a case nor a reason in testdata/t1-rows.txt.
func TestRows(t *testing.T) {
	all, err := ParseDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]int{}
	for _, c := range all {
		for _, r := range c.Rows {
			cases[r]++
		}
	}
	rows, err := readRows("testdata/t1-rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	covered, reasons := 0, 0
	for _, r := range rows {
		switch {
		case cases[r.id] > 0 && r.reason != "":
			t.Errorf("%s has a case now; its reason can go: %s", r.id, r.reason)
		case cases[r.id] > 0:
			covered++
		case r.reason != "":
			reasons++
		default:
			t.Errorf("%s has no case", r.id)
		}
	}
	other := len(cases) - covered
	t.Logf("%d cases; %d of %d everyday rows have one, %d have a reason why not; %d other rows have one",
		len(all), covered, len(rows), reasons, other)
}

// row is a row of the language, and why it has no case.
type row struct{ id, reason string }

func readRows(name string) ([]row, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var rows []row
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, _ := strings.Cut(line, " - ")
		if slices.ContainsFunc(rows, func(r row) bool { return r.id == id }) {
			return nil, fmt.Errorf("%s: %s is there twice", name, id)
		}
		rows = append(rows, row{id, reason})
	}
	return rows, nil
}
