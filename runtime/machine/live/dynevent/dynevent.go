// Package dynevent defines kprobes as events in tracefs (kprobe_events).
//
// A kprobe that perf_event_open creates needs no definition, but a kretprobe of
// that kind has room for only as many calls in progress as the kernel chooses
// (10, or two for each CPU), and before Linux 6.7 nothing says how many calls
// it missed. The definition of an event sets the number of calls, and
// kprobe_profile has its misses on every kernel.
//
// Definitions remain when their process is killed. Their names contain its id
// and start time, so that Sweep can remove those whose process has ended; the
// watchdog of the process calls it. Until then they cost nothing, since the
// kernel disarms a kprobe when its last user ends.
package dynevent

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/tracefs"
	"probe/runtime/watchdog"
)

const (
	definitions = "kprobe_events"
	profile     = "kprobe_profile"
	// prefix starts the names of the groups of probe's events: prefix, process
	// id, "_", start time in ticks since boot.
	prefix = "probe_"
)

// MaxActive is the maximum number of calls in progress that the kernel accepts
// for a kretprobe (KRETPROBE_MAXACTIVE_MAX).
const MaxActive = 4096

// minActive is enough for functions that do not sleep, on any machine.
const minActive = 512

// Event is a defined kprobe.
type Event struct {
	// ID is the number by which perf_event_open knows it.
	ID   int
	fs   *tracefs.FS
	path string // group/name
	name string
	// release releases the watchdog, which removes the event if this process
	// cannot.
	release func()
}

// Kprobe is a place in the kernel.
type Kprobe struct {
	Symbol string // "name" or "module:name"; "" if Offset is an address
	Offset uint64
	Return bool
	// Active is the number of calls of a kretprobe that can be in progress at
	// once; 0 means the number that this machine can need (see the function
	// Active).
	Active int
}

// Definer defines events of this process. Its zero value is ready, and safe for
// concurrent use.
type Definer struct {
	once   sync.Once
	group  string
	name   string // start of the names of its events
	number atomic.Uint64
}

// start chooses the name of the events. A second definition with the same name
// would add a place to the event, so the time in the name distinguishes several
// Definers.
func (d *Definer) start(fs *tracefs.FS) {
	pid := os.Getpid()
	d.group = prefix + strconv.Itoa(pid) + "_" + strconv.FormatUint(watchdog.Started(pid), 10)
	d.name = "p" + strconv.Itoa(pid) + "_" + strconv.FormatInt(time.Now().UnixNano(), 36) + "_"
	_, _ = Sweep(fs, 0)
}

// Define defines an event and does not enable it. It first removes the events
// of processes that have ended.
func (d *Definer) Define(fs *tracefs.FS, k Kprobe) (*Event, error) {
	d.once.Do(func() { d.start(fs) })
	e := &Event{fs: fs, name: d.name + strconv.FormatUint(d.number.Add(1), 10), release: watchdog.Start()}
	e.path = d.group + "/" + e.name
	if err := write(fs, k.definition(e.path)); err != nil {
		e.release()
		return nil, fmt.Errorf("define the event of %s: %w", k.place(), err)
	}
	var err error
	if e.ID, err = fs.EventID(d.group, e.name); err != nil {
		return nil, errors.Join(err, e.Remove())
	}
	return e, nil
}

func (k Kprobe) definition(path string) string {
	if !k.Return {
		return "p:" + path + " " + k.place()
	}
	n := k.Active
	if n == 0 {
		n = Active()
	}
	return "r" + strconv.Itoa(min(n, MaxActive)) + ":" + path + " " + k.place()
}

func (k Kprobe) place() string {
	switch {
	case k.Symbol == "":
		return fmt.Sprintf("%#x", k.Offset)
	case k.Offset != 0:
		return fmt.Sprintf("%s+%d", k.Symbol, k.Offset)
	}
	return k.Symbol
}

// Active returns the number of calls of one function that can be in progress at
// once on this machine: twice the number of threads it has now, within the
// limits of the kernel.
func Active() int {
	text, err := os.ReadFile("/proc/loadavg") // 0.00 0.01 0.05 running/threads pid
	if err != nil {
		return MaxActive
	}
	return activeFor(string(text))
}

func activeFor(loadavg string) int {
	f := strings.Fields(loadavg)
	if len(f) < 4 {
		return MaxActive
	}
	_, threads, _ := strings.Cut(f[3], "/")
	n, err := strconv.Atoi(threads)
	if err != nil {
		return MaxActive
	}
	return min(max(2*n, minActive), MaxActive)
}

// Missed returns the number of runs that the kernel skipped: calls for which
// there was no room, and those inside of another kprobe. ok is false when the
// number cannot be read.
func (e *Event) Missed() (n uint64, ok bool) {
	text, err := os.ReadFile(e.fs.Path(profile))
	if err != nil {
		return 0, false
	}
	return missed(string(text), e.name)
}

// missed returns the misses of an event from the text of kprobe_profile, whose
// lines have name, hits and misses.
func missed(text, name string) (n uint64, ok bool) {
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 3 && w[0] == name {
			n, err := strconv.ParseUint(w[2], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// Remove removes the event, which nothing may use any more. The kernel releases
// an event some time after its last user has closed it, so Remove tries again
// for a while.
func (e *Event) Remove() error {
	var err error
	for range 100 {
		if err = write(e.fs, "-:"+e.path); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the event %s: %w", e.path, err)
	}
	e.release()
	return nil
}

// Sweep removes the events of processes that have ended, and returns their
// number. The kernel releases an event some time after its process has closed it,
// and a process that was killed takes a while to end: Sweep waits for both, at
// most for the time wait.
func Sweep(fs *tracefs.FS, wait time.Duration) (n int, err error) {
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		removed, later, err := sweep(fs)
		n += removed
		if err != nil || later == 0 || time.Since(start) >= wait {
			return n, err
		}
	}
}

// sweep removes what can be removed now. later counts the events that may be
// removable soon.
func sweep(fs *tracefs.FS) (n, later int, err error) {
	text, err := os.ReadFile(fs.Path(definitions))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		path, pid, start := parse(line)
		if pid == 0 {
			continue
		}
		if watchdog.Started(pid) == start {
			if watchdog.Ending(pid) {
				later++
			}
			continue
		}
		// The kernel does not remove an event in use: its process may run in a
		// PID namespace that this one cannot see.
		switch e := write(fs, "-:"+path); {
		case e == nil:
			n++
		case errors.Is(e, unix.EBUSY):
			later++
		case !errors.Is(e, unix.ENOENT):
			err = fmt.Errorf("remove the event %s: %w", path, e)
		}
	}
	return n, later, err
}

// parse parses a definition made by probe, "r512:probe_42_1000/p42_1
// do_nanosleep"; pid is 0 for definitions of others.
func parse(line string) (path string, pid int, start uint64) {
	_, rest, _ := strings.Cut(line, ":")
	path, _, _ = strings.Cut(rest, " ")
	group, _, _ := strings.Cut(path, "/")
	id, ok := strings.CutPrefix(group, prefix)
	if !ok {
		return "", 0, 0
	}
	p, s, ok := strings.Cut(id, "_")
	if !ok {
		return "", 0, 0
	}
	n, err1 := strconv.Atoi(p)
	t, err2 := strconv.ParseUint(s, 10, 64)
	if err1 != nil || err2 != nil || n <= 0 {
		return "", 0, 0
	}
	return path, n, t
}

// write writes one definition, or removal, to the kernel.
func write(fs *tracefs.FS, line string) error {
	f, err := os.OpenFile(fs.Path(definitions), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
