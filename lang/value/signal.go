package value

import "strconv"

// MaxSignal is the largest signal number of Linux.
const MaxSignal = 64

// firstRealtime is the first real-time signal a program can use; the C library
// keeps the two before it for its threads.
const firstRealtime = 34

// signals holds what strsignal says of each signal, indexed by number less one (kernel: include/uapi/asm-generic/
// signal.h); x86 and arm64 agree.
var signals = [...]string{
	"Hangup",
	"Interrupt",
	"Quit",
	"Illegal instruction",
	"Trace/breakpoint trap",
	"Aborted",
	"Bus error",
	"Floating point exception",
	"Killed",
	"User defined signal 1",
	"Segmentation fault",
	"User defined signal 2",
	"Broken pipe",
	"Alarm clock",
	"Terminated",
	"Stack fault",
	"Child exited",
	"Continued",
	"Stopped (signal)",
	"Stopped",
	"Stopped (tty input)",
	"Stopped (tty output)",
	"Urgent I/O condition",
	"CPU time limit exceeded",
	"File size limit exceeded",
	"Virtual timer expired",
	"Profiling timer expired",
	"Window changed",
	"I/O possible",
	"Power failure",
	"Bad system call",
}

// SignalText returns the description of a signal in the words of strsignal
// (F-SIGNALNAME): "Interrupt", "Real-time signal 3"; "N/A" for numbers that are
// no signal.
func SignalText(n int64) string {
	switch {
	case n >= 1 && n <= int64(len(signals)):
		return signals[n-1]
	case n >= firstRealtime && n <= MaxSignal:
		return "Real-time signal " + strconv.FormatInt(n-firstRealtime, 10)
	case n >= 0 && n < firstRealtime:
		return "Unknown signal " + strconv.FormatInt(n, 10)
	}
	return "N/A"
}
