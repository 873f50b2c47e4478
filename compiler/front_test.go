package compiler_test

import (
	"testing"

	"probe/compiler"
	"probe/compiler/compilertest"
	"probe/lang/diag"
)

// Only maps that are updated, shown and reset, and nothing else, have a table in front of
// their hash.
func TestFront(t *testing.T) {
	for script, want := range map[string]bool{
		`kprobe:f { @[comm] = count(); }`:                                       true,
		`kprobe:f { @[comm, pid] = hist(arg0); } interval:s:1 { print(@, 5); }`: true,
		`kprobe:f { @[kstack] = max(arg0); }`:                                   true,
		`kprobe:f { @[comm] = count(); } interval:s:1 { clear(@); }`:            true,
		`kprobe:f { @[comm] = count(); } interval:s:1 { zero(@); }`:             true,
		`kprobe:f { @[comm] = count(); delete(@, comm); }`:                      false,
		`kprobe:f { @[comm] = count(); if (@[comm] > 5) { exit(); } }`:          false,
		`kprobe:f { @[comm] = count(); if (len(@) > 5) { exit(); } }`:           false,
		`kprobe:f { @[comm] = count(); } end { for ($kv : @) { print($kv); } }`: false,
		`kprobe:f { @[comm] = count(); } end { print(@["x"]); }`:                false,
		`kprobe:f { @[str(arg0, 200)] = count(); }`:                             false, // too long a key
		`kprobe:f { @[comm] = tseries(arg0, 1s, 5); }`:                          false,
		`kprobe:f { @[comm] = 1; }`:                                             false,
		`kprobe:f { @ = count(); }`:                                             false,
	} {
		obj, list := buildWith(script, compiler.Config{Target: compilertest.Targets()["new"]})
		if list.Count(diag.Error) > 0 {
			t.Errorf("%s: %v", script, list.All[0])
			continue
		}
		if got := obj.Maps[0].Front != nil; got != want {
			t.Errorf("%s: a table %v, want %v", script, got, want)
		}
	}
}
