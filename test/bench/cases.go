package main

import _ "embed"

// oneLiner, twenty and begin are the scripts whose start is measured.
var (
	//go:embed scripts/one.pr
	oneLiner string
	//go:embed scripts/twenty.pr
	twenty string
)

// trivial does nothing at all.
const trivial = `BEGIN { exit(); }`

// startCase is a script measured from exec to exit. goal is in million
// instructions.
type startCase struct {
	name, script string
	ply          string // the same for ply, "" if it cannot be said
	goal         float64
}

// startCases are the goals for the start. What ply is measured with ends by
// itself, as the others do.
var startCases = []startCase{
	{"trivial script", trivial, `BEGIN { exit(0); }`, 60},
	{"20 lines, 7 tracepoints", twenty, "", 100},
}

// goalMB is the goal for the peak of resident memory.
const goalMB = 25

// eventCase is a script whose event raw_syscalls:sys_enter is measured. whole
// takes the traced process's time instead of the program's.
type eventCase struct {
	name      string
	body, ply string // what follows the attach point; "" if ply is left out
	goal      float64
	whole     bool
	head      string // what precedes the attach point
}

var eventCases = []eventCase{
	{"count", `{ @ = count(); }`, `{ @[0] = count(); }`, 90, false, ""},
	{"count by comm", `{ @[comm] = count(); }`, `{ @[comm] = count(); }`, 130, false, ""},
	{"count by pid, comm", `{ @[pid, comm] = count(); }`, "", 150, false, ""},
	{"hist(nsecs & 0xffff) by comm", `{ @[comm] = hist(nsecs & 0xffff); }`, "", 300, false, ""},
	{"count, every key new", `{ @[nsecs] = count(); }`, "", 4000, false, "config = { max_map_keys = 30000 } "},
	{"hist(nsecs & 0xffff)", `{ @ = hist(nsecs & 0xffff); }`, `{ @[0] = quantize(time & 0xffff); }`, 150, false, ""},
	{"kstack count", `{ @[kstack] = count(); }`, `{ @[stack] = count(); }`, 4960, false, ""},
	{`printf("%d %s\n", pid, comm)`, `{ printf("%d %s\n", pid, comm); }`, `{ printf("%d %s\n", pid, comm); }`, 300, false, ""},
	{"/pid == 1/ false", `/pid == 1/ { @ = count(); }`, `/pid == 1/ { @[0] = count(); }`, 66, false, ""},
	{"count, the whole event", `{ @ = count(); }`, `{ @[0] = count(); }`, 450, true, ""},
}

// attachPoint is where the events are, in each tracer's words.
const (
	attachPoint    = "tracepoint:raw_syscalls:sys_enter "
	plyAttachPoint = "tracepoint:raw_syscalls/sys_enter "
)

// lostScript prints every getppid call, number 110 on this architecture, of the
// measuring process, which is $1.
const (
	lostScript = attachPoint + `/pid == $1 && args.id == 110/ { printf("event %d %s\n", pid, comm); }`
	lostEvents = 100000
)

// goalAttached is the goal for the time from exec to attached, as a part of
// bpftrace's.
const goalAttached = 0.1

// goalBinary is the goal for the size of the binary in bytes.
const goalBinary = 20 << 20
