package main

import (
	"fmt"
	"time"

	"probe/lang/diag"
	"probe/runtime/engine"
)

// many asks before a script attaches to more places than max_probes allows, on a
// terminal; elsewhere it needs --force. It returns the message of a script that
// must not run, nil for one that may. A limit that the script or the environment
// sets itself is not asked about, and under the name bpftrace the session checks
// it.
func (o *options) many(std stdio, c *engine.Compiled) *diag.Diagnostic {
	limit := int(c.Program.ConfigInt("max_probes"))
	n, took := c.Places()
	if o.compat || n <= limit {
		return nil
	}
	about := "about " + rough(took)
	d := &diag.Diagnostic{Severity: diag.Error, Code: "too-many-probes", Row: "P-COM-08",
		Message: fmt.Sprintf("the script attaches to %d places, more than %d", n, limit)}
	d.WithNote("to attach and to detach takes %s", about)
	if _, set := c.Program.Config["max_probes"]; set {
		return d.WithNote("the limit is that of the config variable max_probes").WithHelp("narrow the patterns, or raise the limit")
	}
	if o.force || confirm(std, fmt.Sprintf("The script attaches to %d places, which takes %s. Attach?", n, about)) {
		return nil
	}
	return d.WithHelp("narrow the patterns, or give --force to attach to all %d", n)
}

// rough formats a duration for an estimate, in whole seconds or minutes.
func rough(d time.Duration) string {
	switch {
	case d < time.Second:
		return "a second"
	case d < 90*time.Second:
		return plural(uint64(d.Seconds()+0.5), "second")
	}
	return plural(uint64(d.Minutes()+0.5), "minute")
}
