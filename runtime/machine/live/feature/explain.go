package feature

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
	"probe/runtime/machine/live/rights"
)

// explain returns an error that describes the kernel's error, with the likely
// cause.
func explain(what string, err error) error {
	var errno unix.Errno
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &errno):
		return fmt.Errorf("%s: %w", what, err)
	case errno == bpf.ErrNotSupp:
		return fmt.Errorf("%s: the kernel says it is not supported", what)
	case errno == unix.EPERM || errno == unix.EACCES:
		return fmt.Errorf("%s: the kernel says %w; %s", what, errno, rights.Why(rights.Program).Why)
	case errno == unix.ENOSYS:
		if s := rights.Read(); s.Filtered {
			return fmt.Errorf("%s: the kernel says %w; %s", what, unix.EPERM, s.Why(rights.Program).Why)
		}
		return fmt.Errorf("%s: the kernel was built without bpf(2)", what)
	}
	return fmt.Errorf("%s: the kernel says %w", what, errno)
}
