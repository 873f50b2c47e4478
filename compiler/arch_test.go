package compiler_test

import (
	"strings"
	"testing"

	"probe/compiler/compilertest"
	"probe/compiler/target"
)

// TestARM64: every script compiles for arm64, and what reads a register there
// reads it where arm64 has it.
func TestARM64(t *testing.T) {
	for name, tg := range compilertest.Targets() {
		tg.Arch = target.ARM64()
		for title, script := range scripts {
			t.Run(name+"/"+title, func(t *testing.T) { compiles(t, script, tg) })
		}
	}
	for script, want := range map[string]string{
		"kprobe:f { @ = func; }":     "load %1+256", // pc
		"kprobe:f { @ = usermode; }": "load %1+264", // pstate
	} {
		var ir string
		tg := compilertest.Targets()["new"]
		tg.Arch = target.ARM64()
		obj, list := build(script, tg, func(stage, _, text string) {
			if stage == "ir" {
				ir = text
			}
		})
		if obj == nil {
			t.Fatal(list.All)
		}
		if !strings.Contains(ir, want) {
			t.Errorf("%s: no %q in\n%s", script, want, ir)
		}
	}
}
