package main

import (
	"context"
	"fmt"
	"os"

	"probe/cmd/front/cli"
	"probe/cmd/front/repl"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/runtime/machine"
	"probe/runtime/machine/live/rights"
)

var replCommand = &command{
	Command: cli.Command{
		Name: "repl", Usage: []string{"[options] [FILE]"}, Max: 1, Complete: completeScripts, Summary: "type clauses and expressions one by one (also: probe on a terminal)",
		About: "Starts a prompt. A clause is attached when it is complete, an expression is evaluated once, and maps can be printed at any time. " +
			"Tab completes, `:help` explains, Ctrl-D leaves. With FILE, a script or the name of a ready one, that script is run first.",
		Examples: []cli.Example{
			{Command: "probe repl"},
			{Command: "probe repl runqlat", About: "Runs a ready script, whose clauses and maps can then be looked at and changed."},
			{Command: "probe repl --comm sshd", About: "Traces threads named sshd with every clause that is typed."},
		},
		SeeAlso: []string{"run", "help"},
	},
	run: runRepl, ownOutput: true,
}

func runRepl(o *options, std stdio) int {
	if !o.permittedOther(std, "the prompt") {
		return exitUsage
	}
	if f, ok := std.out.(*os.File); !ok || !isTerminal(f) {
		return checkedOutput(std, func(std stdio) int { return prompt(o, std) })
	}
	return prompt(o, std)
}

// prompt runs the session.
func prompt(o *options, std stdio) int {
	start, ok := firstScript(o, std)
	if !ok {
		return exitUsage
	}
	// Clauses are attached until the end, so only what none of them needs can go.
	_, _ = rights.Restrict() // what cannot be given up is no reason to end
	m := o.machine()
	prelude := ""
	if limit := m.View(machine.Query{}).KeyLimit(); limit > 0 {
		// The defaults for scripts would not fit into the keys of maps on this
		// kernel: at the prompt every variable is a map.
		prelude = fmt.Sprintf("config = { max_strlen = %d; max_stack_frames = %d }", limit/2, limit/8-4)
	}
	code, err := repl.Run(context.Background(), repl.Config{
		Machine: m, Check: o.checkOptions(), AllErrors: o.keepWarnings > 0, Prelude: prelude,
		Start: start, Open: func(name string) (*source.File, error) { return openScript(name, std) },
		MayRun: func() error {
			p, err := thePolicy()
			if err != nil {
				return err
			}
			return p.Unsafe()
		},
		Banner: fmt.Sprintf("probe %s. Type a clause or an expression; :help explains, Ctrl-D leaves.", version),
		In:     std.in, Out: std.out, Err: std.err, Color: colored(std.err),
	})
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
		return exitRun
	}
	return code
}

// firstScript returns the script that the command line of the prompt names; nil
// for none. It prints what is wrong with it.
func firstScript(o *options, std stdio) (f *source.File, ok bool) {
	if len(o.words) == 0 {
		return nil, true
	}
	f, err := openScript(o.words[0], std)
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
	}
	return f, err == nil
}

// onTerminal reports whether standard input and output are a terminal. probe
// without arguments then starts the interactive session.
func onTerminal(std stdio) bool {
	in, ok := std.in.(*os.File)
	out, ok2 := std.out.(*os.File)
	return ok && ok2 && isTerminal(in) && isTerminal(out)
}
