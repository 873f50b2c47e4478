package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A HostError reports that this machine refuses something a lab needs.
type HostError struct {
	Op   string // what was tried: "create the network namespace probe-lab-7-cli"
	Err  error  // what the kernel said
	Help string // what to do about it, a sentence without a full stop
}

// Error returns the problem and the advice in one line.
func (e *HostError) Error() string {
	text := e.Op + ": " + e.Err.Error()
	if e.Help != "" {
		text += " (" + e.Help + ")"
	}
	return text
}

// Unwrap returns what the kernel said.
func (e *HostError) Unwrap() error { return e.Err }

// errNotRoot is what checkHost reports for an unprivileged user.
var errNotRoot = errors.New("permission denied: the user is not root")

// checkHost returns a HostError for what would fail later with a bare errno.
func checkHost(ipv6 bool) error {
	if os.Geteuid() != 0 {
		return &HostError{
			Op:   "build the lab's network",
			Err:  errNotRoot,
			Help: "run it as root: a lab makes network namespaces",
		}
	}
	if _, err := os.Stat("/proc/self/ns/net"); err != nil {
		help := "the kernel has no network namespaces: it needs CONFIG_NET_NS=y"
		if _, procErr := os.Stat("/proc/self/status"); procErr != nil {
			help = "mount /proc first: mount -t proc proc /proc"
		}
		return &HostError{Op: "look for network namespaces", Err: err, Help: help}
	}
	if ipv6 {
		if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
			return &HostError{
				Op:   "look for IPv6",
				Err:  err,
				Help: "the kernel runs without IPv6: load it with modprobe ipv6, or boot without ipv6.disable=1",
			}
		}
	}
	return nil
}

// namespaceError explains why a namespace could not be made.
func namespaceError(name string, err error) error {
	e := &HostError{Op: "create the network namespace " + name, Err: err}
	switch {
	case errors.Is(err, unix.EPERM):
		e.Help = "root needs CAP_SYS_ADMIN and CAP_NET_ADMIN: in a container, start it with --privileged"
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		e.Help = "the kernel has no network namespaces: it needs CONFIG_NET_NS=y"
	case errors.Is(err, unix.ENOSPC):
		e.Help = "the limit in /proc/sys/user/max_net_namespaces is reached: raise it"
	case errors.Is(err, unix.EROFS):
		e.Help = netnsDir + " must be writable: mount a tmpfs on /run"
	case errors.Is(err, fs.ErrExist):
		e.Help = "remove it: ip netns del " + name
	}
	return e
}

// linkError explains why a link of the given kind could not be made.
func linkError(kind, name string, err error) error {
	e := &HostError{Op: fmt.Sprintf("create the %s link %s", kind, name), Err: err}
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		e.Help = fmt.Sprintf("the kernel knows no %s links: load the module with modprobe %s, or build the kernel with CONFIG_%s", kind, kind, strings.ToUpper(kind))
	case errors.Is(err, unix.EPERM):
		e.Help = "root needs CAP_NET_ADMIN: in a container, start it with --privileged"
	}
	return e
}

// loadModule asks modprobe for a kernel module. The kernel does that itself
// when a link of an unknown kind is requested (rtnl_newlink in
// net/core/rtnetlink.c), but only when /proc/sys/kernel/modprobe is right and
// the caller is in the initial user namespace.
func loadModule(name string) error {
	path := "/sbin/modprobe"
	if set, err := os.ReadFile("/proc/sys/kernel/modprobe"); err == nil {
		if p := strings.TrimSpace(string(set)); filepath.IsAbs(p) {
			path = p
		}
	}
	out, err := exec.Command(path, "-q", name).CombinedOutput()
	if err != nil {
		if text := strings.TrimSpace(string(out)); text != "" {
			return fmt.Errorf("modprobe %s: %w: %s", name, err, text)
		}
		return fmt.Errorf("modprobe %s: %w", name, err)
	}
	return nil
}
