package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CacheDir returns the folder for downloads and built files: $PROBE_CACHE, or
// .cache in the source tree. The folder exists when it returns.
func CacheDir() (string, error) {
	dir := os.Getenv("PROBE_CACHE")
	if dir == "" {
		root, err := sourceRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, ".cache")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// sourceRoot returns the folder of the go.mod of module probe, searched from
// the working directory upwards.
func sourceRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			if first, _, _ := strings.Cut(string(text), "\n"); strings.TrimSpace(first) == "module probe" {
				return dir, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", &Error{
				Op:   "find the source tree from " + wd,
				Err:  ErrNoSource,
				Help: "run inside the source tree, or set PROBE_CACHE to a folder for downloads",
			}
		}
	}
}

// cacheLock takes the cache's lock of the given name, shared by all processes
// of the machine, and returns the function that gives it back.
func cacheLock(ctx context.Context, cache, name string) (unlock func(), err error) {
	dir := filepath.Join(cache, "locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		// Polled, because a blocked flock cannot be cancelled.
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another process that fetches %s: %w", name, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
