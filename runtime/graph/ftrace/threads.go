package ftrace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"probe/runtime/watchdog"
)

// ownThreads returns the threads of this process and of its watchdog; those to
// come follow from function-fork.
func ownThreads() (ids []string) {
	of := []string{"/proc/self/task"}
	if pid := watchdog.PID(); pid != 0 {
		of = append(of, fmt.Sprintf("/proc/%d/task", pid))
	}
	for _, path := range of {
		dir, err := os.ReadDir(path)
		if err != nil {
			continue
		}
		for _, d := range dir {
			ids = append(ids, d.Name())
		}
	}
	return ids
}

// late adds the threads to the lists that were started after the lists were made
// and before function-fork was on.
func (s *Source) late() error {
	if len(s.opts.Threads) == 0 {
		return addThreads(filepath.Join(s.base, "set_ftrace_notrace_pid"), func() ([]string, error) { return ownThreads(), nil })
	}
	if s.opts.Later == nil {
		return nil
	}
	return addThreads(filepath.Join(s.base, "set_ftrace_pid"), func() ([]string, error) {
		threads, err := s.opts.Later()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // the process has ended
		}
		return numbers(threads), err
	})
}

// numbers returns the ids of threads in decimal.
func numbers(threads []int32) []string {
	out := make([]string, len(threads))
	for i, t := range threads {
		out[i] = strconv.Itoa(int(t))
	}
	return out
}

// addThreads adds the threads to a list that are not in it. It repeats until it finds
// no more, since these threads can start others.
func addThreads(list string, threads func() ([]string, error)) error {
	for range 10 {
		now, err := readSetting(list, true)
		if missing(err) {
			return nil // before 5.7: the kernel cannot exclude threads, and probe's own are recorded
		}
		if err != nil {
			return fmt.Errorf("read the tracing settings: %w", err)
		}
		have := strings.Split(now, "\n")
		ids, err := threads()
		if err != nil {
			return err
		}
		done := true
		for _, id := range ids {
			if slices.Contains(have, id) {
				continue
			}
			done = false
			if err := appendLine(list, id); errors.Is(err, syscall.ESRCH) {
				continue // the thread has ended
			} else if err != nil {
				return settingError(filepath.Base(list), id, err)
			}
		}
		if done {
			return nil
		}
	}
	return nil
}
