package bcc

import (
	"fmt"
	"strconv"
	"strings"
)

var intervalOptions = []option{
	{long: "interval", short: 'i', arg: "INTERVAL", kind: number, help: "seconds between summaries"},
	{long: "timestamp", short: 'T', help: "print the time of each summary"},
	{long: "regexp", short: 'r', help: "take the pattern for a regular expression instead of a name with *"},
}

var countTool = &Tool{
	Name: "funccount", Command: "count", Summary: "count calls of functions, tracepoints and USDT probes",
	Operands: "pattern", least: 1, most: 1,
	About: "The pattern is func, lib:func, p:lib:func, t:category:event or u:lib:probe, where * stands for any characters.",
	Examples: []Example{
		{`'vfs_*'`, "Counts calls of kernel functions whose name starts with vfs_."},
		{`-r '^vfs.*'`, "Does the same with a regular expression."},
		{`-Ti 5 'vfs_*'`, "Prints a summary every five seconds, with the time."},
		{`-d 10 'vfs_*'`, "Counts for ten seconds."},
		{`t:sched:sched_process_fork`, "Counts a tracepoint."},
		{`c:malloc`, "Counts calls of malloc in all processes."},
	},
	intervals: true, options: []option{
		pidOption("trace only this process"),
		{long: "duration", short: 'd', arg: "DURATION", kind: number, help: "seconds until the end"},
		{long: "debug", short: 'D', help: "print the script before running it"},
		{long: "cpu", short: 'c', arg: "CPU", kind: number, help: "trace only this CPU"},
	},
	plan: planCount,
}

func planCount(l *line, m Machine) (*Plan, error) {
	p, err := parsePattern(l.words[0], l.is("regexp"))
	if err != nil {
		return nil, err
	}
	if err := p.findLibrary(m); err != nil {
		return nil, err
	}
	points, err := p.points(m, "kprobe", "uprobe")
	if err != nil {
		return nil, err
	}
	key, name := "func", lastPart(1)
	switch p.kind {
	case "t":
		key, name = "probe", lastPart(2)
	case "u":
		key = "probe"
	default:
		// Functions of libraries have several names, of which the pattern chose one.
		if p.library != "" {
			key = "probe"
		}
	}
	var conds []string
	if l.is("pid") {
		conds = append(conds, "pid == "+l.text("pid"))
	}
	if l.is("cpu") {
		conds = append(conds, "cpu == "+l.text("cpu"))
	}
	table := fmt.Sprintf("  printf(%s);\n  print(@);\n  clear(@);\n", quote(fmt.Sprintf("%-36s %8s\n", "FUNC", "COUNT")))
	return &Plan{
		Script:  fmt.Sprintf("%s%s { @[%s] = count(); }\n\n%s", points, predicate(conds), key, summaries(l, "duration", table, `  printf("Detaching...\n");`+"\n")),
		Verbose: l.is("debug"),
		Layout: Layout{Head: fmt.Sprintf("Tracing %%d functions for %s... Hit Ctrl-C to end.\n", printed(`"`+bytesText(l.words[0])+`"`)),
			Table: map[string]TableFunc{"": countTable(name)}},
	}, nil
}

// bytesText returns a text as Python prints bytes, which is how funccount, stackcount
// and argdist show some of their words.
func bytesText(s string) string {
	q := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = `"`
	}
	var b strings.Builder
	b.WriteString("b" + q)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' || string(c) == q:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + q
}

// predicate returns the filter of a probe from its conditions.
func predicate(conds []string) string {
	if len(conds) == 0 {
		return ""
	}
	return " /" + strings.Join(conds, " && ") + "/"
}

// summaries returns the probes that print a table: each interval, and at the end.
// duration is the name of the option that bounds the run.
func summaries(l *line, duration, table, last string) string {
	stamp := ""
	if l.is("timestamp") {
		stamp = `  time("%H:%M:%S\n");` + "\n"
	}
	table = `  printf("\n");` + "\n" + stamp + table
	end := "end\n{\n" + table + last + "}\n"
	total := l.number(duration, 0)
	every := l.number("interval", total)
	if every <= 0 {
		return end
	}
	if total > 0 && every >= total {
		return fmt.Sprintf("interval:s:%d { exit(); }\n\n", every) + end
	}
	stop := ""
	if total > 0 {
		// The last of the summaries is that of the end.
		stop = fmt.Sprintf("  @seconds += %d;\n  if (@seconds >= %d) {\n    clear(@seconds);\n    exit();\n    return;\n  }\n", every, total)
	}
	return "interval:s:" + strconv.Itoa(every) + "\n{\n" + stop + table + "}\n\n" + end
}
