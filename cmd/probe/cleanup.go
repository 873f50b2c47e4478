package main

import (
	"fmt"
	"strings"

	"probe/runtime/graph/ftrace"
)

var cleanupCommand = &command{
	name: "cleanup", usage: "", max: 0,
	summary: "put back tracing settings that a killed probe left",
	run:     runCleanup,
}

// runCleanup undoes what a killed probe left behind.
func runCleanup(_ *options, std stdio) int {
	c, err := ftrace.Cleanup("")
	if err != nil {
		return graphFailed(std, err)
	}
	if c.PID == 0 {
		fmt.Fprintln(std.out, "nothing to put back")
		return exitOK
	}
	fmt.Fprintf(std.out, "put back the tracing settings that process %d had left\n", c.PID)
	if len(c.Left) > 0 {
		fmt.Fprintf(std.err, "warning: %s changed since; left as it is\n", strings.Join(c.Left, ", "))
	}
	return exitOK
}
