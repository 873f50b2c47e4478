package value

import (
	"strconv"
	"strings"
)

// MaxSignal is the largest signal number of Linux.
const MaxSignal = 64

// firstRealtime is the first real-time signal a program can use; the C library
// keeps the two before it for its threads.
const firstRealtime = 34

// signals is indexed by number less one (kernel: include/uapi/asm-generic/
// signal.h); x86 and arm64 agree.
var signals = [...]struct{ name, text string }{
	{"HUP", "Hangup"},
	{"INT", "Interrupt"},
	{"QUIT", "Quit"},
	{"ILL", "Illegal instruction"},
	{"TRAP", "Trace/breakpoint trap"},
	{"ABRT", "Aborted"},
	{"BUS", "Bus error"},
	{"FPE", "Floating point exception"},
	{"KILL", "Killed"},
	{"USR1", "User defined signal 1"},
	{"SEGV", "Segmentation fault"},
	{"USR2", "User defined signal 2"},
	{"PIPE", "Broken pipe"},
	{"ALRM", "Alarm clock"},
	{"TERM", "Terminated"},
	{"STKFLT", "Stack fault"},
	{"CHLD", "Child exited"},
	{"CONT", "Continued"},
	{"STOP", "Stopped (signal)"},
	{"TSTP", "Stopped"},
	{"TTIN", "Stopped (tty input)"},
	{"TTOU", "Stopped (tty output)"},
	{"URG", "Urgent I/O condition"},
	{"XCPU", "CPU time limit exceeded"},
	{"XFSZ", "File size limit exceeded"},
	{"VTALRM", "Virtual timer expired"},
	{"PROF", "Profiling timer expired"},
	{"WINCH", "Window changed"},
	{"IO", "I/O possible"},
	{"PWR", "Power failure"},
	{"SYS", "Bad system call"},
}

// SignalText is the description of a signal in the words of strsignal
// (F-SIGNALNAME): "Interrupt", "Real-time signal 3"; "N/A" for numbers that
// are no signal.
func SignalText(n int64) string {
	switch {
	case n >= 1 && n <= int64(len(signals)):
		return signals[n-1].text
	case n >= firstRealtime && n <= MaxSignal:
		return "Real-time signal " + strconv.FormatInt(n-firstRealtime, 10)
	case n >= 0 && n < firstRealtime:
		return "Unknown signal " + strconv.FormatInt(n, 10)
	}
	return "N/A"
}

// SignalName is the name of a signal, "SIGINT" for 2, "SIGRTMIN+3" for 37;
// false for numbers without one.
func SignalName(n int) (string, bool) {
	switch {
	case n >= 1 && n <= len(signals):
		return "SIG" + signals[n-1].name, true
	case n == firstRealtime:
		return "SIGRTMIN", true
	case n > firstRealtime && n < MaxSignal:
		return "SIGRTMIN+" + strconv.Itoa(n-firstRealtime), true
	case n == MaxSignal:
		return "SIGRTMAX", true
	}
	return "", false
}

// SignalNumber finds a signal by name in any case, with or without SIG
// (F-SIGNAL).
func SignalNumber(name string) (int, bool) {
	name = strings.ToUpper(name)
	switch name {
	case "SIGIOT", "IOT":
		name = "ABRT"
	case "SIGCLD", "CLD":
		name = "CHLD"
	case "SIGPOLL", "POLL":
		name = "IO"
	}
	for i := range signals {
		if s := signals[i].name; name == s || strings.HasPrefix(name, "SIG") && name[3:] == s {
			return i + 1, true
		}
	}
	return 0, false
}
