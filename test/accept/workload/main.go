// Command workload does things that acceptance cases trace: system calls with
// known arguments, calls of functions with known names, connections. It does
// them on one thread, whose id is the process id, in the order given:
//
//	workload getppid 10 , open /etc/passwd 2
//
// With WORKLOAD_HELD=1 in the environment it first prints "held" on standard
// error and waits for the end of its input. Any action that does not do what
// it should ends the program with status 1 and a message.
//
// The functions that uprobes attach to are in calls_amd64.s.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
)

// action is one thing the workload can do.
type action struct {
	args int // number of words it takes; -1 for all that follow
	do   func(a []string) error
}

// actions are all things the workload can do.
var actions = map[string]action{
	"getppid":   {1, getppid},   // N: calls getppid N times
	"getpgid":   {1, getpgid},   // N: calls getpgid(0) N times; it has a function to probe
	"threads":   {2, threads},   // N M: N threads that call getppid and getpgid M times each
	"crowd":     {2, crowd},     // N M: N threads of one CPU, of which the last interrupts the others, that call target_string M times each, with 80 times the thread's letter
	"open":      {2, open},      // PATH N: opens PATH for reading, whether it exists or not
	"write":     {3, write},     // PATH SIZE N: writes SIZE bytes N times
	"leave":     {1, leave},     // PATH: creates PATH, which is open until the process ends
	"read":      {3, read},      // PATH SIZE N: reads at most SIZE bytes N times
	"unlink":    {1, unlink},    // PATH
	"nanosleep": {2, nanosleep}, // NS N
	"kill":      {1, kill},      // SIGNAL: sends itself an ignored signal
	"comm":      {1, comm},      // NAME: renames the thread
	"user":      {2, user},      // UID GID: changes the thread's ids
	"exec":      {-1, execute},  // PROGRAM ARGS: runs a program and waits for it
	"tcp":       {2, tcp},       // N SIZE: connections to itself in a new network namespace
	"tcp6":      {2, tcp6},      // the same with IPv6
	"add":       {3, add},       // A B N: calls target_add
	"sixargs":   {1, sixArgs},   // N: calls target_args with 11, 22 … 88
	"string":    {2, text},      // TEXT N: calls target_string
	"struct":    {1, structure}, // N: calls target_struct
	"negative":  {1, negative},  // N: calls target_negative
	"nested":    {1, nested},    // N: calls target_outer, which calls target_inner
	"spin":      {1, spin},      // MS: computes in target_spin
	"filter":    {2, runFilter}, // SIZE N: runs the BPF program target_filter on a packet of SIZE bytes; it is loaded before the workload is held
	"say":       {1, say},       // TEXT: prints a line
	"exit":      {1, exit},      // CODE
}

func init() { runtime.LockOSThread() } // main stays on the first thread

func main() {
	// The collector's threads make system calls of their own.
	debug.SetGCPercent(-1)
	if slices.Contains(os.Args[1:], "filter") {
		if err := loadFilter(); err != nil {
			fail("filter: %v", err)
		}
	}
	if os.Getenv("WORKLOAD_HELD") == "1" {
		fmt.Fprintln(os.Stderr, "held")
		io.Copy(io.Discard, os.Stdin)
	}
	words := os.Args[1:]
	for len(words) > 0 {
		name := words[0]
		act, ok := actions[name]
		if !ok {
			fail("unknown action %q", name)
		}
		words = words[1:]
		n := slices.Index(words, ",")
		if n < 0 {
			n = len(words)
		}
		if act.args >= 0 && act.args != n {
			fail("%s takes %d words, not %d", name, act.args, n)
		}
		if err := act.do(words[:n]); err != nil {
			fail("%s: %v", name, err)
		}
		words = words[min(n+1, len(words)):]
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "workload: "+format+"\n", args...)
	os.Exit(1)
}

// number reads a word.
func number(word string) int64 {
	n, err := strconv.ParseInt(word, 0, 64)
	if err != nil {
		fail("%v", err)
	}
	return n
}

func say(a []string) error {
	fmt.Println(a[0])
	return nil
}

func exit(a []string) error {
	os.Exit(int(number(a[0])))
	return nil
}

func kill(a []string) error {
	s := syscall.Signal(number(a[0]))
	signal.Ignore(s)
	return syscall.Kill(os.Getpid(), s)
}
