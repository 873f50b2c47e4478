// Package dist tests what `make dist` builds: that it is the same each time, and
// that its package can be installed and removed.
package dist

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

func TestMain(m *testing.M) {
	code := guesttest.Main(m)
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// built is the folder with what the tests look at.
var built string

// dist builds everything, once for all tests, and returns the folder.
var dist = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "probe-dist-"); err != nil {
		return "", err
	}
	return built, build("../..", built)
})

type buildError struct {
	err  error
	text string
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.text }

// build runs the script of a source tree.
func build(root, out string) error {
	cmd := exec.Command(filepath.Join(root, "internal/dist/build.sh"), out)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
	if text, err := cmd.CombinedOutput(); err != nil {
		return &buildError{err, string(text)}
	}
	return nil
}

func want(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds programs and packages for two architectures")
	}
	dir, err := dist()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// one returns the only file that matches a pattern.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

// TestReproducible: a copy of the source, in another folder, gives the same
// files.
func TestReproducible(t *testing.T) {
	first := want(t)
	src, second := t.TempDir(), t.TempDir()
	cp := exec.Command("sh", "-c", `cd ../.. && { git ls-files -co --exclude-standard || find . -type f -not -path './.cache/*' -not -path './bin/*' -not -path './.git/*'; } |
		while read -r f; do if [ -e "$f" ]; then echo "$f"; fi; done | tar cf - -T - | tar xf - -C "$0"`, src)
	if out, err := cp.CombinedOutput(); err != nil {
		t.Fatalf("copy the source: %v\n%s", err, out)
	}
	if err := build(src, second); err != nil {
		t.Fatal(err)
	}
	sums := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	a, b := sums(first), sums(second)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two builds differ:\n%s", diff)
	}
	if n := strings.Count(a, "\n"); n != 8 {
		t.Errorf("%d files, want a program, a bill of materials, a .deb and an .rpm for 2 architectures:\n%s", n, a)
	}
}

// TestFiles: the programs are static and for their architecture, and the
// packages have what users look for.
func TestFiles(t *testing.T) {
	dir := want(t)
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		f, err := elf.Open(one(t, dir, "probe-*-linux-"+arch))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		libs, err := f.ImportedLibraries()
		if f.Machine != machine || err != nil || len(libs) > 0 || f.Section(".interp") != nil {
			t.Errorf("%s: %v, linked to %v (%v)", arch, f.Machine, libs, err)
		}
		bill, err := os.ReadFile(one(t, dir, "probe-*-linux-"+arch+".cdx.json"))
		if err != nil || !json.Valid(bill) || !bytes.Contains(bill, []byte(`"value": "`+arch+`"`)) {
			t.Errorf("%s: the bill of materials: %v\n%.300s", arch, err, bill)
		}
		list, err := exec.Command("dpkg-deb", "-c", one(t, dir, "probe_*_"+arch+".deb")).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{
			"/usr/bin/probe", "/usr/share/man/man1/probe.1.gz", "/usr/share/man/man1/probe-run.1.gz",
			"/usr/share/bash-completion/completions/probe", "/usr/share/zsh/site-functions/_probe", "/usr/share/fish/vendor_completions.d/probe.fish",
			"/usr/share/doc/probe/copyright", "/usr/share/doc/probe/NOTICES.gz", "/usr/share/doc/probe/probe.cdx.json",
			"/usr/share/doc/probe/examples/probe@.service", "/usr/share/doc/probe/examples/opensnoop.pr",
		} {
			if !strings.Contains(string(list), " ."+path+"\n") {
				t.Errorf("%s: the package lacks %s", arch, path)
			}
		}
	}
	for _, arch := range []string{"x86_64", "aarch64"} {
		b, err := os.ReadFile(one(t, dir, "probe-*."+arch+".rpm"))
		if err != nil {
			t.Fatal(err)
		}
		// An .rpm begins with a magic number; the names of its files are in its
		// header as they are.
		if !bytes.HasPrefix(b, []byte{0xed, 0xab, 0xee, 0xdb}) || !bytes.Contains(b, []byte("probe-run.1.gz\x00")) || !bytes.Contains(b, []byte(arch+"\x00")) {
			t.Errorf("%s: no package of rpm with the files", arch)
		}
	}
}

// TestInstall installs the package in a guest with dpkg, runs what it has
// installed, and removes it: nothing of it is left.
func TestInstall(t *testing.T) {
	s := guesttest.Setup{Kernels: []string{"6.12"}, NoProbe: true, Programs: []string{"bash", "dpkg", "dpkg-deb", "dpkg-query", "dpkg-split", "tar", "rm"}}
	if !testing.Short() {
		s.Files = map[string]string{"/probe.deb": one(t, want(t), "probe_*_amd64.deb")}
	}
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		out := guesttest.Sh(t, g, `
			mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers /var/log /tmp
			: > /var/lib/dpkg/status; : > /var/lib/dpkg/available
			export PATH=/usr/sbin:/usr/bin:/sbin:/bin
			find /usr /etc /var/lib | grep -v ^/var/lib/dpkg | sort > /before
			dpkg --force-bad-path -i /probe.deb
			dpkg-query -W -f '${Status} ${Version}\n' probe
			/usr/bin/probe version
			/usr/bin/probe run -e 'begin { printf("it runs\n"); exit(); }'
			ls /usr/share/man/man1 | head -1
			dpkg --force-bad-path -r probe
			find /usr /etc /var/lib | grep -v ^/var/lib/dpkg | sort > /after
			cmp /before /after && echo nothing left`)
		for _, line := range []string{"install ok installed 0", "probe 0", "it runs", "probe-argdist.1.gz", "nothing left"} {
			if !slices.ContainsFunc(strings.Split(out, "\n"), func(s string) bool { return strings.HasPrefix(s, line) }) {
				t.Errorf("no line begins with %q:\n%s", line, out)
			}
		}
	})
}
