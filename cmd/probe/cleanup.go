package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"probe/cmd/front/cli"
	"probe/runtime/graph/ftrace"
	"probe/runtime/machine/live/dynevent"
	"probe/runtime/machine/live/tracefs"
)

var cleanupCommand = &command{
	Command: cli.Command{
		Name: "cleanup", Usage: []string{""}, Summary: "put back tracing settings that a killed probe left",
		About: "Puts back the settings of the kernel's function_graph tracer that `probe graph` changed and could not restore, because it was killed together with its watchdog, the child process that puts back the settings otherwise. " +
			"The next `probe graph` does the same. " +
			"Removes the kprobe events that a killed `probe run` left in tracefs, which the next run with such probes does as well. " +
			"Waits for a process that was killed and is still being torn down.",
		Examples: []cli.Example{{Command: "probe cleanup"}},
		SeeAlso:  []string{"graph"},
	},
	run: runCleanup,
}

// waitEnded is the time for which cleaning up waits for events of processes that
// are being torn down.
const waitEnded = 5 * time.Second

// runCleanup restores the tracing settings that a killed probe has changed.
func runCleanup(_ *options, std stdio) int {
	events := 0
	if fs, err := tracefs.Find(); err == nil {
		if events, err = dynevent.Sweep(fs, waitEnded); err != nil && !errors.Is(err, os.ErrNotExist) {
			return graphFailed(std, err)
		}
	}
	if events > 0 {
		s := "s"
		if events == 1 {
			s = ""
		}
		fmt.Fprintf(std.out, "removed %d kprobe event%s that killed processes had left\n", events, s)
	}
	c, err := ftrace.Cleanup("")
	if err != nil {
		return graphFailed(std, err)
	}
	if c.PID == 0 && events > 0 {
		return exitOK
	}
	if c.PID == 0 {
		fmt.Fprintln(std.out, "nothing to put back")
		return exitOK
	}
	fmt.Fprintf(std.out, "restored the tracing settings that process %d had left\n", c.PID)
	if len(c.Left) > 0 {
		fmt.Fprintf(std.err, "warning: %s changed since; left as it is\n", strings.Join(c.Left, ", "))
	}
	return exitOK
}
