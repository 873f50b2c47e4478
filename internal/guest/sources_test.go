package guest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

func TestParseSourcesList(t *testing.T) {
	tests := []struct {
		name, text string
		want       []aptSource
	}{
		{"plain", "deb http://mirror.test/debian bookworm main contrib\n",
			[]aptSource{{"http://mirror.test/debian", "bookworm", []string{"main", "contrib"}, ""}}},
		{"options", "deb [ arch=amd64 signed-by=" + keyring + " ] http://mirror.test/debian trixie main",
			[]aptSource{{"http://mirror.test/debian", "trixie", []string{"main"}, keyring}}},
		{"options without blank", "deb[trusted=yes] http://mirror.test/debian sid main",
			[]aptSource{{"http://mirror.test/debian", "sid", []string{"main"}, ""}}},
		{"comments and sources", "# deb http://a.test/ x main\ndeb-src http://b.test/ x main\n\n  deb\thttp://c.test/ x main # y\n",
			[]aptSource{{"http://c.test/", "x", []string{"main"}, ""}}},
		{"flat repository", "deb http://a.test/ ./\n", nil},
		{"open bracket", "deb [arch=amd64 http://a.test/ x main\n", nil},
		{"empty", "", nil},
		{"rubbish", "debx\ndeb\n\x00\xff", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, parseSourcesList(tt.text)); d != "" {
				t.Errorf("sources (-want +got):\n%s", d)
			}
		})
	}
}

func TestParseDeb822(t *testing.T) {
	tests := []struct {
		name, text string
		want       []aptSource
	}{
		{"two suites", "Types: deb deb-src\nURIs: http://m.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: " + keyring + "\n",
			[]aptSource{
				{"http://m.test/debian", "bookworm", []string{"main"}, keyring},
				{"http://m.test/debian", "bookworm-updates", []string{"main"}, keyring},
			}},
		{"comment inside, two paragraphs", "Types: deb\n# a comment\nURIs: http://a.test/\nSuites: sid\nComponents: main\n\n\nTypes: deb\nURIs: http://b.test/\nSuites: x\nComponents: y\n",
			[]aptSource{
				{"http://a.test/", "sid", []string{"main"}, ""},
				{"http://b.test/", "x", []string{"y"}, ""},
			}},
		{"continued lines, any case", "TYPES: deb\nuris:\n http://a.test/\n http://b.test/\nSuites: sid\nComponents: main\n",
			[]aptSource{
				{"http://a.test/", "sid", []string{"main"}, ""},
				{"http://b.test/", "sid", []string{"main"}, ""},
			}},
		{"key in the file", "Types: deb\nURIs: http://a.test/\nSuites: sid\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n",
			[]aptSource{{"http://a.test/", "sid", []string{"main"}, ""}}},
		{"disabled", "Enabled: no\nTypes: deb\nURIs: http://a.test/\nSuites: sid\nComponents: main\n", nil},
		{"only sources", "Types: deb-src\nURIs: http://a.test/\nSuites: sid\nComponents: main\n", nil},
		{"empty", "", nil},
		{"rubbish", " x\n:\n\xff\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, parseDeb822(tt.text)); d != "" {
				t.Errorf("sources (-want +got):\n%s", d)
			}
		})
	}
}

func TestMachineSources(t *testing.T) {
	etc := t.TempDir()
	if err := os.Mkdir(filepath.Join(etc, "sources.list.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sources.list":                  "deb http://one.test/debian bookworm main\n",
		"sources.list.d/two.list":       "deb http://two.test/debian bookworm main\n",
		"sources.list.d/three.sources":  "Types: deb\nURIs: http://three.test/debian\nSuites: bookworm\nComponents: main\n",
		"sources.list.d/four.list.save": "deb http://four.test/debian bookworm main\n",
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, s := range machineSources(etc) {
		got = append(got, s.URI)
	}
	want := []string{"http://one.test/debian", "http://two.test/debian", "http://three.test/debian"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("URIs (-want +got):\n%s", d)
	}
	if got := machineSources(filepath.Join(etc, "none")); got != nil {
		t.Errorf("a folder that does not exist gave %v", got)
	}
}

func TestFindMirrors(t *testing.T) {
	src := func(uri, suite, component, key string) aptSource {
		return aptSource{uri, suite, []string{component}, key}
	}
	tests := []struct {
		name           string
		sources        []aptSource
		main, security string
	}{
		{"others first", []aptSource{
			src("https://browser.test/deb", "stable", "main", "/etc/apt/keyrings/browser.gpg"),
			src("https://node.test/", "nodistro", "main", ""),
			src("https://db.test/", "bookworm-pgdg", "main", ""),
			src("https://containers.test/", "bookworm", "stable", ""),
			src("http://m.test/debian", "bookworm", "main", keyring),
			src("http://m.test/debian", "bookworm-updates", "main", keyring),
			src("http://m.test/debian-security", "bookworm-security", "main", keyring),
		}, "http://m.test/debian", "http://m.test/debian-security"},
		{"another release of Debian", []aptSource{src("http://m.test/debian", "sid", "main", "")}, "http://m.test/debian", ""},
		{"old name of security suites", []aptSource{
			src("http://m.test/debian", "bookworm", "main", ""),
			src("http://s.test/", "buster/updates", "main", ""),
			src("http://s.test/", "stable/updates", "main", ""),
		}, "http://m.test/debian", "http://s.test/"},
		{"the same suite twice", []aptSource{
			src("https://third.test/", "bookworm", "main", "/etc/apt/keyrings/third.gpg"),
			src("http://m.test/debian", "bookworm", "main", keyring),
		}, "http://m.test/debian", ""},
		{"none", []aptSource{src("https://node.test/", "nodistro", "main", "")}, "", ""},
		{"nothing", nil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, ok := findMirrors(tt.sources, "bookworm")
			if ok != (tt.main != "") || m.Main.URI != tt.main || m.Security.URI != tt.security {
				t.Errorf("found %v: main %q, security %q; want %q, %q", ok, m.Main.URI, m.Security.URI, tt.main, tt.security)
			}
		})
	}
}

func TestPlannedFiles(t *testing.T) {
	plan := `NOTE: This is only a simulation!
Inst gcc-12-base (12.2.0-14 Debian:12.9/stable [amd64])
Inst libc6 (2.36-9+deb12u9 Debian:12.9/stable, Debian-Security:12/stable [amd64]) []
Inst bpftrace (1:0.27.1-1 Debian:unstable [amd64])
Inst libfoo:amd64 (2:1~rc1-1 Debian:unstable [all])
Conf libc6 (2.36-9+deb12u9 Debian:12.9/stable [amd64])
`
	want := []string{
		"gcc-12-base_12.2.0-14_amd64.deb",
		"libc6_2.36-9+deb12u9_amd64.deb",
		"bpftrace_1%3a0.27.1-1_amd64.deb",
		"libfoo_2%3a1~rc1-1_all.deb",
	}
	if d := cmp.Diff(want, plannedFiles(plan)); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	if got := plannedFiles("0 upgraded\nInst x\n"); got != nil {
		t.Errorf("a plan of nothing gave %v", got)
	}
}

func TestDepends(t *testing.T) {
	r := record{
		"depends":     "kmod, linux-base (>= 4.3~), dracut | initramfs-tools (>= 0.120), linux-binary-7.2-cloud:amd64 (= 7.2-1)",
		"pre-depends": "dpkg (>= 1.16)",
	}
	want := []string{"kmod", "linux-base", "dracut", "linux-binary-7.2-cloud", "dpkg"}
	if d := cmp.Diff(want, r.depends()); d != "" {
		t.Errorf("dependencies (-want +got):\n%s", d)
	}
	for name, part := range map[string]bool{
		"linux-binary-7.2.1-cloud-amd64": true, "linux-base-7.2.1-cloud-amd64": true,
		"linux-modules-7.2.1-cloud-amd64": true, "linux-base": false, "kmod": false,
	} {
		if isKernelPart(name) != part {
			t.Errorf("isKernelPart(%s) = %v", name, !part)
		}
	}
}

func TestFirstErrors(t *testing.T) {
	if got := firstErrors("W: unimportant\nE: one\nE: two\n"); got != "one; two" {
		t.Errorf("got %q", got)
	}
	if got := firstErrors(" something else \n"); got != "something else" {
		t.Errorf("got %q", got)
	}
}
