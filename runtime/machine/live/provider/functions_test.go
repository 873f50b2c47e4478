package provider

import (
	"fmt"
	"strings"
	"testing"
)

// TestEachScriptIsNew checks that a process that checks many scripts, as the
// prompt does, is not limited by what earlier ones asked for: names are proposed
// however many were wrong before, and the functions of a module are known once it
// is loaded.
func TestEachScriptIsNew(t *testing.T) {
	names, modules := []string{"vfs_read", "vfs_write"}, "mymod\n"
	reads := 0
	s := fakeKernel(t, func(o *Options) {
		o.Functions = func(yield func(name, module string) bool) error {
			reads++
			for _, n := range names {
				if !yield(n, "") {
					break
				}
			}
			return nil
		}
		o.Modules = func() string { return modules }
	})
	refusal := func(text string) string {
		_, out := expand(s.Script(nil), text, nil)
		if len(out.All) == 0 {
			return ""
		}
		return fmt.Sprint(out.All, out.All[0].Notes, out.All[0].Helps)
	}
	for i := range 2 * maxSought {
		if text := refusal(fmt.Sprintf("kprobe:vfs_reed%d", i%10)); !strings.Contains(text, "vfs_read") {
			t.Fatalf("script %d: nothing is proposed: %s", i, text)
		}
	}
	names = append(names, "late_function")
	if text := refusal("kprobe:late_function"); !strings.Contains(text, "late_function") {
		t.Errorf("a function of a module that is not loaded is accepted: %s", text)
	}
	if reads != 1 {
		t.Errorf("the list was read %d times while no module was loaded", reads)
	}
	modules += "late\n"
	if sites, out := expand(s.Script(nil), "kprobe:late_function", nil); len(sites) != 1 || out.HasErrors() {
		t.Errorf("a function of a module that is loaded now: %d sites, %v", len(sites), out.All)
	}
	if err := s.lists.current().err; err != nil || reads != 2 {
		t.Errorf("after a module was loaded: read %d times, %v", reads, err)
	}
}

// A listing asks which modules are loaded once, not for each function.
func TestListAsksOnce(t *testing.T) {
	asked, listed := 0, 0
	s := fakeKernel(t, func(o *Options) { o.Modules = func() string { asked++; return "mymod\n" } })
	for _, pattern := range []string{"", "kprobe:*"} {
		asked, listed = 0, 0
		if err := s.List(pattern, func(Listed) bool { listed++; return true }); err != nil {
			t.Fatalf("%q: %v", pattern, err)
		}
		if asked != 1 || listed < 5 {
			t.Errorf("%q: asked %d times for the modules, for %d probes", pattern, asked, listed)
		}
	}
}
