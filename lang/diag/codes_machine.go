package diag

// machineCodes are the codes of the runtime: loading, attaching, the machine.
var machineCodes = []Entry{
	{
		Code: "no-permission", Phase: PhaseMachine,
		Cause: "the kernel does not allow this process to load or attach programs, or its lockdown forbids what the script does",
		Cure:  "run as root; in a container it needs CAP_BPF and CAP_PERFMON of the host; under a lockdown, read no kernel memory by address",
	},
	{
		Code: "policy", Phase: PhaseMachine,
		Cause: "a rule in /etc/probe/policy.toml does not allow it, or that file cannot be used",
		Cure:  "the message names the rule and its line; the administrator of the machine can change it",
	},
	{
		Code: "ftrace-busy", Phase: PhaseMachine,
		Cause: "call graphs need tracing settings that exist only once in the kernel, and another tracer uses them",
		Cure:  "the message names the user; end its tracing, or wait for it",
	},
	{
		Code: "machine", Phase: PhaseMachine,
		Cause: "something outside the script failed: a system call, a file, memory",
		Cure:  "the message says what was tried and what the kernel answered",
	},
	{
		Code: "verifier", Phase: PhaseMachine,
		Cause: "the kernel's verifier rejected a program that probe compiled",
		Cure:  "this is a bug in probe: report it with the script and the output of `probe run -v`",
	},
	{
		Code: "internal", Phase: PhaseMachine,
		Cause: "the compiler failed on a script that the checker accepted",
		Cure:  "this is a bug in probe: report it with the script; the message names the stage",
	},
	{
		Code: "missing-kernel-feature", Phase: PhaseMachine,
		Cause: "the script needs a feature that this kernel lacks",
		Cure:  "the note names the first kernel with the feature, the help an alternative",
	},
	{
		Code: "monotonic-time", Phase: PhaseMachine,
		Cause: "strftime() was given a clock that has no fixed distance to the wall clock",
		Cure:  "use `nsecs` or `nsecs(boot)` for times that are shown",
	},
	{
		Code: "too-much-to-verify", Phase: PhaseMachine,
		Cause: "the kernel's verifier would give up on a program, which ends at a million instructions, or take over two seconds for it",
		Cure:  "split the probe into several, write loops instead of unroll, take conditions and searches in strings out of them",
	},
	{
		Code: "load-failed", Phase: PhaseMachine,
		Cause: "the kernel rejected a program before verifying it",
		Cure:  "the kernel lacks a feature that the probe needs; `probe ls` lists the available probes",
	},
	{
		Code: "attach-failed", Phase: PhaseMachine,
		Cause: "a program was loaded, but could not be attached to its probe",
		Cure:  "the notes say why; to run without it, set missing_probes in the config block",
	},
	{
		Code: "switched-off", Phase: PhaseMachine,
		Cause: "a probe was attached, but will not run: the machine's administrator has switched off kprobes or ftrace",
		Cure:  "write 1 into the file that the note names",
	},
	{
		Code: "too-many-probes", Phase: PhaseMachine,
		Cause: "the script would attach to more functions or events than max_probes allows",
		Cure:  "narrow the patterns, or raise max_probes in the config block",
	},
	{
		Code: "no-probes", Phase: PhaseMachine,
		Cause: "no probe of the script can be attached",
		Cure:  "see the messages about its attach points",
	},
	{
		Code: "not-in-recording", Phase: PhaseMachine,
		Cause: "`probe run --replay` was given a probe for which the recording has no events: another kind of event, or a function without recorded calls",
		Cure:  "the notes name what is in the recording; record again with what is missing, or leave the probe out",
	},
	{
		Code: "not-recorded", Phase: PhaseMachine,
		Cause: "`probe run --replay` was given a script that uses a value which the recording does not have",
		Cure:  "remove it, or record it too: `args=on` for arguments, `--ret` for results",
	},
	{
		Code: "no-list", Phase: PhaseMachine,
		Cause: "the probes of this kernel cannot be listed",
		Cure:  "run as root, and mount tracefs: mount -t tracefs nodev /sys/kernel/tracing",
	},
	{
		Code: "bad-usage", Phase: PhaseMachine,
		Cause: "the command line is wrong",
		Cure:  "`probe --help` lists the commands, `probe COMMAND --help` their options",
	},
	{
		Code: "lab", Phase: PhaseMachine,
		Cause: "a lab could not be built or run",
		Cure:  "labs need root, network namespaces and veth devices; `make demo` runs them in a virtual machine",
	},
}
