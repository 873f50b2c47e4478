// Package tracefs reads the kernel's tracing directory: where it is mounted,
// which events and functions there are, and how an event's record is laid out.
//
// Everything is read when a caller asks for it: a list of functions has some
// 50,000 lines, and most runs need none of them. Only that list is cached,
// since the kernel is slow to produce it. The package changes nothing in the
// kernel; a directory that is not mounted is reported, with the command that
// mounts it, and not mounted behind the user's back.
package tracefs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Errors for callers to test with errors.Is.
var (
	// ErrNotMounted is wrapped when no tracing directory can be found.
	ErrNotMounted = errors.New("tracefs is not mounted")
	// ErrNoSysfs is wrapped when there is no /sys, where everything else would be.
	// It wraps ErrNotMounted.
	ErrNoSysfs = fmt.Errorf("%w, nor is sysfs at /sys, where it belongs; as root: mount -t sysfs nodev /sys && mount -t tracefs nodev %s", ErrNotMounted, tracingDir)
	// ErrHidden is wrapped when the tracing directory is mounted, and the kernel's
	// lockdown has left it empty.
	ErrHidden = errors.New("tracefs is empty")
	// ErrForbidden is wrapped when the tracing directory is mounted, and this user may
	// not look into it. It wraps fs.ErrPermission.
	ErrForbidden error = forbiddenError{}
	// ErrNoEvent is wrapped when the kernel has no such event.
	ErrNoEvent = errors.New("no such event")
)

// Where distributions mount the two file systems, and the kernel's modules.
const (
	tracingDir  = "/sys/kernel/tracing"
	debugDir    = "/sys/kernel/debug"
	modulesFile = "/proc/modules"
)

// FS is a mounted tracing directory. It is safe for concurrent use.
type FS struct {
	dir     string
	debug   string
	modules string // the kernel's list of what is loaded
	funcs   functionList
}

// At uses a given tracing directory and, for the few files that live there,
// a given debugfs. It exists for tests and for mounts in other places.
func At(tracing, debug string) *FS {
	return &FS{dir: tracing, debug: debug, modules: modulesFile}
}

// Find finds the tracing directory of this machine. The error wraps
// ErrNotMounted, ErrHidden or ErrForbidden.
func Find() (*FS, error) {
	dir, err := find()
	if err != nil {
		return nil, err
	}
	if err := usable(dir); err != nil {
		return nil, err
	}
	return At(dir, debugDir), nil
}

// find returns where tracefs is mounted.
func find() (string, error) {
	for _, dir := range []string{tracingDir, filepath.Join(debugDir, "tracing")} {
		if isTracefs(dir) {
			return dir, nil
		}
	}
	// Mounted elsewhere: containers are given it under names of their own.
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", fmt.Errorf("look for tracefs: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[2] != "tracefs" {
			continue
		}
		dir := unescape(f[1])
		if isTracefs(dir) {
			return dir, nil
		}
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrPermission) {
			return "", forbidden(dir)
		}
	}
	if _, err := os.Stat(filepath.Dir(tracingDir)); errors.Is(err, fs.ErrNotExist) {
		return "", ErrNoSysfs
	}
	// The kernel mounts it below debugfs when somebody who may looks there.
	if _, err := os.Stat(debugDir + "/."); errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("%w: it is not mounted at %s, and this process may not look into %s, where it may be; as root: mount -t tracefs nodev %s", ErrForbidden, tracingDir, debugDir, tracingDir)
	}
	return "", fmt.Errorf("%w at %s or %s/tracing; as root: mount -t tracefs nodev %s",
		ErrNotMounted, tracingDir, debugDir, tracingDir)
}

// forbiddenError is the type of ErrForbidden, whose text leaves out "permission
// denied": the reason follows it.
type forbiddenError struct{}

func (forbiddenError) Error() string { return "tracefs cannot be read" }

func (forbiddenError) Is(target error) bool { return target == fs.ErrPermission }

func forbidden(dir string) error {
	return fmt.Errorf("%w: only root, or a process with CAP_DAC_READ_SEARCH, may look into %s", ErrForbidden, dir)
}

// usable reports why a mounted tracing directory is of no use as a whole: a lockdown in
// mode confidentiality keeps the kernel from making its files, and most systems let only
// root look into it.
func usable(dir string) error {
	// Every kernel has this file.
	switch _, err := os.Lstat(filepath.Join(dir, "trace")); {
	case errors.Is(err, fs.ErrPermission):
		return forbidden(dir)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: the kernel keeps its files out of %s, as its lockdown in mode confidentiality makes it do", ErrHidden, dir)
	}
	return nil
}

// Is reports whether a folder is the root of, or within, a mounted tracefs.
func Is(dir string) bool { return isTracefs(dir) }

// isTracefs also triggers the automatic mount below debugfs, which happens on
// the first look into the directory.
func isTracefs(dir string) bool {
	var st unix.Statfs_t
	err := unix.Statfs(dir+"/.", &st)
	if err == unix.EACCES {
		err = unix.Statfs(dir, &st) // the directory may not be entered
	}
	if err != nil {
		return false
	}
	// A directory that cannot be listed still counts: permissions differ by
	// file.
	return int64(st.Type) == unix.TRACEFS_MAGIC
}

// unescape undoes the octal escapes of /proc/mounts for blank, tab, newline
// and backslash.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// Dir returns the tracing directory.
func (t *FS) Dir() string { return t.dir }

// Path returns the path of a file below the tracing directory.
func (t *FS) Path(elem ...string) string {
	return filepath.Join(t.dir, filepath.Join(elem...))
}

// Has reports whether a file exists below the tracing directory. A tracer or
// event that the kernel was built without has no file there.
func (t *FS) Has(elem ...string) bool {
	_, err := os.Lstat(t.Path(elem...))
	return err == nil
}

// Tracers lists the tracers the kernel offers, such as function_graph.
func (t *FS) Tracers() ([]string, error) {
	b, err := os.ReadFile(t.Path("available_tracers"))
	if err != nil {
		return nil, fmt.Errorf("list tracers: %w", err)
	}
	return strings.Fields(string(b)), nil
}

// ReadFormat reads the layout of an event's records. It wraps ErrNoEvent when
// there is no such event.
func (t *FS) ReadFormat(category, event string) (*Format, error) {
	b, err := t.eventFile(category, event, "format")
	if err != nil {
		return nil, err
	}
	f, err := ParseFormat(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Path("events", category, event, "format"), err)
	}
	return f, nil
}

// EventID returns the number by which perf_event_open knows an event.
func (t *FS) EventID(category, event string) (int, error) {
	b, err := t.eventFile(category, event, "id")
	if err != nil {
		return 0, err
	}
	var id int
	if _, err := fmt.Sscan(string(b), &id); err != nil {
		return 0, fmt.Errorf("%s holds %q, not a number", t.Path("events", category, event, "id"), b)
	}
	return id, nil
}

func (t *FS) eventFile(category, event, file string) ([]byte, error) {
	if !plainName(category) || !plainName(event) {
		return nil, fmt.Errorf("%w: %s:%s", ErrNoEvent, category, event)
	}
	b, err := os.ReadFile(t.Path("events", category, event, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s:%s", ErrNoEvent, category, event)
	}
	return b, err
}

// plainName reports whether s is a file name and not a path, so that a name
// from a script cannot lead out of the tracing directory.
func plainName(s string) bool {
	return s != "" && s[0] != '.' && !strings.ContainsAny(s, "/\x00")
}
