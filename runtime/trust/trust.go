// Package trust finds out whether only the user of this process, or root, can
// decide what a file contains. The contents of other files must not be run with
// this user's rights.
package trust

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Owners is the set of users and groups whose files are trusted. User and group
// 0 are always trusted.
type Owners struct {
	Users, Groups []int
}

// Process returns the owners that this process trusts: its user and group, and
// for root those that called sudo, which root has given its rights to anyway.
func Process() Owners {
	o := Owners{Users: []int{os.Geteuid()}, Groups: []int{os.Getegid()}}
	if os.Geteuid() != 0 {
		return o
	}
	if id, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil {
		o.Users = append(o.Users, id)
	}
	if id, err := strconv.Atoi(os.Getenv("SUDO_GID")); err == nil {
		o.Groups = append(o.Groups, id)
	}
	return o
}

// Error is the reason why a path is not trusted.
type Error struct {
	Path string // the file, folder or link that others decide about
	Why  string // completes the sentence "Path …"
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Path + " " + e.Why }

// maxLinks is the maximum number of symbolic links in a path, MAXSYMLINKS in
// the kernel's include/linux/namei.h.
const maxLinks = 40

// File reports whether anybody but the owners can decide what a path names or
// what is in it: whether others own the file, a folder or a link on the way to
// it, or may write to the file or to one of the folders. In a folder with the
// sticky bit others can create files but not replace those of the owners, so
// such a folder is accepted. The error is nil if nobody else can, an *Error if
// somebody can, and an *fs.PathError if the path cannot be followed.
//
// Since nobody else can change what was checked, a file that is opened
// afterwards is the one that was checked.
func File(path string, o Owners) error {
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	links := 0
	at, rest := "/", strings.TrimPrefix(full, "/")
	if err := o.check(at); err != nil {
		return err
	}
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		if err := o.check(next); err != nil {
			return err
		}
		to, err := os.Readlink(next)
		if err != nil {
			at = next // no link
			continue
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		}
		if strings.HasPrefix(to, "/") {
			at = "/"
		}
		rest = strings.TrimPrefix(to, "/") + "/" + rest
	}
	return nil
}

// check returns an error if others own or can change one file, folder or link.
func (o Owners) check(path string) error {
	st, err := os.Lstat(path)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return &Error{path, "has an owner that cannot be told"}
	}
	if why := o.why(sys.Uid, sys.Gid, st.Mode()); why != "" {
		return &Error{path, why}
	}
	// Where there is an access control list, the bits of the group are its mask.
	if sticky := st.IsDir() && st.Mode()&fs.ModeSticky != 0; st.Mode()&0o020 != 0 && st.Mode()&fs.ModeSymlink == 0 && !sticky {
		var list [1024]byte
		n, err := unix.Lgetxattr(path, "system.posix_acl_access", list[:])
		if errors.Is(err, unix.ERANGE) {
			return &Error{path, "has a long access control list"}
		}
		if who := o.listed(list[:max(n, 0)]); who != "" {
			return &Error{path, "can be written by " + who + " by its access control list"}
		}
	}
	return nil
}

// listed returns who else may write by an access control list, "" for nobody. The list is
// as include/uapi/linux/posix_acl_xattr.h has it: a version of four bytes, then entries of
// a tag and permissions of two bytes each and an id of four.
func (o Owners) listed(list []byte) string {
	const (
		head, size  = 4, 8
		user, group = 2, 8
		write       = 2
	)
	for list = list[min(head, len(list)):]; len(list) >= size; list = list[size:] {
		tag, id := binary.LittleEndian.Uint16(list), binary.LittleEndian.Uint32(list[4:])
		if binary.LittleEndian.Uint16(list[2:])&write == 0 {
			continue
		}
		switch {
		case tag == user && !has(o.Users, id):
			return fmt.Sprintf("user %d", id)
		case tag == group && !has(o.Groups, id):
			return fmt.Sprintf("group %d", id)
		}
	}
	return ""
}

// why returns what is wrong with a file, "" if nothing is.
func (o Owners) why(uid, gid uint32, mode fs.FileMode) string {
	switch {
	case !has(o.Users, uid):
		return fmt.Sprintf("belongs to user %d", uid)
	case mode&fs.ModeSymlink != 0:
		return "" // the kernel ignores the mode of a link
	case mode.IsDir() && mode&fs.ModeSticky != 0:
		return ""
	case mode&0o002 != 0:
		return "can be written by everybody"
	case mode&0o020 != 0 && !has(o.Groups, gid):
		return fmt.Sprintf("can be written by group %d", gid)
	}
	return ""
}

func has(ids []int, id uint32) bool {
	for _, n := range ids {
		if n == int(id) {
			return true
		}
	}
	return id == 0
}

// IsError reports whether err says that a path is not trusted.
func IsError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}
