package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"probe/runtime/watchdog"
)

// netnsDir holds the named network namespaces; it is the folder that iproute2
// uses.
const netnsDir = "/var/run/netns"

// stateRoot is the folder in which a lab keeps its few files while it runs. It
// belongs to root and is empty after a reboot.
const stateRoot = "/var/run"

// namePrefix starts the name of every namespace and folder a lab makes. The pid
// of the process follows.
const namePrefix = "probe-lab-"

// threadNetns is the network namespace of the calling thread. A Go program has
// many threads, so /proc/self/ns/net would be the one of another thread.
const threadNetns = "/proc/thread-self/ns/net"

// onThread runs f in a thread that no other goroutine uses and whose network
// namespace f may change. Afterwards the thread is switched back to its
// namespace and returned to Go's pool; it is ended only when switching back
// fails. Ending a thread kills the processes started from it, since their
// parent-death signal is tied to the thread and not to the process (prctl(2),
// PR_SET_PDEATHSIG).
//
// onThread re-raises a panic of f in the calling goroutine, which runs the
// deferred clean-up of [Run].
func onThread(f func() error) error {
	var err error
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer watchdog.Report()
		runtime.LockOSThread()
		var home int
		home, err = unix.Open(threadNetns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			runtime.UnlockOSThread()
			err = fmt.Errorf("open %s: %w", threadNetns, err)
			return
		}
		defer unix.Close(home)
		func() {
			defer func() { panicked = recover() }()
			err = f()
		}()
		if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
			err = errors.Join(err, fmt.Errorf("return to the first network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return err
}

// createNetns makes a network namespace, gives it a name under netnsDir, and
// returns a file descriptor of it.
func createNetns(name string) (fd int, err error) {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return -1, namespaceError(name, err)
	}
	path := filepath.Join(netnsDir, name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return -1, namespaceError(name, err)
	}
	file.Close()
	remove := os.Remove // valid until the namespace is mounted on it
	err = onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := unix.Mount(threadNetns, path, "none", unix.MS_BIND, ""); err != nil {
			return err
		}
		remove = func(string) error { return deleteNetns(name) }
		return nil
	})
	if err == nil {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return -1, errors.Join(namespaceError(name, err), remove(path))
	}
	return fd, nil
}

// deleteNetns removes the name of a network namespace. The kernel removes the
// namespace and its links when the last process has left it and the last file
// descriptor is closed.
func deleteNetns(name string) error {
	path := filepath.Join(netnsDir, name)
	// EINVAL: the name is there but nothing is mounted on it, which is what a
	// run that was killed between the two steps leaves.
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ownerOf parses the pid in the name of a lab's namespace or folder:
// "probe-lab-4711-cli" or, for a second lab in one process,
// "probe-lab-4711.2-cli".
func ownerOf(name string) (pid int, ok bool) {
	rest, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return 0, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		if rest[end] != '-' && rest[end] != '.' {
			return 0, false
		}
		rest = rest[:end]
	}
	pid, err := strconv.Atoi(rest)
	return pid, err == nil && pid > 0
}

// removeLeftovers removes the namespaces and folders of labs whose processes
// have ended, and returns their names. A lab of this very process is never
// taken for a leftover.
func removeLeftovers() (removed []string, err error) {
	for _, dir := range []string{netnsDir, stateRoot} {
		entries, readErr := os.ReadDir(dir)
		if errors.Is(readErr, fs.ErrNotExist) {
			continue
		}
		if readErr != nil {
			err = errors.Join(err, readErr)
			continue
		}
		for _, entry := range entries {
			pid, ok := ownerOf(entry.Name())
			if !ok || processExists(pid) {
				continue
			}
			if dir == netnsDir {
				readErr = deleteNetns(entry.Name())
			} else {
				readErr = os.RemoveAll(filepath.Join(dir, entry.Name()))
			}
			if readErr != nil {
				err = errors.Join(err, fmt.Errorf("remove what an earlier lab left: %w", readErr))
				continue
			}
			removed = append(removed, entry.Name())
		}
	}
	return removed, err
}

// processExists reports whether a process has this pid. EPERM from kill(2)
// means that one does.
func processExists(pid int) bool {
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// claimName chooses the name of a new lab and claims it by creating the folder
// of that name under stateRoot, which fails if the name is in use. The name
// holds the pid, and a number when this process already runs a lab.
func claimName() (name, dir string, err error) {
	base := namePrefix + strconv.Itoa(os.Getpid())
	for n := 1; n <= 1000; n++ {
		name := base
		if n > 1 {
			name += "." + strconv.Itoa(n)
		}
		dir := filepath.Join(stateRoot, name)
		err := os.MkdirAll(stateRoot, 0o755)
		if err == nil {
			err = os.Mkdir(dir, 0o700)
		}
		if err == nil {
			return name, dir, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", "", &HostError{Op: "make a folder for the lab", Err: err, Help: stateRoot + " must be writable: mount a tmpfs on /run"}
		}
	}
	return "", "", fmt.Errorf("make a folder for the lab: 1000 names like %s are taken in %s", base, stateRoot)
}
