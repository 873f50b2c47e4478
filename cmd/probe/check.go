package main

import (
	"fmt"

	"probe/cmd/front/cli"
	"probe/lang/diag"
)

var checkCommand = &command{
	Command: cli.Command{
		Name: "check", Usage: []string{"[options] SCRIPT [params]", "[options] -e 'PROGRAM' [params]"},
		Summary: "check a script without running it; needs no privileges", Max: -1, Script: true, Complete: completeScripts,
		About: "Reads a script, checks its names and types for this kernel, and prints every error and warning. Nothing is loaded. " +
			"With --btf and --traceable-functions it answers for another kernel.",
		Examples: []cli.Example{
			{Command: "probe check script.pr"},
			{Command: "probe check -f json script.pr", About: "Prints the messages as JSON, for editors."},
			{Command: "probe check --btf vmlinux.btf --traceable-functions functions.txt script.pr", About: "Checks for the kernel that the two files describe."},
		},
		SeeAlso: []string{"run", "explain", "fmt", "dump"},
	},
	run: runCheck,
}

func runCheck(o *options, std stdio) int {
	if o.format != "" && o.format != "text" && o.format != "json" {
		fail(std, usageError(o.command, fmt.Errorf("invalid output format %q: text or json", o.format)))
		return exitUsage
	}
	p, list, ok := frontEnd(o, std)
	if p == nil {
		return exitUsage
	}
	p.show(list)
	if !ok {
		return status(list)
	}
	return exitOK
}

// frontEnd parses and checks the script of a command line.
func frontEnd(o *options, std stdio) (*pipeline, diag.List, bool) {
	f, params, err := readScript(o, std)
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return nil, diag.List{}, false
	}
	p := newPipeline(o, std)
	list, ok := p.parse(f)
	if ok {
		var more diag.List
		more, ok = p.check(params)
		list.All = append(list.All, more.All...)
	}
	return p, list, ok
}
