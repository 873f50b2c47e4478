package main

import (
	"fmt"
	"slices"
	"strings"

	"probe/cmd/front/cli"
)

var completionCommand = &command{
	Command: cli.Command{
		Name: "completion", Usage: []string{strings.Join(cli.Shells, "|")}, Min: 1, Max: 1, Complete: cli.Words(cli.Shells...),
		Summary: "print the completion script of a shell",
		About: "Prints a script that makes a shell complete the command line of probe: commands, options and their values, scripts, probes, functions, tracepoints, " +
			"the text behind -e, names for `probe help` and codes for `probe explain`. `make install` puts the scripts where the shells look for them.",
		Examples: []cli.Example{
			{Command: "source <(probe completion bash)", About: "Completes in this bash."},
			{Command: "probe completion zsh > ~/.zfunc/_probe", About: "Completes in every zsh whose fpath has ~/.zfunc."},
			{Command: "probe completion fish > ~/.config/fish/completions/probe.fish", About: "Completes in every fish."},
		},
		SeeAlso: []string{"help"},
	},
	run: runCompletion,
}

func runCompletion(o *options, std stdio) int {
	if !slices.Contains(cli.Shells, o.words[0]) {
		fail(std, usageError(o.command, fmt.Errorf("there is no completion for %q: the shells are %s", o.words[0], strings.Join(cli.Shells, ", "))))
		return exitUsage
	}
	w := newWriter(std.out)
	err := app().Script(w, o.words[0])
	if err == nil {
		err = w.Flush()
	}
	return written(std, err)
}
