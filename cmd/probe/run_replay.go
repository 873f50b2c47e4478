package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/runtime/event"
	"probe/runtime/graph/record"
	replay "probe/runtime/machine/recording"
	"probe/runtime/session"
	"probe/runtime/sink"
)

// replayConflicts are options that make no sense without a kernel.
func (o *options) replayConflicts() error {
	for _, x := range []struct {
		set  bool
		name string
	}{
		{o.cmd != "", "-c"}, {o.dryRun, "--dry-run"}, {o.btfFile != "", "--btf"},
		{o.traceable != "", "--traceable-functions"}, {o.noFeature != "", "--no-feature"}, {o.record != "", "-o"},
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
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return exitUsage
	}
	rec, code := readRecording(o.replay, std)
	if rec == nil {
		return code
	}
	ctx, force, stop := signals()
	defer stop()
	p := newPipeline(o, std)
	p.recording = replay.New(rec)
	list, ok := p.parse(f)
	if !ok {
		p.show(list)
		return status(list)
	}
	obj, more := p.build(params, nil)
	list.All = append(list.All, more.All...)
	replay.Explain(&list)
	unfed := p.recording.Unfed()
	if obj != nil && !list.HasErrors() {
		lacks := p.recording.Check(p.tree, obj)
		list.All = append(list.All, lacks.All...)
	}
	if (unfed > 0 || list.HasErrors()) && o.sameScript(rec, f, params) {
		return showOutput(o, std, rec, &list)
	}
	p.show(list)
	if obj == nil || list.HasErrors() {
		return status(list)
	}
	opts, closeOut, code := sessionOptions(o, std, p)
	if code != exitOK {
		return code
	}
	defer closeOut()
	opts.Force, opts.Missing = force, missing(o.replay, rec)
	m, err := replay.NewMachine(p.recording, obj, o.duration)
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "internal", Message: err.Error()})
		return exitInternal
	}
	res, err := session.Replay(ctx, obj, m, opts)
	if closeErr := opts.Sink.Close(); closeErr != nil && err == nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "write the output: " + closeErr.Error()})
	}
	var broken *session.LoadError
	if errors.As(err, &broken) && broken.Diag.Code == "internal" {
		p.show(diag.List{All: []*diag.Diagnostic{broken.Diag}})
		return exitInternal
	}
	return p.finish(res, err)
}

// sameScript tells the script that made the recording, as it was run. What it
// was restricted to is not in the recording.
func (o *options) sameScript(rec *record.Recording, f *source.File, params []string) bool {
	s := rec.Header.Script
	return s != nil && s.Text == f.Text && slices.Equal(s.Args, params) && len(o.named) == 0 && o.pid == 0 && o.comm == ""
}

// showOutput is the replay of a script that cannot run over its own recording:
// what it printed is there.
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
	if o.out != "" {
		f, err := sink.Create(o.out)
		if err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return exitUsage
		}
		defer f.Close()
		std.out = f
	}
	if o.format == "json" {
		asJSON(rec)
	}
	return showRecording(o, std, rec)
}

// asJSON makes the events of a recording be shown as -f json printed them.
func asJSON(rec *record.Recording) {
	for i := range rec.Events {
		e := &rec.Events[i]
		switch {
		case len(e.JSON) > 0:
			e.Text, e.Message = string(e.JSON)+"\n", ""
		case e.Text != "" || len(e.Trees) == 0:
			e.Text = "" // it has no object
		default:
			b := []byte(`{"type": "value", "data": `)
			b = rec.Trees[e.Trees[0]].AppendJSON(b, &rec.Funcs)
			e.Text = string(append(b, "}\n"...))
		}
	}
}

// missing is what makes a recording incomplete, for the receipt.
func missing(path string, rec *record.Recording) []event.ReceiptItem {
	var out []event.ReceiptItem
	if rec.Damage != nil {
		out = append(out, event.ReceiptItem{Kind: event.Damaged, Where: path, Count: 1, Detail: fmt.Sprintf("from line %d on: %v", rec.Damage.Line, rec.Damage.Err)})
	}
	if e := rec.End; e != nil {
		if e.Lost > 0 {
			out = append(out, event.ReceiptItem{Kind: event.LostEvents, Count: e.Lost, Detail: "while it was recorded"})
		}
		if e.MissedReturns > 0 {
			out = append(out, event.ReceiptItem{Kind: event.MissedReturns, Count: e.MissedReturns, Detail: "while it was recorded"})
		}
	}
	for i := range rec.Events {
		if incompleteReceipt(&rec.Events[i]) {
			out = append(out, recordedReceipt(rec.Events[i].JSON)...)
		}
	}
	return out
}

// recordedReceipt takes from the receipt of a recorded script what says that
// calls or trees may be missing. The rest is about what it printed.
func recordedReceipt(text []byte) []event.ReceiptItem {
	var r struct {
		Data []struct {
			Kind  event.ReceiptKind `json:"kind"`
			Where string            `json:"where"`
			Count uint64            `json:"count"`
		} `json:"data"`
	}
	if json.Unmarshal(text, &r) != nil {
		return nil // the caller has parsed it
	}
	var out []event.ReceiptItem
	for _, it := range r.Data {
		switch it.Kind {
		case event.LostEvents, event.LostGraphs, event.MissedReturns, event.Recursion, event.NotAttached:
			out = append(out, event.ReceiptItem{Kind: it.Kind, Where: it.Where, Count: it.Count, Detail: "while it was recorded"})
		}
	}
	return out
}
