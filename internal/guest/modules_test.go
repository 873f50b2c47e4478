package guest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"
)

// moduleFile makes an ELF file with a section .modinfo of the given entries:
// all that the resolver reads of a module.
func moduleFile(t *testing.T, entries ...string) []byte {
	t.Helper()
	info := strings.Join(entries, "\x00") + "\x00"
	names := "\x00.modinfo\x00.shstrtab\x00"
	const headerSize, sectionSize = 64, 64
	infoAt := headerSize
	namesAt := infoAt + len(info)
	sectionsAt := (namesAt + len(names) + 7) &^ 7
	var b bytes.Buffer
	write := func(values ...any) {
		for _, v := range values {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.WriteString("\x7fELF\x02\x01\x01")
	b.Write(make([]byte, 9))
	// Relocatable, x86-64, version, entry, program headers, section headers.
	write(uint16(1), uint16(62), uint32(1), uint64(0), uint64(0), uint64(sectionsAt))
	write(uint32(0), uint16(headerSize), uint16(0), uint16(0), uint16(sectionSize), uint16(3), uint16(2))
	b.WriteString(info + names)
	b.Write(make([]byte, sectionsAt-b.Len()))
	section := func(name, kind uint32, at, size int) {
		write(name, kind, uint64(0), uint64(0), uint64(at), uint64(size), uint32(0), uint32(0), uint64(1), uint64(0))
	}
	section(0, 0, 0, 0)
	section(1, 1, infoAt, len(info))
	section(10, 3, namesAt, len(names))
	return b.Bytes()
}

// testModules writes a kernel's folder of modules. Values are the names that
// a module depends on; a path that ends in .xz is compressed.
func testModules(t *testing.T, files map[string]string, builtin string) *Kernel {
	t.Helper()
	dir := t.TempDir()
	for name, depends := range files {
		data := moduleFile(t, "license=GPL", "depends="+depends, "name="+moduleName(name))
		if strings.HasSuffix(name, ".xz") {
			var b bytes.Buffer
			w, err := xz.NewWriter(&b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			data = b.Bytes()
		}
		file := filepath.Join(dir, "kernel", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "modules.builtin"), []byte(builtin), 0o644); err != nil {
		t.Fatal(err)
	}
	return &Kernel{Name: "9.9", Modules: dir}
}

func TestModuleOrder(t *testing.T) {
	k := testModules(t, map[string]string{
		"net/bridge.ko":      "stp,llc",
		"net/stp.ko.xz":      "llc",
		"net/llc.ko":         "",
		"drivers/veth.ko.xz": "",
		"nf/nf-tables.ko":    "nfnetlink,libcrc32c",
		"nf/nfnetlink.ko":    "",
		"loop/a.ko":          "b",
		"loop/b.ko":          "a",
		"broken/c.ko":        "nowhere",
	}, "kernel/lib/libcrc32c.ko\nkernel/drivers/virtio/virtio_pci.ko\n")
	index, err := k.modules()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		names string
		want  string
	}{
		{"veth", "veth"},
		{"bridge", "llc stp bridge"},
		{"llc bridge stp bridge", "llc stp bridge"},
		{"nf_tables", "nfnetlink nf_tables"},
		{"nf-tables", "nfnetlink nf_tables"},
		{"virtio-pci libcrc32c", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.names, func(t *testing.T) {
			mods, err := index.order(strings.Fields(tt.names)...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range mods {
				got = append(got, m.name)
				if strings.HasSuffix(m.path, ".xz") || !bytes.HasPrefix(m.data, []byte("\x7fELF")) {
					t.Errorf("%s is not uncompressed", m.path)
				}
			}
			if d := cmp.Diff(strings.Fields(tt.want), got, cmp.Comparer(func(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") })); d != "" {
				t.Errorf("order (-want +got):\n%s", d)
			}
		})
	}
	for names, part := range map[string]string{
		"unknown": "unknown",
		"c":       "nowhere, which c needs",
		"a":       "depends on itself",
	} {
		if _, err := index.order(names); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("order(%s): error %v does not say %q", names, err, part)
		}
	}
	if _, err := index.order("unknown"); !errors.Is(err, ErrNoModule) {
		t.Errorf("order(unknown): %v is no ErrNoModule", err)
	}
}

func TestModuleDependsRefuses(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("no module"), "cut short": moduleFile(t, "depends=a")[:70],
	} {
		if deps, err := moduleDepends(data); err == nil {
			t.Errorf("%s: gave %v", name, deps)
		}
	}
	file := filepath.Join(t.TempDir(), "x.ko.xz")
	if err := os.WriteFile(file, []byte("not compressed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readModule(file); err == nil {
		t.Error("a file that is not compressed was accepted as one that is")
	}
}
