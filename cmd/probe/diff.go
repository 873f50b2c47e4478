package main

import (
	"bytes"
	"fmt"

	"probe/lang/diag"
	"probe/runtime/graph/diff"
	"probe/runtime/graph/record"
)

// Exit codes of "probe diff", those of diff(1).
const (
	diffSame    = 0
	diffDiffer  = 1
	diffTrouble = 2
)

var diffCommand = &command{
	name: "diff", usage: "[options] A B", min: 2, max: 2,
	summary: "show where the call trees of two recordings part",
	flags: func(o *options) []flag {
		return []flag{
			{long: "ignore", arg: "PATTERN,…", help: "leave out these functions, in place of RCU, locks and the like; none leaves out nothing", set: func(v string) error {
				o.graph.ignore = splitList(v)
				if v == "none" {
					o.graph.ignore = []string{}
				} else if len(o.graph.ignore) == 0 {
					return fmt.Errorf("%q names no function", v)
				}
				return nil
			}},
			{long: "all", help: "print what is the same in full, too", set: setBool(&o.graph.all)},
			{long: "json", help: "print the comparison as JSON", set: setBool(&o.graph.json)},
		}
	},
	run: runDiff,
}

// loadBoth reads two recordings at the same time. The messages come in order.
func loadBoth(first, second string, std stdio) (a, b *record.Recording) {
	var later bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		b, _ = loadRecording(second, stdio{in: std.in, out: std.out, err: &later})
	}()
	a, _ = loadRecording(first, std)
	<-done
	_, _ = later.WriteTo(std.err)
	return a, b
}

// runDiff exits with 0 when the recordings have the same trees, 1 when they
// differ, 2 when they cannot be compared.
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
		err = diff.WriteText(std.out, list, o.words[0], o.words[1])
	}
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "print the comparison: " + err.Error()})
		return diffTrouble
	}
	return diffStatus(list)
}
