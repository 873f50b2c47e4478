package docs

import (
	"testing"

	"probe/lang/reference"
	"probe/stdlib"
)

// TestReferenceStatus compares what the language reference calls missing with
// what the records and the language page refuse.
func TestReferenceStatus(t *testing.T) {
	refusing := map[string]string{}
	for name, s := range stdlib.Signatures() {
		if s.Missing {
			refusing[s.Row] = name
		}
	}
	for _, cells := range refused(t) {
		refusing[cells[1]] = cells[0]
	}
	for id, what := range refusing {
		if r, ok := reference.Lookup(id); !ok || r.Status == reference.Works {
			t.Errorf("%s is refused with %s, which the reference says works", what, id)
		}
	}
	missing := 0
	for _, id := range reference.IDs() {
		r, _ := reference.Lookup(id)
		if r.Status != reference.Missing || id == "V-STACKBID" { // which comes with F-STACK
			continue
		}
		missing++
		if refusing[id] == "" {
			t.Errorf("the reference says that %s is missing, and nothing is refused with it", id)
		}
	}
	if len(refusing) > 0 && missing == 0 {
		t.Error("the reference has no row that is missing, though some are refused")
	}
}
