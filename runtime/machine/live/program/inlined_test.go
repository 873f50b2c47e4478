package program

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// compileInlined returns the path of testdata/inlined.c, compiled with flags.
func compileInlined(t *testing.T, compiler string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	source, err := os.ReadFile("testdata/inlined.c")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "inlined.c"), source, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, dir, compiler, append(flags, "-o", "inlined", "inlined.c")...)
	return filepath.Join(dir, "inlined")
}

func TestInlined(t *testing.T) {
	for name, flags := range map[string][]string{
		"5": {"-O2", "-g", "-gdwarf-5"}, "4": {"-O2", "-g", "-gdwarf-4"}, "split": {"-O2", "-g", "-gsplit-dwarf"},
	} {
		t.Run(name, func(t *testing.T) {
			_, p := open(t, compileInlined(t, "gcc", flags...))
			in, ok := p.Inlined("twice")
			if !ok || !slices.Equal(in.Into, []string{"first", "second"}) || filepath.Base(in.File) != "inlined.c" || in.Line != 4 || in.More {
				t.Errorf("twice: %+v, %v", in, ok)
			}
			if in, ok = p.Inlined("nested"); !ok || !slices.Equal(in.Into, []string{"second"}) || in.Line != 9 {
				t.Errorf("nested: %+v, %v", in, ok)
			}
			for _, name := range []string{"first", "neither", "nothing", ""} {
				if in, ok := p.Inlined(name); ok {
					t.Errorf("%q: %+v", name, in)
				}
			}
		})
	}
	_, p := open(t, compileInlined(t, "gcc", "-O0", "-g"))
	if in, ok := p.Inlined("twice"); ok {
		t.Errorf("without optimisation: %+v", in)
	}
}
