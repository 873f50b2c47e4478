package main

import (
	"fmt"

	"probe/cmd/front/cli"
	"probe/runtime/engine"
)

var checkCommand = &command{
	Command: cli.Command{
		Name: "check", Usage: []string{"[options] SCRIPT [params]", "[options] -e 'PROGRAM' [params]"},
		Summary: "check a script without running it; needs no privileges", Max: -1, Script: true, Complete: completeScripts,
		About: "Reads a script, checks its names and types for this kernel, and prints every error and warning. Nothing is loaded, so what this machine cannot attach is a warning, and names and types are checked all the same. " +
			"With --kernel, --btf and --traceable-functions it answers for another kernel.",
		Examples: []cli.Example{
			{Command: "probe check script.pr"},
			{Command: "probe check -f json script.pr", About: "Prints the messages as JSON, for editors."},
			{Command: "probe check --kernel 5.10 script.pr", About: "Checks for what Linux 5.10 can do, with the types of this kernel."},
			{Command: "probe check --btf vmlinux.btf --traceable-functions functions.txt script.pr", About: "Checks for the kernel that the two files describe."},
		},
		SeeAlso: []string{"run", "explain", "fmt", "dump"},
	},
	run: runCheck, elsewhere: true, typesOnly: true, jsonMessages: true,
}

func runCheck(o *options, std stdio) int {
	if o.format != "" && o.format != "text" && o.format != "json" {
		fail(std, usageError(o.command, fmt.Errorf("invalid output format %q: text or json", o.format)))
		return exitUsage
	}
	checked, code := frontEnd(o, std)
	if checked == nil {
		return code
	}
	if o.kernel == "" {
		return exitOK
	}
	// Compile as well: only code generation finds out which features of the
	// kernel the script lacks.
	if compiled, list := engine.Compile(checked, o.compileOptions()); compiled == nil {
		o.show(std, list)
		return status(list)
	}
	return exitOK
}

// frontEnd checks the script of a command line and shows the messages. It
// returns nil and the exit status for a script with errors.
func frontEnd(o *options, std stdio) (*engine.Checked, int) {
	f, params, err := readScript(o, std)
	if err != nil {
		fail(std, unreadable(err))
		return nil, exitUsage
	}
	checked, list := engine.Check(o.script(f, params), o.machine(), o.checkOptions())
	o.show(std, list)
	return checked, status(list)
}
