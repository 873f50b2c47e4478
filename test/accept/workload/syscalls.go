package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func getppid(a []string) error {
	for range number(a[0]) {
		unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	return nil
}

func getpgid(a []string) error {
	for range number(a[0]) {
		unix.RawSyscall(unix.SYS_GETPGID, 0, 0, 0)
	}
	return nil
}

func threads(a []string) error {
	var wg sync.WaitGroup
	for range number(a[0]) {
		wg.Go(func() {
			runtime.LockOSThread() // and end the thread with the goroutine
			getppid(a[1:])
			getpgid(a[1:])
		})
	}
	wg.Wait()
	return nil
}

func open(a []string) error {
	for range number(a[1]) {
		fd, err := unix.Open(a[0], unix.O_RDONLY, 0)
		if err == nil {
			err = unix.Close(fd)
		} else if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) {
			err = nil // cases trace failing calls too
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func write(a []string) error {
	fd, err := unix.Open(a[0], unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	data := bytes.Repeat([]byte{'x'}, int(number(a[1])))
	for range number(a[2]) {
		if n, err := unix.Write(fd, data); err != nil || n != len(data) {
			return fmt.Errorf("wrote %d bytes: %w", n, err)
		}
	}
	return unix.Close(fd)
}

func leave(a []string) error {
	_, err := unix.Open(a[0], unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o644)
	return err
}

func read(a []string) error {
	fd, err := unix.Open(a[0], unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	data := make([]byte, number(a[1]))
	for range number(a[2]) {
		if _, err := unix.Read(fd, data); err != nil {
			return err
		}
	}
	return unix.Close(fd)
}

func unlink(a []string) error { return unix.Unlink(a[0]) }

func nanosleep(a []string) error {
	for range number(a[1]) {
		ts := unix.NsecToTimespec(number(a[0]))
		if err := unix.Nanosleep(&ts, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return nil
}

func comm(a []string) error {
	name := append([]byte(a[0]), 0)
	return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
}

// user changes the ids of this thread only; the library's functions would
// change those of all.
func user(a []string) error {
	uid, gid := uintptr(number(a[0])), uintptr(number(a[1]))
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); e != 0 {
		return e
	}
	return nil
}

func execute(a []string) error {
	if len(a) == 0 {
		return errors.New("needs a program")
	}
	cmd := exec.Command(a[0], a[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// A case may trace what the child does, so its environment is empty.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}
