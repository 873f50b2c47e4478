package trust

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// dac is the set of capabilities that override the permissions of files.
const dac = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER

// AsUser calls f without the capabilities that override file permissions, so
// with the rights to files that the user has without probe. A probe whose file
// has CAP_DAC_READ_SEARCH, which it needs for tracefs, could read everything;
// files that a user or a script names must be opened in f. f must not start
// goroutines. For root it makes no difference.
func AsUser(f func() error) error {
	if os.Getuid() == 0 {
		return f()
	}
	runtime.LockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&head, &data[0]) != nil || data[0].Effective&dac == 0 {
		runtime.UnlockOSThread()
		return f()
	}
	less := data
	less[0].Effective &^= dac
	if err := unix.Capset(&head, &less[0]); err != nil {
		runtime.UnlockOSThread()
		return &os.SyscallError{Syscall: "capset", Err: err}
	}
	err := f()
	if restore := unix.Capset(&head, &data[0]); restore != nil {
		// The thread remains locked, so the runtime ends it with its goroutine
		// and no other goroutine runs without the capabilities.
		return &os.SyscallError{Syscall: "capset", Err: restore}
	}
	runtime.UnlockOSThread()
	return err
}

// Open opens a file for reading with the rights of the user.
func Open(name string) (*os.File, error) { return OpenFile(name, os.O_RDONLY, 0) }

// Create creates a file, or empties it, with the rights of the user.
func Create(name string) (*os.File, error) {
	return OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// OpenFile is os.OpenFile with the rights of the user.
func OpenFile(name string, flag int, mode os.FileMode) (f *os.File, err error) {
	err = AsUser(func() error {
		f, err = os.OpenFile(name, flag, mode)
		return err
	})
	return f, err
}

// MakeFolders makes the folders that the path of a file names and that do not
// exist, with the rights of the user. It returns those that it has made, the
// outermost first; RemoveFolders removes them again. The error is one of
// os.Mkdir.
func MakeFolders(name string) (made []string, err error) {
	err = AsUser(func() error {
		var missing []string
		for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
				break
			}
			missing = append(missing, dir)
		}
		for i := len(missing) - 1; i >= 0; i-- {
			if err := os.Mkdir(missing[i], 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			made = append(made, missing[i])
		}
		return nil
	})
	if err != nil {
		RemoveFolders(made)
		return nil, err
	}
	return made, nil
}

// RemoveFolders removes the folders of MakeFolders that are empty.
func RemoveFolders(made []string) {
	for i := len(made) - 1; i >= 0; i-- {
		if os.Remove(made[i]) != nil {
			return
		}
	}
}
