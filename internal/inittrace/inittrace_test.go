package inittrace

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got, err := Parse("init errors @0.73 ms, 0.011 ms clock, 48 bytes, 3 allocs\nhello\ninit os @0.9 ms, 0 ms clock, 0 bytes, 0 allocs\n")
	want := []Init{{"errors", 11 * time.Microsecond, 48, 3}, {"os", 0, 0, 0}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Parse: %v, -want +got:\n%s", err, diff)
	}
	if got := Sum(append(want, Init{"x", time.Microsecond, 2, 1})); got != (Init{"all", 12 * time.Microsecond, 50, 4}) {
		t.Errorf("Sum = %+v", got)
	}
	for _, bad := range []string{"", "hello\n", "init errors allocs\n"} {
		if got, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %v", bad, got)
		}
	}
}
