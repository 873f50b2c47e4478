// Package cpio writes archives in the "newc" format of cpio, the one that the
// Linux kernel unpacks as its initial root file system.
//
// A Writer takes directories, regular files, symbolic links and device nodes
// and produces the bytes that boot loaders hand to the kernel. The archive is
// not compressed: a guest unpacks it faster than it would decompress it.
// Format: Documentation/driver-api/early-userspace/buffer-format.rst and
// init/initramfs.c of the kernel.
package cpio

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// File type bits of Header.Mode, as in stat(2).
const (
	TypeDir     = 0o040000
	TypeRegular = 0o100000
	TypeSymlink = 0o120000
	TypeChar    = 0o020000
)

const (
	magic   = "070701"
	trailer = "TRAILER!!!"
)

// ErrWriteTooLong is returned by Write for bytes beyond the size that the
// entry's header announced.
var ErrWriteTooLong = errors.New("cpio: write too long")

// Header describes one entry of an archive.
type Header struct {
	Name  string // path relative to the root, without a leading slash
	Mode  uint32 // type and permission bits
	Size  int64  // bytes of content; below 4 GiB
	Major uint32 // device numbers of a device node
	Minor uint32
}

// Writer writes an archive to an io.Writer. Entries are owned by root and
// dated at the epoch, so that equal input gives equal bytes.
type Writer struct {
	w      io.Writer
	off    int64 // bytes written so far, for padding
	left   int64 // content bytes that the current entry still expects
	inode  uint32
	err    error
	closed bool
}

// NewWriter returns a Writer that writes to w. The caller closes it.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteHeader starts an entry; its content follows by Write. A parent
// directory must be written before what it contains.
func (w *Writer) WriteHeader(h Header) error {
	if w.closed {
		return errors.New("cpio: write after close")
	}
	if err := w.finish(); err != nil {
		return err
	}
	switch {
	case h.Name == "" || strings.HasPrefix(h.Name, "/"):
		return fmt.Errorf("cpio: entry name %q is empty or absolute", h.Name)
	case strings.ContainsRune(h.Name, 0):
		return fmt.Errorf("cpio: entry name %q contains a zero byte", h.Name)
	case h.Name == trailer:
		return fmt.Errorf("cpio: entry name %q is the end mark of the format", h.Name)
	case h.Size < 0 || h.Size > math.MaxUint32:
		return fmt.Errorf("cpio: %s: size %d does not fit the format (4 GiB at most)", h.Name, h.Size)
	}
	w.inode++
	w.header(h, w.inode)
	w.left = h.Size
	return w.err
}

// Write writes content of the current entry.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > w.left {
		return 0, ErrWriteTooLong
	}
	n := w.write(p)
	w.left -= int64(n)
	return n, w.err
}

// Close writes the end mark. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.closed {
		return w.err
	}
	if err := w.finish(); err != nil {
		return err
	}
	w.closed = true
	w.header(Header{Name: trailer}, 0)
	w.pad()
	return w.err
}

// finish completes the current entry: all announced content must be there.
func (w *Writer) finish() error {
	if w.err == nil && w.left > 0 {
		w.err = fmt.Errorf("cpio: entry is %d bytes short of its announced size", w.left)
	}
	w.pad()
	return w.err
}

// header writes the fixed-size header, the name and the padding after it.
func (w *Writer) header(h Header, inode uint32) {
	links := uint32(1)
	if h.Mode&0o170000 == TypeDir {
		links = 2
	}
	s := fmt.Sprintf("%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		magic, inode, h.Mode, 0, 0, links, 0, uint32(h.Size), 0, 0,
		h.Major, h.Minor, len(h.Name)+1, 0, h.Name)
	w.write([]byte(s))
	w.pad()
}

// pad aligns the offset to four bytes, as the format asks after names and
// contents.
func (w *Writer) pad() {
	if n := -w.off & 3; n != 0 {
		w.write(make([]byte, n))
	}
}

func (w *Writer) write(p []byte) int {
	if w.err != nil {
		return 0
	}
	n, err := w.w.Write(p)
	w.off += int64(n)
	w.err = err
	return n
}
