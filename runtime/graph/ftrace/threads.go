package ftrace

import (
	"fmt"
	"os"
	"slices"
	"strings"

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

// hideOwn adds the threads of this process that are not in a list yet: those
// started after the list was made and before function-fork was on. It repeats
// until it finds no more, since these threads can start others.
func hideOwn(list string) error {
	for range 10 {
		now, err := readSetting(list, true)
		if missing(err) {
			return nil // before 5.7: the kernel cannot exclude threads, and probe's own are recorded
		}
		if err != nil {
			return fmt.Errorf("read the tracing settings: %w", err)
		}
		have := strings.Split(now, "\n")
		done := true
		for _, id := range ownThreads() {
			if slices.Contains(have, id) {
				continue
			}
			done = false
			if err := appendLine(list, id); err != nil {
				return settingError("set_ftrace_notrace_pid", id, err)
			}
		}
		if done {
			return nil
		}
	}
	return nil
}
