package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	for text, want := range map[string]string{
		"Permission is hereby\ngranted, free of charge, to … The above copyright notice and this permission notice": "MIT",
		"Redistributions of source code … Redistributions in binary form … Neither the name of":                     "BSD-3-Clause",
		"Redistributions of source code … Redistributions in binary form":                                           "BSD-2-Clause",
		"Apache License\n Version 2.0, January 2004":                                                                "Apache-2.0",
		"GNU GENERAL PUBLIC LICENSE … Redistributions of source code … Redistributions in binary form":              "GPL",
		"All rights reserved.": "",
	} {
		if got := classify(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestLicences(t *testing.T) {
	if err := run("", os.Stderr); err != nil {
		t.Error(err)
	}
	if _, err := licenceOf(t.TempDir()); err == nil {
		t.Error("a module without a licence is accepted")
	}
}

// build builds the program as "make build" does.
func build(t *testing.T, root, out string) []byte {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, "./cmd/probe")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build in %s: %v\n%s", root, err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The program is the same, bit by bit, wherever its source is, and the bill of
// materials lists exactly what is in it.
func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program twice")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "elsewhere", "src")
	for _, name := range []string{"cmd", "compiler", "internal", "lang", "runtime", "scripts", "stdlib", "go.mod", "go.sum"} {
		if err := copyTree(filepath.Join(root, name), filepath.Join(other, name)); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(t.TempDir(), "probe")
	here, there := build(t, root, program), build(t, other, filepath.Join(other, "probe"))
	if sha256.Sum256(here) != sha256.Sum256(there) {
		t.Errorf("two builds differ: %d and %d bytes", len(here), len(there))
	}
	for _, path := range []string{root, other} {
		if bytes.Contains(here, []byte(path)) || bytes.Contains(there, []byte(path)) {
			t.Errorf("the program has the path %s in it", path)
		}
	}
	var text bytes.Buffer
	if err := run(program, &text); err != nil {
		t.Fatal(err)
	}
	var b bill
	if err := json.Unmarshal(text.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Components) != len(info.Deps)+1 { // and the standard library
		t.Errorf("%d components, the program has %d modules", len(b.Components), len(info.Deps))
	}
	for i, d := range info.Deps {
		c := b.Components[i+1]
		if c.PURL != "pkg:golang/"+d.Path+"@"+d.Version || len(c.Licenses) != 1 || !strings.HasPrefix(c.Props[0].Value, "h1:") {
			t.Errorf("component %+v for %s %s", c, d.Path, d.Version)
		}
	}
	if b.Format != "CycloneDX" || b.Metadata.Component.Hashes[0].Content == "" {
		t.Errorf("the bill is %+v", b)
	}
}

// copyTree copies a file, or a folder without its links.
func copyTree(from, to string) error {
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
