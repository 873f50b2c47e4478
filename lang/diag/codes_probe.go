package diag

// probeCodes are the codes of attach points, raised by the providers.
var probeCodes = []Entry{
	{
		Code: "bad-probe", Phase: PhaseCheck,
		Cause: "the first word of an attach point is no kind of probe",
		Wrong: "kprob:vfs_read { @ = count(); }",
		Cure:  "check the spelling; `probe help` names the kinds of probes",
	},
	{
		Code: "bad-attach-point", Phase: PhaseCheck,
		Cause: "the parts of an attach point do not fit its kind of probe",
		Wrong: "tracepoint:sched:sched_switch:extra { @ = count(); }",
		Cure:  "write it in the form that the message shows",
	},
	{
		Code: "bad-period", Phase: PhaseCheck,
		Cause: "a timed or counting probe has a unit, period or count that makes no sense",
		Wrong: "interval:minutes:1 { exit(); }",
		Cure:  "write `interval:s:1`, `profile:hz:99` or `interval:10ms`",
	},
	{
		Code: "no-match", Phase: PhaseCheck,
		Cause: "nothing on this machine has the name that an attach point gives, or it cannot be traced",
		Wrong: "tracepoint:sched:sched_swich { @ = count(); }",
		Cure:  "check the spelling with `probe ls`; to go on without it, set missing_probes in the config block",
	},
	{
		Code: "no-args", Phase: PhaseCheck,
		Cause: "the names and types of a probe's arguments are not known",
		Wrong: "kretprobe:vfs_read { print(args.count); }",
		Cure:  "use arg0, arg1 and casts, or `ret:`, which keeps the arguments of the call",
	},
	{
		Code: "no-mechanism", Phase: PhaseMachine,
		Cause: "this kernel lacks what a kind of probe needs, or does not let it be used",
		Cure:  "use a kind of probe that the message names; `probe doctor` shows what this kernel offers",
	},
	{
		Code: "ambiguous-function", Phase: PhaseMachine,
		Cause: "several modules of the kernel have a function of the name",
		Cure:  "name the module: `fentry:MODULE:FUNCTION`",
	},
	{
		Code: "needs-unsafe", Phase: PhaseCheck,
		Cause: "an attach point could crash what it probes",
		Wrong: "kprobe:0xffffffff81000000 { @ = count(); }",
		Cure:  "name the function, or run with --unsafe",
	},
	{
		Code: "clone", Phase: PhaseMachine, Warning: true,
		Cause: "the compiler of this kernel replaced a function by specialised copies, which are traced in its place",
		Cure:  "nothing needs to be done; the parameters of such copies are not known",
	},
	{
		Code: "not-attached", Phase: PhaseMachine, Warning: true,
		Cause: "some functions that a pattern matches cannot be attached",
		Cure:  "run with -v to see which, and narrow the pattern",
	},
	{
		Code: "several-binaries", Phase: PhaseMachine, Warning: true,
		Cause: "the name of a program stands for several files, of which the first is taken",
		Cure:  "give the whole path",
	},
}
