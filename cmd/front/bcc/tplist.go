package bcc

import (
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"
)

var listTool = &Tool{
	Name: "tplist", Command: "tplist", Summary: "list tracepoints of the kernel, or USDT probes, with their fields",
	Operands: "[filter]", most: 1,
	About: "The filter is a pattern with * and ? for the names of tracepoints (category:event) or USDT probes (provider:probe).",
	Examples: []Example{
		{"'block*'", "Lists tracepoints."},
		{"-v block:block_rq_complete", "Lists the fields of a tracepoint."},
		{"-l c", "Lists the USDT probes of libc."},
		{"-vv -l c '*alloc*'", "Lists where they are, and where their arguments lie."},
	},
	options: []option{
		pidOption("list the USDT probes of this process"),
		{long: "lib", short: 'l', arg: "LIB", help: "list the USDT probes of this library or program"},
		{long: "verbose", short: 'v', help: "list fields and arguments; twice: where they lie"},
	},
	plan: planList,
}

func planList(l *line, m Machine) (*Plan, error) {
	filter := "*"
	if len(l.words) > 0 {
		filter = l.words[0]
	}
	if _, err := path.Match(filter, ""); err != nil {
		return nil, fmt.Errorf("the filter %q: %w", filter, err)
	}
	matches := func(name string) bool {
		// Names have no slash, so * matches all of them.
		ok, _ := path.Match(filter, strings.ReplaceAll(name, "/", "_"))
		return ok
	}
	var b strings.Builder
	if l.is("pid") || l.is("lib") {
		return listUSDT(l, m, matches)
	}
	names, err := m.List("tracepoint:*")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		n = strings.TrimPrefix(n, "tracepoint:")
		if !matches(n) {
			continue
		}
		b.WriteString(n + "\n")
		if l.is("verbose") {
			fields, err := m.Params(n)
			if err != nil {
				return nil, err
			}
			for _, f := range fields {
				fmt.Fprintf(&b, "    %s;\n", f)
			}
		}
	}
	return &Plan{Text: b.String(), Listed: true}, nil
}

func listUSDT(l *line, m Machine, matches func(string) bool) (*Plan, error) {
	file := ""
	if lib := l.text("lib"); lib != "" {
		found, ok := m.Library(lib)
		if !ok {
			return nil, fmt.Errorf("unable to find library %s", lib)
		}
		file = found
	}
	all, err := m.USDT(file, l.number("pid", 0))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("no USDT probes are there")
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Path < all[j].Path })
	// The files of a process are named as they are found from outside of its root.
	root := ""
	if file == "" {
		root = fmt.Sprintf("/proc/%s/root", l.text("pid"))
	}
	var b strings.Builder
	seen := map[string]bool{}
	for _, u := range all {
		name := u.Provider + ":" + u.Name
		if !matches(name) || seen[name] {
			continue
		}
		seen[name] = true
		if !l.is("verbose") {
			fmt.Fprintf(&b, "%s%s %s\n", root, u.Path, name)
			continue
		}
		fmt.Fprintf(&b, "%s [sema 0x%x]\n", name, u.Semaphore)
		if l.times("verbose") == 1 {
			args := 0
			if len(u.Places) > 0 {
				args = len(u.Places[0].Args)
			}
			fmt.Fprintf(&b, "  %d location(s)\n  %d argument(s)\n", len(u.Places), args)
			continue
		}
		for i, p := range u.Places {
			fmt.Fprintf(&b, "  location #%d %s%s 0x%x\n", i+1, root, u.Path, p.Addr)
			for j, a := range p.Args {
				fmt.Fprintf(&b, "    argument #%d %s\n", j+1, a)
			}
		}
	}
	return &Plan{Text: b.String(), Listed: true}, nil
}
