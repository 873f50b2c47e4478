// Command workload makes the events that the tests of arm64 probe: system calls, and
// calls of functions that take their arguments as C does.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// The runtime sleeps, too, on threads of its own.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: workload getppid|nanosleep|add N")
		os.Exit(2)
	}
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for i := range n {
		switch os.Args[1] {
		case "getppid":
			syscall.Getppid()
		case "nanosleep":
			ts := syscall.NsecToTimespec(int64(time.Millisecond))
			if err := syscall.Nanosleep(&ts, nil); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		case "add":
			if got := callAdd(int64(i), 40); got != int64(i)+40 {
				fmt.Fprintf(os.Stderr, "target_add returned %d\n", got)
				os.Exit(1)
			}
		}
	}
}
