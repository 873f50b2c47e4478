package main

import (
	"path/filepath"
	"strings"

	"probe/cmd/front/cli"
	"probe/lang/hir"
	"probe/runtime/machine/live/feature"
	"probe/runtime/sink"
)

// flag is a row of the table of options.
type flag = cli.Flag[options]

// flagTable has a row for each option. Parsing, help, completion, the manual
// pages and docs/reference/cli.md are all generated from it. An option that
// means different things in different commands has several rows, with disjoint
// Commands.
var flagTable = []flag{
	{
		Name: "program", Short: 'e', Arg: "'PROGRAM'", Commands: readers + " fmt", Complete: completeProgram,
		Help:    "Takes the script from the command line instead of from a file.",
		Example: `probe run -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'`,
		Set:     func(o *options, v string) error { o.program = &v; return nil },
	},
	{
		Name: "write", Short: 'w', Commands: "fmt",
		Help:    "Writes the result back to the file instead of to standard output.",
		Example: "probe fmt -w script.pr",
		Set:     func(o *options, _ string) error { o.write = true; return nil },
	},
	{
		Name: "unsafe", Commands: readers + " repl",
		Help:    "Allows functions that change the system, such as system() and signal().",
		Example: "probe run --unsafe script.pr",
		Set:     func(o *options, _ string) error { o.unsafe = true; return nil },
	},
	{
		Name: "include", Arg: "FILE", Commands: readers + " repl", Complete: cli.Files("h"),
		Help:    "Includes a C header before the script; may be given several times.",
		Example: "probe run --include proto.h script.pr",
		Set:     func(o *options, v string) error { o.includes = append(o.includes, v); return nil },
	},
	{
		Name: "include-dir", Short: 'I', Arg: "DIR", Commands: readers + " repl", Complete: cli.Dirs,
		Help:    "Looks for the headers of #include and --include in this folder too; may be given several times.",
		Example: "probe run -I include script.pr",
		Set:     func(o *options, v string) error { o.headerDirs = append(o.headerDirs, v); return nil },
	},
	{
		Name: "stage", Short: 's', Arg: "STAGE", Commands: "dump", Complete: cli.Words(stages...),
		Help:    "Selects the stage that is shown: ast, types, hir, ir-lowered, ir or bpf (default bpf).",
		Example: "probe dump --stage ir -e 'begin { exit(); }'",
		Set:     func(o *options, v string) error { return setStage(o, v) },
	},
	{
		Name: "replay", Arg: "FILE", Commands: "run", Complete: completeRecordings,
		Help:    "Runs the script over a recording instead of the kernel; this needs neither a kernel nor privileges.",
		Example: "probe run --replay calls.jsonl.zst -e 'ret:vfs_read { @ = hist(duration); }'",
		Set:     func(o *options, v string) error { o.replay = v; return nil },
	},

	{
		Name: "test", Commands: "run",
		Help:    "Runs the tests of the script, its test: probes, and prints their results in place of tracing.",
		Example: `probe run --test -e 'test:sum { if (1 + 1 != 2) { errorf("wrong"); } }'`,
		Set:     func(o *options, _ string) error { o.mode = hir.Test; return nil },
	},
	{
		Name: "bench", Commands: "run",
		Help:    "Runs the benchmarks of the script, its bench: probes, and prints what one run of each takes in place of tracing.",
		Example: "probe run --bench -e 'bench:count { @ = count(); }'",
		Set:     func(o *options, _ string) error { o.mode = hir.Measure; return nil },
	},

	// Options that select what is traced.
	{
		Name: "probe-filter", Arg: "REGEX", Group: whatGroup, Commands: "run record", Complete: nothing,
		Help:    "Loads and attaches only the probes of the script whose names the regular expression matches; begin, end and self are always there.",
		Example: "probe run --probe-filter '^kprobe:' script.pr",
		Set:     func(o *options, v string) error { return o.setFilter(v) },
	},
	{
		Name: "pid", Short: 'p', Arg: "PID", Group: whatGroup, Commands: "graph", Complete: completePIDs,
		Help:    "Traces only the process with this id, which must exist, and its descendants: those that it has and those that come.",
		Example: "probe graph -p 4242 tcp_sendmsg",
		Set:     func(o *options, v string) error { return setPID(&o.pid, v) },
	},
	{
		Name: "no-follow", Group: whatGroup, Commands: readers + " repl graph",
		Help:    "Traces the process of -p or -c alone, without the processes that it starts.",
		Example: "probe run --no-follow -c 'make -j4' -e 'tracepoint:syscalls:sys_enter_wait4 { @ = count(); }'",
		Set:     func(o *options, _ string) error { o.noFollow = true; return nil },
	},
	{
		Name: "pid", Short: 'p', Arg: "PID", Group: whatGroup, Commands: readers + " repl", Complete: completePIDs,
		Help:    "Traces only the process with this id, which must exist, and its descendants: those that it has and those that come. The run ends when the process does.",
		Example: "probe run -p 4242 route_loss",
		Set:     func(o *options, v string) error { return setPID(&o.pid, v) },
	},
	{
		Name: "dwarf-pid", Arg: "PID", Group: whatGroup, Commands: readers, Complete: completePIDs,
		Help:    "Names the process whose stacks dw_ustack() walks, where the run is not restricted to one by -p or -c.",
		Example: "probe run --dwarf-pid 1 -e 'profile:hz:99 { @[comm, dw_ustack()] = count(); }'",
		Set:     func(o *options, v string) error { return setPID(&o.dwarfPID, v) },
	},
	{
		Name: "comm", Arg: "NAME", Group: whatGroup, Commands: readers + " repl", Complete: completeComms,
		Help:    "Traces only threads of this name.",
		Example: "probe run --comm sshd -e 'ret:tcp_sendmsg { @[retval] = count(); }'",
		Set:     func(o *options, v string) error { o.comm = v; return nil },
	},
	{
		Name: "comm", Arg: "NAME", Group: callGroup, Commands: "graph show", Complete: completeComms,
		Help:    "Selects calls in threads of this name; * and ? match any characters and any one character.",
		Example: "probe graph --comm 'nginx*' tcp_sendmsg",
		Set:     func(o *options, v string) error { o.comm = v; return nil },
	},
	{
		Name: "cmd", Short: 'c', Arg: "'CMD ARGS'", Group: whatGroup, Commands: runners, Complete: completeCommand,
		Help:    "Runs a command and traces its process and the descendants of that. The run ends when the command does. Quotes and backslashes group words as in a shell; for anything else that a shell does, run one: -c \"sh -c 'a; b'\".",
		Example: "probe run -c 'ping -c 1 192.0.2.1' route_loss",
		Set:     func(o *options, v string) error { o.cmd = v; return nil },
	},
	{
		Name: "slower", Arg: "DURATION", Group: callGroup, Commands: "graph show", Complete: nothing,
		Help:    "Selects calls that took at least this long, such as 100us or 1ms.",
		Example: "probe graph --slower 1ms vfs_read",
		Set:     func(o *options, v string) error { return setDuration(&o.graph.slower, v) },
	},
	{
		Name: "failed", Group: callGroup, Commands: "graph show",
		Help:    "Selects calls that returned an error.",
		Example: "probe graph --failed ip_route_output_flow",
		Set:     func(o *options, _ string) error { o.graph.failed = true; return nil },
	},
	{
		Name: "depth", Short: 'd', Arg: "N", Group: whatGroup, Commands: "graph", Complete: nothing,
		Help:    "Records at most N levels of calls below the function (default 16).",
		Example: "probe graph -d 3 vfs_read",
		Set:     func(o *options, v string) error { return setCount(&o.graph.depth, v) },
	},
	{
		Name: "ret", Arg: "FUNC,…", Group: whatGroup, Commands: "graph", Complete: cli.Lists(completeFunctions),
		Help:    "Records the return values of these functions in addition to that of the traced one.",
		Example: "probe graph --ret fib_table_lookup ip_route_output_flow",
		Set:     func(o *options, v string) error { o.graph.ret = v; return nil },
	},
	{
		Name: "args", Group: whatGroup, Commands: "graph",
		Help:    "Records the arguments of calls, which needs Linux 6.14 or newer.",
		Example: "probe graph --args vfs_read",
		Set:     func(o *options, _ string) error { o.graph.args = true; return nil },
	},
	{
		Name: "only", Arg: "PATTERN,…", Group: whatGroup, Commands: "graph", Complete: cli.Lists(completeFunctions),
		Help:    "Instruments only these functions below the traced one, which makes starting quick.",
		Example: "probe graph --only 'fib_*,ip_*' ip_route_output_flow",
		Set:     func(o *options, v string) error { o.graph.only = v; return nil },
	},
	{
		Name: "skip", Arg: "PATTERN,…", Group: whatGroup, Commands: "graph", Complete: cli.Lists(completeFunctions),
		Help:    "Leaves these functions out of the trees.",
		Example: "probe graph --skip 'rcu_*' vfs_read",
		Set:     func(o *options, v string) error { o.graph.skip = v; return nil },
	},
	{
		Name: "irqs", Group: outGroup, Commands: "graph show",
		Help:    "Shows interrupts and involuntary switches that happened during a call.",
		Example: "probe graph --irqs vfs_read",
		Set:     func(o *options, _ string) error { o.graph.irqs = true; return nil },
	},
	{
		Name: "force", Group: whatGroup, Commands: "graph",
		Help:    "Records a pattern even if it matches more than 1000 functions.",
		Example: "probe graph --force 'tcp_*'",
		Set:     setForce,
	},
	{
		Name: "budget", Arg: "PERCENT", Group: endGroup, Commands: runners, Complete: cli.Words("1%", "5%", "1%machine", "off"),
		Help:    "Samples or detaches the dearest probes when the probes take more CPU time than this: a percentage of one CPU, or of all CPUs with machine behind it. Without it there is a warning above 5%; off measures nothing.",
		Example: "probe run --budget 1% -e 'kprobe:vfs_read { @[comm] = count(); }'",
		Set:     setBudget,
	},
	{
		Name: "estimate", Group: endGroup, Commands: "run",
		Help:    "Counts the events of the script for a second, with programs that do nothing, and prints what the script will cost in place of running it.",
		Example: "probe run --estimate -e 'kprobe:vfs_read { @[comm] = count(); }'",
		Set:     func(o *options, _ string) error { o.estimate = true; return nil },
	},
	{
		Name: "force", Group: whatGroup, Commands: readers + " repl",
		Help:    "Attaches to more than 1024 places without a question, and to functions that are hot or useless to probe. Those that can crash the machine stay refused.",
		Example: "probe run --force -e 'kprobe:* { @[func] = count(); }'",
		Set:     setForce,
	},
	{
		Name: "case", Arg: "CASE", Commands: "lab", Complete: completeCases,
		Help:    "Provokes this fault, or all of them one after the other (default all).",
		Example: "probe lab route-loss --case A",
		Set:     func(o *options, v string) error { o.kase = v; return nil },
	},
	{
		Name: "ipv6", Short: '6', Commands: "lab",
		Help:    "Builds the network with IPv6 addresses instead of IPv4.",
		Example: "probe lab route-loss --ipv6",
		Set:     func(o *options, _ string) error { o.ipv6 = true; return nil },
	},
	{
		Name: "before", Arg: "DURATION", Commands: "lab", Complete: nothing,
		Help:    "Sets the time that traffic flows before the fault.",
		Example: "probe lab route-loss --before 2s",
		Set:     func(o *options, v string) error { return setDuration(&o.before, v) },
	},
	{
		Name: "after", Arg: "DURATION", Commands: "lab", Complete: nothing,
		Help:    "Sets the time that the network is watched after the fault.",
		Example: "probe lab route-loss --after 5s",
		Set:     func(o *options, v string) error { return setDuration(&o.after, v) },
	},
	{
		Name: "no-trace", Commands: "lab",
		Help:    "Provokes the fault without running the script on it.",
		Example: "probe lab route-loss --no-trace",
		Set:     func(o *options, _ string) error { o.trace = true; return nil },
	},
	{
		Name: "compare", Arg: "CASE", Commands: "lab", Complete: completeCases,
		Help:    "Records the route lookups of this case and of the one named after the lab, and shows where they part.",
		Example: "probe lab route-loss --compare A B",
		Set:     func(o *options, v string) error { o.compare = v; return nil },
	},
	{
		Name: "ignore", Arg: "PATTERN,…", Commands: "diff", Complete: cli.Lists(completeFunctions),
		Help:    "Leaves these functions out of the comparison, instead of RCU, locks and the like. The word none leaves out nothing.",
		Example: "probe diff --ignore none good.jsonl.zst bad.jsonl.zst",
		Set:     func(o *options, v string) error { return setIgnore(o, v) },
	},

	// Options that say when a run ends.
	{
		Name: "for", Arg: "DURATION", Group: endGroup, Commands: runners + " graph", Complete: nothing,
		Help:    "Ends the run after this time: 10s, 1m30s, or a number of seconds.",
		Example: "probe run --for 10s -e 'profile:hz:99 { @[kstack] = count(); }'",
		Set:     func(o *options, v string) error { return setDuration(&o.duration, v) },
	},
	{
		Name: "max-events", Arg: "N", Group: endGroup, Commands: runners, Complete: nothing,
		Help:    "Ends the run after N events were printed.",
		Example: "probe run --max-events 100 script.pr",
		Set:     func(o *options, v string) error { return setCount(&o.maxEvents, v) },
	},
	{
		Name: "count", Short: 'n', Arg: "N", Group: endGroup, Commands: "graph", Complete: nothing,
		Help:    "Ends the recording after N trees.",
		Example: "probe graph -n 5 vfs_read",
		Set:     func(o *options, v string) error { return setCount(&o.maxEvents, v) },
	},
	{
		Name: "dry-run", Group: endGroup, Commands: runners,
		Help:    "Loads and attaches the script, then detaches it and ends.",
		Example: "probe run --dry-run script.pr",
		Set:     func(o *options, _ string) error { o.dryRun = true; return nil },
	},
	{
		Name: "strict", Group: endGroup, Commands: runners + " graph",
		Help:    "Exits with status 3 if the result is incomplete: lost events, full maps, missed calls.",
		Example: "probe run --strict script.pr",
		Set:     func(o *options, _ string) error { o.strict = true; return nil },
	},
	{
		Name: "strict", Group: outGroup, Commands: "show",
		Help:    "Exits with status 3 if the recording is damaged or incomplete.",
		Example: "probe show --strict calls.jsonl.zst",
		Set:     func(o *options, _ string) error { o.strict = true; return nil },
	},

	// Output.
	{
		Name: "output", Short: 'o', Arg: "FILE", Group: outGroup, Commands: "run", Complete: cli.Files(),
		Help:    "Writes the output to a file. Messages stay on standard error. A name that ends in .svg, .folded, .pb.gz or .speedscope.json gets a picture of the stacks in the keys of maps; the rest of the output goes to standard output then.",
		Example: "probe run -o counts.txt script.pr",
		Set:     func(o *options, v string) error { o.out = v; return nil },
	},
	{
		Name: "output", Short: 'o', Arg: "FILE", Group: outGroup, Commands: "record", Complete: cli.Files(),
		Help:    "Names the recording to write, which is required. A name that ends in .zst compresses it.",
		Example: "probe record -o route.jsonl.zst route_graph",
		Set:     func(o *options, v string) error { o.record = v; return nil },
	},
	{
		Name: "output", Short: 'o', Arg: "FILE", Group: outGroup, Commands: "graph", Complete: cli.Files(),
		Help:    "Keeps the trees in a recording instead of printing them. A name that ends in .zst compresses it.",
		Example: "probe graph -o reads.jsonl.zst vfs_read",
		Set:     func(o *options, v string) error { o.out = v; return nil },
	},
	{
		Name: "output", Short: 'o', Arg: "FILE", Group: outGroup, Commands: "export", Complete: cli.Files(),
		Help:    "Names the file to write (default standard output).",
		Example: "probe export -f folded -o reads.folded reads.jsonl.zst",
		Set:     func(o *options, v string) error { o.out = v; return nil },
	},
	{
		Name: "output", Short: 'o', Arg: "DIR", Group: outGroup, Commands: "lab", Complete: cli.Dirs,
		Help:    "Keeps the recordings of --compare in this directory.",
		Example: "probe lab route-loss --compare A B -o recordings",
		Set:     func(o *options, v string) error { o.out = v; return nil },
	},
	{
		Name: "format", Short: 'f', Arg: "FORMAT", Group: outGroup, Commands: runners, Complete: cli.Words(sink.Names()...),
		Help:    "Selects the format of the output (default " + sink.Names()[0] + "): " + outputFormats() + ".",
		Example: "probe run -f json script.pr",
		Set:     func(o *options, v string) error { o.format = v; return nil },
	},
	{
		Name: "format", Short: 'f', Arg: "text|json", Group: outGroup, Commands: "check", Complete: cli.Words("text", "json"),
		Help:    "Selects the format of the messages: text, or one JSON object a line (default text).",
		Example: "probe check -f json script.pr",
		Set:     func(o *options, v string) error { o.format = v; return nil },
	},
	{
		Name: "format", Short: 'f', Arg: "FORMAT", Group: outGroup, Commands: "export", Complete: completeFormats,
		Help:    "Selects the format to write, which is required; `probe export FILE` describes each format.",
		Example: "probe export -f folded reads.jsonl.zst",
		Set:     func(o *options, v string) error { o.graph.format = v; return nil },
	},
	{
		Name: "json", Group: outGroup, Commands: "diff",
		Help:    "Prints the comparison as JSON.",
		Example: "probe diff --json good.jsonl.zst bad.jsonl.zst",
		Set:     func(o *options, _ string) error { o.graph.json = true; return nil },
	},
	{
		Name: "all", Group: outGroup, Commands: "diff",
		Help:    "Also prints the parts that are equal, in full.",
		Example: "probe diff --all good.jsonl.zst bad.jsonl.zst",
		Set:     func(o *options, _ string) error { o.graph.all = true; return nil },
	},
	{
		Name: "buffering", Short: 'B', Arg: "line|full|none", Group: outGroup, Commands: runners, Complete: cli.Words("line", "full", "none"),
		Help:    "Sets when output is written: after each line, when a buffer is full, or at once (default line).",
		Example: "probe run -B full -o events.txt script.pr",
		Set:     func(o *options, v string) error { o.buffer = v; return nil },
	},
	{
		Name: "graph-style", Arg: "tree|ftrace", Group: outGroup, Commands: runners + " graph show", Complete: cli.Words("tree", "ftrace"),
		Help:    "Selects how call graphs are drawn: as a tree, or as function_graph of ftrace does (default tree).",
		Example: "probe graph --graph-style ftrace vfs_read",
		Set:     func(o *options, v string) error { o.graph.style = v; return nil },
	},
	{
		Name: "count", Short: 'n', Arg: "N", Group: outGroup, Commands: "show", Complete: nothing,
		Help:    "Prints only the first N trees.",
		Example: "probe show -n 5 calls.jsonl.zst",
		Set:     func(o *options, v string) error { return setCount(&o.maxEvents, v) },
	},
	{
		Name: "trees", Group: outGroup, Commands: "show",
		Help:    "Prints only the trees, not what the script printed.",
		Example: "probe show --trees calls.jsonl.zst",
		Set:     func(o *options, _ string) error { o.graph.treesOnly = true; return nil },
	},
	{
		Name: "buffer", Arg: "KB", Group: outGroup, Commands: "graph", Complete: nothing,
		Help:    "Sets the size of each CPU's buffer in kilobytes (default 8192).",
		Example: "probe graph --buffer 65536 vfs_read",
		Set:     func(o *options, v string) error { return setCount(&o.graph.bufferKB, v) },
	},
	{
		Name: "live", Group: outGroup, Commands: "run",
		Help:    "Shows the maps on the terminal as one screen that is drawn again each second: a table for each map, the largest value first, and the last lines of text below. Where the output is no terminal it is as without.",
		Example: "probe run --live filetop",
		Set:     func(o *options, _ string) error { o.live = true; return nil },
	},
	{
		Name: "quiet", Short: 'q', Group: outGroup, Commands: "run",
		Help:    "Leaves out the line that says how many probes are attached.",
		Example: "probe run -q script.pr",
		Set:     func(o *options, _ string) error { o.quiet = true; return nil },
	},
	{
		Name: "quiet", Short: 'q', Group: outGroup, Commands: "record",
		Help:    "Prints only messages, not the output of the script, which goes to the recording.",
		Example: "probe record -q -o route.jsonl.zst route_graph",
		Set:     func(o *options, _ string) error { o.quiet = true; return nil },
	},
	{
		Name: "quiet", Short: 'q', Group: outGroup, Commands: "graph",
		Help:    "Prints no progress on standard error.",
		Example: "probe graph -q vfs_read",
		Set:     func(o *options, _ string) error { o.quiet = true; return nil },
	},
	{
		Name: "verbose", Short: 'v', Group: outGroup, Commands: runners,
		Help:    "Prints what is attached and how, and the verifier's log if it refuses a program.",
		Example: "probe run -v script.pr",
		Set:     setVerbose,
	},
	{
		Name: "verbose", Short: 'v', Group: outGroup, Commands: "graph",
		Help:    "Prints how the calls are recorded.",
		Example: "probe graph -v vfs_read",
		Set:     setVerbose,
	},
	{
		Name: "verbose", Short: 'v', Group: outGroup, Commands: "ls",
		Help:    "Also lists the parameters and the result of each probe.",
		Example: "probe ls -v kprobe:vfs_read",
		Set:     setVerbose,
	},
	{
		Name: "verbose", Short: 'v', Group: outGroup, Commands: "lab",
		Help:    "Prints each step of building and breaking the network.",
		Example: "probe lab -v route-loss",
		Set:     setVerbose,
	},
	{
		Name: "warnings", Short: 'k', Group: outGroup, Commands: runners + " repl",
		Help:    "Also reports reads of memory and lookups in maps that fail.",
		Example: "probe run -k script.pr",
		Set:     func(o *options, _ string) error { o.keepWarnings++; return nil },
	},
	{
		Name: "raw", Group: outGroup, Commands: runners + " graph show diff",
		Help:    "Leaves control characters in names and strings of the traced system as they are. By default text output escapes them as \\xHH.",
		Example: "probe run --raw -e 'tracepoint:syscalls:sys_enter_execve { print(str(args.filename)); }'",
		Set:     func(o *options, _ string) error { o.raw = true; return nil },
	},
	{
		Name: "no-warnings", Group: outGroup, Commands: readers,
		Help:    "Suppresses all warnings, including those of warnf().",
		Example: "probe run --no-warnings script.pr",
		Set:     func(o *options, _ string) error { o.noWarnings = true; return nil },
	},

	// Kernel.
	{
		Name: "btf", Arg: "FILE", Group: kernelGroup, Commands: readers + " repl ls", Complete: cli.Files(),
		Help:    "Reads the types of the kernel from a file with raw BTF instead of /sys/kernel/btf/vmlinux.",
		Example: "probe check --btf vmlinux.btf script.pr",
		Set:     func(o *options, v string) error { o.btfFile = v; return nil },
	},
	{
		Name: "kernel", Arg: "VERSION", Group: kernelGroup, Commands: "check dump", Complete: cli.Words("5.10", "6.1", "6.12", "7.2"),
		Help:    "Assumes the features of one of the kernels that probe was tested with: 5.10, 6.1, 6.12 or 7.2. The types come from --btf, or from this kernel without it.",
		Example: "probe check --kernel 5.10 --btf vmlinux-5.10.btf script.pr",
		Set: func(o *options, v string) error {
			_, err := feature.Tested(v)
			o.kernel = v
			return err
		},
	},
	{
		Name: "traceable-functions", Arg: "FILE", Group: kernelGroup, Commands: readers + " ls", Complete: cli.Files(),
		Help:    "Reads the functions that can be traced from a file in the form of available_filter_functions instead of asking the kernel.",
		Example: "probe check --traceable-functions functions.txt script.pr",
		Set:     func(o *options, v string) error { o.traceable = v; return nil },
	},
	{
		Name: "debuginfo", Arg: "DIR[:DIR]", Group: kernelGroup, Commands: readers + " ls", Complete: cli.Files(),
		Help:    "Looks for separate debug files of programs and libraries in these folders first, then beside the program and in /usr/lib/debug.",
		Example: "probe ls -v --debuginfo /srv/debug 'uprobe:/usr/sbin/sshd:main'",
		Set: func(o *options, v string) error {
			o.debugDirs = append(o.debugDirs, filepath.SplitList(v)...)
			return nil
		},
	},
	{
		Name: "kernel-symbols", Arg: "FILE", Group: kernelGroup, Commands: readers, Complete: cli.Files(),
		Help:    "Alias for --traceable-functions.",
		Example: "probe check --kernel-symbols functions.txt script.pr",
		Set:     func(o *options, v string) error { o.traceable = v; return nil },
	},
	{
		Name: "no-feature", Arg: "LIST", Group: kernelGroup, Commands: readers + " repl", Complete: cli.Lists(cli.Words(mechanisms...)),
		Help:    "Disables these mechanisms of the kernel, separated by commas: " + strings.Join(mechanisms, ", ") + ".",
		Example: "probe run --no-feature kprobe_multi script.pr",
		Set:     func(o *options, v string) error { return o.setNoFeature(v) },
	},
}
