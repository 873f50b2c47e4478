package symbol

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/btf"
)

func TestParseSymbol(t *testing.T) {
	for text, want := range map[string]Location{
		"vfs_read+0x0/0x120":                          {Name: "vfs_read"},
		"nf_hook+0x1f/0x120 [nf_tables]":              {Name: "nf_hook", Offset: 0x1f, Module: "nf_tables"},
		"f+0x1/0x2 [mod 0123456789abcdef]":            {Name: "f", Offset: 1, Module: "mod"},
		"bpf_prog_6deef7357e7b4530_x+0x2a/0x40 [bpf]": {Name: "bpf_prog_6deef7357e7b4530_x", Offset: 0x2a, Module: "bpf"},
		"0xffffffffdeadbeef":                          {},
		"":                                            {},
		"+0x1/0x2":                                    {},
		"f+0xzz/0x2":                                  {},
		"f+0x1":                                       {},
	} {
		if got := parseSymbol(text); got != want {
			t.Errorf("parseSymbol(%q) = %+v, want %+v", text, got, want)
		}
	}
}

// table returns the list of symbols, or a skip where the kernel hides it.
func table(t testing.TB) *Table {
	t.Helper()
	f, err := os.Open(kallsymsPath)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	tab, err := Parse(f)
	if errors.Is(err, ErrHidden) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// closed skips where the kernel does not permit the way or is too old for its
// helper; a kernel that has the helper must take the program.
func closed(t testing.TB, err error, helper string) {
	t.Helper()
	if err == nil {
		return
	}
	known := true
	if spec, err := btf.NewHost().Kernel(); err == nil {
		_, _, known = spec.Enumerator(helper)
	}
	if !known || errors.Is(err, unix.EPERM) {
		t.Skip("this kernel cannot be asked:", err)
	}
	t.Fatal(err)
}

func TestAskAddrs(t *testing.T) {
	_, err := host.name()
	closed(t, err, "BPF_FUNC_kallsyms_lookup_name")
	tab := table(t)
	names := []string{"vfs_read", "tcp_v4_connect", "no_such_symbol_here", "", "a\x00b", string(bytes.Repeat([]byte("x"), maxKsym))}
	got, err := host.askAddrs(names)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		want, ok := tab.Addr(name)
		if addr, found := got[name]; addr != want || found != ok {
			t.Errorf("askAddrs(%q) = %#x, %v, want %#x, %v", name, addr, found, want, ok)
		}
	}
}

func TestAskLocations(t *testing.T) {
	_, err := host.text()
	closed(t, err, "BPF_FUNC_snprintf")
	tab := table(t)
	var addrs []uint64
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		e := tab.entries[random.IntN(len(tab.entries))]
		if e.module&textBit != 0 && e.addr >= kernelHalf {
			addrs = append(addrs, e.addr+random.Uint64N(3))
		}
	}
	addrs = append(addrs, kernelHalf, ^uint64(0))
	n := 0
	err = host.askLocations(addrs, func(i int, loc Location) {
		if i != n {
			t.Fatalf("answer %d came for address %d", n, i)
		}
		n++
		name, offset, module, ok := tab.Lookup(addrs[i])
		if !ok && loc == (Location{}) {
			return
		}
		// Of several names for one place either will do.
		if alias, known := tab.Addr(loc.Name); loc.Offset != offset || loc.Module != module || loc.Name != name && (!known || alias != addrs[i]-offset) {
			t.Errorf("%#x is %+v, want %s+%#x [%s]", addrs[i], loc, name, offset, module)
		}
	})
	if err != nil || n != len(addrs) {
		t.Errorf("%d answers for %d addresses, %v", n, len(addrs), err)
	}
}

// Names gives the same answers whichever way it goes.
func TestNames(t *testing.T) {
	tab := table(t)
	addr, ok := tab.Addr("vfs_read")
	if !ok {
		t.Fatal("no vfs_read")
	}
	for _, text := range []bool{false, true} {
		n := host.Names()
		n.text.Store(text)
		if err := n.Prepare([]uint64{addr, addr + 5, 0, 1 << 47, addr}); err != nil {
			t.Fatal(err)
		}
		for off := range uint64(8) {
			loc, ok := n.Lookup(addr + off)
			if want := (Location{Name: "vfs_read", Offset: off}); loc != want || !ok {
				t.Errorf("Lookup(vfs_read+%d) = %+v, %v, read as text: %v", off, loc, ok, text)
			}
		}
		for _, bad := range []uint64{0, 1 << 47, kernelHalf, ^uint64(0)} {
			if loc, ok := n.Lookup(bad); ok {
				t.Errorf("Lookup(%#x) = %+v, read as text: %v", bad, loc, text)
			}
		}
	}
}

func BenchmarkAsk(b *testing.B) {
	tab := table(b)
	addr, _ := tab.Addr("vfs_read")
	b.Run("addr", func(b *testing.B) {
		if _, err := host.name(); err != nil {
			b.Skip(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := host.askAddrs([]string{"vfs_read"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("names", func(b *testing.B) {
		if _, err := host.text(); err != nil {
			b.Skip(err)
		}
		addrs := make([]uint64, 1000)
		for i := range addrs {
			addrs[i] = addr + uint64(i)
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := host.Names().Prepare(addrs); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The numbers of the helpers, as the kernel's own enum has them.
func TestHelperNumbers(t *testing.T) {
	spec, err := btf.NewHost().Kernel()
	if err != nil {
		t.Skip(err)
	}
	for name, number := range map[string]int64{"BPF_FUNC_snprintf": helperSnprintf, "BPF_FUNC_kallsyms_lookup_name": helperLookupName} {
		if _, v, ok := spec.Enumerator(name); ok && v != number {
			t.Errorf("%s is %d, want %d", name, number, v)
		}
	}
}
