package emit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }

// TestGuests runs the tests of this package that need a kernel in guests with
// other kernels than this one.
func TestGuests(t *testing.T) {
	if os.Getenv("PROBE_IN_GUEST") != "" {
		t.Skip("this is a guest")
	}
	bin := filepath.Join(t.TempDir(), "emit.test")
	build := exec.Command("go", "test", "-c", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	setup := guesttest.Setup{NoProbe: true, Files: map[string]string{"/emit.test": bin}}
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		res, err := g.Run(t.Context(), guest.Cmd{
			Args: []string{"/emit.test", "-test.run=^TestKernel", "-test.v"},
			Env:  []string{"PROBE_IN_GUEST=1"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !res.OK() {
			t.Errorf("status %d\n%s\n%s", res.Code, res.Stdout, res.Stderr)
		}
	})
}
