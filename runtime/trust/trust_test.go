package trust

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWhy(t *testing.T) {
	o := Owners{Users: []int{1000}, Groups: []int{1000}}
	for _, test := range []struct {
		uid, gid uint32
		mode     fs.FileMode
		want     string
	}{
		{0, 0, 0o644, ""},
		{1000, 1000, 0o664, ""},
		{1000, 0, 0o664, ""},
		{0, 7, 0o644, ""},
		{0, 7, 0o664, "can be written by group 7"},
		{1001, 0, 0o600, "belongs to user 1001"},
		{0, 0, 0o646, "can be written by everybody"},
		{0, 0, fs.ModeDir | fs.ModeSticky | 0o777, ""},
		{0, 0, fs.ModeDir | 0o777, "can be written by everybody"},
		{1001, 0, fs.ModeDir | fs.ModeSticky | 0o777, "belongs to user 1001"},
		{0, 0, fs.ModeSticky | 0o666, "can be written by everybody"},
		{0, 0, fs.ModeSymlink | 0o777, ""},
		{1001, 0, fs.ModeSymlink | 0o777, "belongs to user 1001"},
	} {
		if got := o.why(test.uid, test.gid, test.mode); got != test.want {
			t.Errorf("user %d, group %d, %v: %q, want %q", test.uid, test.gid, test.mode, got, test.want)
		}
	}
}

// The owners of a test's files: whoever runs it.
func self() Owners { return Owners{Users: []int{os.Geteuid()}, Groups: []int{os.Getegid()}} }

func TestFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, open := write("good/file"), write("open/file")
	deep := write("open/closed/file")
	writable := write("good/writable")
	for path, mode := range map[string]fs.FileMode{writable: 0o666, filepath.Dir(open): 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "good/link")
	if err := os.Symlink("../open/closed/file", link); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(dir, "good/back")
	if err := os.Symlink(good, back); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		good: "", back: "", filepath.Join(dir, "good/../good/./file"): "",
		writable: "good/writable can be written by everybody",
		open:     "open can be written by everybody",
		deep:     "open can be written by everybody",
		link:     "open can be written by everybody",
	} {
		err := File(path, self())
		switch {
		case want == "" && err != nil, want != "" && (!IsError(err) || !strings.HasSuffix(err.Error(), want)):
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if err := File(filepath.Join(dir, "none"), self()); !errors.Is(err, fs.ErrNotExist) || IsError(err) {
		t.Errorf("a missing file: %v", err)
	}
	loop := filepath.Join(dir, "good/loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if err := File(loop, self()); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link to itself: %v", err)
	}
	// With the sticky bit others cannot replace what the owners have in it.
	if err := os.Chmod(filepath.Dir(open), fs.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	if err := File(open, self()); err != nil {
		t.Errorf("in a folder with the sticky bit: %v", err)
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can give files away; TestWhy has the rule")
		return
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 1234, 1234); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SUDO_UID", "")
	if err := File(path, Process()); !IsError(err) || !strings.HasSuffix(err.Error(), "belongs to user 1234") {
		t.Errorf("a file of another user: %v", err)
	}
	t.Setenv("SUDO_UID", "1234")
	if err := File(path, Process()); err != nil {
		t.Errorf("a file of the user who called sudo: %v", err)
	}
}
