// Package guesttest runs Go tests in the guests of package guest.
//
// A test says what it needs and gets a running guest for each chosen kernel:
//
//	func TestMain(m *testing.M) { os.Exit(guesttest.Main(m)) }
//
//	func TestUname(t *testing.T) {
//		guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
//			guesttest.Sh(t, g, "uname -r")
//		})
//	}
//
// Guests are shared by all tests of a process that ask for the same set-up, so
// a test must leave nothing behind that others would notice. A guest that went
// down fails the test that used it; the next test gets a new one.
//
// The environment decides what runs: PROBE_KERNELS names the kernels ("6.1
// 6.12" when unset, "none" for none), PROBE_GUEST=0 and -short skip all
// guests. Where guests cannot run, tests are skipped with the reason; with
// PROBE_REQUIRE=guest or PROBE_REQUIRE=all every such skip is a failure.
package guesttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"probe/internal/guest"
)

// DefaultKernels are used when PROBE_KERNELS is not set.
const DefaultKernels = "6.1 6.12"

// Setup describes the guests of a test. Tests with equal values share guests.
type Setup struct {
	// Kernels limits the test to these kernels; nil means all.
	Kernels  []string
	Modules  []string          // inserted at boot
	Programs []string          // see guest.Options
	Files    map[string]string // see guest.Options
	Trees    map[string]string // see guest.Options
	MemoryMB int               // 2048 when 0: the verifier needs it
	SMP      int               // see guest.Options
	KASLR    bool              // see guest.Options
	// Parallel runs the test on its kernels at the same time. It is for
	// packages that are long or wait much.
	Parallel bool
	// NoProbe leaves out /bin/probe, which is built from ./cmd/probe by
	// default.
	NoProbe bool
}

// Network returns the set-up for tests of networks, and what Run uses.
func Network() Setup {
	return Setup{Modules: guest.NetworkModules(), Programs: guest.NetworkPrograms()}
}

// Run calls fn as a subtest for each kernel that is both in kernels and
// chosen by the environment; nil means all. The guests have /bin/probe and
// what Network lists.
func Run(t *testing.T, kernels []string, fn func(t *testing.T, g *guest.Guest)) {
	t.Helper()
	s := Network()
	s.Kernels = kernels
	RunWith(t, s, fn)
}

// RunWith is Run with a given set-up.
func RunWith(t *testing.T, s Setup, fn func(t *testing.T, g *guest.Guest)) {
	t.Helper()
	Each(t, s.Kernels, func(t *testing.T, kernel string) {
		if s.Parallel {
			t.Parallel()
		}
		g, err := shared.get(t.Context(), kernel, s)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := g.Err(); err != nil {
				t.Errorf("%v", err)
			}
		}()
		fn(t, g)
	})
}

// RunOn calls fn with a guest of one kernel, which need not be one of those that the
// environment chooses. It skips the test as RunWith does where there is none.
func RunOn(t *testing.T, kernel string, s Setup, fn func(t *testing.T, g *guest.Guest)) {
	t.Helper()
	if testing.Short() {
		skip(t, "guests are left out with -short")
	}
	if err := guest.Available(t.Context(), kernel); err != nil {
		if !unavailable(err) {
			t.Fatal(err)
		}
		skip(t, err.Error())
	}
	g, err := shared.get(t.Context(), kernel, s)
	if err != nil {
		t.Fatal(err)
	}
	fn(t, g)
	if err := g.Err(); err != nil {
		t.Errorf("%v", err)
	}
}

// Each calls fn as a subtest for each kernel that Run would use. It boots
// nothing; it is for tests that boot guests themselves.
func Each(t *testing.T, kernels []string, fn func(t *testing.T, kernel string)) {
	t.Helper()
	if testing.Short() {
		skip(t, "guests are left out with -short")
	}
	kernels, why, err := chosen(os.Getenv("PROBE_GUEST"), os.Getenv("PROBE_KERNELS"), kernels)
	if err != nil {
		t.Fatal(err)
	}
	if len(kernels) == 0 {
		skip(t, why)
	}
	for _, k := range kernels {
		t.Run(k, func(t *testing.T) {
			if err := guest.Available(t.Context(), k); err != nil {
				if !unavailable(err) {
					t.Fatal(err)
				}
				skip(t, err.Error())
			}
			fn(t, k)
		})
	}
}

// unavailable reports whether an error means that guests cannot run on this
// machine, rather than that something is wrong with the harness.
func unavailable(err error) bool {
	for _, e := range []error{guest.ErrArch, guest.ErrNoQEMU, guest.ErrNoApt, guest.ErrNoSources, guest.ErrNoPackage} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// skip skips the test, or fails it where skips are not allowed.
func skip(t *testing.T, reason string) {
	t.Helper()
	if r := os.Getenv("PROBE_REQUIRE"); r == "all" || r == "guest" {
		t.Fatalf("PROBE_REQUIRE=%s, but: %s", r, reason)
	}
	t.Skip(reason)
}

// chosen returns the kernels to use: those of the variable PROBE_KERNELS that
// the test wants. When there are none, why says so.
func chosen(useGuests, variable string, want []string) (kernels []string, why string, err error) {
	if useGuests == "0" {
		return nil, "guests are switched off (PROBE_GUEST=0)", nil
	}
	if variable == "" {
		variable = DefaultKernels
	}
	if variable == "none" {
		return nil, "guests are switched off (PROBE_KERNELS=none)", nil
	}
	known := guest.KernelNames()
	if variable == "all" {
		variable = strings.Join(known, " ")
	}
	for k := range strings.FieldsSeq(strings.ReplaceAll(variable, ",", " ")) {
		if !slices.Contains(known, k) {
			return nil, "", fmt.Errorf("PROBE_KERNELS: no kernel %q; known are %s, all, none", k, strings.Join(known, ", "))
		}
		if want == nil || slices.Contains(want, k) {
			kernels = append(kernels, k)
		}
	}
	return kernels, fmt.Sprintf("the test is for kernels %s, PROBE_KERNELS chose %s", strings.Join(want, " "), variable), nil
}

// pool holds the guests of the process.
type pool struct {
	mu     sync.Mutex
	guests map[string]*slot
}

// slot is one guest, booted when first asked for.
type slot struct {
	mu sync.Mutex
	g  *guest.Guest
}

// shared is the pool of this test process.
var shared = &pool{guests: make(map[string]*slot)}

// get returns the guest of a kernel and a set-up, booting it if need be.
func (p *pool) get(ctx context.Context, kernel string, s Setup) (*guest.Guest, error) {
	s.Kernels, s.Parallel = nil, false
	key := fmt.Sprintf("%s %+v", kernel, s) // maps are printed in key order
	p.mu.Lock()
	sl := p.guests[key]
	if sl == nil {
		sl = &slot{}
		p.guests[key] = sl
	}
	p.mu.Unlock()
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.g != nil && sl.g.Err() == nil {
		return sl.g, nil
	}
	if sl.g != nil {
		sl.g.Close()
	}
	g, err := boot(ctx, kernel, s)
	if err != nil {
		return nil, err
	}
	sl.g = g
	return g, nil
}

// boot boots a guest of a set-up.
func boot(ctx context.Context, kernel string, s Setup) (*guest.Guest, error) {
	o := guest.Options{
		Kernel: kernel, Modules: s.Modules, Programs: s.Programs, Trees: s.Trees,
		MemoryMB: s.MemoryMB, SMP: s.SMP, KASLR: s.KASLR,
		Files: make(map[string]string),
	}
	if o.MemoryMB == 0 {
		o.MemoryMB = 2048
	}
	for at, host := range s.Files {
		o.Files[at] = host
	}
	if !s.NoProbe {
		probe, err := Probe(ctx)
		if arch := guest.ArchOf(kernel); err == nil && arch != guest.HostArch {
			probe, err = guest.BuildProgramFor(ctx, arch, "./cmd/probe")
		}
		if err != nil {
			return nil, err
		}
		o.Files["/bin/probe"] = probe
	}
	return guest.Boot(ctx, o)
}

// probeOnce builds probe once in a process.
var probeOnce struct {
	sync.Mutex
	path string
}

// Probe builds the command of ./cmd/probe for guests and returns its path on
// the host.
func Probe(ctx context.Context) (string, error) {
	probeOnce.Lock()
	defer probeOnce.Unlock()
	if probeOnce.path != "" {
		return probeOnce.path, nil
	}
	p, err := guest.BuildProgram(ctx, "./cmd/probe")
	if err != nil {
		return "", err
	}
	// Keep a copy: another test process may replace the program by a newer
	// build, and a guest that boots later would then have another program than
	// the earlier ones.
	dir, err := os.MkdirTemp("", "probe-*")
	if err != nil {
		return "", err
	}
	own := filepath.Join(dir, "probe")
	if err := os.Link(p, own); err != nil {
		data, err := os.ReadFile(p)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(own, data, 0o755); err != nil {
			return "", err
		}
	}
	probeOnce.path = own
	return own, nil
}

// Main runs the tests of a package and then ends its guests. A guest that
// does not end well fails the run. Use it in TestMain, with os.Exit.
func Main(m *testing.M) int {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	for _, sl := range shared.guests {
		if sl.g == nil || sl.g.Err() != nil {
			continue // its test has failed already
		}
		if err := sl.g.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "end of a guest: %v\n", err)
			code = max(code, 1)
		}
	}
	if probeOnce.path != "" {
		os.RemoveAll(filepath.Dir(probeOnce.path))
	}
	return code
}

// Command runs a command in the guest and returns its standard output. The
// test fails when the command does not end with status 0.
func Command(t *testing.T, g *guest.Guest, args ...string) string {
	t.Helper()
	res, err := g.Run(t.Context(), guest.Cmd{Args: args})
	if err != nil || !res.OK() {
		t.Fatalf("%s: status %d, error %v\nstdout: %s\nstderr: %s", strings.Join(args, " "), res.Code, err, res.Stdout, res.Stderr)
	}
	return res.Stdout
}

// Sh is Command for a script of the shell, which stops at the first command
// that fails.
func Sh(t *testing.T, g *guest.Guest, script string) string {
	t.Helper()
	return Command(t, g, "sh", "-euc", script)
}
