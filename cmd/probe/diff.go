package main

import (
	"bytes"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/graph/diff"
	"probe/runtime/graph/record"
	"probe/runtime/watchdog"
)

var diffCommand = &command{
	Command: cli.Command{
		Name: "diff", Usage: []string{"[options] A B"}, Min: 2, Max: 2, Complete: completeRecordings,
		Summary: "show where the call trees of two recordings part",
		About: "Compares the call trees of two recordings and prints the first calls that differ, with what led there. " +
			"It exits as diff(1) does: with 0 when they are the same, with 1 when they differ, with 2 when they cannot be compared.",
		Examples: []cli.Example{
			{Command: "probe diff good.jsonl.zst bad.jsonl.zst"},
			{Command: "probe diff --ignore 'rcu_*,mutex_*' good.jsonl.zst bad.jsonl.zst", About: "Leaves out functions of one's own choice."},
		},
		SeeAlso: []string{"record", "graph", "show"},
	},
	run: runDiff, ownOutput: true, wrong: diffTrouble,
}

// loadBoth reads two recordings in parallel. It prints the messages about the
// first one first.
func loadBoth(first, second string, std stdio) (a, b *record.Recording) {
	var later bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer watchdog.Report()
		b, _ = loadRecording(second, stdio{in: std.in, out: std.out, err: &later})
	}()
	a, _ = loadRecording(first, std)
	<-done
	_, _ = later.WriteTo(std.err)
	return a, b
}

// runDiff runs "probe diff" and returns 0 when the recordings have the same
// trees, 1 when they differ, 2 when they cannot be compared.
func runDiff(o *options, std stdio) int {
	a, b := loadBoth(o.words[0], o.words[1], std)
	if a == nil || b == nil {
		return diffTrouble
	}
	for i, r := range []*record.Recording{a, b} {
		if len(r.Trees) == 0 {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: o.words[i] + " has no call trees"})
			return diffTrouble
		}
	}
	list := diff.Compare(diff.Side{Funcs: &a.Funcs, Trees: a.Trees}, diff.Side{Funcs: &b.Funcs, Trees: b.Trees},
		diff.Options{Ignore: o.graph.ignore, All: o.graph.all})
	var err error
	if o.graph.json {
		err = diff.WriteJSON(std.out, list)
	} else {
		var b bytes.Buffer
		_ = diff.WriteText(&b, list, o.words[0], o.words[1]) // writing to a Buffer cannot fail
		text := b.Bytes()
		if !o.raw {
			text = value.AppendVisible(nil, text, true)
		}
		_, err = std.out.Write(text)
	}
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "print the comparison: " + err.Error()})
		return diffTrouble
	}
	return diffStatus(list)
}
