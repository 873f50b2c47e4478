package trust

import (
	"os"
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
