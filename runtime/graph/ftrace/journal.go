package ftrace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"probe/runtime/trust"
	"probe/runtime/watchdog"
)

// RunDir is where the lock and the journal are kept.
const RunDir = "/run/probe"

const (
	lockFile    = "ftrace.lock"
	journalFile = "ftrace.json"
	// journalVersion changes when an old journal can no longer be undone.
	journalVersion = 1
)

// ErrLocked is wrapped when another probe is recording with ftrace.
var ErrLocked = errors.New("another probe is recording call graphs")

// journal lists what a recording is going to change. It is written before the
// first change, so after a crash some of the changes may not have been made.
type journal struct {
	Version int       `json:"version"`
	PID     int       `json:"pid"`
	Boot    string    `json:"boot"` // the id of the boot the changes belong to
	Started time.Time `json:"started"`
	// Tracing is the tracing directory, and Instance the name of the
	// instance in it that was made; "" for the top level.
	Tracing  string   `json:"tracing"`
	Instance string   `json:"instance,omitempty"`
	Changes  []change `json:"changes"`
	// Applied is set when all changes have been made. Before, a list may hold a
	// part of its new names, or none.
	Applied bool `json:"applied,omitempty"`
	// Undoing is set when restoring has begun: the top level's tracer may be
	// off already while its buffer still holds our records.
	Undoing bool `json:"undoing,omitempty"`
	// Events are dynamic events that were defined, "group/name".
	Events []string `json:"events,omitempty"`
}

// change is one file with another value. Old and New are in the form of
// readSetting.
type change struct {
	File string `json:"file"` // below the tracing directory
	Old  string `json:"old"`
	New  string `json:"new"`
}

// written reports whether the value of a file is the one that was written. The
// size of a buffer is rounded up to whole pages, without their headers; lists
// of threads follow the threads that start and end. partial means that the file
// holds more than the text now, and applied that writing had ended.
func (c *change) written(now string, partial, applied bool) bool {
	switch {
	case c.threads(), now == c.New:
		return true
	case isList(c.File) && (partial || !applied):
		return subset(now, c.New)
	case c.File != "buffer_size_kb":
		return false
	}
	n, err1 := strconv.Atoi(now)
	asked, err2 := strconv.Atoi(c.New)
	return err1 == nil && err2 == nil && n >= asked && n < asked+128
}

// subset reports whether all lines of a are lines of b.
func subset(a, b string) bool {
	in := map[string]bool{"": true}
	for name := range strings.SplitSeq(b, "\n") {
		in[name] = true
	}
	for name := range strings.SplitSeq(a, "\n") {
		if !in[name] {
			return false
		}
	}
	return true
}

// threads reports whether the file is a list of threads. An empty list still
// filters (it matches no thread); an unset one does not, though both read back
// empty.
func (c *change) threads() bool { return isThreads(c.File) }

func isThreads(file string) bool {
	return file == "set_ftrace_pid" || file == "set_ftrace_notrace_pid"
}

// The maximum time for which lock waits for a process that is going to release
// the lock: one that has been killed, with its watchdog, and one that holds the
// lock without a journal, because it has not written it yet or has removed it and
// is about to end. The second time counts from when there was no journal.
const (
	waitEnding  = 30 * time.Second
	waitUnknown = 2 * time.Second
)

// lock takes the lock of the run directory, which it creates if necessary. The
// kernel releases the lock when this process ends, however it ends. lock waits
// while the holder is a process that has been killed and is being torn down, or
// another process that puts back what that one has left.
func lock(ctx context.Context, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("prepare the folder for the tracing journal: %w", err)
	}
	path := filepath.Join(dir, lockFile)
	f, err := openOwn(path, os.O_RDWR|os.O_CREATE)
	if trust.IsError(err) {
		return nil, fmt.Errorf("the folder of the tracing journal is not trusted, since others may change it: %w; remove %s", err, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the tracing journal: %w", err)
	}
	start := time.Now()
	unknown := start // the last time at which there was a journal, or the start
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if err != unix.EWOULDBLOCK {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		j, err := readJournal(dir)
		known := err == nil && j != nil
		now := time.Now()
		var wait bool
		switch {
		case !known:
			wait = now.Sub(unknown) < waitUnknown
		case watchdog.Ending(j.PID):
			wait, unknown = now.Sub(start) < waitEnding, now
		}
		if !wait || ctx.Err() != nil {
			f.Close()
			if known {
				return nil, fmt.Errorf("%w: process %d, since %s", ErrLocked, j.PID, j.Started.Format(time.TimeOnly))
			}
			return nil, ErrLocked
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// write stores the journal so that it survives a crash of this process.
func (j *journal) write(dir string) error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, journalFile+".new")
	f, err := openOwn(temp, os.O_WRONLY|os.O_CREATE)
	if err == nil {
		err = f.Truncate(0)
	}
	if err != nil {
		return fmt.Errorf("write the tracing journal: %w", err)
	}
	defer f.Close()
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(temp, filepath.Join(dir, journalFile))
	}
	if err != nil {
		return fmt.Errorf("write the tracing journal: %w", err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// bootID returns the id of this boot. Settings of tracefs do not survive a
// boot, so a journal of another one has nothing to restore.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// definitions is the file to which definitions of events, and their removals,
// are written.
const definitions = "dynamic_events"

// path is a file below the tracing directory.
func (j *journal) path(name string) string { return filepath.Join(j.Tracing, name) }

// base is the directory that has the tracer's files: the instance, or the top.
func (j *journal) base() string {
	if j.Instance == "" {
		return j.Tracing
	}
	return filepath.Join(j.Tracing, "instances", j.Instance)
}

// undo restores what the journal in a folder changed. left lists the files that
// somebody else has changed meanwhile, which undo does not touch; err joins the
// failures, in spite of which undo restores everything it can.
func (j *journal) undo(dir string) (left []string, err error) {
	var errs []error
	fail := func(what string, err error) {
		if err != nil && !missing(err) {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	base := j.base()
	ours := j.Instance != "" && has(base)
	if j.Instance == "" && len(j.Changes) > 0 {
		tracer, err := readSetting(filepath.Join(base, "current_tracer"), false)
		ours = err == nil && (tracer == tracerName || j.Undoing && tracer == "nop")
		if ours && !j.Undoing {
			j.Undoing = true
			fail("note that putting back begins", j.write(dir))
		}
	}
	if ours {
		// Stop recording first: the rest takes seconds.
		fail("stop tracing", writeSetting(filepath.Join(base, "tracing_on"), "0", false))
		fail("switch the tracer off", writeSetting(filepath.Join(base, "current_tracer"), "nop", false))
	}
	if ours && j.Instance != "" {
		// Unlike the other settings of an instance, this one has an effect on
		// everybody's events, and the kernel does not end it with the instance.
		fail("end the recording of processes", writeSetting(filepath.Join(base, "options/record-tgid"), "0", false))
	}
	for _, name := range j.Events {
		fail("disable event "+name, writeSetting(filepath.Join(base, "events", name, "enable"), "0", false))
		if !has(j.path("events/" + name)) {
			continue
		}
		fail("remove event "+name, appendLine(j.path(definitions), "-:"+name))
	}
	if ours && j.Instance == "" {
		// Emptying loses nothing of others: Open takes the top level only with
		// an empty buffer.
		fail("empty the buffer", writeSetting(filepath.Join(base, "trace"), "", true))
	}
	for i := len(j.Changes) - 1; i >= 0; i-- {
		c := j.Changes[i]
		if c.File == "current_tracer" && ours {
			continue
		}
		now, err := readSetting(j.path(c.File), isList(c.File))
		partial := errors.Is(err, errPartial)
		if err != nil && !partial {
			fail("read "+c.File, err)
			continue
		}
		switch {
		case now == c.Old && !partial && !c.threads():
		case c.written(now, partial, j.Applied), c.File == "tracing_on" && ours:
			fail("put "+c.File+" back", writeSetting(j.path(c.File), c.Old, isList(c.File)))
		default:
			left = append(left, c.File)
		}
	}
	if j.Instance != "" && ours {
		fail("remove the tracing instance "+j.Instance, removeInstance(base))
	}
	return left, errors.Join(errs...)
}

// removeInstance removes an instance. It is busy for a moment after its last
// reader has closed.
func removeInstance(dir string) error {
	var err error
	for range 50 {
		if err = unix.Rmdir(dir); err != unix.EBUSY {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// Cleaned is the result of Cleanup.
type Cleaned struct {
	// PID is the process that left the settings, 0 when there was nothing.
	PID int
	// Left are files that somebody else has changed meanwhile. They were not
	// touched.
	Left []string
}

// Cleanup restores the settings in the tracing directory that a probe has
// changed and, because it was killed, not restored. It waits for a probe that has
// been killed and is being torn down. The error wraps ErrLocked while a probe is
// recording, and is an *UntrustedError for a journal that is
// damaged or not probe's. dir is the run directory, "" for RunDir.
func Cleanup(dir string) (Cleaned, error) {
	if dir == "" {
		dir = RunDir
	}
	if !has(filepath.Join(dir, journalFile)) {
		return Cleaned{}, nil
	}
	f, err := lock(context.Background(), dir)
	if err != nil {
		return Cleaned{}, err
	}
	defer f.Close()
	return recoverJournal(dir)
}

// recoverJournal undoes and removes a journal. The caller holds the lock, so
// the process that wrote the journal has ended.
func recoverJournal(dir string) (Cleaned, error) {
	j, err := readJournal(dir)
	if err != nil || j == nil {
		return Cleaned{}, setAside(err)
	}
	c := Cleaned{PID: j.PID}
	if j.Boot == bootID() {
		if !isTracefs(j.Tracing) {
			return c, setAside(&UntrustedError{Path: filepath.Join(dir, journalFile), Why: "names a tracing directory where no tracefs is mounted, " + j.Tracing})
		}
		if c.Left, err = j.undo(dir); err != nil {
			return c, fmt.Errorf("restore the tracing settings that process %d left: %w", j.PID, err)
		}
	}
	return c, dropJournal(dir)
}

func dropJournal(dir string) error {
	err := os.Remove(filepath.Join(dir, journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
