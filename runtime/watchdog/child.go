package watchdog

import (
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxCrash is the maximum length of the text of a crash that is kept.
const maxCrash = 64 << 10

// watch waits for the end of the parent and puts the machine back.
func watch(p Program) {
	// Whatever asks a group of processes to end must not end this one before
	// the parent.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2)
	// The kernel chooses the largest process when memory is short. Only root
	// can exclude one; without the right it remains as likely as its parent.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0)
	debug.FreeOSMemory()
	text := readCrash(os.NewFile(crashFD, "crash"))
	waitFor(parentFD)
	err := p.Restore()
	if i := crashStart(text); i >= 0 {
		p.Crashed(text[i:], err)
	}
}

// readCrash reads what the Go runtime writes when the parent crashes, until the
// parent has closed the pipe.
func readCrash(f *os.File) string {
	if f == nil {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(f, maxCrash))
	_, _ = io.Copy(io.Discard, f) // the parent must not block
	return string(text)
}

// crashStart returns where the report of a fault of the program begins, -1 if
// there is none: the runtime also writes the goroutines when a user sends
// SIGQUIT or SIGABRT.
func crashStart(text string) int {
	for _, s := range []string{"panic: ", "fatal error: ", "runtime: "} {
		if strings.HasPrefix(text, s) {
			return 0
		}
		if i := strings.Index(text, "\n"+s); i >= 0 {
			return i + 1
		}
	}
	return -1
}

// waitFor waits until the process of a pidfd has ended. All of its descriptors
// are closed then.
func waitFor(fd int32) {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLIN}}, -1)
		if err != unix.EINTR {
			return
		}
	}
}
