package main

import (
	"sync"

	"probe/cmd/front/cli"
)

// command is a command of probe: its row in the table for help and parsing, and
// the function that runs it.
type command struct {
	cli.Command
	run func(o *options, std stdio) int
	// ownOutput is set for commands that report failures to write their output
	// themselves. For the others Main does.
	ownOutput bool
	// elsewhere is set for commands that run nothing, so that they can work
	// with another kernel, described by files.
	elsewhere bool
	// typesOnly is set for commands that check names and types for this machine,
	// whatever it can attach.
	typesOnly bool
	// jsonMessages is set for commands whose -f json selects the form of
	// messages and not that of the output.
	jsonMessages bool
	// wrong is the exit code for a wrong command line; 0 means exitUsage. diff
	// and lab --compare have their own, since 1 is a result there.
	wrong int
}

// commands returns the table of commands, in the order in which help lists them.
// It is made when it is first needed, and assigned by init because some commands
// walk it.
var commands func() []*command

func init() {
	commands = sync.OnceValue(func() []*command {
		list := []*command{
			runCommand, recordCommand, checkCommand, fmtCommand, dumpCommand, lsCommand,
			explainCommand, helpCommand, labCommand, replCommand, graphCommand, showCommand, diffCommand, exportCommand,
		}
		list = append(list, bccCommands()...)
		return append(list, cleanupCommand, doctorCommand, completionCommand, versionCommand, pagesCommand)
	})
}

// lookup returns the command with a name, nil if there is none.
func lookup(name string) *command {
	for _, c := range commands() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// app builds the command-line description from the tables of commands and
// options.
func app() *cli.App[options] {
	a := &cli.App[options]{
		Name: "probe", Summary: "trace Linux with small programs", Version: version,
		Usage: []string{"[run] [options] SCRIPT [params] [-- --name=value …]", "[run] [options] -e 'PROGRAM' [params]", "COMMAND …"},
		About: appAbout, Flags: flagTable, Examples: appExamples, Statuses: statuses, Environment: environmentEntries, Files: fileEntries,
		Words: completeScripts,
	}
	for _, c := range commands() {
		a.Commands = append(a.Commands, &c.Command)
	}
	return a
}

const appAbout = "probe compiles scripts in a language like bpftrace's to eBPF programs, loads them into the kernel, and prints what they find. " +
	"SCRIPT is a file, `-` for standard input, or the name of a script that comes with probe, such as route_loss. " +
	"The command run may be left out when an option or an existing script comes first.\n\n" +
	"Options may stand before or after operands. Words after `--` belong to the script: `--name=value` is the value that getopt(\"name\") gives, " +
	"others are its parameters $1, $2 and so on, as are the words after SCRIPT. A negative number is a parameter.\n\n" +
	"Without arguments on a terminal, probe starts the prompt of `probe repl`. " +
	"Called by the name bpftrace, through a link to the binary, it takes the command line of bpftrace and prints what bpftrace prints."

var appExamples = []cli.Example{
	{Command: `probe -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'`, About: "Counts system calls by the name of the thread until Ctrl-C."},
	{Command: `probe -e 'ret:vfs_read { @us = hist(duration / 1000); }' --for 10s`, About: "Shows how long reads took, in microseconds."},
	{Command: "probe run route_loss", About: "Explains why sockets lost their route."},
	{Command: "probe record -o route.jsonl.zst route_graph", About: "Keeps the output and the call graphs of a script in a file."},
}

// scriptCommands lists the commands that compile a script, separated by blanks
// as the rows of flagTable have them.
const scriptCommands = "run record check dump repl"

var environmentEntries = []cli.Entry{
	{Name: "BPFTRACE_NAME", About: "Sets the configuration variable NAME, in upper case here, as a config block in the script would: BPFTRACE_MAX_STRLEN=200.", Commands: scriptCommands},
	{Name: "BPFTRACE_BTF", About: "Names a file with raw BTF to read the types of the kernel from, as --btf does.", Commands: scriptCommands + " ls"},
	{Name: "BPFTRACE_COLOR", About: "Colours messages: always, never, or on a terminal (auto, the default).", Commands: scriptCommands},
	{Name: "NO_COLOR", About: "Switches colours off if it is not empty.", Commands: scriptCommands},
	{Name: "PATH", About: "Lists the directories in which -c and uprobe: look for programs.", Commands: "run record"},
	{Name: "XDG_STATE_HOME, HOME", About: "Name the directories in which the prompt keeps its history.", Commands: "repl"},
}

var fileEntries = []cli.Entry{
	{Name: "/sys/kernel/btf/vmlinux", About: "The types of the running kernel.", Commands: scriptCommands + " ls"},
	{Name: "/sys/kernel/tracing", About: "The kernel's tracing directory: tracepoints, and the functions that can be traced.", Commands: scriptCommands + " ls graph"},
	{Name: "/etc/probe/policy.toml", About: "The rules of the machine's administrator about who may trace what, if there are any.", Commands: "run record repl graph lab"},
	{Name: "/run/probe", About: "The lock of graph recordings, and the journal of tracing settings that `probe cleanup` restores.", Commands: "graph cleanup"},
	{Name: "~/.local/state/probe/history", About: "The history of the prompt.", Commands: "repl"},
}
