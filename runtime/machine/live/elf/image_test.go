package elf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/ulikunitz/xz"
)

// image describes a small ELF file for tests: one code segment, one data
// segment, symbol tables, and what separates debug information needs.
type image struct {
	typ     elf.Type // ET_DYN by default
	class32 bool
	syms    []elf.Symbol // .symtab; none leaves the section out
	dynsyms []elf.Symbol
	id      []byte // build id
	link    []byte // .gnu_debuglink
	mini    []byte // .gnu_debugdata
}

// Where the segments of an image lie: in the file, in memory, and how long.
const (
	textOff, textAddr, textLen = 0x1000, 0x401000, 0x1000
	dataOff, dataAddr, dataLen = 0x2000, 0x403000, 0x800
)

func fn(name string, addr, size uint64) elf.Symbol {
	return elf.Symbol{Name: name, Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Section: 1, Value: addr, Size: size}
}

func sym(name string, bind elf.SymBind, typ elf.SymType, addr, size uint64) elf.Symbol {
	return elf.Symbol{Name: name, Info: elf.ST_INFO(bind, typ), Section: 1, Value: addr, Size: size}
}

type section struct {
	name       string
	typ        elf.SectionType
	link       uint32
	entsize    uint64
	data       []byte
	offset     uint64
	nameOffset uint32
}

func (im image) bytes() []byte {
	le := binary.LittleEndian
	strtab := func(syms []elf.Symbol) (strs []byte, at []uint32) {
		strs = []byte{0}
		for _, s := range syms {
			at = append(at, uint32(len(strs)))
			strs = append(append(strs, s.Name...), 0)
		}
		return strs, at
	}
	encode := func(syms []elf.Symbol, at []uint32) []byte {
		var b bytes.Buffer
		if im.class32 {
			binary.Write(&b, le, elf.Sym32{})
			for i, s := range syms {
				binary.Write(&b, le, elf.Sym32{Name: at[i], Value: uint32(s.Value), Size: uint32(s.Size), Info: s.Info, Shndx: uint16(s.Section)})
			}
			return b.Bytes()
		}
		binary.Write(&b, le, elf.Sym64{})
		for i, s := range syms {
			binary.Write(&b, le, elf.Sym64{Name: at[i], Info: s.Info, Shndx: uint16(s.Section), Value: s.Value, Size: s.Size})
		}
		return b.Bytes()
	}
	secs := []section{{}}
	add := func(name string, typ elf.SectionType, link uint32, entsize uint64, data []byte) {
		if data != nil {
			secs = append(secs, section{name: name, typ: typ, link: link, entsize: entsize, data: data})
		}
	}
	entsize := uint64(elf.Sym64Size)
	if im.class32 {
		entsize = elf.Sym32Size
	}
	table := func(name, strs string, typ elf.SectionType, syms []elf.Symbol) {
		if syms != nil {
			text, at := strtab(syms)
			add(name, typ, uint32(len(secs)+1), entsize, encode(syms, at))
			add(strs, elf.SHT_STRTAB, 0, 0, text)
		}
	}
	table(".symtab", ".strtab", elf.SHT_SYMTAB, im.syms)
	table(".dynsym", ".dynstr", elf.SHT_DYNSYM, im.dynsyms)
	if im.id != nil {
		note := le.AppendUint32(nil, 4)
		note = le.AppendUint32(note, uint32(len(im.id)))
		note = le.AppendUint32(note, 3)
		add(".note.gnu.build-id", elf.SHT_NOTE, 0, 0, append(append(note, "GNU\x00"...), im.id...))
	}
	add(".gnu_debuglink", elf.SHT_PROGBITS, 0, 0, im.link)
	add(".gnu_debugdata", elf.SHT_PROGBITS, 0, 0, im.mini)
	names := []byte{0}
	secs = append(secs, section{name: ".shstrtab", typ: elf.SHT_STRTAB})
	for i := range secs {
		secs[i].nameOffset = uint32(len(names))
		names = append(append(names, secs[i].name...), 0)
	}
	secs[len(secs)-1].data = names
	out := make([]byte, dataOff+dataLen)
	for i := range secs {
		secs[i].offset = uint64(len(out))
		out = append(out, secs[i].data...)
		for len(out)%8 != 0 {
			out = append(out, 0)
		}
	}
	im.header(out, uint64(len(out)), len(secs))
	var tail bytes.Buffer
	for _, s := range secs {
		if im.class32 {
			binary.Write(&tail, le, elf.Section32{Name: s.nameOffset, Type: uint32(s.typ), Off: uint32(s.offset), Size: uint32(len(s.data)), Link: s.link, Entsize: uint32(s.entsize)})
		} else {
			binary.Write(&tail, le, elf.Section64{Name: s.nameOffset, Type: uint32(s.typ), Off: s.offset, Size: uint64(len(s.data)), Link: s.link, Entsize: s.entsize})
		}
	}
	return append(out, tail.Bytes()...)
}

// header writes the file header and the program headers into place.
func (im image) header(out []byte, shoff uint64, shnum int) {
	le := binary.LittleEndian
	typ := im.typ
	if typ == 0 {
		typ = elf.ET_DYN
	}
	var b bytes.Buffer
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
	type load struct {
		off, addr, size uint64
		flags           elf.ProgFlag
	}
	loads := []load{{textOff, textAddr, textLen, elf.PF_R | elf.PF_X}, {dataOff, dataAddr, dataLen, elf.PF_R | elf.PF_W}}
	if im.class32 {
		ident[elf.EI_CLASS] = byte(elf.ELFCLASS32)
		binary.Write(&b, le, elf.Header32{Ident: ident, Type: uint16(typ), Machine: uint16(elf.EM_386), Version: 1, Phoff: 52, Shoff: uint32(shoff),
			Ehsize: 52, Phentsize: 32, Phnum: 2, Shentsize: 40, Shnum: uint16(shnum), Shstrndx: uint16(shnum - 1)})
		for _, l := range loads {
			binary.Write(&b, le, elf.Prog32{Type: uint32(elf.PT_LOAD), Off: uint32(l.off), Vaddr: uint32(l.addr), Filesz: uint32(l.size), Memsz: uint32(l.size), Flags: uint32(l.flags)})
		}
	} else {
		binary.Write(&b, le, elf.Header64{Ident: ident, Type: uint16(typ), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: 64, Shoff: shoff,
			Ehsize: 64, Phentsize: 56, Phnum: 2, Shentsize: 64, Shnum: uint16(shnum), Shstrndx: uint16(shnum - 1)})
		for _, l := range loads {
			binary.Write(&b, le, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(l.flags), Off: l.off, Vaddr: l.addr, Filesz: l.size, Memsz: l.size})
		}
	}
	copy(out, b.Bytes())
}

// write puts an image into a file and returns its path.
func (im image) write(t testing.TB, path string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, im.bytes(), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func compress(t testing.TB, data []byte) []byte {
	t.Helper()
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
	return b.Bytes()
}

// debugLink returns the section that names a debug file and tells its checksum.
func debugLink(name string, file []byte) []byte {
	b := append([]byte(name), 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(file))
}
