package outfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "(none)"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return name
}

func create(t *testing.T, name string) *File {
	t.Helper()
	f, err := Create(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// entries lists a folder.
func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestNothingKept(t *testing.T) {
	dir := t.TempDir()
	old := write(t, filepath.Join(dir, "old"), "old content")
	for _, name := range []string{old, filepath.Join(dir, "new")} {
		f := create(t, name)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	}
	if got := entries(t, dir); got != "old" || read(t, old) != "old content" {
		t.Errorf("%s is there, and the file holds %q", got, read(t, old))
	}
}

func TestKept(t *testing.T) {
	dir := t.TempDir()
	old := write(t, filepath.Join(dir, "old"), "old content")
	for _, tt := range []struct {
		name string
		do   func(f *File) error
		want string
	}{
		{"old", (*File).Keep, ""},
		{"new", (*File).Keep, ""},
		{"old", func(f *File) error { _, err := f.Write([]byte("a")); return err }, "a"},
		{"new2", func(f *File) error { _, err := f.Write([]byte("a")); return err }, "a"},
	} {
		name := filepath.Join(dir, tt.name)
		f := create(t, name)
		if err := tt.do(f); err != nil {
			t.Error(err)
		}
		// It is there before it is closed, so that it can be read while it grows.
		if got := read(t, name); got != tt.want {
			t.Errorf("%s holds %q, want %q", tt.name, got, tt.want)
		}
		if err := errors.Join(f.Keep(), f.Close()); err != nil {
			t.Error(err)
		}
	}
	if got := entries(t, dir); got != "new new2 old" {
		t.Errorf("%s is there", got)
	}
	if st, err := os.Stat(old); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v, want that of the old file", st.Mode(), err)
	}
}

// Links stay links, also those to nothing yet.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"a": "sub/x", "b": "a", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // without and with an old file
		f := create(t, filepath.Join(dir, "b"))
		if _, err := f.Write([]byte("new")); err != nil {
			t.Error(err)
		}
		f.Close()
		if got := read(t, filepath.Join(dir, "sub", "x")); got != "new" {
			t.Errorf("behind the links is %q", got)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "b")); err != nil || to != "a" {
		t.Errorf("the link is %q, %v", to, err)
	}
	if _, err := Create(filepath.Join(dir, "loop")); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a loop: %v", err)
	}
}

// What is no regular file is written where it is.
func TestDevices(t *testing.T) {
	f := create(t, os.DevNull)
	if _, err := f.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	full := create(t, "/dev/full")
	if _, err := full.Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "/dev/full") {
		t.Errorf("write to /dev/full: %v", err)
	}
	full.Close()
	if st, err := os.Stat("/dev/full"); err != nil || st.Mode().IsRegular() {
		t.Error("/dev/full was replaced")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p := create(t, "/proc/self/fd/"+strconv.Itoa(int(w.Fd())))
	if _, err := p.Write([]byte("through")); err != nil {
		t.Error(err)
	}
	p.Close()
	b := make([]byte, 16)
	if n, _ := r.Read(b); string(b[:n]) != "through" {
		t.Errorf("the pipe gave %q", b[:n])
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no", "such")
	if _, err := Create(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing+":") {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := Create(dir); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder: %v", err)
	}
}

// In a folder that takes no other file, the old one is emptied when it is to be
// replaced, and not before.
func TestFolderIsClosed(t *testing.T) {
	name := write(t, filepath.Join(t.TempDir(), "old"), "old content")
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := &File{f: f, name: name, cut: true}
	if got := read(t, name); got != "old content" {
		t.Errorf("before: %q", got)
	}
	if _, err := out.Write([]byte("new")); err != nil {
		t.Error(err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	if got := read(t, name); got != "new" {
		t.Errorf("after: %q", got)
	}
}

// A file that cannot be put in its place says so to whoever writes and closes.
func TestCannotBeKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	f := create(t, filepath.Join(dir, "x"))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := f.Keep(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Keep = %v", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write = %v", err)
	}
	if err := f.Close(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Close = %v", err)
	}
}

// A file that is held takes what is written and its place later.
func TestHold(t *testing.T) {
	dir := t.TempDir()
	name := write(t, filepath.Join(dir, "old"), "old content")
	for _, kept := range []bool{false, true} {
		f := create(t, name)
		f.Hold()
		if _, err := f.Write([]byte("new")); err != nil {
			t.Error(err)
		}
		if got := read(t, name); got != "old content" {
			t.Errorf("while it is held: %q", got)
		}
		if kept {
			if err := f.Keep(); err != nil || read(t, name) != "new" {
				t.Errorf("kept: %q, %v", read(t, name), err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := entries(t, dir); got != "old" || read(t, name) != "new" {
		t.Errorf("%s is there, and the file holds %q", got, read(t, name))
	}
}

// CreateIn makes folders, which Close removes again if nothing was kept.
func TestCreateIn(t *testing.T) {
	dir := t.TempDir()
	for _, keep := range []bool{false, true} {
		f, err := CreateIn(filepath.Join(dir, "a", "b", "c"))
		if err != nil {
			t.Fatal(err)
		}
		if keep {
			if _, err := f.Write([]byte("text")); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "a")); (err == nil) != keep {
			t.Errorf("kept %v: the folder: %v", keep, err)
		}
	}
	if _, err := CreateIn(filepath.Join(dir, "a", "b", "c", "d")); err == nil {
		t.Error("a file is taken for a folder")
	}
}

// A pipe that nothing reads from is refused, and one that is read from is written.
func TestPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(pipe); !errors.Is(err, errNoReader) {
		t.Errorf("without a reader: %v", err)
	}
	read := make(chan string)
	go func() {
		b, _ := os.ReadFile(pipe)
		read <- string(b)
	}()
	f, err := Create(pipe)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("text")); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got := <-read; got != "text" {
		t.Errorf("the reader got %q", got)
	}
}
