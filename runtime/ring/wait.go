package ring

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"probe/runtime/kcall"
)

// Waiter sleeps until one of several ring buffers has a record that wakes the
// reader, Wake is called, or a time has passed.
type Waiter struct {
	wake int // eventfd
	fds  []unix.PollFd
}

// NewWaiter returns a Waiter without buffers.
func NewWaiter() (*Waiter, error) {
	fd, err := kcall.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &Waiter{wake: fd, fds: []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}}, nil
}

// Add watches the file descriptor of a ring buffer, or any other that becomes
// readable (a pidfd).
func (w *Waiter) Add(fd int) {
	w.fds = append(w.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
}

// Remove stops watching a file descriptor.
func (w *Waiter) Remove(fd int) {
	for i := 1; i < len(w.fds); i++ {
		if w.fds[i].Fd == int32(fd) {
			w.fds = append(w.fds[:i], w.fds[i+1:]...)
			return
		}
	}
}

// Wake ends the current Wait, or the next one if there is none. It may be
// called from any goroutine.
func (w *Waiter) Wake() {
	one := [8]byte{1}
	// The write fails only if the counter is full, and then a wake-up is
	// pending anyway.
	_, _ = unix.Write(w.wake, one[:])
}

// Wait sleeps for at most d. ready reports whether a watched descriptor was
// readable.
func (w *Waiter) Wait(d time.Duration, ready func(fd int)) error {
	for i := range w.fds {
		w.fds[i].Revents = 0
	}
	ms := int((d + time.Millisecond - 1) / time.Millisecond)
	n, err := kcall.Poll(w.fds, max(ms, 0))
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for events: %w", err)
	}
	if n == 0 {
		return nil
	}
	if w.fds[0].Revents != 0 {
		var b [8]byte
		_, _ = unix.Read(w.wake, b[:])
	}
	if ready != nil {
		for _, p := range w.fds[1:] {
			if p.Revents != 0 {
				ready(int(p.Fd))
			}
		}
	}
	return nil
}

// Close closes the Waiter's own descriptor; the rings stay open.
func (w *Waiter) Close() error { return kcall.Close(w.wake) }
