package diag

// probeCodes are the codes of attach points, raised by the providers.
var probeCodes = []Entry{
	{
		Code: "bad-probe", Phase: PhaseCheck,
		Cause: "the first word of an attach point is not a kind of probe",
		Wrong: "kprob:vfs_read { @ = count(); }",
		Cure:  "check the spelling; `probe help` lists the kinds of probes",
	},
	{
		Code: "bad-attach-point", Phase: PhaseCheck,
		Cause: "the parts of an attach point do not fit its kind of probe",
		Wrong: "tracepoint:sched:sched_switch:extra { @ = count(); }",
		Cure:  "write it in the form that the message shows",
	},
	{
		Code: "bad-period", Phase: PhaseCheck,
		Cause: "a timed or counting probe has an invalid unit, period or count",
		Wrong: "interval:minutes:1 { exit(); }",
		Cure:  "write `interval:s:1`, `profile:hz:99` or `interval:10ms`",
	},
	{
		Code: "no-match", Phase: PhaseCheck,
		Cause: "nothing on this machine has the name in an attach point, or it cannot be traced",
		Wrong: "tracepoint:sched:sched_swich { @ = count(); }",
		Cure:  "check the spelling with `probe ls`; to run without it, set missing_probes in the config block",
	},
	{
		Code: "no-args", Phase: PhaseCheck,
		Cause: "the names and types of a probe's arguments are not known",
		Wrong: "kretprobe:vfs_read { print(args.count); }",
		Cure:  "use arg0, arg1 and casts, or `ret:`, which keeps the arguments of the call",
	},
	{
		Code: "no-mechanism", Phase: PhaseMachine,
		Cause: "this kernel lacks a feature that a kind of probe needs, or forbids its use",
		Cure:  "use a kind of probe that the message names; `probe doctor` shows what this kernel offers",
	},
	{
		Code: "ambiguous-function", Phase: PhaseMachine,
		Cause: "several kernel modules have a function with this name",
		Cure:  "name the module: `fentry:MODULE:FUNCTION`",
	},
	{
		Code: "needs-unsafe", Phase: PhaseCheck,
		Cause: "an attach point could crash the probed program",
		Wrong: "kprobe:0xffffffff81000000 { @ = count(); }",
		Cure:  "name the function, or run with --unsafe",
	},
	{
		Code: "clone", Phase: PhaseMachine, Warning: true,
		Cause: "the compiler of this kernel replaced a function by specialised copies, which are traced instead",
		Cure:  "nothing needs to be done; the parameters of such copies are not known",
	},
	{
		Code: "dangerous", Phase: PhaseMachine,
		Cause: "the function is on probe's list of those that are dangerous or hot to probe",
		Cure:  "probe a function that calls it; --force overrides the list where the machine cannot crash",
	},
	{
		Code: "left-out", Phase: PhaseMachine, Warning: true,
		Cause: "a pattern matches functions that are dangerous or hot to probe, which are left out",
		Cure:  "give --force to include those that cannot crash the machine, or name the functions",
	},
	{
		Code: "not-attached", Phase: PhaseMachine, Warning: true,
		Cause: "some functions that a pattern matches cannot be attached",
		Cure:  "run with -v to see which, and narrow the pattern, or use `call:` and `ret:`, which try every mechanism",
	},
	{
		Code: "several-binaries", Phase: PhaseMachine, Warning: true,
		Cause: "the name of a program matches several files, of which the first is used",
		Cure:  "give the whole path",
	},
}
