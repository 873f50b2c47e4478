package main

import (
	_ "embed"
)

// The graph whose recording is measured: looking at the root folder calls
// graphRoot, which makes graphCalls calls of functions that match graphFuncs,
// itself included. For each pattern the kernel looks at all its functions, so
// they are few.
const (
	graphRoot  = "vfs_statx"
	graphCalls = 29
)

var graphFuncs = []string{
	"vfs_*", "path_*", "filename_*", "*walk*", "*legitimize*", "*mntput*", "*_inode_getattr", "make_vfs*", "tomoyo_*", "dput",
}

// handScript switches function_graph on through tracefs.
//
//go:embed scripts/hand.sh
var handScript string

// recorder is a way to record the graph: a row of the table. In the arguments
// ROOT, ONLY and LIST stand for the root and the patterns with commas and with
// blanks.
type recorder struct {
	name      string // as the table shows it
	mechanism string // what records in the kernel
	program   string // "sh", or a tracer by its name
	args      []string
	each      string // option that comes before every single pattern
	// ready is a pattern in the output that shows that it records; "" if the
	// state of function_graph shows it.
	ready string
	// limit is the row whose cost this one must not exceed.
	limit string
}

// traceCmd is what probe is measured by.
const traceCmd = "trace-cmd record"

// recorders are the rows. A script that records graphs is one more of them.
var recorders = []recorder{
	{name: "by hand, nobody reads", mechanism: "function_graph", program: "sh",
		args: []string{"-c", handScript, "hand", "ROOT", "LIST", "none"}},
	{name: "by hand, `cat trace_pipe_raw`", mechanism: "function_graph", program: "sh",
		args: []string{"-c", handScript, "hand", "ROOT", "LIST", "raw"}},
	{name: traceCmd, mechanism: "function_graph", program: "trace-cmd", each: "-l",
		args: []string{"record", "-p", "function_graph", "-g", "ROOT", "-b", "8192", "-o", "/tmp/trace.dat"}},
	{name: "perf ftrace", mechanism: "function_graph", program: "perf", each: "-T",
		args: []string{"ftrace", "-t", "function_graph", "-m", "8M", "-G", "ROOT"}},
	{name: "`probe graph --slower 10s`", mechanism: "function_graph", program: "probe", limit: traceCmd,
		args: []string{"graph", "ROOT", "--only", "ONLY", "--slower", "10s"}},
	{name: "`probe graph -o FILE`", mechanism: "function_graph", program: "probe", limit: traceCmd,
		args: []string{"graph", "ROOT", "--only", "ONLY", "-o", "/tmp/graph.jsonl"}},
	{name: "`probe graph`", mechanism: "function_graph", program: "probe", limit: "perf ftrace",
		args: []string{"graph", "ROOT", "--only", "ONLY"}},
	{name: "`fgraph:`, no tree wanted", mechanism: "eBPF, kprobe.session", program: "probe", limit: traceCmd, ready: "Attached",
		args: []string{"-e", "config = { fgraph = bpf } fgraph:ROOT:only=ONLY /retval == 12345/ { print(graph); }"}},
	{name: "`fgraph:`, each tree printed", mechanism: "eBPF, kprobe.session", program: "probe", limit: "perf ftrace", ready: "Attached",
		args: []string{"-e", "config = { fgraph = bpf } fgraph:ROOT:only=ONLY { print(graph); }"}},
}

// hooking is a way to attach to many functions: a row of the table. PATTERN
// stands for the patterns with commas, PROBES for the same as attach points
// behind kind.
type hooking struct {
	name    string
	program string
	args    []string
	each    string // option that comes before every single pattern
	kind    string // of attach point
	ready   string
	// most is the maximum number of functions tried, 0 for all.
	most int
}

// manyFuncs are patterns that about so many functions of the guests' kernels
// match. None is called while nothing happens on the machine, as far as that
// can be had.
var manyFuncs = []struct {
	count    int
	patterns []string
}{
	{100, []string{"udp_*", "nf_*"}},
	{1000, []string{"ext4_*", "inet*", "ip_*"}},
	{10000, []string{"a*", "b*", "c*", "d*"}},
}

var hookings = []hooking{
	{name: "`probe graph --only`", program: "probe",
		args: []string{"graph", "udp_sendmsg", "--only", "PATTERN"}},
	{name: traceCmd, program: "trace-cmd", each: "-l",
		args: []string{"record", "-p", "function_graph", "-g", "udp_sendmsg", "-o", "/tmp/trace.dat"}},
	{name: "`probe`, `kprobe:`", program: "probe", kind: "kprobe:", ready: "Attached",
		args: []string{"-e", "config = { max_probes = 20000 } PROBES { @ = count(); }"}},
	{name: "`probe`, `call:`", program: "probe", kind: "call:", ready: "Attached",
		args: []string{"-e", "config = { max_probes = 20000 } PROBES { @ = count(); }"}},
	{name: "bpftrace, `kprobe:`", program: "bpftrace", kind: "kprobe:", ready: "Attached",
		args: []string{"-e", "config = { max_probes = 20000 } PROBES { @ = count(); }"}},
}

// singly are the same for a kernel that has no link for many functions at once.
var singly = []hooking{
	{name: "`probe`, `kprobe:`, one by one (6.1)", program: "probe", kind: "kprobe:", ready: "Attached", most: 100,
		args: []string{"-e", "config = { max_probes = 20000 } PROBES { @ = count(); }"}},
	{name: "`probe`, `call:` (6.1)", program: "probe", kind: "call:", ready: "Attached", most: 100,
		args: []string{"-e", "config = { max_probes = 20000 } PROBES { @ = count(); }"}},
}

// stormFunc, under whichever name it has, is called by getppid and nothing
// else, and calls nothing that is instrumented.
const stormFunc = "*sys_getppid"

// stormCase is what records a storm of calls. ROOT is stormFunc.
type stormCase struct {
	name    string
	threads int // that make the calls; there are two CPUs
	args    []string
	ready   string
	// perCall is how many events a call makes; goal bounds what is missing, as
	// a part of the calls.
	perCall, goal float64
}

// ftraceEvents are those of a call: its entry, its end, and its result;
// scriptEvents are the records of a call whose graph is printed.
const (
	ftraceEvents = 3
	scriptEvents = 2
)

var storms = []stormCase{
	{"`probe graph -o /dev/null`, one thread", 1, []string{"graph", "ROOT", "--only", "ROOT", "-o", "/dev/null"}, "recording", ftraceEvents, 0},
	{"`probe graph -o /dev/null`, two threads", 2, []string{"graph", "ROOT", "--only", "ROOT", "-o", "/dev/null"}, "recording", ftraceEvents, 0},
	{"the same with `--buffer 64`", 2, []string{"graph", "ROOT", "--only", "ROOT", "-o", "/dev/null", "--buffer", "64"}, "recording", ftraceEvents, 0},
	{"`probe graph`, two threads", 2, []string{"graph", "ROOT", "--only", "ROOT"}, "recording", ftraceEvents, 0},
	{"`fgraph:` by eBPF, two threads", 2, []string{"record", "-o", "/dev/null", "-e", "config = { fgraph = bpf } fgraph:ROOT:only=ROOT { print(graph); }"}, "Attached", scriptEvents, 0.01},
}
