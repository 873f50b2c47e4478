package dwarf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// window is the number of bytes read at once of a table whose length is not
// known beforehand.
const window = 1 << 20

// maxWhole bounds the bytes of sections that are read as a whole.
const maxWhole = 1 << 30

// Section is a part of a debug file. The zero Section is empty.
type Section struct {
	// R and Size are the bytes; for a compressed section Unpack returns them.
	R      io.ReaderAt
	Size   int64
	Unpack func() ([]byte, error)

	once sync.Once
	data []byte
	err  error
}

var errShort = errors.New("the section is shorter than the entries that point into it")

// length returns the number of bytes.
func (s *Section) length() uint64 {
	switch {
	case s == nil:
		return 0
	case s.Unpack != nil:
		b, _ := s.whole()
		return uint64(len(b))
	}
	return uint64(max(s.Size, 0))
}

// whole returns all bytes, read once.
func (s *Section) whole() ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	s.once.Do(func() {
		switch {
		case s.Unpack != nil:
			s.data, s.err = s.Unpack()
		case s.Size > maxWhole:
			s.err = fmt.Errorf("a section of %d bytes is too large", s.Size)
		default:
			s.data, s.err = read(s.R, 0, s.Size)
		}
	})
	return s.data, s.err
}

func read(r io.ReaderAt, off, n int64) ([]byte, error) {
	b := make([]byte, n)
	if m, err := r.ReadAt(b, off); m < len(b) {
		return nil, err
	}
	return b, nil
}

// slice returns n bytes at an offset. The caller must not change them.
func (s *Section) slice(off, n uint64) ([]byte, error) {
	if size := s.length(); off > size || n > size-off {
		return nil, errShort
	}
	if s.Unpack != nil {
		b, err := s.whole()
		if err != nil {
			return nil, err
		}
		return b[off : off+n], nil
	}
	return read(s.R, int64(off), int64(n))
}

// from returns the bytes at an offset: a window of them, or all up to the end.
func (s *Section) from(off uint64) ([]byte, error) {
	size := s.length()
	if off > size {
		return nil, errShort
	}
	return s.slice(off, min(window, size-off))
}

// str returns the string at an offset.
func (s *Section) str(off uint64) string {
	size := s.length()
	for n := uint64(128); off < size; n *= 8 {
		b, err := s.slice(off, min(n, size-off))
		if err != nil {
			return ""
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(b[:i])
		}
		if n > window {
			return ""
		}
	}
	return ""
}

// find returns the offsets of all strings that end with name, among which are
// those that are equal to it: linkers store a string inside of a longer one.
func (s *Section) find(name string) (map[uint64]bool, error) {
	out := map[uint64]bool{}
	want := append([]byte(name), 0)
	size := s.length()
	const step = 4 << 20
	for at := uint64(0); at < size; at += step {
		b, err := s.slice(at, min(step+uint64(len(want)), size-at))
		if err != nil {
			return nil, err
		}
		for from := 0; ; {
			i := bytes.Index(b[from:], want)
			if i < 0 {
				break
			}
			out[at+uint64(from+i)] = true
			from += i + 1
		}
	}
	return out, nil
}
