package main

import (
	"fmt"

	"probe/cmd/front/cli"
	"probe/lang/diag"
)

var explainCommand = &command{
	Command: cli.Command{
		Name: "explain", Usage: []string{"[CODE]"}, Max: 1, Summary: "explain the code of a message", Complete: completeCodes,
		About: "Prints the cause of a message, a script that raises it, and the cure. CODE is the word in brackets behind error or warning. Without it all codes are listed.",
		Examples: []cli.Example{
			{Command: "probe explain no-match"},
			{Command: "probe explain", About: "Lists all codes."},
		},
		SeeAlso: []string{"check", "help"},
	},
	run: runExplain,
}

func runExplain(o *options, std stdio) int {
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
}
