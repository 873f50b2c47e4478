package lab

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// The cases end the same way on every kernel, with the ifdown of Debian's
// ifupdown too: the tests of this package that need root pass in the guests.
func TestGuests(t *testing.T) {
	binary, dir := "", t.TempDir()
	guesttest.Each(t, nil, func(t *testing.T, kernel string) {
		if binary == "" {
			path := filepath.Join(dir, "lab.test")
			build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", path, ".")
			build.Env = append(build.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("build the tests for the guests: %v\n%s", err, out)
			}
			binary = path
		}
		g, err := guest.Boot(t.Context(), guest.Options{
			Kernel: kernel, Modules: []string{"veth", "bridge"}, Programs: []string{"ip", "ifdown"},
			Files: map[string]string{"/bin/lab.test": binary},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}()
		result, err := g.Run(t.Context(), guest.Cmd{
			Args:    []string{"/bin/lab.test", "-test.v", "-test.run", "^Test(Lab|WatchBeforeClient|Interrupt|WatchFails|OnThread|KilledLab|ClientAndServer)$"},
			Timeout: 5 * time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("on %s\n%s%s", g.Release, result.Stdout, result.Stderr)
		if !result.OK() {
			t.Errorf("the tests ended with code %d, signal %d", result.Code, result.Signal)
		}
		if strings.Contains(result.Stdout, "--- SKIP") {
			t.Error("a test was skipped")
		}
		if !strings.Contains(result.Stdout, "fault done: ifdown eth0 (ifupdown ") {
			t.Error("no real ifdown was used")
		}
	})
}
