package symbol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// host is the kernel that the tests run on.
var host = NewKernel()

const sample = `0000000000000000 D __per_cpu_start
0000000000001000 D cpu_debug_store
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000040 T secondary_startup_64
ffffffff81002000 t do_one
ffffffff81002100 W arch_weak
ffffffff82000000 D jiffies
ffffffff82000008 D jiffies_64
ffffffff83000000 B _end
ffffffffc0402000 t nf_b	[nf_tables]
ffffffffc0401000 t nf_a	[nf_tables]
ffffffffc0401000 t nf_alias	[nf_tables]
ffffffffc0403000 d nf_data	[nf_tables]
ffffffffc0300000 t do_one	[btrfs]
ffffffffc0201000 t bpf_prog_6deef7357e7b4530	[bpf]
`

func parse(t testing.TB, text string) *Table {
	t.Helper()
	tab, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestAliases(t *testing.T) {
	tab := parse(t, sample)
	for name, want := range map[string][]string{
		"_stext": {"_text"}, "nf_alias": {"nf_a"}, "nf_a": {"nf_alias"}, "jiffies": nil, "missing": nil,
	} {
		if diff := cmp.Diff(want, tab.Aliases(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLookup(t *testing.T) {
	tab := parse(t, sample)
	for _, test := range []struct {
		addr uint64
		want string
	}{
		{0, ""},
		{0x1000, ""}, // an offset of a per-CPU variable, no address
		{0x7fffffffffff, ""},
		{0xffffffff80ffffff, ""},
		{0xffffffff81000000, "_stext+0x0"},
		{0xffffffff8100003f, "_stext+0x3f"},
		{0xffffffff81000041, "secondary_startup_64+0x1"},
		{0xffffffff81002010, "do_one+0x10"},
		{0xffffffff82000007, "jiffies+0x7"},
		{0xffffffff83000010, "_end+0x10"},
		{0xffffffff8300ffff, "_end+0xffff"},
		{0xffffffff83010000, ""}, // too far beyond the kernel
		{0xffffffffc0200fff, ""},
		{0xffffffffc0201004, "bpf_prog_6deef7357e7b4530+0x4 [bpf]"},
		{0xffffffffc0300008, "do_one+0x8 [btrfs]"},
		{0xffffffffc0401000, "nf_a+0x0 [nf_tables]"}, // the first of two
		{0xffffffffc0402fff, "nf_b+0xfff [nf_tables]"},
		{0xffffffffc0403001, "nf_data+0x1 [nf_tables]"},
		{0xffffffffffffffff, ""},
	} {
		got := ""
		if name, off, module, ok := tab.Lookup(test.addr); ok {
			got = fmt.Sprintf("%s+%#x", name, off)
			if module != "" {
				got += " [" + module + "]"
			}
		}
		if got != test.want {
			t.Errorf("Lookup(%#x) = %q, want %q", test.addr, got, test.want)
		}
	}
}

func TestAddr(t *testing.T) {
	tab := parse(t, sample)
	for _, test := range []struct {
		name string
		addr uint64
		ok   bool
	}{
		{"_text", 0xffffffff81000000, true},
		{"do_one", 0xffffffff81002000, true}, // the kernel's, not btrfs's
		{"jiffies", 0xffffffff82000000, true},
		{"cpu_debug_store", 0x1000, true},
		{"_end", 0xffffffff83000000, true},
		{"nf_a", 0xffffffffc0401000, true},
		{"nf_data", 0xffffffffc0403000, true},
		{"nothing", 0, false},
		{"", 0, false},
	} {
		if addr, ok := tab.Addr(test.name); addr != test.addr || ok != test.ok {
			t.Errorf("Addr(%q) = %#x, %v, want %#x, %v", test.name, addr, ok, test.addr, test.ok)
		}
	}
}

func TestTextSymbols(t *testing.T) {
	var streamed []string
	err := textSymbols(strings.NewReader(sample), func(name, module string) bool {
		streamed = append(streamed, name+":"+module)
		return true
	})
	want := []string{"_stext:", "_text:", "secondary_startup_64:", "do_one:", "arch_weak:",
		"nf_b:nf_tables", "nf_a:nf_tables", "nf_alias:nf_tables", "do_one:btrfs", "bpf_prog_6deef7357e7b4530:bpf"}
	if diff := cmp.Diff(want, streamed); diff != "" || err != nil {
		t.Errorf("textSymbols: %v, -want +got:\n%s", err, diff)
	}
}

func TestAddrOf(t *testing.T) {
	read := 0
	r := readerFunc(func(b []byte) (int, error) { // a line a read
		if read >= len(sample) {
			return 0, io.EOF
		}
		n := copy(b, sample[read:read+strings.IndexByte(sample[read:], '\n')+1])
		read += n
		return n, nil
	})
	got, err := addrOf(r, []string{"do_one", "jiffies", "do_one", "cpu_debug_store"})
	want := map[string]uint64{"do_one": 0xffffffff81002000, "jiffies": 0xffffffff82000000, "cpu_debug_store": 0x1000}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("addrOf: %v, -want +got:\n%s", err, diff)
	}
	if read > strings.Index(sample, "jiffies_64") {
		t.Errorf("read %d bytes, should have stopped after jiffies", read)
	}
	got, err = addrOf(strings.NewReader(sample), []string{"nothing", "nf_a"})
	if diff := cmp.Diff(map[string]uint64{"nf_a": 0xffffffffc0401000}, got); diff != "" || err != nil {
		t.Errorf("addrOf with a missing name: %v, -want +got:\n%s", err, diff)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestHidden(t *testing.T) {
	zero := strings.NewReplacer("ffffffff8", "000000000", "ffffffffc", "000000000").Replace(sample)
	var lines []string
	for line := range strings.Lines(zero) {
		lines = append(lines, "0000000000000000"+line[16:])
	}
	zero = strings.Join(lines, "")
	if _, err := Parse(strings.NewReader(zero)); !errors.Is(err, ErrHidden) {
		t.Errorf("Parse: %v, want ErrHidden", err)
	}
	if got, err := addrOf(strings.NewReader(zero), []string{"do_one"}); !errors.Is(err, ErrHidden) {
		t.Errorf("addrOf = %v, %v, want ErrHidden", got, err)
	}
	n := 0
	if err := textSymbols(strings.NewReader(zero), func(string, string) bool { n++; return true }); err != nil || n != 10 {
		t.Errorf("textSymbols: %d, %v, want 10 names all the same", n, err)
	}
}

// Odd lines are skipped, and reads may end anywhere.
func TestScan(t *testing.T) {
	text := "\nrubbish\nffffffff81000000\nffffffff81000000 T\nffffffff81000000 T \n0 T x\n" +
		"ffffffff81000000 T a\t[b\nffffffffABCDEF01 T upper\nffffffff81000000 T ]\n" +
		"ffffffff81000000 T m\t[mod]\nffffffff89abcdef t last"
	want := []string{"ffffffff81000000 T a\t[b ", "ffffffffabcdef01 T upper ", "ffffffff81000000 T ] ", "ffffffff81000000 T m mod", "ffffffff89abcdef t last "}
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(text),
		"bytes": iotest.OneByteReader(strings.NewReader(text)),
		"eof":   iotest.DataErrReader(strings.NewReader(text)),
	} {
		var got []string
		if err := scan(r, func(l line) bool {
			got = append(got, fmt.Sprintf("%016x %c %s %s", l.addr, l.typ, l.name, l.module))
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
	}
	long := "ffffffff81000000 T " + strings.Repeat("x", 1<<17)
	if err := scan(strings.NewReader(long), func(line) bool { return true }); err == nil {
		t.Error("a line of 128 KB is accepted")
	}
	broken := errors.New("broken")
	if _, err := Parse(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("Parse of a failing reader: %v", err)
	}
	if _, err := addrOf(iotest.ErrReader(broken), []string{"x"}); !errors.Is(err, broken) {
		t.Errorf("addrOf of a failing reader: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, text []byte) {
		tab, err := Parse(bytes.NewReader(text))
		if err != nil {
			return
		}
		for i := range tab.entries {
			e := &tab.entries[i]
			if i > 0 && tab.entries[i-1].addr > e.addr {
				t.Fatalf("entry %d is out of order", i)
			}
			if name, off, _, ok := tab.Lookup(e.addr); ok && (off != 0 || name == "") {
				t.Fatalf("Lookup(%#x) = %q+%d", e.addr, name, off)
			}
			if _, ok := tab.Addr(tab.name(e)); !ok {
				t.Fatalf("Addr(%q) finds nothing", tab.name(e))
			}
			if i > 200 {
				break
			}
		}
	})
}

func TestKernel(t *testing.T) {
	tab, err := host.Table()
	if errors.Is(err, ErrHidden) && os.Geteuid() != 0 {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	addr, ok := tab.Addr("vfs_read")
	if !ok {
		t.Fatal("no vfs_read")
	}
	if name, off, module, ok := tab.Lookup(addr + 1); name != "vfs_read" || off != 1 || module != "" || !ok {
		t.Errorf("Lookup(vfs_read+1) = %s+%d [%s], %v", name, off, module, ok)
	}
	few, err := host.AddrOf("vfs_read", "tcp_v4_connect", "no_such_symbol_here")
	if err != nil {
		t.Fatal(err)
	}
	if few["vfs_read"] != addr || len(few) > 2 {
		t.Errorf("AddrOf = %v, want vfs_read at %#x", few, addr)
	}
	again, err := host.reload()
	if err != nil || again == tab {
		t.Errorf("reload: %v, same table: %v", err, again == tab)
	}
	if now, _ := host.Table(); now != again {
		t.Error("Kernel does not return what reload read")
	}
	n := 0
	if err := TextSymbols(func(string, string) bool { n++; return true }); err != nil || n < 10_000 {
		t.Errorf("TextSymbols: %d, %v", n, err)
	}
}

func kallsymsText(b *testing.B) []byte {
	text, err := os.ReadFile(kallsymsPath)
	if err != nil {
		b.Skip(err)
	}
	return text
}

// What the kernel needs to write the text is in "load", not in "parse".
func BenchmarkKallsyms(b *testing.B) {
	text := kallsymsText(b)
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := Parse(bytes.NewReader(text)); err != nil {
				b.Skip(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := host.reload(); err != nil {
				b.Skip(err)
			}
		}
	})
}

func BenchmarkAddrOf(b *testing.B) {
	b.Run("way=best", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := host.AddrOf("vfs_read"); err != nil {
				b.Skip(err)
			}
		}
	})
	for _, name := range []string{"vfs_read", "no_such_symbol_here"} {
		b.Run("way=text/name="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := os.Open(kallsymsPath)
				if err != nil {
					b.Skip(err)
				}
				if _, err := addrOf(f, []string{name}); err != nil {
					b.Skip(err)
				}
				f.Close()
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	tab, err := Parse(bytes.NewReader(kallsymsText(b)))
	if err != nil {
		b.Skip(err)
	}
	addr, _ := tab.Addr("vfs_read")
	b.Run("addr", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tab.Lookup(addr + 40)
		}
	})
	b.Run("name", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tab.Addr("vfs_read")
		}
	})
}
