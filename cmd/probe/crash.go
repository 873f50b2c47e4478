package main

import (
	"errors"
	"os"
	"runtime"
	"strings"

	"probe/lang/diag"
	"probe/runtime/graph/ftrace"
	"probe/runtime/machine/live/dynevent"
	"probe/runtime/machine/live/tracefs"
)

// restore puts back what processes that have ended left in the machine.
func restore() error {
	_, err := ftrace.Cleanup("")
	if errors.Is(err, ftrace.ErrLocked) {
		err = nil // a new recording has begun, and has put the rest back before
	}
	fs, findErr := tracefs.Find()
	if findErr != nil {
		return err // without a tracing directory no event was defined
	}
	_, sweepErr := dynevent.Sweep(fs, waitEnded)
	if errors.Is(sweepErr, os.ErrNotExist) {
		sweepErr = nil
	}
	return errors.Join(err, sweepErr)
}

// crashed prints the message about a fault of probe that has ended the process,
// after the machine was put back with the result err.
func crashed(text string, err error) {
	std := stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	d := &diag.Diagnostic{Severity: diag.Error, Code: "internal", Message: "probe has ended by a fault of its own: " + strings.TrimPrefix(first, "panic: ")}
	d.WithNote("%s", strings.TrimSpace(rest))
	if err != nil {
		d.WithNote("what it had changed in the machine could not be put back: %v", err).WithHelp("run `probe cleanup`")
	} else {
		d.WithNote("all that it had changed in the machine is put back; results that it had not printed yet are lost")
	}
	d.WithNote("probe %s, %s, Linux %s", version, runtime.GOARCH, kernelRelease())
	fail(std, d.WithHelp("this is a fault of probe: please report it with this whole message, the command line and the script"))
}
