package syntax

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCorpus reads the scripts of testdata/corpus, which between them use the
// whole syntax.
func TestCorpus(t *testing.T) {
	scripts := corpus(t)
	if len(scripts) < 40 {
		t.Fatalf("only %d scripts found", len(scripts))
	}
	for name, text := range scripts {
		t.Run(name, func(t *testing.T) {
			f := parseOK(t, name, text)
			checkSpans(t, f)
			roundTrip(t, f)
		})
	}
}

// TestInstalledScripts reads every script that the system's bpftrace installs,
// and those below $PROBE_BT_CORPUS.
func TestInstalledScripts(t *testing.T) {
	var names []string
	for _, pattern := range []string{
		"/usr/share/bpftrace/tools/*.bt", "/usr/sbin/*.bt", "/usr/share/doc/bpftrace/examples/*.bt",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if dir := os.Getenv("PROBE_BT_CORPUS"); dir != "" {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".bt" {
				names = append(names, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(names) == 0 {
		t.Skip("no .bt files: bpftrace is not installed and PROBE_BT_CORPUS is not set")
	}
	t.Logf("%d scripts", len(names))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			f := parseOK(t, name, string(text))
			checkSpans(t, f)
			roundTrip(t, f)
		})
	}
}
