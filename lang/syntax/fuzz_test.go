package syntax

import (
	"strings"
	"testing"

	"probe/lang/source"
)

// FuzzParse checks on any text that nothing panics, that every message has a
// place in the text, and that a script without errors keeps its tree when it
// is printed and parsed again.
func FuzzParse(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	for _, c := range rejects {
		f.Add(strings.NewReplacer("«", "", "»", "").Replace(c.script))
	}
	for _, c := range huge {
		f.Add(c.make(300))
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := source.New("fuzz", text)
		tree, diags := Parse(src)
		_, more := ParseCSection(tree.Items, CInput{Predefined: map[string]string{"HAVE": "1"}})
		for _, d := range append(diags.All, more.All...) {
			s := d.Span
			if s.File != src || s.Start < 0 || s.Start > s.End || s.End > len(text) {
				t.Errorf("message at %d-%d of %d bytes: %v", s.Start, s.End, len(text), d)
			}
			if d.Message == "" || d.String() == "" {
				t.Errorf("empty message %q", d.Code)
			}
		}
		if diags.HasErrors() {
			Format(tree)
		} else {
			checkSpans(t, tree)
			roundTrip(t, tree)
		}
		b, diags := ParseStmts(src)
		if !diags.HasErrors() && b.Value != nil {
			out := formatExpr(b.Value)
			x, diags := ParseExpr(source.New("again", out))
			if diags.HasErrors() || !EqualExpr(b.Value, x) {
				t.Errorf("expression %q is printed as %q: %v", text, out, diags.Err())
			}
		}
		IsItem(text)
		Incomplete(text)
		ParseCHeader(src, CInput{})
		ParseInteger(text)
	})
}
