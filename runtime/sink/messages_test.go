package sink

import (
	"fmt"
	"strings"
	"testing"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/runtime/event"
)

func TestMessages(t *testing.T) {
	full := &event.Receipt{Items: []event.ReceiptItem{
		{Kind: event.LostEvents, Where: "kprobe:vfs_read", Count: 7, At: at("print")},
		{Kind: event.LostEvents, Where: "end", Count: 1},
		{Kind: event.NotAttached, Where: "foo", Count: 1, Detail: "on the kernel's deny list"},
		{Kind: "cosmic_rays", Count: 2},
	}}
	tests := []struct {
		name     string
		config   Config
		print    func(p printer)
		errs     string // of the text format
		json     string
		jsonErrs string
	}{
		{name: "O-STREAM-03 one", print: func(p printer) { p.Attached(1) }, errs: "Attached 1 probe\n",
			json: `{"type": "attached_probes", "count": 1, "data": {"probes": 1}}` + "\n"},
		{name: "O-JSON-ATTACH", print: func(p printer) { p.Attached(3) }, errs: "Attached 3 probes\n",
			json: `{"type": "attached_probes", "count": 3, "data": {"probes": 3}}` + "\n"},
		{name: "CLI-14", config: Config{Quiet: true}, print: func(p printer) { p.Attached(3) }},
		{name: "R-LOST-01", print: func(p printer) { p.Lost(7) }, errs: "Lost 7 events\n",
			json: `{"type": "lost_events", "count": 7, "data": {"events": 7}}` + "\n"},
		{name: "F-ERRORF", print: func(p printer) { p.Message(diag.Error, at("$nope"), "bad \"x\"") },
			errs: "x.pr:2:8-13: ERROR: bad \"x\"\n",
			json: `{"type": "errorf", "msg": "bad \"x\"", "filename": "x.pr", "line": 2, "col": 8}` + "\n"},
		{name: "F-WARNF", print: func(p printer) { p.Message(diag.Warning, at("{\n\tprint($nope);\n}"), "hm\n") },
			errs: "x.pr:1-3: WARNING: hm\n",
			json: `{"type": "warnf", "msg": "hm\n", "filename": "x.pr", "line": 1, "col": 7}` + "\n"},
		{name: "no place", print: func(p printer) { p.Message(diag.Warning, source.Span{}, "hm") },
			errs: "WARNING: hm\n",
			json: `{"type": "warnf", "msg": "hm", "filename": "", "line": 0, "col": 0}` + "\n"},
		{name: "CLI-16", config: Config{NoWarnings: true}, print: func(p printer) {
			p.Message(diag.Warning, at("$nope"), "hm")
			p.RuntimeError(&event.RuntimeError{At: at("$nope"), Message: "hm"})
			p.Log(diag.Warning, "hm")
			p.Message(diag.Error, at("$nope"), "still")
		}, errs: "x.pr:2:8-13: ERROR: still\n",
			json: `{"type": "errorf", "msg": "still", "filename": "x.pr", "line": 2, "col": 8}` + "\n"},
		{name: "R-ERR-01 helper", print: func(p printer) {
			p.RuntimeError(&event.RuntimeError{At: at("$nope"), Message: "Bad address", Helper: "probe_read_user", Retcode: -14})
		}, errs: "x.pr:2:8-13: WARNING: Bad address\nAdditional Info - helper: probe_read_user, retcode: -14\n    print($nope);\n          ~~~~~\n",
			json: `{"type": "helper_error", "msg": "Bad address", "helper": "probe_read_user", "retcode": -14, "filename": "x.pr", "line": 2, "col": 8}` + "\n"},
		{name: "O-JSON-RT", print: func(p printer) {
			p.RuntimeError(&event.RuntimeError{At: at("print"), Message: "Divide by zero", Count: 5})
		}, errs: "x.pr:2:2-7: WARNING: Divide by zero (5 times)\n    print($nope);\n    ~~~~~\n",
			json: `{"type": "runtime_error", "msg": "Divide by zero", "filename": "x.pr", "line": 2, "col": 2, "count": 5}` + "\n"},
		{name: "O-DIAG-04", print: func(p printer) {
			p.Log(diag.Error, "failed to open file 'x'")
			p.Log(diag.Warning, "Total lost event count: 7")
			p.Log(diag.Note, "using kprobe")
		}, errs: "ERROR: failed to open file 'x'\nWARNING: Total lost event count: 7\nusing kprobe\n",
			jsonErrs: "ERROR: failed to open file 'x'\nWARNING: Total lost event count: 7\nusing kprobe\n"},
		{name: "C-ENV-COLOR", config: Config{Color: true}, print: func(p printer) {
			p.Log(diag.Error, "e")
			p.Message(diag.Warning, at("print"), "w")
			p.RuntimeError(&event.RuntimeError{Message: "r"})
		}, errs: "\x1b[31mERROR: \x1b[0me\nx.pr:2:2-7: \x1b[33mWARNING: \x1b[0mw\n\x1b[33mWARNING: \x1b[0mr\n",
			json: `{"type": "warnf", "msg": "w", "filename": "x.pr", "line": 2, "col": 2}` + "\n" +
				`{"type": "runtime_error", "msg": "r", "filename": "", "line": 0, "col": 0}` + "\n",
			jsonErrs: "\x1b[31mERROR: \x1b[0me\n"},
		{name: "X-RUN complete", print: func(p printer) { p.Receipt(&event.Receipt{}) },
			json: `{"type": "receipt", "complete": true, "data": []}` + "\n"},
		{name: "X-RUN failing reads, shown as they came", print: func(p printer) {
			p.Receipt(&event.Receipt{Items: []event.ReceiptItem{{Kind: event.FailedReads, Where: "begin", Count: 1}}, ReadsShown: true})
		}, errs: "warning: the results of this run are not complete\n" +
			"note: 1 read in begin failed (the memory was not present; zero was used instead)\n",
			json: `{"type": "receipt", "complete": false, "data": [{"kind": "failed_reads", "where": "begin", "count": 1}]}` + "\n"},
		{name: "X-RUN incomplete", print: func(p printer) { p.Receipt(full) },
			errs: "warning: the results of this run are not complete\n" +
				"note: x.pr:2:2: 7 events of kprobe:vfs_read were lost (the ring buffer was full)\n" +
				"note: 1 event of end was lost (the ring buffer was full)\n" +
				"note: 1 function was not attached: foo (on the kernel's deny list)\n" +
				"note: 2 cosmic_rays\n" +
				"help: print less in the probe, or raise perf_rb_pages in the config block\n" +
				"help: run with -v to see the reason for each\n",
			json: `{"type": "receipt", "complete": false, "data": [` +
				`{"kind": "lost_events", "where": "kprobe:vfs_read", "count": 7, "filename": "x.pr", "line": 2, "col": 2},` +
				`{"kind": "lost_events", "where": "end", "count": 1},` +
				`{"kind": "not_attached", "where": "foo", "count": 1, "detail": "on the kernel's deny list"},` +
				`{"kind": "cosmic_rays", "count": 2}]}` + "\n"},
	}
	schema := schema(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, errs := run(t, "", tt.config, nil, tt.print)
			if out != "" || errs != tt.errs {
				t.Errorf("text: output %q, standard error\n%s\nwant\n%s", out, errs, tt.errs)
			}
			out, errs = run(t, "json", tt.config, nil, tt.print)
			if out != tt.json || errs != tt.jsonErrs {
				t.Errorf("JSON: output\n%s\nwant\n%s\nstandard error %q, want %q", out, tt.json, errs, tt.jsonErrs)
			}
			validate(t, schema, out)
		})
	}
}

// Each kind of the receipt has its words, and they read as a sentence.
func TestReceiptKinds(t *testing.T) {
	for _, k := range []event.ReceiptKind{event.LostEvents, event.MapFull, event.MapUpdateFailed, event.MissedReturns, event.Recursion, event.TruncatedStrings,
		event.TruncatedStacks, event.FailedStacks, event.LostStacks, event.FailedReads, event.LoopsCut, event.NotAttached} {
		w, ok := receiptKinds[k]
		if !ok || w.one == "" || w.many == "" || w.where == "" || w.why == "" {
			t.Errorf("receipt kind %s lacks words: %+v", k, w)
		}
	}
	untold := &event.Receipt{Items: []event.ReceiptItem{{Kind: event.Untold, Where: "kprobe:f", Detail: "runs that were skipped"}}}
	if receiptDiagnostic(untold) != nil {
		t.Error("what the kernel does not count is told without --strict")
	}
	untold.Strict = true
	d := receiptDiagnostic(untold)
	if d == nil || !strings.Contains(fmt.Sprint(d.Notes), "something was not counted of kprobe:f (runs that were skipped)") {
		t.Errorf("with --strict: %+v", d)
	}
	if receiptDiagnostic(&event.Receipt{}) != nil {
		t.Error("a complete run has a message")
	}
}
