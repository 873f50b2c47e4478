package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/lab"
	"probe/runtime/sink"
	"probe/runtime/watchdog"
)

var labCommand = &command{
	Command: cli.Command{
		Name: "lab", Usage: []string{"[options] [LAB]", "[options] LAB --compare CASE CASE"}, Max: 2, Complete: completeLabs,
		Summary: "build a small network, provoke a fault, and run a script on it",
		About: "Builds a network in namespaces of its own, so that the host's network stays as it is, starts traffic, provokes a fault, and runs the script that explains it. " +
			"Everything is removed at the end. Without the name of a lab, the labs and their cases are listed. Labs need root.",
		Examples: []cli.Example{
			{Command: "probe lab", About: "Lists the labs."},
			{Command: "probe lab route-loss --case A", About: "Shows one fault."},
			{Command: "probe lab route-loss --compare A B", About: "Shows where the route lookups of two cases part. It exits as `probe diff` does."},
		},
		More:    labCases,
		SeeAlso: []string{"run", "diff"},
	},
	run: runLab, ownOutput: true,
}

// labScripts maps scenarios to the bundled scripts that explain them.
var labScripts = map[string]string{"route-loss": "route_loss"}

func runLab(o *options, std stdio) int {
	if len(o.words) == 0 {
		return checkedOutput(std, listLabs)
	}
	if !o.permitted(std) {
		return exitUsage
	}
	scenario, err := lab.FindScenario(o.words[0])
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return exitUsage
	}
	if o.compare != "" {
		return runLabCompare(o, std, scenario)
	}
	if len(o.words) > 1 {
		fail(std, usageError(o.command, fmt.Errorf("%q is too much: one lab at a time; --case names a case", o.words[1])))
		return exitUsage
	}
	cases := []string{o.kase}
	if o.kase == "" || o.kase == "all" {
		cases = cases[:0]
		for _, c := range scenario.Cases {
			cases = append(cases, c.Name)
		}
	}
	ctx, force, stop := signals()
	defer stop()
	code := exitOK
	var rows []*labRow
	for i, name := range cases {
		if ctx.Err() != nil {
			break
		}
		if i > 0 {
			fmt.Fprintln(std.out)
		}
		if len(cases) > 1 {
			fmt.Fprintf(std.out, "case %s, %d of %d\n", name, i+1, len(cases))
		}
		row := &labRow{verdict: verdictWriter{w: std.out}}
		rows = append(rows, row)
		if c := labCase(ctx, force, o, std, scenario.Name, name, row); c != exitOK {
			code = c
		}
	}
	if len(rows) > 1 && !o.trace {
		if err := labTable(std.out, rows); err != nil {
			return written(std, err)
		}
	}
	return code
}

// listLabs prints the labs with their cases.
func listLabs(std stdio) int {
	for _, s := range lab.Scenarios() {
		fmt.Fprintf(std.out, "%-14s %s\n", s.Name, s.Title)
		for _, c := range s.Cases {
			fmt.Fprintf(std.out, "  --case %-6s %s\n", c.Name, c.Title)
		}
	}
	return exitOK
}

// labCase runs one case with its script and fills the row of the table.
func labCase(ctx context.Context, force <-chan struct{}, o *options, std stdio, scenario, name string, row *labRow) int {
	code := exitOK
	opts := lab.Options{
		Scenario: scenario, Case: name, IPv6: o.ipv6, Before: o.before, After: o.after, Stdout: std.out, Verbose: o.verbose,
	}
	if script := labScripts[scenario]; script != "" && !o.trace {
		opts.Watch = func(ctx context.Context, l *lab.Lab) (func() error, error) {
			return watch(ctx, force, o, std, &row.verdict, script, l)
		}
	}
	report, err := lab.Run(ctx, opts)
	row.report = report
	if report != nil {
		if err := report.Text(std.out); err != nil {
			code = outputFailed(std, err)
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		labFailed(std, err)
		code = exitRun
	}
	return code
}

// watch runs a bundled script on a lab until stop is called. The script writes
// to w.
func watch(ctx context.Context, force <-chan struct{}, o *options, std stdio, w io.Writer, script string, l *lab.Lab) (stop func() error, err error) {
	text, ok := bundled(script)
	if !ok {
		return nil, fmt.Errorf("the script %s is not in this build: %w", script, os.ErrNotExist)
	}
	m := o.machine()
	check := engine.CheckOptions{PID: l.Client.PID, Config: environment()}
	compiled, list := engine.Build(engine.Script{Name: script + ".pr", Text: text}, m, check, engine.CompileOptions{})
	o.show(std, list)
	if compiled == nil {
		return nil, fmt.Errorf("the script %s does not compile for this kernel", script)
	}
	out, err := sink.New("text", sink.Config{Out: w, Err: std.err, Quiet: true, Color: colored(std.err), Raw: o.rawOutput(std)})
	if err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	opts := engine.RunOptions{
		Sink: out, Force: force, Ready: func(int) { close(ready) },
		Outlive: true, // the end of the client must not end the run: the fault may kill it
	}
	o.tell(std, &opts)
	// The script must not end at Ctrl-C by itself: the lab first ends the
	// traffic, and then stops the script, which can explain what it saw until
	// then.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() {
		defer watchdog.Report()
		_, err := engine.Run(ctx, compiled, opts)
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		done <- err
	}()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		var refused *engine.LoadError
		if errors.As(err, &refused) {
			o.show(std, diag.List{All: []*diag.Diagnostic{refused.Diag}})
		}
		return nil, fmt.Errorf("the script %s does not run: %w", script, err)
	}
	return func() error {
		cancel()
		return <-done
	}, nil
}
