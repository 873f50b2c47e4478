package hir

import (
	"slices"
	"strings"
	"testing"
)

// The table is sorted, and each row says what its kind needs.
func TestConfigVars(t *testing.T) {
	if !slices.IsSortedFunc(configVars, func(a, b ConfigVar) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the table is not sorted, so that FindConfig misses rows")
	}
	for _, v := range ConfigVars() {
		if FindConfig(v.Name) == nil || v.Row == "" {
			t.Errorf("%s: not found, or without a row of the language reference", v.Name)
		}
		if !v.Settable() {
			continue
		}
		least, most := v.Bounds()
		ok := v.Doc != ""
		switch n := ConfigNumber(v.Default); v.Kind {
		case ConfigBool:
			ok = ok && (v.Default == "" || v.Default == "true" || v.Default == "false")
		case ConfigInt:
			ok = ok && v.Default != "" && n >= least && n <= most
		case ConfigWord:
			ok = ok && len(v.Words) > 0 && (v.Default == "" || slices.Contains(v.Words, v.Default))
		case ConfigSwitch:
			ok = ok && slices.Contains([]string{"enable", "warn", "error"}, v.Default)
		}
		if !ok {
			t.Errorf("%s: the row does not fit its kind: %+v", v.Name, v)
		}
		for _, old := range append(v.Was, v.WasNot) {
			if found, inverted := RenamedConfig(old); old != "" && (found.Name != v.Name || inverted != (old == v.WasNot)) {
				t.Errorf("%s: the old name %s leads to %s", v.Name, old, found.Name)
			}
		}
	}
}

// A program without settings has the defaults of the table.
func TestConfigDefaults(t *testing.T) {
	p := &Script{Config: map[string]string{"max_strlen": "64", "print_maps_on_exit": "false"}}
	for name, want := range map[string]int64{"max_strlen": 64, "max_map_keys": 4096, "max_probes": 1024, "print_maps_on_exit": 0, "lazy_symbolication": 1} {
		if got := p.ConfigInt(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if got := p.ConfigString("str_trunc_trailer"); got != ".." {
		t.Errorf("the trailer is %q", got)
	}
}
