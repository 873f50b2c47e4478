package bcc

import (
	"fmt"
	"strconv"
	"strings"
)

var slowerTool = &Tool{
	Name: "funcslower", Command: "slower", Summary: "print calls of functions that took longer than a threshold",
	Operands: "function [function ...]", least: 1, most: -1,
	About: "A function is func or lib:func.",
	Examples: []Example{
		{"vfs_write", "Prints writes that took more than 1 ms."},
		{"-m 10 vfs_write", "Prints those that took more than 10 ms."},
		{"-u 10 c:open", "Prints calls of open that took more than 10 µs."},
		{"-a 2 -u 1 vfs_read", "Prints the first two arguments, too."},
		{"-UK -m 10 vfs_read", "Prints the stacks as well."},
	},
	options: []option{
		pidOption("trace only this process"),
		{long: "min-ms", short: 'm', arg: "MIN_MS", kind: real, help: "shortest time to print, in milliseconds (default: 1)"},
		{long: "min-us", short: 'u', arg: "MIN_US", kind: real, help: "shortest time to print, in microseconds"},
		{long: "arguments", short: 'a', arg: "ARGUMENTS", kind: number, help: "number of arguments to print, in hexadecimal"},
		{long: "time", short: 'T', help: "print the time of day"},
		{long: "timestamp", short: 't', help: "print the time since the first line, in seconds"},
		{long: "verbose", short: 'v', help: "print the script before running it"},
		{long: "folded", short: 'f', help: "print each stack in one line, and nothing else"},
		{long: "user-stack", short: 'U', help: "print the stack of the process"},
		{long: "kernel-stack", short: 'K', help: "print the stack of the kernel"},
	},
	plan: planSlower,
}

func planSlower(l *line, m Machine) (*Plan, error) {
	unit, least, div := "ms", 1.0, 10000
	switch {
	case l.is("min-ms"):
		least, _ = strconv.ParseFloat(l.text("min-ms"), 64) // checked by parse
	case l.is("min-us"):
		unit, div = "us", 10
		least, _ = strconv.ParseFloat(l.text("min-us"), 64)
	}
	ns := int64(least * 1e6)
	if unit == "us" {
		ns = int64(least * 1e3)
	}
	args := l.number("arguments", 0)
	if args < 0 || args > 6 {
		return nil, fmt.Errorf("-a %d: functions have up to 6 arguments in registers", args)
	}
	rows := &Rows{Folded: l.is("folded")}
	p := &Plan{Verbose: l.is("verbose"), Layout: Layout{Rows: rows, Stack: StackStyle{Indent: "    "}}}
	var format strings.Builder
	var values []string
	switch {
	case l.is("time"):
		format.WriteString("%-10s ")
		values = append(values, `strftime("%H:%M:%S", nsecs)`)
	case l.is("timestamp"):
		// The time since the first line, from which each line's start is known.
		format.WriteString("%d.%06d ")
		rows.Since, rows.SinceWidth, rows.SinceMax = true, 10, 64
		values = append(values, "($start - @first) / 1000000000", "($start - @first) % 1000000000 / 1000")
	}
	format.WriteString("%-14.14s %-6d %4d.%02d %16llx %s")
	values = append(values, "comm", "pid", "$ns / 100", "$ns % 100", "(uint64)retval")
	rows.Prefix = len(values) + 1
	var body strings.Builder
	var maps []string
	for i, f := range l.words {
		sp, err := parseSpec(f)
		if err != nil || strings.Count(f, ":") > 1 {
			return nil, fmt.Errorf("'%s' is no function: it is func or lib:func", f)
		}
		if err := sp.findLibrary(m); err != nil {
			return nil, err
		}
		sp.wrapped(m)
		name := fmt.Sprintf("@call%d", i+1)
		maps = append(maps, name)
		kept := []string{"nsecs"}
		fmtText, vals := format.String(), append(append([]string{}, values...), quote(f))
		for a := range args {
			fmtText += " 0x%lx"
			kept = append(kept, "(uint64)"+sp.arg(a))
			vals = append(vals, fmt.Sprintf("$call.%d", a+1))
		}
		if args == 0 {
			fmtText += " "
		}
		fmtText += "\n"
		for _, s := range []struct{ option, value string }{{"kernel-stack", "kstack"}, {"user-stack", "ustack"}} {
			if l.is(s.option) {
				vals = append(vals, fmt.Sprintf("$call.%d", len(kept)))
				kept = append(kept, s.value)
				fmtText += "%s"
			}
		}
		entry := ""
		if l.is("pid") {
			entry = " /pid == " + l.text("pid") + "/"
		}
		keep, start := strings.Join(kept, ", "), "$call"
		if len(kept) > 1 {
			keep, start = "("+keep+")", "$call.0"
		}
		fmt.Fprintf(&body, "%s%s { %s[tid] = %s; }\n\n", sp.attach(m), entry, name, keep)
		ret := *sp
		ret.kind = "r"
		fmt.Fprintf(&body, "%s /has_key(%s, tid)/\n{\n  $call = %s[tid];\n  delete(%s, tid);\n  $start = %s;\n", ret.attach(m), name, name, name, start)
		fmt.Fprintf(&body, "  if (nsecs - $start < %d) { return; }\n  $ns = (nsecs - $start + %d) / %d;\n", ns, div/2, div)
		if l.is("timestamp") {
			body.WriteString("  if (@first == 0) { @first = $start; }\n")
		}
		fmt.Fprintf(&body, "  printf(%s,\n    %s);\n}\n\n", quote(fmtText), strings.Join(vals, ", "))
	}
	if l.is("timestamp") {
		maps = append(maps, "@first")
	}
	fmt.Fprintf(&body, "end { clear(%s); }\n", strings.Join(maps, "); clear("))
	if !rows.Folded {
		head := ""
		if l.is("time") || l.is("timestamp") {
			head = fmt.Sprintf("%-10s ", "TIME")
		}
		what := "FUNC"
		if args > 0 {
			what += " ARGS"
		}
		p.Script = fmt.Sprintf("begin\n{\n  printf(%s);\n  printf(%s);\n}\n\n",
			quote(printed(fmt.Sprintf("Tracing function calls slower than %s %s... Ctrl+C to quit.\n", strconv.FormatFloat(least, 'g', 6, 64), unit))),
			quote(fmt.Sprintf("%s%-14s %-6s %7s %16s %s\n", head, "COMM", "PID", "LAT("+unit+")", "RVAL", what)))
	}
	p.Script += body.String()
	return p, nil
}
