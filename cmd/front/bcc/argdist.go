package bcc

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"probe/compiler/target"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

var argdistTool = &Tool{
	Name: "argdist", Command: "argdist", Summary: "count or show the distribution of arguments and results of functions",
	Operands: "", most: 0,
	About: "A specifier is {p,r,t,u}:{[library],category}:function(signature)[:type[,type...]:expr[,expr...][:filter]][#label]. " +
		"In probes of the kind r, $retval, $latency and $entry(parameter) can be used.",
	Examples: []Example{
		{`-H 'p::vfs_read(void *file, void *buf, size_t count):size_t:count'`, "Shows the sizes of reads as a histogram."},
		{`-C 'r::vfs_read():int:$retval'`, "Counts the results of reads."},
		{`-H 'r::vfs_read():u64:$latency#ns'`, "Shows how long reads take."},
		{`-C 'p:c:open(char *name):char*:name' -T 5`, "Counts names of opened files and shows the five most frequent."},
		{`-i 10 -n 1 -C 't:irq:irq_handler_entry():int:args->irq'`, "Counts interrupts by number for ten seconds."},
	},
	options: []option{
		pidOption("trace only this process"),
		{long: "tid", short: 't', arg: "TID", kind: number, help: "trace only this thread"},
		{long: "string-size", short: 'z', arg: "STRING_SIZE", kind: number, help: "longest part of a string that is read (default: 80)"},
		{long: "interval", short: 'i', arg: "INTERVAL", kind: number, help: "seconds between outputs (default: 1)"},
		{long: "duration", short: 'd', arg: "DURATION", kind: number, help: "seconds until the end"},
		{long: "number", short: 'n', arg: "COUNT", kind: number, help: "number of outputs"},
		{long: "verbose", short: 'v', help: "print the script before running it"},
		{long: "cumulative", short: 'c', help: "do not start from 0 after each output"},
		{long: "top", short: 'T', arg: "TOP", kind: number, help: "number of most frequent values to show"},
		{long: "histogram", short: 'H', arg: "specifier", help: "shows a histogram of what the specifier says; can be given several times"},
		{long: "count", short: 'C', arg: "specifier", help: "counts the values of what the specifier says; can be given several times"},
		{long: "include", short: 'I', arg: "header", help: "header with types or constants; those of the kernel are always known"},
	},
	plan: planArgdist,
}

func planArgdist(l *line, m Machine) (*Plan, error) {
	p := &Plan{Includes: includes(l), Verbose: l.is("verbose"), Layout: Layout{Table: map[string]TableFunc{}}}
	var clauses, prints, clears strings.Builder
	add := func(name, spec string, hist bool) error {
		d := &dist{raw: spec, hist: hist, line: l, machine: m}
		if err := d.parse(); err != nil {
			return fmt.Errorf("error parsing probe '%s': %w", spec, err)
		}
		clauses.WriteString(d.clause(name))
		fmt.Fprintf(&prints, "  print(@%s);\n", name)
		fmt.Fprintf(&clears, "  clear(@%s);\n", name)
		p.Layout.Table[name] = d.table()
		return nil
	}
	for i, s := range l.all("count") {
		if err := add(fmt.Sprintf("count%d", i+1), s, false); err != nil {
			return nil, err
		}
	}
	for i, s := range l.all("histogram") {
		if err := add(fmt.Sprintf("hist%d", i+1), s, true); err != nil {
			return nil, err
		}
	}
	if clauses.Len() == 0 {
		return nil, errors.New("at least one specifier is required")
	}
	every := l.number("interval", 1)
	if every < 1 {
		return nil, fmt.Errorf("-i %d: the interval is at least one second", every)
	}
	outputs := l.number("number", 0)
	if d := l.number("duration", 0); d > 0 {
		if n := (d + every - 1) / every; outputs == 0 || n < outputs {
			outputs = n
		}
	}
	tick := `  time("[%H:%M:%S]\n");` + "\n" + prints.String()
	if !l.is("cumulative") {
		tick += clears.String()
	}
	stop := clears.String()
	switch {
	case outputs == 1:
		tick += "  exit();\n"
	case outputs > 1:
		tick += fmt.Sprintf("  @outputs++;\n  if (@outputs >= %d) { exit(); }\n", outputs)
		stop += "  clear(@outputs);\n"
	}
	p.Script = fmt.Sprintf("%sinterval:s:%d\n{\n%s}\n\nend\n{\n%s}\n", clauses.String(), every, tick, stop)
	return p, nil
}

// dist is a specifier of argdist.
type dist struct {
	raw     string
	hist    bool
	line    *line
	machine Machine

	spec   *spec
	label  string // "" if there is none
	types  []string
	shown  []string // the expressions as they are printed
	exprs  []string
	filter string
	plain  bool // without an expression: calls, or results
	entry  bool // needs values from the entry of the function
}

func (d *dist) parse() error {
	text, label, _ := strings.Cut(d.raw, "#")
	d.label = label
	parts := splitTop(strings.TrimSpace(text), ':')
	switch {
	case len(parts) < 3:
		return errors.New("at least the probe type, library, and function signature must be specified")
	case len(parts) > 6:
		return errors.New("extraneous ':'-separated parts detected")
	case parts[0] != "r" && parts[0] != "p" && parts[0] != "t" && parts[0] != "u":
		return fmt.Errorf("probe type must be 'p', 'r', 't', or 'u' but got '%s'", parts[0])
	case len(parts) == 4:
		return errors.New("no exprs specified")
	}
	name, signature, ok := strings.Cut(strings.TrimSpace(parts[2]), "(")
	signature, closed := strings.CutSuffix(signature, ")")
	if name = strings.TrimSpace(name); !ok || !closed || name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("function signature '%s' has an invalid format", parts[2])
	}
	d.spec = &spec{kind: parts[0], library: parts[1], name: name}
	if d.spec.kind == "t" {
		d.spec.library, d.spec.name = "", parts[1]+":"+name
	}
	if err := d.spec.findLibrary(d.machine); err != nil {
		return err
	}
	d.spec.syscall = d.spec.kind == "p" && d.spec.library == "" && strings.HasPrefix(d.spec.name, target.Native().Syscall)
	d.spec.wrapped(d.machine)
	sc := &scope{probe: d.spec, names: map[string]string{"$PID": "pid", "$COMM": "comm", "$retval": "retval", "$latency": "duration"}}
	if err := sc.params(signature); err != nil {
		return err
	}
	if d.plain = len(parts) < 5; d.plain {
		if d.hist && d.spec.kind != "r" {
			return errors.New("histograms must have expr")
		}
		if d.spec.kind == "r" {
			d.types, d.shown, d.exprs = []string{"int"}, []string{"retval"}, []string{"retval"}
		}
		return nil
	}
	d.types, d.shown = splitTop(parts[3], ','), splitTop(parts[4], ',')
	if strings.TrimSpace(parts[3]) == "" {
		return errors.New("no expr types specified")
	}
	if strings.TrimSpace(parts[4]) == "" {
		return errors.New("no exprs specified")
	}
	if len(d.types) != len(d.shown) {
		return errors.New("mismatched # of exprs and types")
	}
	if d.hist && len(d.types) > 1 {
		return errors.New("histograms can only have 1 expr")
	}
	if len(parts) == 6 {
		var err error
		if d.filter, err = sc.rewrite(parts[5]); err != nil {
			return err
		}
	}
	for _, e := range append([]string{d.filterText(parts)}, d.shown...) {
		d.entry = d.entry || strings.Contains(e, "$entry") || strings.Contains(e, "$latency")
	}
	if d.entry && d.spec.kind != "r" {
		return errors.New("$entry and $latency are known only in probes of the kind r")
	}
	for i, e := range d.shown {
		text, err := sc.rewrite(e)
		if err != nil {
			return err
		}
		d.exprs = append(d.exprs, text)
		d.types[i] = strings.TrimSpace(d.types[i])
		d.shown[i] = entryName().ReplaceAllString(e, "$1")
	}
	return nil
}

func (d *dist) filterText(parts []string) string {
	if len(parts) == 6 {
		return parts[5]
	}
	return ""
}

// entryName matches $entry(x), which argdist prints as x.
var entryName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$entry\((\w+)\)`) })

// attach returns the attach point. Values from the entry need a probe that keeps
// them.
func (d *dist) attach() string {
	if !d.entry {
		return d.spec.attach(d.machine)
	}
	if d.spec.library == "" {
		return "ret:" + d.spec.name
	}
	return "ret:" + d.spec.lib(d.machine) + ":" + d.spec.name
}

// clause returns the part of the script that fills the map.
func (d *dist) clause(name string) string {
	var conds, keys []string
	if d.line.is("pid") {
		conds = append(conds, "pid == "+d.line.text("pid"))
	}
	if d.line.is("tid") {
		conds = append(conds, "tid == "+d.line.text("tid"))
	}
	if d.filter != "" {
		conds = append(conds, group(d.filter))
	}
	for i, e := range d.exprs {
		switch {
		case !d.isString(i):
			e = cast(d.types[i], e)
		case e != "comm":
			// The size of str() has room for the end of the string.
			e = d.spec.str(e, d.line.number("string-size", 80)+1)
		}
		keys = append(keys, e)
	}
	what := fmt.Sprintf("@%s[%s] = count();", name, strings.Join(keys, ", "))
	switch {
	case d.hist:
		what = fmt.Sprintf("@%s = hist(%s);", name, keys[0])
	case len(keys) == 0:
		what = fmt.Sprintf("@%s = count();", name)
	}
	return fmt.Sprintf("%s%s\n{\n  %s\n}\n\n", d.attach(), predicate(conds), what)
}

func (d *dist) isString(i int) bool {
	t := strings.ReplaceAll(d.types[i], " ", "")
	return t == "char*" || t == "constchar*" || d.exprs[i] == "comm"
}

// table returns how the map is printed.
func (d *dist) table() TableFunc {
	if d.hist {
		label := d.label
		if label == "" {
			label = d.shown[0]
		}
		return histTable(label, "", nil)
	}
	head := d.raw
	if d.label != "" {
		head = d.label
	}
	return func(dst []byte, m *event.Map, _ *StackStyle) []byte {
		dst = fmt.Appendf(dst, "%s\n\t%-10s %s\n", head, "COUNT", "EVENT")
		r := value.Escaped(m.Resolver)
		entries := m.Entries
		if n := d.line.number("top", 0); n > 0 && len(entries) > n {
			entries = entries[len(entries)-n:]
		}
		for i := range entries {
			e := &entries[i]
			n := m.ValueOf(e).Int()
			if m.Scalar() && n == 0 {
				continue
			}
			dst = fmt.Appendf(dst, "\t%-10d %s\n", n, d.event(m, e, r))
		}
		return dst
	}
}

// event returns the text of the EVENT column.
func (d *dist) event(m *event.Map, e *value.Entry, r value.Resolver) string {
	if m.Scalar() {
		return "total calls"
	}
	var list []string
	for i, v := range parts(m.KeyOf(e)) {
		text := string(value.AppendText(nil, v, r))
		if v.T.Kind == types.String {
			text = bytesText(string(v.Str()))
		}
		list = append(list, d.shown[i]+" = "+text)
	}
	return strings.Join(list, ", ")
}
