package live

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"probe/runtime/machine"
	"probe/runtime/machine/live/btf/btftest"
	"probe/runtime/machine/live/provider"
)

// Two machines in one process answer each for itself: what one was told to take
// from a file or to leave alone does not reach the other.
func TestTwoMachines(t *testing.T) {
	var b btftest.Builder
	n := b.Int("n", 4, 0)
	b.Struct("probe_test_only", 12, btftest.Member{Name: "a", Type: n})
	dir := t.TempDir()
	types, list := filepath.Join(dir, "btf"), filepath.Join(dir, "functions")
	if err := os.WriteFile(types, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte("probe_test_function\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	own, changed := New(Options{}), New(Options{BTF: types, Traceable: list, Without: provider.Mechanisms()})
	for m, want := range map[*Machine]bool{own: false, changed: true} {
		if _, ok := m.View(machine.Query{}).Types().Named("struct", "probe_test_only"); ok != want {
			t.Errorf("a machine finds the struct: %v, want %v", ok, want)
		}
		found := false
		// A list that cannot be read has nothing.
		_ = m.List("kprobe:probe_test_*", func(l machine.Listed) bool {
			found = found || l.Name == "kprobe:probe_test_function"
			return true
		})
		if found != want {
			t.Errorf("a machine lists the function: %v, want %v", found, want)
		}
	}
	if own.Types() == changed.Types() || own.Symbols() == changed.Symbols() || own.Features() == changed.Features() || own.Processes() == changed.Processes() {
		t.Error("the machines share what they know")
	}
}

// Every mechanism that can be named is left alone by some option.
func TestMechanisms(t *testing.T) {
	for _, name := range provider.Mechanisms() {
		var with, without provider.Options
		with.RawTracepoint = func(string) (bool, error) { return true, nil }
		without.RawTracepoint = with.RawTracepoint
		without.Leave([]string{name})
		changed := without.NoMulti || without.RawTracepoint == nil
		for _, ask := range []func() error{without.KprobeSession, without.FsessionMulti, without.UprobeMulti} {
			if ask != nil {
				changed = changed || strings.Contains(ask().Error(), name+" is switched off")
			}
		}
		if !changed {
			t.Errorf("%s is accepted and read by nobody", name)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(provider.Mechanisms())))) != len(provider.Mechanisms()) {
		t.Error("a mechanism has two rows")
	}
}
