package watchdog

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// flagExiting marks processes that are being torn down: PF_EXITING in the
// kernel's include/linux/sched.h.
const flagExiting = 4

// Started returns the time at which a process started, in ticks since boot; 0 if
// there is no such process, or if it has ended and only waits for its parent.
func Started(pid int) uint64 {
	f := stat(pid)
	if f == nil || ended(f) {
		return 0
	}
	n, _ := strconv.ParseUint(f[startField], 10, 64)
	return n
}

// Ending reports whether a process has ended or cannot run any more: it is being
// torn down, or SIGKILL is pending.
func Ending(pid int) bool {
	f := stat(pid)
	if f == nil || ended(f) {
		return true
	}
	if flags, err := strconv.ParseUint(f[flagsField], 10, 64); err == nil && flags&flagExiting != 0 {
		return true
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err != nil || killed(status)
}

// The fields of /proc/PID/stat behind the name, as numbered in proc(5), counted
// from the state, which is field 3.
const (
	stateField   = 0
	flagsField   = 9 - 3
	threadsField = 20 - 3
	startField   = 22 - 3
)

// stat returns the fields of /proc/PID/stat from the state on, nil if there is
// no such process.
func stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	// The line is "pid (name) state …"; the name may contain anything, even
	// parentheses.
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(f) <= startField {
		return nil
	}
	return f
}

// ended reports whether a process has ended and waits for its parent. The first
// thread may have ended before others.
func ended(f []string) bool {
	n, err := strconv.Atoi(f[threadsField])
	return (f[stateField] == "Z" || f[stateField] == "X") && err == nil && n <= 1
}

// killed reports whether SIGKILL is pending, by the text of /proc/PID/status.
func killed(status []byte) bool {
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) != "SigPnd" && string(name) != "ShdPnd" {
			continue
		}
		bits, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
		if err == nil && bits&(1<<(9-1)) != 0 {
			return true
		}
	}
	return false
}
