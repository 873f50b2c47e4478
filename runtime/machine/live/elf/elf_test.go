package elf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func openImage(t testing.TB, im image) *File {
	t.Helper()
	f, err := New(bytes.NewReader(im.bytes()), "test.so")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var program = image{
	id: []byte{0xab, 0xcd, 0xef},
	syms: []elf.Symbol{
		sym("test.c", elf.STB_LOCAL, elf.STT_FILE, 0, 0),
		fn("main", textAddr+0x100, 0x40),
		sym("helper", elf.STB_LOCAL, elf.STT_FUNC, textAddr+0x140, 0x10),
		sym("helper", elf.STB_GLOBAL, elf.STT_FUNC, textAddr+0x200, 0x10),
		sym("alias_of_main", elf.STB_LOCAL, elf.STT_FUNC, textAddr+0x100, 0x40),
		fn("memcpy@@GLIBC_2.14", textAddr+0x300, 0x20),
		sym("strlen", elf.STB_GLOBAL, elf.STT_GNU_IFUNC, textAddr+0x320, 0x20),
		sym("asm_label", elf.STB_LOCAL, elf.STT_NOTYPE, textAddr+0x400, 0),
		sym("data_label", elf.STB_LOCAL, elf.STT_NOTYPE, dataAddr, 0),
		sym("counter", elf.STB_GLOBAL, elf.STT_OBJECT, dataAddr+0x10, 8),
		sym("tls", elf.STB_GLOBAL, elf.STT_TLS, 8, 8),
		fn("outer", textAddr+0x500, 0x100),
		fn("inner", textAddr+0x520, 0x10),
		{Name: "puts", Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Section: elf.SHN_UNDEF},
		{Name: "version", Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_OBJECT), Section: elf.SHN_ABS, Value: 1},
	},
}

func TestLookup(t *testing.T) {
	for _, class32 := range []bool{false, true} {
		im := program
		im.class32 = class32
		f := openImage(t, im)
		for _, test := range []struct {
			name string
			want Symbol
		}{
			{"main", Symbol{"main", textAddr + 0x100, 0x40, Func}},
			{"helper", Symbol{"helper", textAddr + 0x200, 0x10, Func}}, // the global one
			{"memcpy", Symbol{"memcpy@@GLIBC_2.14", textAddr + 0x300, 0x20, Func}},
			{"strlen", Symbol{"strlen", textAddr + 0x320, 0x20, Indirect}},
			{"asm_label", Symbol{"asm_label", textAddr + 0x400, 0, Label}},
			{"counter", Symbol{"counter", dataAddr + 0x10, 8, Object}},
		} {
			got, err := f.Lookup(test.name)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("Lookup(%s), 32 bits %v: %v, -want +got:\n%s", test.name, class32, err, diff)
			}
		}
	}
	f := openImage(t, program)
	for name, near := range map[string][]string{
		"": nil, "mian": {"main"}, "helpr": {"helper"}, "mem": nil, "puts": nil, "tls": nil, "version": nil,
		"data_label": nil, "test.c": nil, "oter": {"outer"}, "memcpy@@GLIBC": nil,
	} {
		_, err := f.Lookup(name)
		var missing *SymbolError
		if !errors.As(err, &missing) || missing.NoSymbols {
			t.Errorf("Lookup(%q): %v, want a *SymbolError", name, err)
			continue
		}
		if diff := cmp.Diff(near, missing.Near); diff != "" {
			t.Errorf("Lookup(%q): similar names, -want +got:\n%s", name, diff)
		}
	}
	_, err := openImage(t, image{}).Lookup("main")
	var missing *SymbolError
	if !errors.As(err, &missing) || !missing.NoSymbols || !strings.Contains(err.Error(), "stripped") {
		t.Errorf("Lookup in a stripped file: %v", err)
	}
}

func TestAt(t *testing.T) {
	f := openImage(t, program)
	for _, test := range []struct {
		addr uint64
		want string
	}{
		{textAddr, ""},
		{textAddr + 0x100, "main"}, // not its local alias
		{textAddr + 0x13f, "main"},
		{textAddr + 0x140, "helper"},
		{textAddr + 0x150, ""},
		{textAddr + 0x330, "strlen"},
		{textAddr + 0x410, "asm_label"}, // no size: up to the next symbol
		{textAddr + 0x500, "outer"},
		{textAddr + 0x525, "inner"},
		{textAddr + 0x530, "outer"}, // beyond inner, still in outer
		{textAddr + 0x600, ""},
		{dataAddr + 0x12, ""}, // a variable is no place for code
		{0, ""},
	} {
		s, ok := f.At(test.addr)
		if s.Name != test.want || ok != (test.want != "") {
			t.Errorf("At(%#x) = %q, %v, want %q", test.addr, s.Name, ok, test.want)
		}
	}
}

func TestOffset(t *testing.T) {
	for _, typ := range []elf.Type{elf.ET_DYN, elf.ET_EXEC} {
		im := program
		im.typ = typ
		f := openImage(t, im)
		if f.PositionIndependent() != (typ == elf.ET_DYN) {
			t.Errorf("%v: PositionIndependent() = %v", typ, f.PositionIndependent())
		}
		for addr, want := range map[uint64]uint64{
			textAddr: textOff, textAddr + textLen - 1: textOff + textLen - 1, dataAddr + 5: dataOff + 5,
		} {
			if off, err := f.Offset(addr); off != want || err != nil {
				t.Errorf("Offset(%#x) = %#x, %v, want %#x", addr, off, err, want)
			}
			if back, err := f.Addr(want); back != addr || err != nil {
				t.Errorf("Addr(%#x) = %#x, %v, want %#x", want, back, err, addr)
			}
		}
		for _, addr := range []uint64{0, textAddr - 1, textAddr + textLen, ^uint64(0)} {
			if off, err := f.Offset(addr); !errors.Is(err, ErrNotInFile) {
				t.Errorf("Offset(%#x) = %#x, %v, want ErrNotInFile", addr, off, err)
			}
		}
		if _, err := f.Addr(1 << 40); !errors.Is(err, ErrNotInFile) {
			t.Errorf("Addr beyond the file: %v", err)
		}
	}
}

func TestSymbols(t *testing.T) {
	f := openImage(t, program)
	var got []string
	if err := f.Symbols(func(s Symbol) bool {
		got = append(got, fmt.Sprintf("%s %s", s.Kind, s.Name))
		return s.Name != "outer"
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"function main", "function helper", "function helper", "function alias_of_main",
		"function memcpy@@GLIBC_2.14", "indirect function strlen", "label asm_label", "variable counter", "function outer"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if id := f.BuildID(); id != "abcdef" {
		t.Errorf("BuildID() = %q, want abcdef", id)
	}
}

// A stripped file finds the symbols that were taken from it, and only those of
// the right debug file.
func TestSeparateDebug(t *testing.T) {
	debug := image{syms: []elf.Symbol{fn("hidden", textAddr+0x700, 0x10)}}
	id := image{id: []byte{1, 2, 3, 4}}
	withID := debug
	withID.id = id.id
	dynsyms := []elf.Symbol{fn("exported", textAddr+0x10, 0x10)}
	for _, test := range []struct {
		name  string
		setup func(dir string) image
		found bool
	}{
		{"embedded", func(string) image {
			return image{dynsyms: dynsyms, mini: compress(t, debug.bytes())}
		}, true},
		{"embedded rubbish", func(string) image {
			return image{dynsyms: dynsyms, mini: []byte("not xz")}
		}, false},
		{"link beside", func(dir string) image {
			debug.write(t, filepath.Join(dir, "prog.debug"), 0o644)
			return image{dynsyms: dynsyms, link: debugLink("prog.debug", debug.bytes())}
		}, true},
		{"link in .debug", func(dir string) image {
			debug.write(t, filepath.Join(dir, ".debug", "prog.debug"), 0o644)
			return image{dynsyms: dynsyms, link: debugLink("prog.debug", debug.bytes())}
		}, true},
		{"wrong checksum", func(dir string) image {
			debug.write(t, filepath.Join(dir, "prog.debug"), 0o644)
			return image{dynsyms: dynsyms, link: debugLink("prog.debug", []byte("other"))}
		}, false},
		{"right id", func(dir string) image {
			withID.write(t, filepath.Join(dir, "prog.debug"), 0o644)
			return image{dynsyms: dynsyms, id: id.id, link: debugLink("prog.debug", nil)}
		}, true},
		{"wrong id", func(dir string) image {
			withID.write(t, filepath.Join(dir, "prog.debug"), 0o644)
			return image{dynsyms: dynsyms, id: []byte{9, 9}, link: debugLink("prog.debug", withID.bytes())}
		}, false},
		{"link to itself", func(dir string) image {
			return image{dynsyms: dynsyms, link: debugLink("prog", nil)}
		}, false},
		{"link with a path", func(dir string) image {
			debug.write(t, filepath.Join(dir, "x", "prog.debug"), 0o644)
			return image{dynsyms: dynsyms, link: debugLink("x/prog.debug", debug.bytes())}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			f, err := Open(test.setup(dir).write(t, filepath.Join(dir, "prog"), 0o755))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Lookup("exported"); err != nil {
				t.Errorf("the file's own symbol is gone: %v", err)
			}
			s, err := f.Lookup("hidden")
			if (err == nil) != test.found {
				t.Errorf("Lookup(hidden) = %+v, %v, want found: %v", s, err, test.found)
			}
			if at, ok := f.At(textAddr + 0x704); ok != test.found {
				t.Errorf("At = %+v, %v, want found: %v", at, ok, test.found)
			}
		})
	}
}

func TestDebugPaths(t *testing.T) {
	f := openImage(t, image{id: []byte{0xab, 0xcd, 0xef}, link: debugLink("x.debug", nil)})
	f.path = "/proc/77/root/usr/bin/x"
	want := []string{
		"/proc/77/root/usr/lib/debug/.build-id/ab/cdef.debug",
		"/proc/77/root/usr/bin/x.debug",
		"/proc/77/root/usr/bin/.debug/x.debug",
		"/proc/77/root/usr/lib/debug/usr/bin/x.debug",
	}
	if diff := cmp.Diff(want, f.debugFiles()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path string
		want error
	}{
		{text, ErrNotELF},
		{dir, ErrNotELF},
		{"/dev/null", ErrNotELF},
		{filepath.Join(dir, "missing"), os.ErrNotExist},
		{image{typ: elf.ET_REL}.write(t, filepath.Join(dir, "x.o"), 0o644), ErrNotELF},
		{image{typ: elf.ET_EXEC}.write(t, filepath.Join(dir, "exec"), 0o644), ErrNotExecutable},
	} {
		if _, err := Open(test.path); !errors.Is(err, test.want) {
			t.Errorf("Open(%s): %v, want %v", test.path, err, test.want)
		}
	}
	for _, im := range []image{{typ: elf.ET_EXEC}, {typ: elf.ET_DYN}} {
		f, err := Open(im.write(t, filepath.Join(dir, fmt.Sprint("good", int(im.typ))), 0o755))
		if err != nil {
			t.Error(err)
			continue
		}
		f.Close()
	}
}

// What a C compiler makes of it, stripped and not, position independent or not.
func TestCompiled(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no C compiler:", err)
	}
	dir := t.TempDir()
	src := filepath.Join(dir, "x.c")
	code := "int shared_counter = 1;\nstatic __attribute__((noinline)) int local(int x) { return x + shared_counter; }\n" +
		"__attribute__((noinline)) int exported(int x) { return local(x); }\nint main(void) { return exported(1); }\n"
	if err := os.WriteFile(src, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		flags []string
		pic   bool
		local bool
	}{
		{"pie", []string{"-pie", "-fPIE"}, true, true},
		{"exec", []string{"-no-pie"}, false, true},
		{"shared", []string{"-shared", "-fPIC"}, true, true},
		{"shared stripped", []string{"-shared", "-fPIC", "-s"}, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := filepath.Join(dir, strings.ReplaceAll(test.name, " ", "-"))
			if text, err := exec.Command(gcc, append(test.flags, "-O1", "-o", out, src)...).CombinedOutput(); err != nil {
				t.Skipf("gcc %v: %v\n%s", test.flags, err, text)
			}
			f, err := Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.PositionIndependent() != test.pic {
				t.Errorf("PositionIndependent() = %v", f.PositionIndependent())
			}
			s, err := f.Lookup("exported")
			if err != nil || s.Kind != Func || s.Size == 0 {
				t.Fatalf("Lookup(exported) = %+v, %v", s, err)
			}
			off, err := f.Offset(s.Addr)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := f.Addr(off); back != s.Addr || err != nil {
				t.Errorf("Addr(Offset(%#x)) = %#x, %v", s.Addr, back, err)
			}
			if _, err := f.Lookup("local"); (err == nil) != test.local {
				t.Errorf("Lookup(local): %v, want found: %v", err, test.local)
			}
			if c, err := f.Lookup("shared_counter"); err != nil || c.Size != 4 || c.Kind != Object {
				t.Errorf("Lookup(shared_counter) = %+v, %v", c, err)
			}
		})
	}
}

func FuzzNew(f *testing.F) {
	im := program
	im.mini = compress(f, image{syms: program.syms}.bytes())
	im.link = debugLink("nothing", nil)
	f.Add(im.bytes())
	im.class32 = true
	f.Add(im.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := New(bytes.NewReader(b), "fuzz")
		if err != nil {
			return
		}
		file.BuildID()
		file.Lookup("mian")
		file.At(textAddr + 0x100)
		file.Symbols(func(s Symbol) bool {
			file.Offset(s.Addr)
			return true
		})
	})
}

// A program with as many symbols as a medium-sized Go binary.
func BenchmarkSymbols(b *testing.B) {
	im := image{}
	for i := range uint64(20_000) {
		im.syms = append(im.syms, fn(fmt.Sprintf("github.com/some/module/package.function%d", i), textAddr+i%textLen, 8))
	}
	path := im.write(b, filepath.Join(b.TempDir(), "prog"), 0o755)
	for name, use := range map[string]func(*File){
		"name": func(f *File) { f.Lookup("github.com/some/module/package.function777") },
		"addr": func(f *File) { f.At(textAddr + 100) },
		"near": func(f *File) { f.Lookup("github.com/some/module/package.functoin777") },
	} {
		b.Run("by="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := Open(path)
				if err != nil {
					b.Fatal(err)
				}
				use(f)
				f.Close()
			}
		})
	}
}

// Notes that are cut off or point nowhere are errors, not panics.
func TestBrokenUSDT(t *testing.T) {
	f := &File{path: "x", segments: []segment{{offset: 0x1000, addr: 0x401000, size: 0x1000, code: true}}}
	note := func(sem uint64, text string) []byte {
		var b []byte
		for _, n := range []uint64{0x401010, 0, sem} {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		return append(b, text...)
	}
	p, err := f.usdt(note(0, "a\x00b\x00-4@%eax\x00"), binary.LittleEndian, 0)
	if want := (USDT{Provider: "a", Name: "b", Addr: 0x401010, Args: "-4@%eax"}); err != nil || p != want {
		t.Errorf("usdt() = %+v, %v; want %+v", p, err, want)
	}
	for _, bad := range [][]byte{nil, note(0, "")[:20], note(0, "a\x00b"), note(5, "a\x00b\x00\x00")} {
		if p, err := f.usdt(bad, binary.LittleEndian, 0); err == nil {
			t.Errorf("usdt(%q) = %+v, want an error", bad, p)
		}
	}
}
