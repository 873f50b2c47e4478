package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest/guesttest"
)

// root is the source tree, seen from here.
const root = "../.."

// TestPagesFresh fails when docs/man or docs/reference/cli.md is not what the
// tables say now.
func TestPagesFresh(t *testing.T) {
	have, err := filepath.Glob(root + "/docs/man/*")
	if err != nil {
		t.Fatal(err)
	}
	err = pages(func(name string, text []byte) error {
		path := root + "/docs/" + name
		b, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v: run `make docs`", err)
			return nil
		}
		if diff := cmp.Diff(string(text), string(b)); diff != "" {
			t.Errorf("run `make docs`: -tables +%s\n%s", name, diff)
		}
		have = slices.DeleteFunc(have, func(h string) bool { return h == path })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(have) > 0 {
		t.Errorf("run `make docs`: no command has the pages %s", have)
	}
}

// TestWritePages: pages of commands that are gone go.
func TestWritePages(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "docs", "man", "probe-gone.1")
	if err := os.MkdirAll(filepath.Dir(old), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := writePages(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the old page is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "docs", "reference", "cli.md")); err != nil {
		t.Error(err)
	}
}

// TestInstall installs below DESTDIR and removes it again.
func TestInstall(t *testing.T) {
	if testing.Short() {
		t.Skip("builds probe")
	}
	probe, err := guesttest.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dest := t.TempDir()
	make := func(target string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "make", "-C", root, target, "DESTDIR="+dest, "PREFIX=/usr", "PROBE="+probe)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v\n%s", target, err, out)
		}
	}
	files := func() (out []string) {
		err := filepath.WalkDir(dest, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				out = append(out, strings.TrimPrefix(path, dest))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	make("install")
	want := []string{"/usr/bin/probe", "/usr/share/bash-completion/completions/probe", "/usr/share/fish/vendor_completions.d/probe.fish", "/usr/share/zsh/site-functions/_probe"}
	for _, p := range app().Pages() {
		want = append(want, "/usr/share/man/man1/"+p.Name)
	}
	slices.Sort(want)
	got := files()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("make install: -want +got\n%s", diff)
	}
	out, err := exec.CommandContext(t.Context(), dest+"/usr/bin/probe", "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "probe ") {
		t.Errorf("the installed program: %v\n%s", err, out)
	}
	for shell, path := range map[string]string{
		"bash": "/usr/share/bash-completion/completions/probe", "zsh": "/usr/share/zsh/site-functions/_probe", "fish": "/usr/share/fish/vendor_completions.d/probe.fish",
	} {
		var b strings.Builder
		if err := app().Script(&b, shell); err != nil {
			t.Fatal(err)
		}
		installed, err := os.ReadFile(dest + path)
		if err != nil || string(installed) != b.String() {
			t.Errorf("%s is not what `probe completion %s` prints: %v", path, shell, err)
		}
	}
	make("uninstall")
	if left := files(); len(left) > 0 {
		t.Errorf("make uninstall left %s", left)
	}
}
