package cpio

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed is an entry as read back from an archive.
type parsed struct {
	Header
	Links int
	Inode int
	Data  string
}

// parse reads an archive by the format's description, independently of the
// writer.
func parse(b []byte) ([]parsed, error) {
	var out []parsed
	for off := 0; ; {
		if len(b) < off+110 || string(b[off:off+6]) != "070701" {
			return nil, fmt.Errorf("no header at offset %d", off)
		}
		var f [13]int
		for i := range f {
			v, err := strconv.ParseUint(string(b[off+6+8*i:off+14+8*i]), 16, 32)
			if err != nil {
				return nil, err
			}
			f[i] = int(v)
		}
		nameEnd := off + 110 + f[11]
		if len(b) < nameEnd || b[nameEnd-1] != 0 {
			return nil, fmt.Errorf("name at offset %d does not end in a zero byte", off+110)
		}
		name := string(b[off+110 : nameEnd-1])
		data := (nameEnd + 3) &^ 3
		if name == "TRAILER!!!" {
			if data != len(b) {
				return nil, fmt.Errorf("%d bytes after the end mark", len(b)-data)
			}
			return out, nil
		}
		size := f[6]
		if len(b) < data+size {
			return nil, fmt.Errorf("%s is cut short", name)
		}
		out = append(out, parsed{
			Header: Header{Name: name, Mode: uint32(f[1]), Size: int64(size), Major: uint32(f[9]), Minor: uint32(f[10])},
			Inode:  f[0], Links: f[4], Data: string(b[data : data+size]),
		})
		off = (data + size + 3) &^ 3
	}
}

func TestWriter(t *testing.T) {
	want := []parsed{
		{Header{Name: "dev", Mode: TypeDir | 0o755}, 2, 1, ""},
		{Header{Name: "dev/console", Mode: TypeChar | 0o600, Major: 5, Minor: 1}, 1, 2, ""},
		{Header{Name: "bin", Mode: TypeSymlink | 0o777, Size: 7}, 1, 3, "usr/bin"},
		{Header{Name: "empty", Mode: TypeRegular | 0o644}, 1, 4, ""},
	}
	// Every remainder of name and content length modulo four is padded right.
	for i := range 8 {
		name, data := "f"+strings.Repeat("n", i), strings.Repeat("d", 7-i)
		want = append(want, parsed{Header{Name: name, Mode: TypeRegular | 0o600, Size: int64(len(data))}, 1, 5 + i, data})
	}
	archive := write(t, want)
	got, err := parse(archive)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	if !bytes.Equal(archive, write(t, want)) {
		t.Error("equal input gave different bytes")
	}
}

// write makes an archive of entries.
func write(t *testing.T, entries []parsed) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := NewWriter(&buf)
	for _, e := range entries {
		if err := w.WriteHeader(e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.Data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestWriterRefuses(t *testing.T) {
	for _, h := range []Header{
		{Name: "", Mode: TypeDir},
		{Name: "/abs", Mode: TypeDir},
		{Name: "a\x00b", Mode: TypeDir},
		{Name: "TRAILER!!!", Mode: TypeRegular},
		{Name: "big", Mode: TypeRegular, Size: 1 << 32},
		{Name: "negative", Mode: TypeRegular, Size: -1},
	} {
		if err := NewWriter(new(bytes.Buffer)).WriteHeader(h); err == nil {
			t.Errorf("header %+v was accepted", h)
		}
	}
	w := NewWriter(new(bytes.Buffer))
	if err := w.WriteHeader(Header{Name: "f", Mode: TypeRegular, Size: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("abc")); !errors.Is(err, ErrWriteTooLong) {
		t.Errorf("too much content: %v", err)
	}
	if _, err := w.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil {
		t.Error("an entry that is short of content was accepted")
	}
	w = NewWriter(failingWriter{})
	if err := w.WriteHeader(Header{Name: "f", Mode: TypeDir}); !errors.Is(err, errDisk) {
		t.Errorf("a failing disk: %v", err)
	}
}

var errDisk = errors.New("disk full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errDisk }
