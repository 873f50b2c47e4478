package bcc

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

var traceTool = &Tool{
	Name: "trace", Command: "trace", Summary: "print a line for each call of functions, with arguments and results",
	Operands: "probe [probe ...]", least: 1, most: -1,
	About: "A probe is [{p,r}]:[library]:function[+offset][(signature)] [(predicate)] [\"format\"[, arguments]], " +
		"or {t:category:event,u:library:probe} [(predicate)] [\"format\"[, arguments]].",
	Examples: []Example{
		{`'r::sk_dst_check "%llx", retval'`, "Prints what each call of sk_dst_check returns."},
		{`'do_sys_openat2 "%s", arg2@user'`, "Prints the names of files that are opened."},
		{`'p::__x64_sys_read (arg3 > 20000) "read %d bytes", arg3'`, "Prints large reads."},
		{`'p:c:open(char *filename) "opening %s", filename'`, "Names the arguments of a function of libc."},
		{`'t:block:block_rq_complete "sectors=%d", args->nr_sector'`, "Prints a field of a tracepoint."},
	},
	options: []option{
		{long: "buffer-pages", short: 'b', arg: "BUFFER_PAGES", kind: number, help: "number of pages of the buffer of each CPU (default: 64)"},
		pidOption("id of the process to trace"),
		{long: "tid", short: 'L', arg: "TID", kind: number, help: "id of the thread to trace"},
		{long: "uid", arg: "UID", kind: number, help: "id of the user to trace"},
		{long: "verbose", short: 'v', help: "print the script before running it"},
		{long: "string-size", short: 'Z', arg: "STRING_SIZE", kind: number, help: "longest part of a string that is read (default: 80)"},
		{long: "include-self", short: 'S', help: "trace this process, too"},
		{long: "max-events", short: 'M', arg: "MAX_EVENTS", kind: number, help: "number of events to print before the end"},
		{long: "timestamp", short: 't', help: "print the time since the start"},
		{long: "unix-timestamp", short: 'u', help: "with -t, print the time since 1970 instead"},
		{long: "time", short: 'T', help: "print the time of day"},
		{long: "print_cpu", short: 'C', help: "print the CPU"},
		{long: "cgroup-path", short: 'c', arg: "CGROUP_PATH", help: "trace processes in this cgroup and those below it"},
		{long: "name", short: 'n', arg: "NAME", help: "print only processes whose name contains this"},
		{long: "msg-filter", short: 'f', arg: "MSG_FILTER", help: "print only messages that contain this"},
		{long: "bin_cmp", short: 'B', help: "take the literal of STRCMP for a list of bytes"},
		{long: "sym_file_list", short: 's', arg: "SYM_FILE_LIST", help: "files to take symbols from; accepted and ignored, since the files of processes that end are kept open"},
		{long: "kernel-stack", short: 'K', help: "print the kernel stack"},
		{long: "user-stack", short: 'U', help: "print the user stack"},
		{long: "address", short: 'a', help: "print addresses in stacks"},
		{long: "include", short: 'I', arg: "header", help: "header with types or constants; those of the kernel are always known"},
		{long: "aggregate", short: 'A', help: "with -M, count equal events and print each once, at the end"},
	},
	plan: planTrace,
}

func planTrace(l *line, m Machine) (*Plan, error) {
	if l.is("pid") && l.is("tid") {
		return nil, usageText("only one of -p and -L may be specified")
	}
	if l.is("aggregate") && !l.is("max-events") {
		return nil, errors.New("-M/--max-events should be specified with -A/--aggregate")
	}
	rows := &Rows{Filter: l.text("msg-filter"), Max: l.number("max-events", 0), Aggregate: l.is("aggregate"), Stacks: l.is("kernel-stack") || l.is("user-stack")}
	p := &Plan{Includes: includes(l), Verbose: l.is("verbose"), Layout: Layout{Rows: rows, Stack: StackStyle{Indent: "        ", Offset: true, Module: true}}}
	if l.is("address") {
		p.Layout.Stack.Addr = "%16x "
	}
	var head, format strings.Builder
	var columns []string
	switch {
	case l.is("time"):
		format.WriteString("%-8s ")
		columns = append(columns, `strftime("%H:%M:%S", nsecs)`)
	case l.is("timestamp") && l.is("unix-timestamp"):
		format.WriteString("%-17s ")
		columns = append(columns, `strftime("%s.%f", nsecs)`)
	case l.is("timestamp"):
		format.WriteString("%d.%06d ")
		columns = append(columns, "elapsed / 1000000000", "elapsed % 1000000000 / 1000")
		rows.Since, rows.SinceWidth, rows.SinceMax = true, 8, 8
	}
	if len(columns) > 0 {
		width := 8
		if l.is("unix-timestamp") {
			width = 17
		}
		fmt.Fprintf(&head, "%-*s ", width, "TIME")
	}
	if l.is("print_cpu") {
		format.WriteString("%-3d ")
		columns = append(columns, "cpu")
		head.WriteString("CPU ")
	}
	format.WriteString("%-7d %-7d %-15s %-16s ")
	columns = append(columns, "pid", "tid", "comm")
	rows.Prefix = len(columns) + 1
	filters, err := traceFilters(l, m)
	if err != nil {
		return nil, err
	}
	var body strings.Builder
	plain := true
	for _, text := range l.words {
		t := &traceProbe{text: text, line: l, machine: m}
		if err := t.parse(); err != nil {
			return nil, fmt.Errorf("error in probe '%s': %w", text, err)
		}
		plain = plain && t.format == ""
		body.WriteString(t.clause(filters, format.String(), columns))
	}
	dash := "-"
	if plain {
		dash = ""
	}
	fmt.Fprintf(&head, "%-7s %-7s %-15s %-16s %s", "PID", "TID", "COMM", "FUNC", dash)
	p.Script = fmt.Sprintf("begin { printf(%s); }\n\n%s", quote(head.String()+"\n"), body.String())
	return p, nil
}

func includes(l *line) []string {
	var out []string
	for _, h := range l.all("include") {
		// The types of the kernel's own headers come from BTF.
		if strings.HasPrefix(h, ".") || strings.HasPrefix(h, "/") {
			out = append(out, h)
		}
	}
	return out
}

// traceFilters returns the conditions that options add to each probe.
func traceFilters(l *line, m Machine) ([]string, error) {
	var out []string
	switch {
	case l.is("pid"):
		out = append(out, "pid == "+l.text("pid"))
	case l.is("tid"):
		out = append(out, "tid == "+l.text("tid"))
	case !l.is("include-self") && !l.is(showOption.long):
		out = append(out, fmt.Sprintf("pid != %d", m.Self()))
	}
	if l.is("uid") {
		out = append(out, "uid == "+l.text("uid"))
	}
	if path := l.text("cgroup-path"); path != "" {
		ids, err := m.Cgroups(path)
		if err != nil {
			return nil, err
		}
		var is []string
		for _, id := range ids {
			is = append(is, fmt.Sprintf("cgroup == %d", id))
		}
		out = append(out, "("+strings.Join(is, " || ")+")")
	}
	if name := l.text("name"); name != "" {
		out = append(out, "strcontains(comm, "+quote(name)+")")
	}
	return out, nil
}

// traceProbe is an operand of trace.
type traceProbe struct {
	text    string
	line    *line
	machine Machine

	spec   *spec
	shown  string // as the FUNC column has it
	filter string
	format string // "" if only the columns are printed
	args   []string
}

// conversion is a conversion that trace knows; flags and a width may come
// before the letters.
var conversion = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`%([-+ #0]*[0-9]*)(lld|llu|llx|ld|lu|lx|hd|hu|[sduxcKU%])`)
})

// cTypes are the C types to which trace converts the argument of a conversion.
var cTypes = map[string]string{
	"d": "int", "u": "unsigned int", "ld": "long", "lu": "unsigned long", "lld": "long", "llu": "unsigned long",
	"hd": "short", "hu": "unsigned short", "x": "unsigned int", "lx": "unsigned long", "llx": "unsigned long", "c": "char",
}

func (t *traceProbe) parse() error {
	text := strings.TrimSpace(t.text)
	end := strings.IndexAny(text, " \t(")
	if end < 0 {
		end = len(text)
	}
	sp, err := parseSpec(text[:end])
	if err != nil {
		return err
	}
	if err := sp.findLibrary(t.machine); err != nil {
		return err
	}
	t.spec, t.shown = sp, sp.display()
	sp.wrapped(t.machine)
	sc := &scope{probe: sp, binary: t.line.is("bin_cmp"), names: map[string]string{
		"retval": "retval", "$uid": "uid", "$gid": "gid", "$pid": "tid", "$tgid": "pid", "$cpu": "cpu", "$task": "curtask",
	}}
	rest := text[end:]
	if strings.HasPrefix(rest, "(") {
		n := balanced(rest)
		if n < 0 {
			return errors.New("unmatched end of signature")
		}
		if sp.kind == "u" || sp.kind == "t" {
			return errors.New("USDT and tracepoint probes can't have a function signature; use arg1, arg2, ... instead")
		}
		if sp.kind == "r" && strings.TrimSpace(rest[1:n]) != "" {
			return errors.New("the arguments are gone when a function returns: a probe of the kind r has retval only")
		}
		if err := sc.params(rest[1:n]); err != nil {
			return err
		}
		rest = rest[n+1:]
	}
	if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "(") {
		n := balanced(rest)
		if n < 0 {
			return errors.New("unmatched end of predicate")
		}
		if t.filter, err = sc.rewrite(rest[1:n]); err != nil {
			return err
		}
		rest = strings.TrimSpace(rest[n+1:])
	}
	if rest == "" {
		return nil
	}
	if rest[0] != '"' {
		return fmt.Errorf("expected format string in \"s, not %s", rest)
	}
	n := strings.IndexByte(rest[1:], '"')
	if n < 0 {
		return errors.New("expected format string in \"s: the second one is missing")
	}
	format, list := rest[1:n+1], strings.TrimPrefix(strings.TrimSpace(rest[n+2:]), ",")
	var values []string
	if strings.TrimSpace(list) != "" {
		for _, v := range splitTop(list, ',') {
			if v, err = sc.rewrite(v); err != nil {
				return err
			}
			values = append(values, v)
		}
	}
	return t.message(format, values)
}

// message translates the format and its values.
func (t *traceProbe) message(format string, values []string) error {
	size := t.line.number("string-size", 80) + 1 // that of str() has room for the end
	next := 0
	t.format = conversion().ReplaceAllStringFunc(format, func(c string) string {
		m := conversion().FindStringSubmatch(c)
		flags, letters := m[1], m[2]
		if letters == "%" {
			return "%%"
		}
		if next >= len(values) {
			next++
			return c
		}
		v := values[next]
		next++
		switch letters {
		case "s":
			v = t.spec.str(v, size)
		case "K":
			v, letters = "ksym("+v+")", "s"
		case "U":
			v, letters = "usym("+v+")", "s"
		default:
			v = cast(cTypes[letters], v)
		}
		t.args = append(t.args, v)
		return "%" + flags + letters
	})
	if i := strings.IndexByte(conversion().ReplaceAllString(format, ""), '%'); i >= 0 {
		return fmt.Errorf("unrecognized format specifier in %q: %%s, %%d, %%u, %%x, %%c, %%K, %%U and their forms with l, ll and h are known", format)
	}
	if next != len(values) {
		return fmt.Errorf("the format %q has %d conversions, but there are %d values", format, next, len(values))
	}
	return nil
}

// clause returns the part of the script for the probe.
func (t *traceProbe) clause(filters []string, columns string, values []string) string {
	conds := append([]string{}, filters...)
	if t.filter != "" {
		conds = append(conds, group(t.filter))
	}
	predicate := ""
	if len(conds) > 0 {
		predicate = " /" + strings.Join(conds, " && ") + "/"
	}
	format := columns + t.format + "\n"
	args := append(append(append([]string{}, values...), quote(t.shown)), t.args...)
	if t.line.is("kernel-stack") {
		format, args = format+"%s", append(args, "kstack")
	}
	if t.line.is("user-stack") {
		format, args = format+"%s", append(args, "ustack")
	}
	return fmt.Sprintf("%s%s\n{\n  printf(%s,\n    %s);\n}\n\n", t.spec.attach(t.machine), predicate, quote(format), strings.Join(args, ", "))
}
