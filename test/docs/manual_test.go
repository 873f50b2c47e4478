package docs

import (
	"strings"
	"testing"

	"probe/cmd/front/manual"
	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// TestExamples compiles the example of every word that `probe help` explains: no
// error, no warning.
func TestExamples(t *testing.T) {
	c := checker(t)
	c.Unsafe = true
	n := 0
	for _, topic := range manual.Topics() {
		for _, e := range manual.Lookup(topic.Word) {
			if e.Example == "" || e.Word != topic.Word {
				continue
			}
			n++
			if list := c.Check(e.Example); len(list.All) > 0 {
				t.Errorf("%s (%s):\n%s", e.Word, e.Kind, render(list))
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d words have an example", n)
	}
}

// TestExamplesInGuests compiles them for real kernels.
func TestExamplesInGuests(t *testing.T) {
	setup := guesttest.Setup{NoProbe: true, Files: map[string]string{}}
	if !testing.Short() { // else it is built for nothing
		program, err := guest.BuildTest(t.Context(), "./test/docs")
		if err != nil {
			t.Fatal(err)
		}
		setup.Files["/docs/test"] = program
	}
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		res, err := g.Run(t.Context(), guest.Cmd{Args: []string{"/docs/test", "-test.v", "-test.run=^TestExamples$"}, Dir: "/docs"})
		if err != nil || !res.OK() || !strings.Contains(res.Stdout, "--- PASS: TestExamples") {
			t.Errorf("status %d, error %v\n%s\n%s", res.Code, err, res.Stdout, res.Stderr)
		}
	})
}
