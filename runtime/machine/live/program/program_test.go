package program

import (
	debugelf "debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/elf"
)

// compile returns a program of testdata, compiled with flags in a folder of its
// own.
func compile(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	source, err := os.ReadFile("testdata/args.c")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "args.c"), source, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "gcc", append(flags, "-o", "args", "args.c")...)
	return filepath.Join(dir, "args")
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func open(t *testing.T, path string) (*elf.File, *Program) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	p, err := Of(f)
	if err != nil {
		t.Fatal(err)
	}
	return f, p
}

// where describes a place: "di:4", "[sp+8]:24", "=7".
func where(arch *target.Arch, l hir.Loc) string {
	reg := "?"
	for name, off := range arch.Regs {
		if off == l.Off && slices.Contains(arch.DWARF, name) {
			reg = name
		}
	}
	switch l.Kind {
	case hir.LocReg:
		return fmt.Sprintf("%s:%d", reg, l.Size)
	case hir.LocStack:
		return fmt.Sprintf("[sp+%d]:%d", l.Off, l.Size)
	case hir.LocMem:
		return fmt.Sprintf("[%s+%d]:%d", reg, l.Disp, l.Size)
	case hir.LocConst:
		return fmt.Sprintf("=%d", l.Disp)
	}
	return fmt.Sprint(l)
}

func describe(p *Program, f *Func) string {
	var out []string
	for _, a := range f.Params {
		at := where(p.arch, a.Loc)
		if len(a.Parts) > 0 {
			at = ""
			for _, l := range a.Parts {
				at += "+" + where(p.arch, l)
			}
		}
		if a.Unreadable != "" {
			at, _, _ = strings.Cut(a.Unreadable, ":")
			at, _, _ = strings.Cut(strings.TrimPrefix(at, "a part of "), ", ")
		}
		out = append(out, a.Text+" "+a.Name+" @"+at)
	}
	return f.RetText + " " + f.Name + "(" + strings.Join(out, "; ") + ")"
}

// TestPlaces: each argument is found where the compiler has put it, whatever the
// version of the format and wherever the information lies.
func TestPlaces(t *testing.T) {
	same := []string{
		"int plain(int a @di:4; number b @si:4; char* c @dx:8; const struct whole* d @cx:8)",
		"long int stack(int a @di:4; int b @si:4; int c @dx:4; int d @cx:4; int e @r8:4; int f @r9:4; short int g @[sp+8]:2; long int h @[sp+16]:8)",
		"struct large objects(struct pair p @+si:8+dx:8; struct large l @[sp+8]:24; int n @cx:4; struct odd o @+r8:3)",
		"double vectors(double d @it is passed in a vector register; struct mixed m @it is passed in a vector register; struct floats f @it is passed in a vector register; int n @si:4)",
		"_Bool small(_Bool b @di:1; unsigned char c @si:1; enum level l @dx:4; struct away* w @cx:8)",
	}
	flags := map[string][]string{
		"plain 5": {"-g", "-O0", "-gdwarf-5"}, "plain 4": {"-g", "-O0", "-gdwarf-4"}, "plain 3": {"-g", "-O0", "-gdwarf-3"},
		"optimised 5": {"-g", "-O2", "-gdwarf-5"}, "optimised 4": {"-g", "-O2", "-gdwarf-4"},
		"split 5": {"-g", "-O2", "-gsplit-dwarf", "-gdwarf-5"}, "split 4": {"-g", "-O2", "-gsplit-dwarf", "-gdwarf-4"},
		"compressed": {"-g", "-O2", "-gz"}, "type units": {"-g", "-O1", "-fdebug-types-section"},
		"static": {"-g", "-O1", "-no-pie"},
	}
	for name, args := range flags {
		t.Run(name, func(t *testing.T) {
			f, p := open(t, compile(t, args...))
			var got []string
			for _, fn := range []string{"plain", "stack", "objects", "vectors", "small"} {
				sym, err := f.Lookup(fn)
				if err != nil {
					t.Fatal(err)
				}
				g, err := p.Func(sym.Addr)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, describe(p, g))
			}
			if diff := cmp.Diff(same, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPlacesARM64: the places of arguments follow the architecture of the file.
func TestPlacesARM64(t *testing.T) {
	f, p := open(t, "testdata/arm64.so")
	for _, want := range []string{
		"long int plain(int a @r0:4; unsigned int b @r1:4; char* c @r2:8)",
		"long int stack(int a @r0:4; int b @r1:4; int c @r2:4; int d @r3:4; int e @r4:4; int f @r5:4; long int g @r6:8; struct pair p @[sp+0]:16; short int i @[sp+16]:2; long int j @[sp+24]:8)",
		"struct large objects(struct pair p @+r0:8+r1:8; struct large l @[r2+0]:24; int n @r3:4)",
		"double vectors(double d @it is passed in a vector register; struct mixed m @+r0:8+r1:8; struct floats f @it is passed in a vector register; int n @r2:4)",
	} {
		_, name, _ := strings.Cut(want[:strings.IndexByte(want, '(')], " ")
		if i := strings.LastIndexByte(name, ' '); i >= 0 {
			name = name[i+1:]
		}
		sym, err := f.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := p.Func(sym.Addr)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, describe(p, g)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestRemoved: a copy of a function that was made for a constant argument lacks
// this parameter, and its place is the constant.
func TestRemoved(t *testing.T) {
	f, p := open(t, compile(t, "-g", "-O2"))
	sym, err := f.Lookup("removed.constprop.0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Func(sym.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := describe(p, g), "long int removed(long int always @=7; long int used @di:8)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestTypes: the layout of a struct is that of the compiler.
func TestTypes(t *testing.T) {
	for _, version := range []string{"-gdwarf-5", "-gdwarf-4", "-gdwarf-3", "-gdwarf-2"} {
		_, p := open(t, compile(t, "-g", version))
		whole, ok := p.Named("struct", "whole")
		if !ok {
			t.Fatal("no struct whole")
		}
		var got []string
		for _, f := range whole.Struct.Fields() {
			line := fmt.Sprintf("%s %s %d", f.Name, f.Type, f.Offset)
			if f.Promoted {
				line += " promoted"
			}
			got = append(got, line)
		}
		want := []string{"next struct whole * 0", " struct {int32} 8", "inner int32 8 promoted", "either union either 12", "bits struct bits 20",
			"level enum level 28", "grid int32[3][2] 32", "flexible int8[0] 56"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
		if whole.Size != 56 {
			t.Errorf("size %d", whole.Size)
		}
		bits, _ := p.Named("struct", "bits")
		got = nil
		for _, f := range bits.Struct.Fields() {
			got = append(got, fmt.Sprintf("%s at %d+%d, %d bits", f.Name, f.Offset, f.BitOff, f.BitSize))
		}
		if diff := cmp.Diff([]string{"a at 0+0, 3 bits", "b at 0+3, 7 bits", "c at 4+0, 1 bits"}, got); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
		level, ok := p.Named("enum", "level")
		if name, _ := level.Enum.Lookup(^uint64(0)); !ok || name != "LOW" || !level.Signed {
			t.Errorf("%s: enum level: %v %v", version, name, level)
		}
		if n, ok := p.Named("", "number"); !ok || n.Kind != types.Int || n.Size != 4 || n.Signed {
			t.Errorf("%s: number: %v", version, n)
		}
		if away, ok := p.Named("struct", "away"); ok {
			t.Errorf("struct away is only declared, and found as %v", away)
		}
		if again, _ := p.Named("struct", "whole"); again.Struct != whole.Struct {
			t.Error("the same name has two layouts")
		}
	}
}

// TestSeparate: the information is found in a file of its own, wherever the link
// to it allows, and one that belongs to another program is not taken.
func TestSeparate(t *testing.T) {
	build := func(t *testing.T) (dir, bin string) {
		bin = compile(t, "-g", "-O2", "-Wl,--build-id=sha1")
		dir = filepath.Dir(bin)
		run(t, dir, "objcopy", "--only-keep-debug", "args", "args.debug")
		run(t, dir, "strip", "args")
		run(t, dir, "objcopy", "--add-gnu-debuglink=args.debug", "args")
		return dir, bin
	}
	for name, move := range map[string]func(dir, id string) (string, []string){
		"beside":   func(string, string) (string, []string) { return "args.debug", nil },
		".debug":   func(string, string) (string, []string) { return ".debug/args.debug", nil },
		"a folder": func(dir, _ string) (string, []string) { return "x/args.debug", []string{dir + "/x"} },
		"build id": func(dir, id string) (string, []string) {
			return "y/.build-id/" + id[:2] + "/" + id[2:] + ".debug", []string{dir + "/y"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, bin := build(t)
			f, err := elf.Open(bin)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			to, dirs := move(dir, f.BuildID())
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, "args.debug"), filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
			f.DebugDirs = dirs
			sym, err := f.Lookup("plain")
			if err != nil {
				t.Fatal(err)
			}
			p, err := Of(f)
			if err != nil {
				t.Fatal(err)
			}
			if g, err := p.Func(sym.Addr); err != nil || len(g.Params) != 4 {
				t.Errorf("%v %v", g, err)
			}
		})
	}
	t.Run("another version", func(t *testing.T) {
		dir, bin := build(t)
		other := filepath.Dir(compile(t, "-g", "-O1", "-Wl,--build-id=sha1"))
		run(t, other, "objcopy", "--only-keep-debug", "args", filepath.Join(dir, "args.debug"))
		f, err := elf.Open(bin)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, err = Of(f)
		var none *elf.NoDebugError
		if !errors.As(err, &none) || !strings.Contains(err.Error(), "belongs to another version") {
			t.Errorf("got %v", err)
		}
	})
}

// TestDamaged: no change of a byte makes the reader fail in another way than
// with an error.
func TestDamaged(t *testing.T) {
	good := compile(t, "-g", "-O2")
	image, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	f, p := open(t, good)
	sym, err := f.Lookup("objects")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Func(sym.Addr); err != nil {
		t.Fatal(err)
	}
	start, end := debugSections(t, good)
	path := filepath.Join(t.TempDir(), "damaged")
	for i := start; i < end; i += 7 {
		copied := append([]byte(nil), image...)
		copied[i] ^= byte(1 + i%255)
		if err := os.WriteFile(path, copied, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		if p, err := Of(f); err == nil {
			for _, fn := range []string{"objects", "vectors"} {
				if sym, err := f.Lookup(fn); err == nil {
					p.Func(sym.Addr)
				}
			}
			if t, ok := p.Named("struct", "whole"); ok && t.Struct != nil {
				t.Struct.Fields()
			}
		}
		f.Close()
	}
}

// debugSections returns where the debugging information lies in a file.
func debugSections(t *testing.T, path string) (start, end int64) {
	t.Helper()
	f, err := debugelf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	start = 1 << 62
	for _, s := range f.Sections {
		if strings.HasPrefix(s.Name, ".debug_") {
			start, end = min(start, int64(s.Offset)), max(end, int64(s.Offset+s.FileSize))
		}
	}
	return start, end
}

// TestLine: a line is found in each copy of its code, and the message about one
// without code names its neighbours.
func TestLine(t *testing.T) {
	f, p := open(t, compile(t, "-g", "-O0"))
	sym, err := f.Lookup("stack")
	if err != nil {
		t.Fatal(err)
	}
	const line = 26 // of function stack
	for _, name := range []string{"args.c", "/args.c"} {
		addrs, err := p.Line(name, line, 0)
		if err != nil || len(addrs) != 1 || addrs[0] != sym.Addr {
			t.Errorf("%s: got %#x, %v, want %#x", name, addrs, err, sym.Addr)
		}
	}
	var missing *NoLineError
	if _, err := p.Line("args.c", 31, 0); !errors.As(err, &missing) || !slices.Equal(missing.Near, []int{30, 33}) {
		t.Errorf("a line without code: %v %+v", err, missing)
	}
	if _, err := p.Line("args.c", line, 2); !errors.As(err, &missing) || len(missing.Cols) == 0 {
		t.Errorf("a column without code: %v %+v", err, missing)
	}
	var none *NoFileError
	if _, err := p.Line("rgs.c", line, 0); !errors.As(err, &none) {
		t.Errorf("another file: %v", err)
	}
	var lines []int
	if err := p.Lines(func(name string) bool { return filepath.Base(name) == "args.c" }, func(l SourceLine) bool {
		lines = append(lines, l.Line)
		return true
	}); err != nil || !slices.IsSorted(lines) || !slices.Contains(lines, line) || slices.Contains(lines, 31) {
		t.Errorf("lines with code: %v, %v", lines, err)
	}
}
