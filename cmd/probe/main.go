// Command probe traces Linux with small programs that it compiles to eBPF. It
// is the only place that joins the language, the library, the compiler and the
// runtime.
//
// Called by the name bpftrace, through a link to the binary, it takes
// bpftrace's command line and prints what bpftrace prints.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/lab"
)

// Exit codes (O-EXIT rows).
const (
	exitOK       = 0
	exitUsage    = 1   // usage, compile errors, privileges, parameters
	exitInternal = 2   // a fault of the compiler
	exitStrict   = 3   // --strict and an incomplete result
	exitRun      = 255 // loading or attaching failed
)

// stdio are the streams of one invocation, so that tests can have their own.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// command is one subcommand.
type command struct {
	name    string
	usage   string // what follows the name
	summary string
	// flags lists the options; nil means none.
	flags func(o *options) []flag
	// operands bounds how many words it takes; max -1 means any number.
	min, max int
	run      func(o *options, std stdio) int
}

// commands is the table of subcommands, in the order help lists them. It is
// filled by init because help walks it.
var commands []*command

func init() {
	commands = []*command{
		runCommand, recordCommand, checkCommand, fmtCommand, dumpCommand, lsCommand,
		explainCommand, helpCommand, labCommand, replCommand, graphCommand, showCommand, diffCommand, exportCommand, cleanupCommand, doctorCommand, versionCommand,
	}
}

func main() {
	engine.MaybeChild()
	lab.MaybeChild()
	os.Exit(Main(os.Args, stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// Main runs one command line and returns its exit code.
func Main(args []string, std stdio) int {
	if filepath.Base(args[0]) == "bpftrace" {
		return compatMain(args[1:], std)
	}
	words := args[1:]
	if len(words) == 0 && onTerminal(std) {
		return replCommand.invoke(nil, std)
	}
	if len(words) == 0 {
		usage(std.err)
		return exitUsage
	}
	switch words[0] {
	case "-h", "--help":
		usage(std.out)
		return exitOK
	case "-V", "--version":
		return versionCommand.run(&options{}, std)
	}
	for _, c := range commands {
		if c.name == words[0] {
			return c.invoke(words[1:], std)
		}
	}
	// "run" may be left out when an option or an existing script comes first.
	if strings.HasPrefix(words[0], "-") || scriptExists(words[0]) {
		return runCommand.invoke(words, std)
	}
	var names []string
	for _, c := range commands {
		names = append(names, c.name)
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage",
		Message: fmt.Sprintf("%s is neither a command nor a script that exists", words[0])}
	if near, ok := diag.Nearest(words[0], append(names, bundledNames()...)); ok {
		d.WithHelp("a command or script with a similar name exists: `probe %s`", near)
	}
	d.WithHelp("run `probe --help` for the commands")
	fail(std, d)
	return exitUsage
}

// invoke parses a command's options and runs it.
func (c *command) invoke(words []string, std stdio) int {
	o := &options{command: c}
	var flags []flag
	if c.flags != nil {
		flags = c.flags(o)
	}
	help := false
	flags = append(flags, flag{long: "help", short: 'h', help: "show this text", set: func(string) error { help = true; return nil }})
	err := parseFlags(flags, words, o)
	switch {
	case help:
		c.help(std.out, flags)
		return exitOK
	case err != nil:
		fail(std, usageError(c, err))
		return exitUsage
	case len(o.words) < c.min || c.max >= 0 && len(o.words) > c.max:
		fail(std, usageError(c, fmt.Errorf("probe %s takes %s, found %d", c.name, howMany(c.min, c.max), len(o.words))))
		return exitUsage
	}
	return c.run(o, std)
}

func howMany(lo, hi int) string {
	switch {
	case hi < 0:
		return fmt.Sprintf("at least %d operands", lo)
	case lo == hi && lo == 0:
		return "no operands"
	case lo == hi:
		return fmt.Sprintf("%d operand(s)", lo)
	}
	return fmt.Sprintf("%d to %d operands", lo, hi)
}

func usageError(c *command, err error) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()}
	return d.WithHelp("usage: probe %s %s; `probe %s --help` lists the options", c.name, c.usage, c.name)
}

// fail shows one message without a place in a script.
func fail(std stdio, d *diag.Diagnostic) {
	list := &diag.List{}
	list.Add(d)
	_ = diag.Render(std.err, list, diag.Options{Color: colored(std.err)})
}

// usage is the overview of all commands.
func usage(w io.Writer) {
	fmt.Fprint(w, "probe traces Linux with small programs.\n\nUsage:\n  probe [run] [options] SCRIPT [params]\n  probe [run] [options] -e 'PROGRAM' [params]\n  probe COMMAND …\n\nCommands:\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n`probe COMMAND --help` lists the options of a command.\n\nExamples:\n"+
		"  probe -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'\n"+
		"  probe -e 'ret:vfs_read { @us = hist(duration / 1000); }' --for 10s\n"+
		"  probe run route_loss\n"+
		"  probe record -o route.jsonl.zst route_graph\n")
}

// help describes one command; the options come from its table.
func (c *command) help(w io.Writer, flags []flag) {
	fmt.Fprintf(w, "probe %s: %s\n\nUsage: probe %s %s\n\nOptions:\n", c.name, c.summary, c.name, c.usage)
	for _, f := range flags {
		fmt.Fprintf(w, "  %-28s %s\n", f.spelling(), f.help)
	}
}

// colored tells whether messages on a stream may use the colours of a
// terminal (C-ENV-COLOR).
func colored(w io.Writer) bool {
	switch os.Getenv("BPFTRACE_COLOR") {
	case "always":
		return true
	case "never":
		return false
	}
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && isTerminal(f) && isTerminal(os.Stdout)
}
