package repl

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"probe/lang/hir"
)

// TestPatient has names that take longer to read than the prompt waits for.
func TestPatient(t *testing.T) {
	for _, patient := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newNames(func(_ string, yield func(string) bool) error {
				time.Sleep(3 * listWait)
				yield("kprobe:vfs_read")
				return nil
			})
			n.patient = patient
			kind := &hir.ProbeKind{Name: "kprobe", Target: hir.TargetFunction}
			var want []string
			if patient {
				want = []string{"vfs_read"}
			}
			if got := n.starting(kind, "vfs_"); !slices.Equal(got, want) {
				t.Errorf("patient %v: %q, want %q", patient, got, want)
			}
			// A second Tab finds them in any case.
			time.Sleep(3 * listWait)
			if got := n.starting(kind, "vfs_"); !slices.Equal(got, []string{"vfs_read"}) {
				t.Errorf("patient %v, later: %q", patient, got)
			}
		})
	}
}
