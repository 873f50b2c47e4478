package trust

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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

// An access control list lets others write where owner and group look trusted.
func TestAccessControlList(t *testing.T) {
	entry := func(tag, perm uint16, id uint32) string {
		var b [8]byte
		binary.LittleEndian.PutUint16(b[:], tag)
		binary.LittleEndian.PutUint16(b[2:], perm)
		binary.LittleEndian.PutUint32(b[4:], id)
		return string(b[:])
	}
	list := func(more ...string) []byte {
		return []byte("\x02\x00\x00\x00" + entry(1, 6, ^uint32(0)) + strings.Join(more, "") + entry(4, 4, ^uint32(0)) + entry(16, 7, ^uint32(0)) + entry(32, 4, ^uint32(0)))
	}
	o := Owners{Users: []int{1000}, Groups: []int{1000}}
	for _, tc := range []struct {
		list []byte
		want string
	}{
		{nil, ""}, {[]byte("\x02\x00\x00"), ""}, {list(), ""},
		{list(entry(2, 6, 1234)), "user 1234"},
		{list(entry(2, 4, 1234), entry(8, 2, 77)), "group 77"},
		{list(entry(2, 6, 1000), entry(2, 6, 0), entry(8, 6, 1000)), ""},
	} {
		if got := o.listed(tc.list); got != tc.want {
			t.Errorf("%q lets %q write, want %q", tc.list, got, tc.want)
		}
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(path, "system.posix_acl_access", list(entry(2, 6, 1234)), 0); err != nil {
		t.Logf("this file system has no such lists: %v", err)
		return
	}
	if err := File(path, self()); !IsError(err) || !strings.HasSuffix(err.Error(), "can be written by user 1234 by its access control list") {
		t.Errorf("a list with another user: %v", err)
	}
}
