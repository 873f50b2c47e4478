package guest

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Reasons why guests cannot run on a machine. Test for them with errors.Is.
var (
	ErrArch      = errors.New("guests need a Linux machine of architecture amd64")
	ErrNoQEMU    = errors.New("qemu-system-x86_64 is not installed")
	ErrNoApt     = errors.New("apt-get, apt-cache and dpkg-deb are needed and not all installed")
	ErrNoSources = errors.New("no Debian package source is configured on this machine")
	ErrNoPackage = errors.New("package can be had neither from the cache nor from the network")
	ErrNotRoot   = errors.New("installing packages needs root")
	ErrNoModule  = errors.New("kernel has no such module")
	ErrNoSource  = errors.New("source tree of the module probe was not found")
)

// Reasons why a running guest can no longer be used.
var (
	ErrCrashed = errors.New("guest went down without its exit marker")
	ErrHung    = errors.New("guest does not answer")
	ErrClosed  = errors.New("guest was closed")
)

// Error says what was tried, why it failed, and what to do about it.
type Error struct {
	Op   string // what was tried, such as "boot 6.12"
	Err  error  // the reason; one of the sentinels is in its chain
	Help string // what to do; may be empty
}

// Error returns the message on one or two lines.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %v", e.Op, e.Err)
	if e.Help != "" {
		s += "\nhelp: " + e.Help
	}
	return s
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// CrashError is returned by all methods of a guest that went down or hangs. It
// holds the end of the console as evidence.
type CrashError struct {
	Kernel  string // as given in Options, such as "6.12"
	Err     error  // ErrCrashed or ErrHung
	Reason  string // what the console or QEMU shows: "kernel panic: …"
	Console string // the last lines of the console
}

// Error returns the reason followed by the console's last lines.
func (e *CrashError) Error() string {
	s := fmt.Sprintf("guest %s: %v", e.Kernel, e.Err)
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Console == "" {
		return s + "\nthe console is empty"
	}
	return s + "\nlast lines of the console:\n  | " + strings.ReplaceAll(e.Console, "\n", "\n  | ")
}

// Unwrap returns ErrCrashed or ErrHung.
func (e *CrashError) Unwrap() error { return e.Err }

// TimeoutError is returned by Run when a command exceeds its time limit. The
// command and its process group were killed; the Result holds its output.
type TimeoutError struct {
	Args  []string
	After time.Duration
}

// Error names the command and the time.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s: killed after %v", strings.Join(e.Args, " "), e.After)
}

// Timeout marks the error as a time-out, as in package net.
func (e *TimeoutError) Timeout() bool { return true }
