package bcc

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

var stackTool = &Tool{
	Name: "stackcount", Command: "stack", Summary: "count the stacks that lead to functions, tracepoints and USDT probes",
	Operands: "pattern", least: 1, most: 1,
	About: "The pattern is func, lib:func, p:lib:func, t:category:event or u:lib:probe, where * stands for any characters.",
	Examples: []Example{
		{"submit_bio", "Counts the stacks that lead to submit_bio."},
		{"-d ip_output", "Separates the stack of the kernel from that of the process."},
		{"-P -K t:sched:sched_switch", "Counts stacks of the kernel for each process."},
		{"-f -D 10 ip_output", "Prints folded stacks after ten seconds, for flame graphs."},
		{"c:malloc", "Counts the stacks that lead to malloc."},
	},
	intervals: true, options: []option{
		pidOption("trace only this process"),
		{long: "cpu", short: 'c', arg: "CPU", kind: number, help: "trace only this CPU"},
		{long: "duration", short: 'D', arg: "DURATION", kind: number, help: "seconds until the end"},
		{long: "offset", short: 's', help: "print offsets behind the names"},
		{long: "perpid", short: 'P', help: "count the stacks of each process separately"},
		{long: "kernel-stacks-only", short: 'K', help: "count stacks of the kernel only"},
		{long: "user-stacks-only", short: 'U', help: "count stacks of processes only"},
		{long: "verbose", short: 'v', help: "print addresses"},
		{long: "delimited", short: 'd', help: "separate the stack of the kernel from that of the process"},
		{long: "folded", short: 'f', help: "print each stack in one line"},
		{long: "debug", help: "print the script before running it"},
	},
	plan: planStacks,
}

func planStacks(l *line, m Machine) (*Plan, error) {
	kernel, user := l.is("kernel-stacks-only"), l.is("user-stacks-only")
	if kernel && user {
		//lint:ignore ST1005 bcc's words
		return nil, errors.New("ERROR: -K and -U are mutually exclusive. If you want both stacks, that is the default.")
	}
	if !kernel && !user {
		kernel, user = true, true
	}
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
	var conds, keys []string
	if l.is("pid") {
		conds = append(conds, "pid == "+l.text("pid"))
	}
	if l.is("cpu") {
		conds = append(conds, "cpu == "+l.text("cpu"))
	}
	if kernel {
		keys = append(keys, "kstack")
	}
	if user {
		keys = append(keys, "ustack")
	}
	t := &stackTable{folded: l.is("folded"), delimited: l.is("delimited") && kernel && user, comm: !l.is("pid")}
	if l.is("perpid") || l.is("pid") {
		keys = append(keys, "pid", "comm")
	}
	style := StackStyle{Indent: "  ", Offset: l.is("offset")}
	if l.is("verbose") {
		style.Addr = "%-16x "
	}
	table, last := "  print(@);\n  clear(@);\n", `  printf("Detaching...\n");`+"\n"
	layout := Layout{Head: fmt.Sprintf("Tracing %%d functions for \"%s\"... Hit Ctrl-C to end.\n", printed(l.words[0])), Stack: style}
	text := ""
	if t.folded {
		layout.Head, last = "", ""
		text = strings.ReplaceAll(summaries(l, "duration", table, last), `  printf("\n");`+"\n", "")
	} else {
		text = summaries(l, "duration", table, last)
	}
	layout.Table = map[string]TableFunc{"": t.append}
	return &Plan{
		Script:  fmt.Sprintf("%s%s { @[%s] = count(); }\n\n%s", points, predicate(conds), strings.Join(keys, ", "), text),
		Verbose: l.is("debug"), Layout: layout,
	}, nil
}

// stackTable prints a map of stacks with their counts.
type stackTable struct{ folded, delimited, comm bool }

// append prints the entries. Stacks of different processes with the same addresses
// are one unless processes are told apart. Stacks with different addresses are not,
// even if their text is the same.
func (t *stackTable) append(dst []byte, m *event.Map, s *StackStyle) []byte {
	r := value.Escaped(m.Resolver)
	type stack struct{ text, addrs string }
	counts := map[stack]int64{}
	var order []stack
	for i := range m.Entries {
		e := &m.Entries[i]
		key := parts(m.KeyOf(e))
		k := stack{t.text(key, s, r), addresses(key, r)}
		if _, ok := counts[k]; !ok {
			order = append(order, k)
		}
		counts[k] += m.ValueOf(e).Int()
	}
	sort.SliceStable(order, func(i, j int) bool { return counts[order[i]] < counts[order[j]] })
	for _, k := range order {
		if t.folded {
			dst = fmt.Appendf(dst, "%s %d\n", k.text, counts[k])
		} else {
			dst = fmt.Appendf(dst, "%s    %d\n\n", k.text, counts[k])
		}
	}
	return dst
}

// addresses returns the addresses of all stacks of a key as text.
func addresses(key []value.Value, r value.Resolver) string {
	var b []byte
	for _, v := range key {
		if isStack(v.T) {
			addrs, _ := v.Addresses(r)
			b = fmt.Append(b, addrs)
		}
	}
	return string(b)
}

// text returns all of an entry but its count.
func (t *stackTable) text(key []value.Value, s *StackStyle, r value.Resolver) string {
	var kernel, user []byte
	var folded [2][]string
	comm, pid := "", int64(-1)
	for _, v := range key {
		switch {
		case isStack(v.T) && t.folded:
			list, _, _ := frames(v, r)
			side := 1
			if v.T.Kind == types.UStack {
				side = 0
			}
			for i := len(list) - 1; i >= 0; i-- {
				folded[side] = append(folded[side], s.frame(list[i]))
			}
		case v.T.Kind == types.UStack:
			user = s.appendStack(nil, v, r)
		case v.T.Kind == types.KStack:
			kernel = s.appendStack(nil, v, r)
		case v.T.Kind == types.String:
			comm = string(v.Str())
		default:
			pid = v.Int()
		}
	}
	if t.folded {
		line := append([]string{value.Visible(comm, false)}, folded[0]...)
		if t.delimited {
			line = append(line, "-")
		}
		return strings.Join(append(line, folded[1]...), ";")
	}
	text := string(kernel)
	if t.delimited {
		text += "    --\n"
	}
	text += string(user)
	if t.comm && pid >= 0 {
		text += fmt.Sprintf("    %s [%d]\n", bytesText(comm), pid)
	}
	return text
}

// parts returns the fields of a key of several, or the key.
func parts(v value.Value) []value.Value {
	n := v.NumField()
	if n == 0 {
		return []value.Value{v}
	}
	out := make([]value.Value, n)
	for i := range out {
		out[i] = v.Field(i)
	}
	return out
}
