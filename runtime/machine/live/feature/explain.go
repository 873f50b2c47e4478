package feature

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
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
		return fmt.Errorf("%s: the kernel says %w%s", what, errno, whyForbidden())
	case errno == unix.ENOSYS:
		return fmt.Errorf("%s: the kernel was built without bpf(2), or a sandbox hides it", what)
	}
	return fmt.Errorf("%s: the kernel says %w", what, errno)
}
