package stdlib

import (
	"strings"

	"probe/compiler/target"
	"probe/lang/types"
)

// says returns bpftrace's words for wrong calls of functions.
func says() map[string]types.Says {
	return map[string]types.Says{
		"avg":           {Type: "avg() only supports integer arguments (%s provided)"},
		"ctx":           {Typed: "Use args instead of ctx in tracepoint"},
		"delete":        {Keyed: "delete() with two arguments"},
		"exit":          {Takes: "int"},
		"hist":          {Takes: "int"},
		"ksym":          {Type: "ksym() expects an integer or pointer argument"},
		"kfunc_allowed": {Literal: "kfunc_allowed() accepts a string literal only"},
		"kfunc_exist":   {Literal: "kfunc_exist() accepts a string literal only"},
		"kstack":        {Literal: "kstack: invalid limit value", Word: "Error parsing stack mode: kstack: Invalid value for stack_mode: valid values are bpftrace, raw, perf, and build_id."},
		"lhist":         {Takes: "int", Literal: "lhist: invalid %s value (must be non-negative literal)"},
		"max":           {Type: "max() only supports integer arguments (%s provided)"},
		"min":           {Type: "min() only supports integer arguments (%s provided)"},
		"nsecs":         {Word: "Invalid timestamp mode: %s"},
		"path":          {Literal: "path: invalid size value, need non-negative literal", Probe: "The path function can only be used with 'fentry', 'fexit', 'iter' probes"},
		"pid":           {Word: "Invalid PID namespace mode: %s (expects: curr_ns or init)"},
		"pton":          {Literal: "pton() expects an string literal at the first argument"},
		"print":         {Literal: "print() expects a int literal (%t provided)"},
		"signal":        {Probe: "signal() can not be used for this probetype %s"},
		"signal_thread": {Probe: "signal_thread() can not be used for this probetype %s"},
		"stats":         {Type: "stats() only supports integer arguments (%s provided)"},
		"strncmp":       {Literal: "Builtin strncmp requires a non-negative literal"},
		"sum":           {Type: "sum() only supports integer arguments (%s provided)"},
		"tid":           {Word: "Invalid PID namespace mode: %s (expects: curr_ns or init)"},
		"tseries":       {Type: "tseries() only supports integer arguments (%s provided)"},
		"uaddr":         {Probe: "__builtin_uaddr can not be used with \"%s\" probes"},
		"ustack":        {Literal: "ustack: invalid limit value", Word: "Error parsing stack mode: ustack: Invalid value for stack_mode: valid values are bpftrace, raw, perf, and build_id."},
		"usym":          {Type: "usym() expects an integer or pointer argument"},
	}
}

// badAddress says that a text is no address of the Internet.
func badAddress(s string) string {
	if strings.ContainsAny(s, ".:") {
		return "pton() expects a valid IPv4/IPv6 address, got " + s
	}
	return "pton() expects an string argument of an IPv4/IPv6 address, got " + s
}

// archName returns the name of the architecture in messages.
func archName() string {
	return target.Native().Uname
}
