package ftrace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tracerName is the tracer that probe uses.
const tracerName = "function_graph"

// BusyError is returned when another user of ftrace uses what probe would have
// to change.
type BusyError struct {
	// Uses lists the uses found, each with who or what it is.
	Uses []string
	// Processes lists the processes that have files of the tracing directory
	// open: "trace-cmd[812]".
	Processes []string
}

// Error names the uses and the processes.
func (e *BusyError) Error() string {
	s := "ftrace is in use: " + strings.Join(e.Uses, "; ")
	if len(e.Processes) > 0 {
		s += "; open in " + strings.Join(e.Processes, ", ")
	}
	return s
}

// busy looks for uses of the tracing directory that probe would disturb, or
// that would disturb it. top means that probe wants the top level's buffer and
// tracer, not an instance.
func busy(dir string, top bool) *BusyError {
	e := &BusyError{}
	tracer, _ := readSetting(filepath.Join(dir, "current_tracer"), false)
	if tracer == tracerName || top && tracer != "nop" {
		e.Uses = append(e.Uses, "the tracer "+tracer+" is on")
	}
	instances, _ := os.ReadDir(filepath.Join(dir, "instances"))
	for _, i := range instances {
		t, err := readSetting(filepath.Join(dir, "instances", i.Name(), "current_tracer"), false)
		if err == nil && t == tracerName {
			e.Uses = append(e.Uses, fmt.Sprintf("instance %q has the tracer %s on", i.Name(), t))
		}
	}
	if thresh, err := readSetting(filepath.Join(dir, "tracing_thresh"), false); err == nil && thresh != "0" && tracer != "nop" && !top {
		e.Uses = append(e.Uses, fmt.Sprintf("the tracer %s uses tracing_thresh", tracer))
	}
	if top {
		e.Uses = append(e.Uses, topLevel(dir)...)
	}
	if len(e.Uses) == 0 {
		return nil
	}
	e.Processes = users(dir)
	return e
}

// topLevel finds uses of the top level's buffer.
func topLevel(dir string) []string {
	var uses []string
	if events, err := os.ReadFile(filepath.Join(dir, "set_event")); err == nil {
		if list := strings.Fields(string(events)); len(list) > 0 {
			names := strings.Join(list[:min(len(list), 3)], ", ")
			if len(list) > 3 {
				names += ", …"
			}
			uses = append(uses, fmt.Sprintf("%d event(s) are on: %s", len(list), names))
		}
	}
	if size, err := readSetting(filepath.Join(dir, "buffer_size_kb"), false); err == nil && size == "X" {
		uses = append(uses, "the CPUs' buffers were given different sizes")
	}
	if n := entries(dir); n > 0 {
		uses = append(uses, fmt.Sprintf("the buffer holds %d record(s), which `echo > %s` would discard", n, filepath.Join(dir, "trace")))
	}
	return uses
}

// users finds the processes that have files of the tracing directory open.
func users(dir string) []string {
	var out []string
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	// Compare file system numbers and not paths: a container can have tracefs
	// mounted in another place.
	var own unix.Stat_t
	ownErr := unix.Stat(dir, &own)
	places := []string{filepath.Clean(dir) + "/", "/sys/kernel/tracing/", "/sys/kernel/debug/tracing/"}
	ours := func(fd string) bool {
		to, err := os.Readlink(fd)
		if err != nil {
			return false
		}
		if slices.ContainsFunc(places, func(at string) bool { return strings.HasPrefix(to, at) }) {
			return true
		}
		// Examine only files with /tracing/ in their path: stat can block on a
		// network file system whose server does not answer.
		var st unix.Stat_t
		return ownErr == nil && strings.Contains(to, "/tracing/") && unix.Stat(fd, &st) == nil && st.Dev == own.Dev
	}
	self := strconv.Itoa(os.Getpid())
	for _, p := range procs {
		if p.Name()[0] < '0' || p.Name()[0] > '9' || p.Name() == self {
			continue
		}
		fds, err := os.ReadDir("/proc/" + p.Name() + "/fd")
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if ours("/proc/" + p.Name() + "/fd/" + fd.Name()) {
				comm, _ := os.ReadFile("/proc/" + p.Name() + "/comm")
				out = append(out, fmt.Sprintf("%s[%s]", strings.TrimSpace(string(comm)), p.Name()))
				break
			}
		}
	}
	return out
}
