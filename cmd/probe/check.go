package main

import (
	"fmt"

	"probe/lang/diag"
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
		p, list, ok := frontEnd(o, std)
		if p == nil {
			return exitUsage
		}
		p.show(list)
		if !ok {
			return status(list)
		}
		return exitOK
	},
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
