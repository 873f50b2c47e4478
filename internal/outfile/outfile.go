// Package outfile writes output files that replace an existing file only when
// there is something to replace it with.
package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"probe/runtime/trust"
)

// File is a file that is written beside the one it will replace. Until Keep the
// old file remains unchanged; Close without Keep leaves no trace. A device, a
// pipe or another special file is written directly. It is safe for concurrent
// use.
type File struct {
	mu   sync.Mutex
	f    *os.File
	name string // the name it will have
	temp string // the name it has now; "" when it has replaced the old file
	cut  bool   // f is the old file itself, which Keep truncates
	held bool   // set by Hold: Write does not call Keep
	err  error  // of Keep
	done bool   // closed

	made []string // the folders that were made for it
}

// CreateIn is Create that makes the folders in which the file lies. Closing
// without Keep removes them again.
func CreateIn(name string) (*File, error) {
	made, err := trust.MakeFolders(name)
	if err != nil {
		return nil, fmt.Errorf("open the output file: %w", err)
	}
	f, err := Create(name)
	if err != nil {
		trust.RemoveFolders(made)
		return nil, err
	}
	f.made = made
	return f, nil
}

// Create starts a file, with the rights of the user. The error says why the
// name cannot be written to.
func Create(name string) (f *File, err error) {
	err = trust.AsUser(func() error {
		f, err = start(name)
		return err
	})
	return f, err
}

func start(name string) (*File, error) {
	path, err := follow(name)
	if err != nil {
		return nil, fmt.Errorf("open the output file: %w", err)
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && !st.Mode().IsRegular():
		f, err := openSpecial(path, st.Mode())
		if err != nil {
			return nil, fmt.Errorf("open the output file: %w", err)
		}
		return &File{f: f, name: path}, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open the output file: %w", err)
	}
	old := err == nil
	if old {
		// Test the file itself: with write permission for the folder one could
		// replace a read-only file.
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("open the output file: %w", err)
		}
		beside, temp, err := createBeside(path)
		if err != nil {
			return &File{f: f, name: path, cut: true}, nil // no file can be created in the folder: write in place
		}
		f.Close()
		// Only root can give the new file the owner of the old one. Other users
		// may not, and the error is ignored.
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			_ = beside.Chown(int(sys.Uid), int(sys.Gid))
		}
		if err := beside.Chmod(st.Mode().Perm()); err != nil {
			beside.Close()
			os.Remove(temp)
			return nil, fmt.Errorf("open the output file: %w", err)
		}
		return &File{f: beside, name: path, temp: temp}, nil
	}
	f, temp, err := createBeside(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			pe.Path = name // report the name that the user gave
		}
		return nil, fmt.Errorf("open the output file: %w", err)
	}
	return &File{f: f, name: path, temp: temp}, nil
}

// pipeWait is how long a pipe may have no reader: who starts both at once cannot
// know which comes first.
const pipeWait = 2 * time.Second

var errNoReader = errors.New("nothing reads from this pipe: start its reader first")

// openSpecial opens a device or a pipe. Opening a pipe waits for a reader, and not even a
// signal that is caught ends that; so this waits by itself, not for ever.
func openSpecial(path string, mode fs.FileMode) (*os.File, error) {
	if mode&fs.ModeNamedPipe == 0 {
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	for end := time.Now().Add(pipeWait); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		switch {
		case !errors.Is(err, syscall.ENXIO):
			return f, err
		case time.Now().After(end):
			return nil, &fs.PathError{Op: "open", Path: path, Err: errNoReader}
		}
	}
}

// follow resolves symbolic links, so that the file they lead to is replaced and
// not the link. The last name need not exist.
func follow(name string) (string, error) {
	const maxLinks = 40 // MAXSYMLINKS in the kernel's include/linux/namei.h
	for range maxLinks {
		to, err := os.Readlink(name)
		if err != nil {
			return name, nil // no link, or an error that opening will report
		}
		if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
			return name, nil // the links of /proc/self/fd are not paths
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(name), to)
		}
		name = to
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
}

// createBeside creates a new file in the folder of another.
func createBeside(path string) (f *os.File, temp string, err error) {
	dir, base := filepath.Split(path)
	for range 100 {
		temp = filepath.Join(dir, "."+base+"."+strconv.FormatUint(rand.Uint64(), 36))
		f, err = os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, temp, err
}

// Hold makes the file wait for Keep: Write no longer replaces the old file. It
// has no effect on a file that is written in place.
func (f *File) Hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = !f.cut
}

// Write writes to the file. The first bytes replace the old file, unless Hold
// was called.
func (f *File) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.held {
		f.err = f.keep()
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.f.Write(b)
	var pe *fs.PathError
	if errors.As(err, &pe) {
		pe.Path = f.name
	}
	return n, err
}

// Keep replaces the old file by the new one. Calling it again does nothing.
func (f *File) Keep() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keep()
}

func (f *File) keep() error {
	switch {
	case f.err != nil || f.done:
	case f.cut:
		f.err, f.cut = f.f.Truncate(0), false
	case f.temp != "":
		if f.err = trust.AsUser(func() error { return os.Rename(f.temp, f.name) }); f.err == nil {
			f.temp = ""
		}
	}
	return f.err
}

// Close closes the file, and removes it unless it was kept. The error is the
// first of Keep and of closing. Calling it again does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return f.err
	}
	f.done = true
	if f.temp != "" {
		os.Remove(f.temp)
		trust.RemoveFolders(f.made)
	}
	if err := f.f.Close(); f.err == nil {
		f.err = err
	}
	return f.err
}
