package elf

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"probe/runtime/machine/live/dwarf"
)

// NoDebugError reports that a file has no debugging information.
type NoDebugError struct {
	Path    string
	BuildID string
	// Tried lists the debug files that were looked for, and for those that
	// exist the reason why they do not serve.
	Tried []string
}

// Error implements error.
func (e *NoDebugError) Error() string {
	text := e.Path + " has no debugging information"
	if len(e.Tried) > 0 {
		text += "; looked for " + strings.Join(e.Tried, ", ")
	}
	return text
}

// debugInfo is the opened debugging information of a File.
type debugInfo struct {
	once sync.Once
	f    *dwarf.File
	err  error
}

// DebugInfo returns the debugging information of the file: its own, or that of
// the separate file that belongs to it. It is opened once and stays open, even
// when f is closed. The error is a *NoDebugError if there is none.
func (f *File) DebugInfo() (*dwarf.File, error) {
	f.debug.once.Do(func() { f.debug.f, f.debug.err = f.openDebug() })
	return f.debug.f, f.debug.err
}

// openDebug opens the file again, since f may have been closed.
func (f *File) openDebug() (*dwarf.File, error) {
	again, err := f.reopen(f.path)
	if root := f.root(); err != nil && root != "" {
		// The process has ended. Its file is probably in our own root as well.
		again, err = f.reopen(strings.TrimPrefix(f.path, root))
	}
	if err != nil {
		return nil, err
	}
	if hasInfo(again.f) {
		return again.dwarfOf(again.f, again.path)
	}
	defer again.Close()
	return again.separate()
}

// reopen opens a file by a path if it is the one that f was read from.
func (f *File) reopen(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	again, err := New(file, path)
	if err == nil && (again.f.Entry != f.f.Entry || !slices.Equal(again.segments, f.segments)) {
		err = errors.New("it has been replaced")
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	again.closer, again.DebugDirs = file, f.DebugDirs
	return again, nil
}

// separate opens the separate debug file.
func (f *File) separate() (*dwarf.File, error) {
	missing := &NoDebugError{Path: f.path, BuildID: f.BuildID()}
	for _, path := range f.debugFiles() {
		d, err := f.openDebugFile(path)
		if err == nil {
			return d, nil
		}
		if !os.IsNotExist(err) {
			path += fmt.Sprintf(" (%v)", err)
		}
		missing.Tried = append(missing.Tried, path)
	}
	return nil, missing
}

func hasInfo(f *elf.File) bool {
	s := f.Section(".debug_info")
	if s == nil {
		s = f.Section(".zdebug_info")
	}
	return s != nil && s.Type != elf.SHT_NOBITS
}

// openDebugFile opens a separate debug file if it belongs to f.
func (f *File) openDebugFile(path string) (*dwarf.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	debug, err := New(file, path)
	switch {
	case err != nil:
	case !f.belongs(debug, file):
		err = errors.New("it belongs to another version of the file")
	case !hasInfo(debug.f):
		err = errors.New("it has symbols only")
	default:
		return f.dwarfOf(debug.f, path)
	}
	file.Close()
	return nil, err
}

// dwarfOf returns the debugging information of an image that stays open.
func (f *File) dwarfOf(image *elf.File, path string) (*dwarf.File, error) {
	d, err := dwarf.New(debugSections(image, ""), false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if link, err := contents(image, ".gnu_debugaltlink"); err == nil && len(link) > 0 {
		d.Alternate = func() (*dwarf.File, error) { return f.openAlternate(link, path) }
	}
	var packages sync.Map // the .dwp and .dwo files by path
	d.Split = func(_ *dwarf.Unit, dir, name string, id uint64) (*dwarf.Unit, error) {
		var last error
		for _, p := range f.splitFiles(path, dir, name) {
			got, _ := packages.LoadOrStore(p, sync.OnceValues(func() (*splitFile, error) { return openSplit(p) }))
			s, err := got.(func() (*splitFile, error))()
			if err != nil {
				last = err
				continue
			}
			u, err := s.f.SplitUnit(s.index, id)
			if err == nil {
				return u, nil
			}
			last = err
		}
		return nil, last
	}
	return d, nil
}

// splitFiles lists where the entries of a unit may be that was split off.
func (f *File) splitFiles(debug, dir, name string) []string {
	out := []string{f.path + ".dwp"}
	if debug != f.path {
		out = append(out, debug+".dwp", strings.TrimSuffix(debug, ".debug")+".dwp")
	}
	root := f.root()
	if filepath.IsAbs(name) {
		out = append(out, filepath.Join(root, name))
	} else {
		out = append(out, filepath.Join(root, dir, name), filepath.Join(filepath.Dir(f.path), name))
	}
	return append(out, filepath.Join(filepath.Dir(f.path), filepath.Base(name)))
}

type splitFile struct {
	f     *dwarf.File
	index []byte
}

func openSplit(path string) (*splitFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	image, err := elf.NewFile(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d, err := dwarf.New(debugSections(image, ".dwo"), true)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	index, err := contents(image, ".debug_cu_index")
	return &splitFile{d, index}, err
}

// openAlternate opens the debug file that several files share (dwz): the link
// is a path and a build id.
func (f *File) openAlternate(link []byte, from string) (*dwarf.File, error) {
	name, id, _ := bytes.Cut(link, []byte{0})
	root := f.root()
	path := string(name)
	paths := []string{filepath.Join(filepath.Dir(from), path)}
	if filepath.IsAbs(path) {
		paths = []string{filepath.Join(root, path)}
	}
	for _, dir := range f.debugDirs() {
		paths = append(paths, filepath.Join(dir, ".dwz", filepath.Base(path)))
		if text := hex.EncodeToString(id); len(text) > 2 {
			paths = append(paths, filepath.Join(dir, ".build-id", text[:2], text[2:]+".debug"))
		}
	}
	var last error
	for _, p := range paths {
		file, err := os.Open(p)
		if err != nil {
			last = err
			continue
		}
		image, err := New(file, p)
		if err == nil && image.BuildID() != hex.EncodeToString(id) {
			err = errors.New("it belongs to another version of the file")
		}
		if err != nil {
			file.Close()
			last = fmt.Errorf("%s: %w", p, err)
			continue
		}
		return dwarf.New(debugSections(image.f, ""), false)
	}
	return nil, last
}

// debugSections returns the sections of DWARF in an image, whose names have a suffix
// in files with split information.
func debugSections(image *elf.File, suffix string) dwarf.Sections {
	var out dwarf.Sections
	for name, to := range out.Names() {
		*to = debugSection(image, name+suffix)
	}
	return out
}

func debugSection(image *elf.File, name string) *dwarf.Section {
	s := image.Section(name)
	if s == nil {
		if s = image.Section(".z" + strings.TrimPrefix(name, ".")); s == nil || s.Type == elf.SHT_NOBITS {
			return nil
		}
		return &dwarf.Section{Unpack: func() ([]byte, error) { return unpackGNU(s) }}
	}
	switch {
	case s.Type == elf.SHT_NOBITS || s.Size > maxSection:
		return nil
	case s.Flags&elf.SHF_COMPRESSED != 0:
		return &dwarf.Section{Unpack: s.Data}
	}
	return &dwarf.Section{R: s.ReaderAt, Size: int64(s.FileSize)}
}

// unpackGNU unpacks a section in the format from before ELF had compressed
// sections: "ZLIB", the size in 8 bytes, the packed bytes.
func unpackGNU(s *elf.Section) ([]byte, error) {
	b, err := s.Data()
	if err != nil {
		return nil, err
	}
	if len(b) < 12 || string(b[:4]) != "ZLIB" {
		return nil, fmt.Errorf("section %s is not compressed as its name says", s.Name)
	}
	size := binary.BigEndian.Uint64(b[4:])
	r, err := zlib.NewReader(bytes.NewReader(b[12:]))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, int64(min(size, maxSection))))
}

// contents returns the bytes of a section, nil if there is none.
func contents(image *elf.File, name string) ([]byte, error) {
	s := image.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS || s.Size > maxSection {
		return nil, nil
	}
	return s.Data()
}
