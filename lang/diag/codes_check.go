package diag

// The codes of lang/check: names, types, probes, resources. Functions of the
// standard library report through the checker, so their codes are here too.

var checkNameCodes = []Entry{
	// names
	{
		Code: "unknown-name", Phase: PhaseCheck,
		Cause: "a word is not the name of anything in the language or in the script",
		Wrong: "begin { @n = cuont(); }",
		Cure:  "check the spelling; the message names a similar name if there is one",
	},
	{
		Code: "undefined-variable", Phase: PhaseCheck,
		Cause: "a variable is read that is not assigned in this block or an outer one",
		Wrong: "begin { if (pid == 1) { $z = 1; } print($z); }",
		Cure:  "assign to it first, or declare it before the inner block: `let $z;`",
	},
	{
		Code: "undefined-map", Phase: PhaseCheck,
		Cause: "a map is used, but nothing in the script ever assigns to it",
		Wrong: "begin { print(@reads); }",
		Cure:  "check the spelling, or assign to the map in some probe",
	},
	{
		Code: "shadowed-name", Phase: PhaseCheck,
		Cause: "a variable is declared although one of that name is visible already",
		Wrong: "begin { $x = 1; if (pid) { let $x = 2; print($x); } }",
		Cure:  "assign to the variable without `let`, or choose another name",
	},
	{
		Code: "unhygienic-map", Phase: PhaseCheck,
		Cause: "a macro uses a map that it was not given",
		Wrong: "macro note(e) { @seen[e] = 1; }\nbegin { note(5); }",
		Cure:  "make the map a parameter: `macro note(@seen, e)`",
	},
	{
		Code: "macro-arguments", Phase: PhaseCheck,
		Cause: "the arguments of a macro call fit none of its definitions",
		Wrong: "macro add($v, n) { $v += n; }\nbegin { add(1, 2); }",
		Cure:  "give as many arguments as the definition has, variables for `$` parameters and whole maps for `@` parameters",
	},
	{
		Code: "duplicate-macro", Phase: PhaseCheck,
		Cause: "a macro is defined twice with the same kinds of parameters",
		Wrong: "macro one() { 1 }\nmacro one() { 2 }\nbegin { print(one()); }",
		Cure:  "rename one of them, or give it other parameters",
	},
	{
		Code: "recursive-macro", Phase: PhaseCheck,
		Cause: "a macro expands to a call of itself",
		Wrong: "macro again() { again() }\nbegin { print(again()); }",
		Cure:  "macros are expanded while compiling and cannot recurse; use a loop",
	},
	{
		Code: "jump-in-macro", Phase: PhaseCheck,
		Cause: "return, break or continue in a macro would act on the caller",
		Wrong: "macro stop() { return; }\nbegin { stop(); }",
		Cure:  "put the statement into the probe: `if (…) { return; }`",
	},
	{
		Code: "duplicate-probe", Phase: PhaseCheck,
		Cause: "a probe name is defined twice",
		Wrong: "probe io.read = kprobe:vfs_read;\nprobe io.read = kprobe:vfs_write;\nio.read { exit(); }",
		Cure:  "write the alternatives under one name: `probe io.read = kprobe:vfs_read | kprobe:vfs_write;`",
	},
	{
		Code: "bad-c-macro", Phase: PhaseCheck,
		Cause: "a C macro used by the script is not an expression of the language",
		Wrong: "#define FOREVER do { } while (1)\nbegin { print(FOREVER); }",
		Cure:  "write what the macro stands for into the script",
	},
	{
		Code: "removed", Phase: PhaseCheck,
		Cause: "the script uses a builtin that the language no longer has",
		Wrong: "begin { print(sarg0); }",
		Cure:  "follow the advice of the message",
	},
	{
		Code: "bad-import", Phase: PhaseCheck,
		Cause: "an imported file cannot be found or used",
		Wrong: "import \"no/such/file\";\nbegin { }",
		Cure:  "check the path; it is relative to the script, or the name of a module of the library",
	},
	{
		Code: "bad-include", Phase: PhaseCheck,
		Cause: "a header that the C section includes cannot be found or read",
		Wrong: "#include \"no_such_file.h\"\nbegin { }",
		Cure:  "check the path; headers are looked for beside the script and in the folders given by -I",
	},

	// configuration
	{
		Code: "bad-config", Phase: PhaseCheck,
		Cause: "a configuration option does not exist or cannot have this value",
		Wrong: "config = { max_strlem = 64 }\nbegin { }",
		Cure:  "the message names a similar option, or the values that are accepted",
	},
	{
		Code: "repeated-config", Phase: PhaseCheck, Warning: true,
		Cause: "an option is set twice in the config block",
		Wrong: "config = { max_strlen = 64; max_strlen = 128 }\nbegin { }",
		Cure:  "keep one of them",
	},
	{
		Code: "renamed-config", Phase: PhaseCheck, Warning: true,
		Cause: "an option is set under a name that it no longer has",
		Wrong: "config = { strlen = 64 }\nbegin { }",
		Cure:  "use the new name that the message gives",
	},
	{
		Code: "unknown-environment", Phase: PhaseCheck, Warning: true,
		Cause: "an environment variable looks like an option but is not one",
		Cure:  "use the name that the message gives, or remove it",
	},
	{
		Code: "dead-config", Phase: PhaseCheck, Warning: true,
		Cause: "an option is set that no longer has an effect",
		Wrong: "config = { unstable_macro = true }\nbegin { }",
		Cure:  "remove it",
	},
	{
		Code: "unstable-feature", Phase: PhaseCheck,
		Cause: "an unstable feature is used without being enabled",
		Wrong: "begin { print(typeinfo(5)); }",
		Cure:  "enable it in the config block as the message shows",
	},
	{
		Code: "missing-parameter", Phase: PhaseCheck, Warning: true,
		Cause: "the script uses a positional parameter that was not given",
		Wrong: "begin { print($1); }",
		Cure:  "give it after the script: `probe run script.pr 5`; without it the value is 0 or empty",
	},
	{
		Code: "bad-option", Phase: PhaseCheck,
		Cause: "a named parameter was given a value of the wrong kind",
		Cure:  "give a value of the kind of the option's default: `-- --name=5`",
	},
	{
		Code: "different-option", Phase: PhaseCheck,
		Cause: "two getopt calls of one name disagree about the default or the description",
		Wrong: "begin { print(getopt(\"n\", 1)); print(getopt(\"n\", 2)); }",
		Cure:  "use the same default and description everywhere, or put the call into a macro",
	},

	// probes
	{
		Code: "no-attach-points", Phase: PhaseCheck,
		Cause: "none of a probe's attach points exists on this machine",
		Cure:  "list the available probes with `probe ls`; with `config = { missing_probes = warn }` the script runs without the probe",
	},
	{
		Code: "probes-missing", Phase: PhaseCheck,
		Cause: "the script reads a map that is only set in probes that this machine does not have",
		Cure:  "run the script on a machine that has them (function probes need a kernel with kprobes or BPF trampolines), or change the rest of the script to work without the map",
	},
	{
		Code: "too-many-programs", Phase: PhaseCheck,
		Cause: "the wildcards of the script expand to more programs than allowed",
		Wrong: "config = { max_bpf_progs = 1 }\nbegin { }\nend { }",
		Cure:  "name fewer functions, or raise `max_bpf_progs` in the config block",
	},
	{
		Code: "wrong-probe", Phase: PhaseCheck,
		Cause: "a builtin or function is used in a kind of probe that cannot provide it",
		Wrong: "begin { print(arg0); }",
		Cure:  "the message says in which probes it works and what to use here",
	},
	{
		Code: "unsafe-function", Phase: PhaseCheck,
		Cause: "a function that can change the system is used in safe mode",
		Wrong: "begin { system(\"date\"); }",
		Cure:  "run the script with `--unsafe`",
	},
	{
		Code: "context-in-loop", Phase: PhaseCheck,
		Cause: "the body of a for loop uses something that can only be read outside the loop",
		Wrong: "kprobe:vfs_read { for $i : 0..3 { print(arg0); } }",
		Cure:  "copy it to a variable before the loop",
	},
	{
		Code: "not-supported", Phase: PhaseCheck,
		Cause: "the script uses a part of the language that probe does not support yet",
		Wrong: "fn one() : int64 { return 1; }\nbegin { }",
		Cure:  "the message names an alternative if there is one",
	},

	// calls
	{
		Code: "bad-call", Phase: PhaseCheck,
		Cause: "a builtin value is called like a function",
		Wrong: "kprobe:vfs_read { print(ctx()); }",
		Cure:  "write its name without parentheses",
	},
	{
		Code: "argument-count", Phase: PhaseCheck,
		Cause: "a function is called with too few or too many arguments",
		Wrong: "begin { @ = hist(); }",
		Cure:  "give the arguments that the message shows",
	},
	{
		Code: "bad-argument", Phase: PhaseCheck,
		Cause: "an argument has a type or value that the function cannot use",
		Wrong: "begin { @ = sum(\"many\"); }",
		Cure:  "convert the argument; an address becomes a string with `str()`",
	},
	{
		Code: "literal-expected", Phase: PhaseCheck,
		Cause: "an argument must be known when the script is compiled",
		Wrong: "begin { $k = 2; @ = hist(5, $k); }",
		Cure:  "write the value itself, a constant, or a parameter (`$1`, `str($1)`)",
	},
	{
		Code: "unknown-word", Phase: PhaseCheck,
		Cause: "an argument must be one of a few words",
		Wrong: "begin { print(pid(first)); }",
		Cure:  "use one of the words that the message lists",
	},
	{
		Code: "map-expected", Phase: PhaseCheck,
		Cause: "a function that works on whole maps was given something else",
		Wrong: "begin { clear(5); }",
		Cure:  "give the map without a key: `clear(@m)`",
	},
	{
		Code: "variable-expected", Phase: PhaseCheck,
		Cause: "a function that stores its result needs a variable",
		Wrong: "begin { @m[1] = 2; if (find(@m, 1, 3)) { print(1); } }",
		Cure:  "give a variable: `find(@m, 1, $v)`",
	},
	{
		Code: "type-as-value", Phase: PhaseCheck,
		Cause: "a type is used where a value is needed",
		Wrong: "begin { print(typeof(int8)); }",
		Cure:  "types can only be given to macros and to sizeof, offsetof and casts",
	},
	{
		Code: "no-value", Phase: PhaseCheck,
		Cause: "an expression without a value is used as a value",
		Wrong: "begin { $x = print(1); }",
		Cure:  "compute the value before the call, or remove the assignment",
	},
	{
		Code: "bad-format", Phase: PhaseCheck,
		Cause: "a format string has a conversion that cannot be printed",
		Wrong: "begin { printf(\"%f\\n\", 1); }",
		Cure:  "there are no floating-point numbers; use `%d`, or `%s` for a value of any type",
	},
	{
		Code: "format-arguments", Phase: PhaseCheck,
		Cause: "a format string and its arguments differ in number",
		Wrong: "begin { printf(\"%d %d\\n\", 1); }",
		Cure:  "give one argument for each conversion; `%%` prints a percent sign",
	},
	{
		Code: "format-type", Phase: PhaseCheck,
		Cause: "a conversion of a format string cannot print the argument's type",
		Wrong: "begin { printf(\"%d\\n\", comm); }",
		Cure:  "use `%s`, which prints a value of any type",
	},
	{
		Code: "string-too-long", Phase: PhaseCheck,
		Cause: "a string literal is longer than max_strlen allows",
		Wrong: "config = { max_strlen = 4 }\nbegin { @ = \"hello\"; }",
		Cure:  "raise `max_strlen` in the config block",
	},
	{
		Code: "string-shortened", Phase: PhaseCheck, Warning: true,
		Cause: "str() is called with a length above max_strlen",
		Wrong: "kprobe:vfs_read { print(str(arg0, 4096)); }",
		Cure:  "use a smaller length, or raise `max_strlen` in the config block",
	},
	{
		Code: "unknown-register", Phase: PhaseCheck,
		Cause: "reg() is given a name that is not a register of this architecture",
		Wrong: "kprobe:vfs_read { print(reg(\"eax\")); }",
		Cure:  "on x86-64 use ax, bx, cx, dx, si, di, bp, sp, ip, r8 … r15; on arm64 r0 … r30, sp, pc, pstate",
	},
	{
		Code: "stack-limit", Phase: PhaseCheck,
		Cause: "a stack is captured with too many frames",
		Wrong: "kprobe:vfs_read { @[kstack(2000)] = count(); }",
		Cure:  "use at most 1024 frames",
	},
	{
		Code: "missing-process", Phase: PhaseCheck,
		Cause: "dw_ustack() is used without saying of which process",
		Wrong: "begin { print(dw_ustack()); }",
		Cure:  "give the process with -p, -c or --dwarf-pid, or use `ustack`",
	},
	{
		Code: "hist-bits", Phase: PhaseCheck,
		Cause: "the resolution of a histogram is not 0 to 5",
		Wrong: "begin { @ = hist(5, 9); }",
		Cure:  "use a value from 0 (powers of two) to 5 (32 buckets for each power)",
	},
	{
		Code: "lhist-parameters", Phase: PhaseCheck,
		Cause: "the bounds of a linear histogram are not valid",
		Wrong: "begin { @ = lhist(5, 10, 0, 1); }",
		Cure:  "write lhist(value, min, max, step) with min below max and at most 1000 steps",
	},
	{
		Code: "tseries-parameters", Phase: PhaseCheck,
		Cause: "the intervals of a time series are not valid",
		Wrong: "config = { unstable_tseries = enable }\nbegin { @ = tseries(5, 1s, 0); }",
		Cure:  "write tseries(value, interval, count) or tseries(value, interval, count, \"max\"): an interval of 1 ns or more, 1 to 1000000 intervals, and avg, max, min, sum or nothing",
	},
	{
		Code: "unreadable-argument", Phase: PhaseCheck,
		Cause: "the compiler of the probed program left an argument where no probe can read it",
		Cure:  "the note says where it is; read another argument, or probe another place",
	},
	{
		Code: "different-parameters", Phase: PhaseCheck,
		Cause: "calls of one aggregation on one map have different parameters",
		Wrong: "begin { @ = hist(5, 1); @ = hist(5, 2); }",
		Cure:  "use the same parameters everywhere, or two maps",
	},
	{
		Code: "bad-address", Phase: PhaseCheck,
		Cause: "pton() is given text that is not an address",
		Wrong: "begin { print(pton(\"10.0.0\")); }",
		Cure:  "write an IPv4 address like 10.0.0.1 or an IPv6 address like ::1",
	},
	{
		Code: "unknown-symbol", Phase: PhaseCheck,
		Cause: "a kernel symbol does not exist on this machine",
		Wrong: "begin { print(kaddr(\"no_such_symbol\")); }",
		Cure:  "look for it in /proc/kallsyms",
	},
	{
		Code: "no-cgroup", Phase: PhaseCheck,
		Cause: "a directory given to cgroupid() is not a cgroup",
		Wrong: "begin { print(cgroupid(\"/no/such/cgroup\")); }",
		Cure:  "give the path of a directory below the cgroup2 mount, usually /sys/fs/cgroup",
	},
}
