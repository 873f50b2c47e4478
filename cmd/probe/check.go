package main

import (
	"fmt"

	"probe/lang/diag"
	"probe/runtime/engine"
)

var checkCommand = &command{
	name: "check", usage: "[options] SCRIPT | -e 'PROGRAM' [params]", max: -1,
	summary: "check a script without running it; needs no privileges",
	flags: func(o *options) []flag {
		return append(scriptFlags(o), flag{long: "format", short: 'f', arg: "text|json", help: "format of the messages", set: setString(&o.format)})
	},
	run: func(o *options, std stdio) int {
		if o.format != "" && o.format != "text" && o.format != "json" {
			fail(std, usageError(o.command, fmt.Errorf("invalid output format %q: text or json", o.format)))
			return exitUsage
		}
		checked, code := frontEnd(o, std)
		if checked == nil {
			return code
		}
		return exitOK
	},
}

// frontEnd checks the script of a command line and shows the messages. The
// status is for a script with errors, which gives nil.
func frontEnd(o *options, std stdio) (*engine.Checked, int) {
	f, params, err := readScript(o, std)
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return nil, exitUsage
	}
	checked, list := engine.Check(o.script(f, params), o.machine(), o.checkOptions())
	o.show(std, list)
	return checked, status(list)
}
