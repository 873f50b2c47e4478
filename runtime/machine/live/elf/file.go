package elf

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"probe/runtime/trust"
)

// Errors for callers to test with errors.Is.
var (
	// ErrNotELF is wrapped for a file that is no ELF executable or library.
	ErrNotELF = errors.New("not an ELF executable or shared object")
	// ErrNotExecutable is wrapped for a program without execute permission.
	ErrNotExecutable = errors.New("not executable")
	// ErrNotInFile is wrapped for an address that no part of the file is
	// loaded at.
	ErrNotInFile = errors.New("address is not backed by the file")
)

// maxSection bounds the bytes read of one section, and with them the number of
// symbols. The largest known symbol tables stay below 500 MB.
const maxSection = 1 << 30

// File is an open program, library or image of one. It is safe for concurrent
// use.
type File struct {
	path     string
	f        *elf.File
	closer   io.Closer
	segments []segment

	once  sync.Once
	table *table
	err   error

	sortOnce sync.Once

	// DebugDirs are folders with separate debug files, searched before the one
	// of the distribution. They are set before the file is asked for symbols or
	// debugging information.
	DebugDirs []string
	debug     debugInfo
}

// segment is a part of the file that the loader maps into memory.
type segment struct {
	offset, addr, size uint64 // size in the file
	code               bool
}

// Open opens a program or library with the rights of the user, who is shown its
// symbols. The error wraps ErrNotELF or ErrNotExecutable for a file that cannot be probed.
func Open(path string) (*File, error) { return openBy(trust.Open, path) }

// OpenMapped is Open for a file that a traced process has mapped: with all rights that
// probe has.
func OpenMapped(path string) (*File, error) { return openBy(os.Open, path) }

func openBy(with func(string) (*os.File, error), path string) (*File, error) {
	f, err := with(path)
	if err != nil {
		return nil, err
	}
	file, err := open(f, path)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

func open(f *os.File, path string) (*File, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is a %s", ErrNotELF, kindOf(st.Mode()))
	}
	file, err := New(f, path)
	if err != nil {
		return nil, err
	}
	if file.f.Type == elf.ET_EXEC && st.Mode()&0o111 == 0 {
		return nil, ErrNotExecutable
	}
	file.closer = f
	return file, nil
}

func kindOf(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&os.ModeDevice != 0:
		return "device"
	case m&os.ModeSocket != 0:
		return "socket"
	case m&os.ModeNamedPipe != 0:
		return "pipe"
	}
	return "special file"
}

// New reads an image, for instance that of the vdso, from memory. path is used
// in error messages and in the search for separate debug information.
func New(r io.ReaderAt, path string) (*File, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotELF, err)
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return nil, fmt.Errorf("%w: it is of type %v", ErrNotELF, f.Type)
	}
	file := &File{path: path, f: f}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			file.segments = append(file.segments, segment{
				offset: p.Off, addr: p.Vaddr, size: p.Filesz, code: p.Flags&elf.PF_X != 0,
			})
		}
	}
	return file, nil
}

// Close closes the file. Symbols read so far stay usable.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Path returns the path the file was opened with.
func (f *File) Path() string { return f.path }

// PositionIndependent reports whether the file can be loaded at any address,
// as libraries and most programs can. Addresses in it then start near zero.
func (f *File) PositionIndependent() bool { return f.f.Type == elf.ET_DYN }

// Machine returns the processor the file is for.
func (f *File) Machine() elf.Machine { return f.f.Machine }

// Offset turns an address of the file into an offset in the file, which is
// what a uprobe is attached to. The error wraps ErrNotInFile.
func (f *File) Offset(addr uint64) (uint64, error) {
	for _, s := range f.segments {
		if addr >= s.addr && addr-s.addr < s.size {
			return addr - s.addr + s.offset, nil
		}
	}
	return 0, fmt.Errorf("%s: %w: %#x", f.path, ErrNotInFile, addr)
}

// Addr turns an offset in the file into the address it is loaded at, before
// the loader moves the whole. The error wraps ErrNotInFile.
func (f *File) Addr(offset uint64) (uint64, error) {
	// Two segments can share a page of the file. Callers ask about code, so
	// executable segments come first.
	for _, code := range []bool{true, false} {
		for _, s := range f.segments {
			if s.code == code && offset >= s.offset && offset-s.offset < s.size {
				return offset - s.offset + s.addr, nil
			}
		}
	}
	return 0, fmt.Errorf("%s: %w: offset %#x", f.path, ErrNotInFile, offset)
}

// Code reads up to n bytes at an address of the file: fewer where the segment
// ends. The error wraps ErrNotInFile.
func (f *File) Code(addr uint64, n int) ([]byte, error) {
	for _, p := range f.f.Progs {
		if p.Type != elf.PT_LOAD || addr < p.Vaddr || addr-p.Vaddr >= p.Filesz {
			continue
		}
		b := make([]byte, min(uint64(n), p.Filesz-(addr-p.Vaddr)))
		if _, err := p.ReadAt(b, int64(addr-p.Vaddr)); err != nil {
			return nil, fmt.Errorf("%s: code at %#x: %v", f.path, addr, err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("%s: %w: %#x", f.path, ErrNotInFile, addr)
}

// Section returns the contents of a section, decompressed; nil when there is
// none of the name.
func (f *File) Section(name string) ([]byte, error) {
	s := f.f.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	return f.data(s)
}

func (f *File) data(s *elf.Section) ([]byte, error) {
	if s.Size > maxSection {
		return nil, fmt.Errorf("%s: section %s of %d bytes is too large", f.path, s.Name, s.Size)
	}
	b, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: section %s: %v", f.path, s.Name, err)
	}
	return b, nil
}

// BuildID returns the identity the linker gave the file, in hexadecimal; empty
// when it gave none.
func (f *File) BuildID() string {
	const gnuBuildID = 3
	for _, s := range f.f.Sections {
		if s.Type != elf.SHT_NOTE || s.Size > 1<<16 {
			continue
		}
		b, err := s.Data()
		if err != nil {
			continue
		}
		for len(b) >= 12 {
			u32 := f.f.ByteOrder.Uint32
			name, desc, typ := uint64(u32(b)), uint64(u32(b[4:])), u32(b[8:])
			descAt := 12 + (name+3)&^3
			end := descAt + (desc+3)&^3
			if descAt+desc > uint64(len(b)) {
				break
			}
			if typ == gnuBuildID && name == 4 && string(b[12:16]) == "GNU\x00" {
				return hex.EncodeToString(b[descAt : descAt+desc])
			}
			b = b[min(end, uint64(len(b))):]
		}
	}
	return ""
}
