package reference

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/rowid"
)

func TestLookup(t *testing.T) {
	for _, id := range []string{"F-SKBOUTPUT", "f-skboutput"} {
		r, ok := Lookup(id)
		if !ok || r.ID != "F-SKBOUTPUT" || r.Status != Missing || r.Note == "" || r.Page != "builtins" {
			t.Errorf("Lookup(%s) = %+v, %v", id, r, ok)
		}
	}
	if r, ok := Lookup("L-LEX-01"); !ok || r.Status != Works || r.Note != "" {
		t.Errorf("Lookup(L-LEX-01) = %+v, %v", r, ok)
	}
	if r, ok := Lookup("F-NOTHING"); ok {
		t.Errorf("Lookup(F-NOTHING) = %+v", r)
	}
}

// TestLinks looks up what rows refer to.
func TestLinks(t *testing.T) {
	n := 0
	for _, page := range Pages() {
		for _, s := range page.List {
			if len(s.Rows) == 0 {
				t.Errorf("%s: the section %q is empty", page.Name, s.Title)
			}
			for _, r := range s.Rows {
				n++
				for _, id := range rowid.In(r.Text + " " + r.Note) {
					if _, ok := Lookup(id); !ok {
						t.Errorf("%s refers to %s, which is no row", r.ID, id)
					}
				}
				if rowid.In(r.ID) == nil {
					t.Errorf("%s does not look like an id", r.ID)
				}
			}
		}
	}
	if n != len(IDs()) {
		t.Errorf("%d rows on pages, %d ids", n, len(IDs()))
	}
}

func TestParse(t *testing.T) {
	d, err := parse("# p\tPage\n## S\nA-B-1\tTitle\tText.\nA-B-2\tTitle\tText.\tdiffers: so: much\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Page{{Name: "p", Title: "Page", List: []Section{{Title: "S", Rows: []Row{
		{ID: "A-B-1", Title: "Title", Text: "Text.", Page: "p"},
		{ID: "A-B-2", Title: "Title", Text: "Text.", Status: Differs, Note: "so: much", Page: "p"},
	}}}}}
	if diff := cmp.Diff(want, d.pages); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ text, want string }{
		{"A-1\tt\tx\n", "rows.txt:1: the first line"},
		{"# p\n", "a page needs"},
		{"# p\tP\nA-1\tt\tx\n", "in a section"},
		{"# p\tP\n## S\nA-1\tt\n", "rows.txt:3: want id"},
		{"# p\tP\n## S\nA-1\tt\tx\tworks\n", "a status is"},
		{"# p\tP\n## S\nA-1\tt\tx\tmissing\n", "no reason"},
		{"# p\tP\n## S\nA-1\tt\tx\nA-1\tt\tx\n", "rows.txt:4: an id that occurs once"},
	} {
		if _, err := parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("parse(%q): %v, want %q", c.text, err, c.want)
		}
	}
}
