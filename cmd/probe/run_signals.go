package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"probe/runtime/watchdog"
)

// forcedWait is the time that a run has to end after the second signal. What may
// hold it up is a reader of its output that does not read.
const forcedWait = time.Second

// forcedEnd ends the process some time after the second signal. The kernel, and
// the watchdog, put back what it has changed.
func forcedEnd(std stdio) {
	time.Sleep(forcedWait)
	// Standard error may be blocked as well.
	go func() {
		defer watchdog.Report()
		fmt.Fprintln(std.err, "warning: ended by the second signal: the results are not complete")
		os.Exit(exitRun)
	}()
	time.Sleep(forcedWait / 10)
	os.Exit(exitRun)
}

// signals returns a context that the first SIGINT or SIGTERM ends, and a
// channel that the second one closes (R-LIFE-02).
func signals() (ctx context.Context, force <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan struct{})
	// Room for both signals: one that arrives while nobody reads must not be
	// lost.
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	// SIGHUP from a closed terminal also ends the run in order, since tracing
	// settings may have to be restored. nohup ignores the signal, and so does
	// probe under it.
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(ch, syscall.SIGHUP)
	}
	// When the reader of the output ends, SIGPIPE must not kill the process:
	// the run ends in order. The signal is caught and not ignored, because a
	// command of -c would inherit an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	quit := make(chan struct{})
	go func() {
		defer watchdog.Report()
		select {
		case <-ch:
			cancel()
		case <-quit:
			return
		}
		select {
		case <-ch:
			close(second)
		case <-quit:
		}
	}()
	// There is no signal.Stop: a signal that arrives while the process ends, as
	// when Ctrl-C coincides with the end of the traced process, must not change
	// the exit status (O-EXIT-01).
	return ctx, second, func() { close(quit); cancel() }
}
