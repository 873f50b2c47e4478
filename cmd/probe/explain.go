package main

import (
	"fmt"

	"probe/lang/diag"
)

var explainCommand = &command{
	name: "explain", usage: "CODE", min: 0, max: 1, summary: "explain the code of a message",
	run: func(o *options, std stdio) int {
		if len(o.words) == 0 {
			for _, e := range diag.Codes() {
				fmt.Fprintf(std.out, "%-24s %s\n", e.Code, e.Cause)
			}
			return exitOK
		}
		text, ok := diag.Explain(o.words[0])
		if !ok {
			fmt.Fprint(std.err, text)
			return exitUsage
		}
		fmt.Fprint(std.out, text)
		return exitOK
	},
}
