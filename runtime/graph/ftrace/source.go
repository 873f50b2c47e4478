package ftrace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"probe/runtime/graph"
	"probe/runtime/machine/live/symbol"
	"probe/runtime/machine/live/tracefs"
	"probe/runtime/watchdog"
)

// DefaultBufferKB is the default size of the buffer of each CPU, in KiB. It
// holds some 200,000 entries and exits, which a busy CPU produces in 20 ms or
// more.
const DefaultBufferKB = 8192

// Options selects what to record. Funcs must not be empty.
type Options struct {
	// Funcs lists the functions whose calls are recorded, by their symbol
	// names, as Functions.Find returns them.
	Funcs []string
	// Depth is the maximum number of levels recorded, the root included; 0
	// means no bound.
	Depth int
	// Threads lists the ids of the threads to record; threads and processes that
	// they start are recorded too. Nil means all. Later, if it is set, lists them
	// again, for those that were started before the kernel followed them.
	Threads []int32
	Later   func() ([]int32, error)
	// Only lists the functions that are instrumented in addition to Funcs. Nil
	// means all, which takes the kernel some seconds.
	Only []string
	// Skip lists functions that are not instrumented. A name that the kernel
	// does not have is an error, here and in Only.
	Skip []string
	// FuncPatterns, OnlyPatterns and SkipPatterns are patterns with * and ? all
	// of whose matches are in Funcs, Only and Skip. Open writes a pattern in
	// place of the names it matches: the kernel searches all its functions for
	// each line, so a thousand names take it seconds.
	FuncPatterns, OnlyPatterns, SkipPatterns []string
	// Progress, if not nil, is called while the tracer is switched on, which
	// can take seconds: n of total steps of a kind are done.
	Progress func(step string, n, total int)
	// Returns lists the functions whose return values are recorded.
	Returns []string
	// Symbols are the symbols of the kernel.
	Symbols *symbol.Kernel
	// Args requests the arguments of calls (kernel 6.14).
	Args bool
	// BufferKB is the size of the buffer of each CPU in KiB; 0 means
	// DefaultBufferKB.
	BufferKB int
	// Guard, if set, is held while events become trees: during calls of tree
	// and Until, and whenever the table of functions changes.
	Guard sync.Locker
	// Until, if set, is called while recording with a time before which no more
	// trees will end.
	Until func(until int64)
	// RunDir is where the journal is kept; "" means RunDir.
	RunDir string
}

// Source is a tracer that is switched on. It is not safe for concurrent use.
type Source struct {
	fs      *tracefs.FS
	opts    Options
	dir     string // the run directory
	lock    *os.File
	release func() // of the watchdog
	journal *journal
	base    string
	top     bool
	decoder *Decoder
	readers []*reader
	lost    uint64 // of readers that were closed
	on      bool
	// Recovered is what Open has restored after a probe that was killed.
	Recovered Cleaned
	// Refused lists the functions of Options.Returns whose return value cannot
	// be recorded, each with the reason.
	Refused []string
	// Enabled is the time it took to switch the tracer on.
	Enabled time.Duration
	// Instance is the name of the tracing instance, "" for the top level.
	Instance string
	// Headless counts the calls that Record has left out because their start
	// was not recorded.
	Headless uint64
	hasArgs  bool
	// asked and askedAt hold Options.Funcs by name and by address.
	asked   map[string]bool
	askedAt map[uint64]bool
}

// Open switches the tracer on. Errors are a *BusyError, a *MissingError, or
// wrap ErrLocked or tracefs.ErrNotMounted. The caller closes the source.
func Open(ctx context.Context, tfs *tracefs.FS, o Options) (*Source, error) {
	if len(o.Funcs) == 0 {
		return nil, errors.New("record call graphs: no function is named")
	}
	if o.BufferKB == 0 {
		o.BufferKB = DefaultBufferKB
	}
	s := &Source{fs: tfs, opts: o, dir: o.RunDir, base: tfs.Dir()}
	if s.dir == "" {
		s.dir = RunDir
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	var err error
	if s.lock, err = lock(ctx, s.dir); err != nil {
		return nil, err
	}
	s.release = watchdog.Start()
	if err := s.setUp(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// MissingError is returned when the kernel lacks a feature, or the user a
// privilege, that recording needs.
type MissingError struct {
	What string // what is missing, as a clause: "this kernel has no …"
	Help string // what to do about it, may be empty
	Err  error  // may be nil
}

// Error returns the message: what is missing and what to do.
func (e *MissingError) Error() string {
	if e.Err != nil {
		return e.What + ": " + e.Err.Error()
	}
	return e.What
}

// ChangedError is returned by Close when somebody else has changed settings
// during the recording. They were left as they are.
type ChangedError struct {
	Files []string // below the tracing directory
}

// Error names the files.
func (e *ChangedError) Error() string {
	return "somebody else has changed " + strings.Join(e.Files, ", ") + " in the tracing directory while probe was recording; left as it is"
}

// Unwrap returns the cause.
func (e *MissingError) Unwrap() error { return e.Err }

// check returns an error if the kernel does not have the tracer.
func (s *Source) check() error {
	tracers, err := s.fs.Tracers()
	if errors.Is(err, fs.ErrPermission) {
		return &MissingError{What: "the tracing directory may not be read", Err: err,
			Help: "run as root"}
	}
	if err != nil {
		return err
	}
	if !slices.Contains(tracers, tracerName) {
		return &MissingError{What: "this kernel has no tracer " + tracerName + " (CONFIG_FUNCTION_GRAPH_TRACER); it has " + strings.Join(tracers, ", ")}
	}
	return nil
}

// setUp changes the settings of the machine. On an error the caller calls
// Close, which undoes what was done.
func (s *Source) setUp(ctx context.Context) error {
	var err error
	if s.Recovered, err = recoverJournal(s.dir); err != nil {
		return err
	}
	if s.decoder, err = NewDecoder(s.fs); err != nil {
		return err
	}
	j := &journal{Version: journalVersion, PID: os.Getpid(), Boot: bootID(), Started: time.Now(), Tracing: s.fs.Dir()}
	j.Instance = "probe-" + strconv.Itoa(os.Getpid())
	if err := j.write(s.dir); err != nil {
		return err
	}
	s.journal = j
	s.top = !s.instances(j.Instance)
	if s.top {
		j.Instance = ""
	} else {
		s.Instance = j.Instance
		s.base = filepath.Join(s.fs.Dir(), "instances", j.Instance)
	}
	if b := busy(s.fs.Dir(), s.top); b != nil {
		return b
	}
	values := s.values()
	for _, set := range settings {
		want, ok := values[set.name]
		if !ok || !s.top && !slices.Contains(global, set.name) {
			continue
		}
		now, err := readSetting(s.fs.Path(set.name), set.list)
		if missing(err) {
			continue // an option that this kernel does not have
		}
		if errors.Is(err, errPartial) {
			return &BusyError{Uses: []string{fmt.Sprintf("%s has a list of more names than the kernel shows, so it could not be put back", set.name)}}
		}
		if err != nil {
			return fmt.Errorf("read the tracing settings: %w", err)
		}
		if now != want {
			j.Changes = append(j.Changes, change{File: set.name, Old: now, New: want})
		} else {
			delete(values, set.name)
		}
	}
	for i := range s.opts.Returns {
		j.Events = append(j.Events, fmt.Sprintf("probe_%d/r%d", os.Getpid(), i))
	}
	if err := j.write(s.dir); err != nil {
		return err
	}
	if err := s.apply(ctx, values); err != nil {
		return err
	}
	j.Applied = true
	return j.write(s.dir)
}

// instances reports whether the tracer works in an instance (since 6.11). The
// only way to find out is to try it: an older kernel rejects the tracer's name.
func (s *Source) instances(name string) bool {
	dir := s.fs.Path("instances", name)
	if os.Mkdir(dir, 0o755) != nil {
		return false
	}
	// available_tracers of an instance lists only the tracers that work in it.
	text, err := os.ReadFile(filepath.Join(dir, "available_tracers"))
	works := err == nil && slices.Contains(strings.Fields(string(text)), tracerName)
	if err := removeInstance(dir); err != nil {
		return false
	}
	return works
}

// values returns the settings wanted.
func (s *Source) values() map[string]string {
	list := func(names []string) string {
		names = slices.Clone(names)
		slices.Sort(names)
		return strings.Join(slices.Compact(names), "\n")
	}
	v := map[string]string{
		"tracing_on":             "0",
		"trace_clock":            "mono",
		"buffer_size_kb":         strconv.Itoa(s.opts.BufferKB),
		"options/overwrite":      "1", // only then are losses marked in the pages
		"options/funcgraph-irqs": "1", // without, parts of interrupts are left that nothing marks
		"options/sleep-time":     "1",
		"options/function-fork":  "0",
		"set_ftrace_pid":         "",
		"set_ftrace_notrace_pid": "",
		"set_ftrace_filter":      "",
		"set_ftrace_notrace":     list(s.opts.Skip),
		"set_graph_function":     list(s.opts.Funcs),
		"set_graph_notrace":      "",
		"max_graph_depth":        strconv.Itoa(s.opts.Depth),
		"tracing_thresh":         "0",
		"current_tracer":         tracerName,
	}
	if len(s.opts.Threads) > 0 {
		v["set_ftrace_pid"], v["options/function-fork"] = list(numbers(s.opts.Threads)), "1"
		v["options/record-tgid"] = "1" // distinguishes new threads from child processes
	} else if own := ownThreads(); len(own) > 0 {
		// Exclude this process: the kernel functions that reading the records
		// calls would be recorded, too.
		v["set_ftrace_notrace_pid"], v["options/function-fork"] = list(own), "1"
	}
	if s.opts.Only != nil {
		v["set_ftrace_filter"] = list(append(slices.Clone(s.opts.Only), s.opts.Funcs...))
	}
	if has(s.fs.Path("options", "funcgraph-args")) {
		v["options/funcgraph-args"] = "0"
		if s.opts.Args {
			v["options/funcgraph-args"] = "1"
		}
	}
	return v
}

// apply makes the changes listed in the journal, and those inside the instance,
// which need no journal because they end with the instance.
func (s *Source) apply(ctx context.Context, values map[string]string) error {
	if !s.top {
		if err := os.Mkdir(s.base, 0o755); err != nil {
			return fmt.Errorf("make a tracing instance: %w", err)
		}
	}
	for _, set := range settings {
		want, ok := values[set.name]
		if !ok || set.name == "current_tracer" {
			continue
		}
		path := filepath.Join(s.base, set.name)
		if slices.Contains(global, set.name) {
			path = s.fs.Path(set.name)
		}
		if !has(path) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var err error
		switch set.name {
		case "set_ftrace_filter", "set_ftrace_notrace":
			err = s.setFunctions(set.name, want)
		default:
			err = writeSetting(path, s.shorten(set.name, want), set.list)
		}
		if err != nil {
			return settingError(set.name, want, err)
		}
	}
	if err := s.late(); err != nil {
		return err
	}
	s.hasArgs = s.opts.Args && has(filepath.Join(s.base, "options/funcgraph-args"))
	start := time.Now()
	// Define the events before setting the tracer: a change to the set of
	// instrumented functions takes longer the larger the set is.
	for i, name := range s.opts.Returns {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.progress("return values", i, len(s.opts.Returns))
		if err := s.addReturn(s.journal.Events[i], name); err != nil {
			s.Refused = append(s.Refused, fmt.Sprintf("%s: %v", name, err))
		}
	}
	s.progress("return values", len(s.opts.Returns), len(s.opts.Returns))
	if err := writeSetting(filepath.Join(s.base, "current_tracer"), tracerName, false); err != nil {
		return settingError("current_tracer", tracerName, err)
	}
	// Open the readers after setting the tracer: while a buffer is being read
	// the kernel does not change its tracer.
	if err := s.openReaders(); err != nil {
		return err
	}
	if err := writeSetting(filepath.Join(s.base, "tracing_on"), "1", false); err != nil {
		return settingError("tracing_on", "1", err)
	}
	s.on = true
	s.Enabled = time.Since(start)
	return nil
}

// progress reports the progress of switching on to Options.Progress.
func (s *Source) progress(step string, n, total int) {
	if s.opts.Progress != nil {
		s.opts.Progress(step, n, total)
	}
}

// shorten replaces the names that a pattern matches by the pattern.
func (s *Source) shorten(file, names string) string {
	patterns := map[string][]string{
		"set_graph_function": s.opts.FuncPatterns,
		"set_ftrace_filter":  slices.Concat(s.opts.OnlyPatterns, s.opts.FuncPatterns),
		"set_ftrace_notrace": s.opts.SkipPatterns,
	}[file]
	if names == "" || len(patterns) == 0 {
		return names
	}
	// The kernel rejects a pattern that matches nothing, so use only patterns
	// with a match.
	matches := make([]bool, len(patterns))
	var single []string
	for name := range strings.SplitSeq(names, "\n") {
		one := true
		for i, p := range patterns {
			if graph.MatchName(p, name) {
				matches[i], one = true, false
			}
		}
		if one {
			single = append(single, name)
		}
	}
	var lines []string
	for i, p := range patterns {
		if matches[i] {
			lines = append(lines, p)
		}
	}
	return strings.Join(append(lines, single...), "\n")
}

// HasArgs reports whether arguments are recorded: Options.Args requested them,
// and the kernel supports them.
func (s *Source) HasArgs() bool { return s.hasArgs }

// settingError returns the error for a setting that the kernel rejected.
func settingError(name, value string, err error) error {
	first, _, more := strings.Cut(value, "\n")
	if more {
		first += " …"
	}
	return fmt.Errorf("set %s to %q: %w", name, first, err)
}

// Close switches the tracer off and restores all settings. It may be called
// more than once.
func (s *Source) Close() error {
	for _, r := range s.readers {
		s.lost += r.close()
	}
	s.readers, s.on = nil, false
	var errs []error
	if s.journal != nil {
		left, err := s.journal.undo(s.dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("restore the tracing settings: %w", err))
		} else {
			errs = append(errs, dropJournal(s.dir))
		}
		if len(left) > 0 {
			errs = append(errs, &ChangedError{Files: left})
		}
		s.journal = nil
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	err := errors.Join(errs...)
	if s.release != nil && !has(filepath.Join(s.dir, journalFile)) {
		s.release() // otherwise the watchdog tries again when this process ends
	}
	return err
}
