// Package bpftrace is the command line of bpftrace: its options as a table, its
// rules of parsing, its usage text. The caller decides what the options do.
//
// The rules are those of getopt_long: options and operands mix, letters can be
// joined, a value follows its letter with or without a blank and its name with
// a blank or "=", and a name may be shortened to any prefix that no other name
// has.
package bpftrace

// Version is the release of bpftrace whose command line this package
// implements.
const Version = "v0.27.1"

// Options holds the options of a command line. Values are unparsed; "" means
// that an option was not given.
type Options struct {
	Words []string          // operands
	Named map[string]string // --name=value after "--", for the script

	Includes, HeaderDirs []string // --include and -I, in order

	Program                            *string // -e
	PID, Cmd, Out, Format, Buffering   string
	DwarfPID                           string
	DebugInfo                          string
	Traceable, NoFeature, Debug        string
	List, Version, Help, Fmt           bool
	Verbose, Quiet, Unsafe, NoWarnings bool
	DryRun, Info                       bool
	Test, Bench                        bool
	Mode, Filter                       string // --mode, --probe-filter
	Warnings                           int    // -k, how often
}

// option is a row of the table.
type option struct {
	long  string
	short byte   // 0 for none
	arg   string // name of its value in the usage text; "" for a switch
	help  string
	set   func(o *Options, value string)
	// refused is the reason why an option of bpftrace is not supported, "" for
	// supported ones.
	refused string
}

var noLLVM = "programs are compiled without LLVM"

// table has all options of bpftrace, in the order of the usage text.
var table = []option{
	{long: "bench", help: "run the bench: probes and print their times", set: func(o *Options, _ string) { o.Bench = true }},
	{long: "btf", short: 'b', help: "accepted and ignored: types always come from BTF", set: func(*Options, string) {}},
	{short: 'B', arg: "MODE", help: "buffering of the output: line, full or none (default line)", set: func(o *Options, v string) { o.Buffering = v }},
	{long: "cmd", short: 'c', arg: "'CMD ARGS'", help: "run a command and trace it; tracing ends when it does", set: func(o *Options, v string) { o.Cmd = v }},
	{long: "debug", short: 'd', arg: "STAGE", help: "print a stage: ast, parse, types, codegen, codegen-opt or dis", set: func(o *Options, v string) { o.Debug = v }},
	{long: "dwarf-pid", arg: "PID", help: "the process whose stacks dw_ustack() walks", set: func(o *Options, v string) { o.DwarfPID = v }},
	{long: "dry-run", help: "attach the probes, detach them and exit", set: func(o *Options, _ string) { o.DryRun = true }},
	{short: 'e', arg: "'PROGRAM'", help: "take the program from the command line", set: func(o *Options, v string) { o.Program = &v }},
	{long: "format", short: 'f', arg: "FORMAT", help: "format of the output: text or json", set: func(o *Options, v string) { o.Format = v }},
	{long: "fmt", help: "print the script reformatted", set: func(o *Options, _ string) { o.Fmt = true }},
	{long: "help", short: 'h', help: "print this text", set: func(o *Options, _ string) { o.Help = true }},
	{long: "include", arg: "FILE", help: "include a header before the program", set: func(o *Options, v string) { o.Includes = append(o.Includes, v) }},
	{short: 'I', arg: "DIR", help: "look for headers in this folder too", set: func(o *Options, v string) { o.HeaderDirs = append(o.HeaderDirs, v) }},
	{long: "info", help: "print what this kernel can do", set: func(o *Options, _ string) { o.Info = true }},
	{long: "warnings", short: 'k', help: "also report reads of memory and lookups in maps that fail", set: func(o *Options, _ string) { o.Warnings++ }},
	{long: "list", short: 'l', help: "list probes, those that match a pattern, or those of a script", set: func(o *Options, _ string) { o.List = true }},
	{long: "mode", arg: "MODE", help: "what to do with the script: test or bench", set: func(o *Options, v string) { o.Mode = v }},
	{long: "no-feature", arg: "LIST", help: "do without kprobe_multi, kprobe_session or uprobe_multi", set: func(o *Options, v string) { o.NoFeature = v }},
	{long: "no-warnings", help: "suppress all warnings", set: func(o *Options, _ string) { o.NoWarnings = true }},
	{long: "output", short: 'o', arg: "FILE", help: "write the output to a file", set: func(o *Options, v string) { o.Out = v }},
	{long: "pid", short: 'p', arg: "PID", help: "trace only this process", set: func(o *Options, v string) { o.PID = v }},
	{long: "probe-filter", arg: "REGEX", help: "attach only probes whose name the expression matches", set: func(o *Options, v string) { o.Filter = v }},
	{long: "quiet", short: 'q', help: "print no \"Attached\" line", set: func(o *Options, _ string) { o.Quiet = true }},
	{long: "test", help: "run the test: probes and print their results", set: func(o *Options, _ string) { o.Test = true }},
	{long: "debuginfo", arg: "DIRS", help: "look for debug files of programs in these folders first", set: func(o *Options, v string) { o.DebugInfo = v }},
	{long: "traceable-functions", arg: "FILE", help: "read the functions that can be traced from a file", set: func(o *Options, v string) { o.Traceable = v }},
	{long: "unsafe", help: "allow functions that change the system", set: func(o *Options, _ string) { o.Unsafe = true }},
	{long: "usdt-file-activation", help: "accepted and ignored", set: func(*Options, string) {}},
	{long: "verbose", short: 'v', help: "print details, and the verifier's log if it refuses a program", set: func(o *Options, _ string) { o.Verbose = true }},
	{long: "verify-llvm-ir", help: "accepted and ignored: there is no LLVM", set: func(*Options, string) {}},
	{long: "version", short: 'V', help: "print the version", set: func(o *Options, _ string) { o.Version = true }},

	{long: "aot", arg: "FILE", refused: "programs are compiled in some milliseconds when they run, so give the script itself to those who need it"},
	{long: "emit-elf", arg: "FILE", refused: noLLVM},
	{long: "emit-llvm", arg: "FILE", refused: noLLVM},
}
