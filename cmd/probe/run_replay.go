package main

import (
	"fmt"
	"slices"

	"probe/internal/outfile"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/runtime/engine"
	"probe/runtime/graph/record"
	"probe/runtime/machine/recording"
)

// replayConflicts returns an error for options that have no meaning without a
// kernel.
func (o *options) replayConflicts() error {
	for _, x := range []struct {
		set  bool
		name string
	}{
		{o.cmd != "", "-c"}, {o.dryRun, "--dry-run"}, {o.btfFile != "", "--btf"},
		{o.live, "--live"}, {o.traceable != "", "--traceable-functions"}, {o.noFeature != "", "--no-feature"}, {o.record != "", "-o"},
	} {
		if x.set {
			return fmt.Errorf("cannot use both --replay and %s: a recording is read without a kernel", x.name)
		}
	}
	return nil
}

// runReplay runs a script over a recording.
func runReplay(o *options, std stdio) int {
	if err := o.replayConflicts(); err != nil {
		fail(std, usageError(o.command, err))
		return exitUsage
	}
	f, params, err := readScript(o, std)
	if err != nil {
		fail(std, unreadable(err))
		return exitUsage
	}
	rec, code := readRecording(o.replay, std)
	if rec == nil {
		return code
	}
	ctx, force, stop := signals()
	defer stop()
	m := recording.New(o.replay, rec)
	compiled, list := engine.Build(o.script(f, params), m, o.checkOptions(), o.compileOptions())
	// A script can be recorded that cannot be replayed, since it reads memory
	// for example. Its own recording has its output, so show that.
	if list.HasErrors() && o.sameScript(rec, f, params) {
		return showOutput(o, std, rec, &list)
	}
	o.show(std, list)
	if compiled == nil {
		return status(list)
	}
	opts, out, code := runOptions(o, std, m, f)
	if code != exitOK {
		return code
	}
	defer out.Close()
	// Without Report the sink shows errors of the run, without their place in
	// the script.
	opts.Force, opts.Report = force, nil
	res, err := engine.Run(ctx, compiled, opts)
	whole := o.closeOutput(std, opts.Sink, out, err == nil)
	if code = o.finish(std, res, err); code == exitOK && !whole {
		return exitRun
	}
	return code
}

// sameScript reports whether f is the script that made the recording, run with
// the same parameters. The recording does not say to which process the run was
// restricted.
func (o *options) sameScript(rec *record.Recording, f *source.File, params []string) bool {
	s := rec.Header.Script
	return s != nil && s.Text == f.Text && slices.Equal(s.Args, params) && len(o.named) == 0 && o.pid == 0 && o.comm == ""
}

// showOutput shows the recorded output of a script that cannot run over its own
// recording.
func showOutput(o *options, std stdio, rec *record.Recording, why *diag.List) int {
	if !o.noWarnings {
		d := &diag.Diagnostic{Severity: diag.Warning, Code: "not-in-recording",
			Message: "this script cannot run over its recording: what it printed when it was recorded is shown"}
		why.Sort()
		if err := why.Err(); err != nil {
			d.WithNote("%s", err.(*diag.Diagnostic).Message)
		}
		fail(std, d)
	}
	warnRecording(o.replay, rec, std)
	var out output = standardOutput{}
	if o.out != "" {
		f, err := outfile.CreateIn(o.out)
		if err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return exitUsage
		}
		defer f.Close()
		std.out, out = f, f
	}
	if o.format == "json" {
		asJSON(rec)
	}
	code := showRecording(o, std, rec)
	err := out.Keep()
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil && code == exitOK {
		return outputFailed(std, err)
	}
	return code
}

// asJSON replaces the text of a recording's events by the JSON that -f json
// would have printed.
func asJSON(rec *record.Recording) {
	for i := range rec.Events {
		e := &rec.Events[i]
		switch {
		case len(e.JSON) > 0:
			e.Text, e.Message = string(e.JSON)+"\n", ""
		case e.Text != "" || len(e.Trees) == 0:
			e.Text = "" // an event without JSON output
		// An event with a tree and nothing else is print(graph), whose JSON is
		// a value.
		default:
			b := []byte(`{"type": "value", "data": `)
			b = rec.Trees[e.Trees[0]].AppendJSON(b, &rec.Funcs)
			e.Text = string(append(b, "}\n"...))
		}
	}
}
