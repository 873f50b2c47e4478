package rowid

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIn(t *testing.T) {
	got := In("T-OP-05, F-SIGNAL; -p PID, X-Y-Z, UTF-8, A-Z0, `--F-SIGNAL`, CLI-04 M-PRINT-1x")
	want := []string{"T-OP-05", "F-SIGNAL", "CLI-04"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
