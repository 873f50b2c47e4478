package compiler_test

import (
	"strings"
	"testing"

	"probe/compiler"
	"probe/compiler/compilertest"
)

// TestSample: programs that only count can be sampled, on request; what they add
// is then their weight.
func TestSample(t *testing.T) {
	for script, want := range map[string]bool{
		`kprobe:f { @ = count(); }`: true,
		`kprobe:f /arg0 > 3/ { @c[comm] = sum(arg0); @h[pid] = hist(arg1); if (arg2) { @a = avg(arg0); } }`: true,
		`kprobe:f { @ns = lhist(arg0, 0, 100, 10); @m = max(arg1); }`:                                       true,
		`ret:f { @ns = hist(duration); }`:                                                                   false, // its entry half would go on
		`kprobe:f { for ($i : 0..4) { @[$i] = count(); } }`:                                                 true,
		`kprobe:f { @ = nsecs; }`:                                                                           false,
		`kprobe:f { @++; @c = count(); }`:                                                                   false,
		`kprobe:f { @c = count(); printf("%d\n", pid); }`:                                                   false,
		`kprobe:f { @c = count(); delete(@x, 1); @x[1] = 2; }`:                                              false,
		`kprobe:f { @t = tseries(arg0, 1s, 5); }`:                                                           false,
		`kprobe:f { $x = 1; }`:                                                                              false,
		`begin { @ = count(); }`:                                                                            false,
		`interval:s:1 { @ = count(); }`:                                                                     false,
	} {
		for _, asked := range []bool{true, false} {
			for _, plain := range []bool{true, false} {
				var text strings.Builder
				obj, list := buildWith(script, compiler.Config{Target: compilertest.Targets()["new"], Sample: asked, NoOpt: plain,
					Dump: func(stage, _, s string) {
						if stage == "ir" {
							text.WriteString(s)
						}
					}})
				if list.HasErrors() {
					t.Fatalf("%s: %v", script, list.All)
				}
				got := false
				for _, p := range obj.Programs {
					got = got || p.SampleOff > 0
				}
				if got != (want && asked) || strings.Contains(text.String(), "get_prandom_u32") != got {
					t.Errorf("%s, asked %v: sampled %v\n%s", script, asked, got, text.String())
				}
			}
		}
	}
}
