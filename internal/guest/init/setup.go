package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"probe/internal/guest/wire"
)

// mounts mounts the kernel's file systems where tools expect them.
func mounts() error {
	for _, m := range []struct {
		fs, dir, data string
		flags         uintptr
	}{
		{"proc", "/proc", "", 0},
		{"sysfs", "/sys", "", 0},
		{"devtmpfs", "/dev", "mode=0755", 0},
		{"devpts", "/dev/pts", "mode=0620,ptmxmode=0666", 0},
		{"tmpfs", "/dev/shm", "mode=1777", 0},
		{"tmpfs", "/tmp", "mode=1777", 0},
		{"tmpfs", "/run", "mode=0755", 0},
		{"tracefs", "/sys/kernel/tracing", "", 0},
		{"debugfs", "/sys/kernel/debug", "", 0},
		{"bpf", "/sys/fs/bpf", "mode=0700", 0},
		{"cgroup2", "/sys/fs/cgroup", "", 0},
	} {
		// The kernel creates the directories below /sys; create the others.
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.fs, m.dir, m.fs, m.flags, m.data); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s on %s: %w", m.fs, m.dir, err)
		}
	}
	for link, target := range map[string]string{
		"/dev/fd":     "/proc/self/fd",
		"/dev/stdin":  "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1",
		"/dev/stderr": "/proc/self/fd/2",
		"/etc/mtab":   "/proc/mounts",
	} {
		if err := os.Symlink(target, link); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// loadModule inserts a module. It is no error if the module is loaded already.
func loadModule(m wire.LoadRequest) error {
	f, err := os.Open(m.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), m.Params, 0)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("insert module %s: %w", m.Path, err)
	}
	return nil
}

// loopbackUp sets the flag IFF_UP on lo. The kernel then adds the addresses.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	defer unix.Close(s)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	if err := unix.IoctlIfreq(s, unix.SIOCGIFFLAGS, req); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	req.SetUint16(req.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}
