package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"probe/cmd/front/bpftrace"
	"probe/lang/hir"
	"probe/runtime/machine"
)

// compatList runs -l: it lists the probes that match a pattern, or those of a
// script (P-LIST rows).
func compatList(o *options, std stdio) int {
	if len(o.words) > 1 {
		bpftrace.Usage(std.err)
		return exitUsage
	}
	w := newWriter(std.out)
	defer w.Flush()
	if o.program != nil || len(o.words) == 1 && scriptFile(o.words[0]) {
		return o.listScript(w, std)
	}
	patterns := []string{"*"}
	if len(o.words) == 1 {
		patterns = strings.Split(o.words[0], ",")
	}
	for _, p := range patterns {
		if strings.Contains(p, ".") && !strings.ContainsAny(p, ":*") {
			fmt.Fprintf(std.err, "WARNING: It appears that '%s' is a filename but the file does not exist. Treating '%s' as a search pattern.\n", p, p)
		}
		o.listPattern(w, p)
	}
	return exitOK
}

// listKinds are the kinds that a pattern without a kind is sought in.
var listKinds = []string{"fentry", "hardware", "iter", "kprobe", "rawtracepoint", "software", "tracepoint"}

// userKinds are those kinds that need a file.
var userKinds = []string{"uprobe", "usdt"}

// listPattern lists what matches one pattern. What cannot be listed has no
// matches, as in bpftrace.
func (o *options) listPattern(w *bufio.Writer, pattern string) {
	kind, rest, has := strings.Cut(pattern, ":")
	if !has && (strings.HasPrefix(pattern, "struct ") || strings.HasPrefix(pattern, "union ") || strings.HasPrefix(pattern, "enum ")) {
		o.listOne(w, pattern)
		return
	}
	kinds := []string{kind}
	switch {
	case !has:
		kinds, rest = listKinds, pattern
	case kind == "*":
		kinds = listKinds
	}
	if o.pid != 0 && (!has || kind == "*") {
		kinds = append(slices.Clone(kinds), userKinds...)
	}
	for _, k := range kinds {
		if o.pid != 0 && slices.Contains(append([]string{"u", "ur", "U", "uretprobe"}, userKinds...), k) {
			o.listMapped(w, k, rest)
			continue
		}
		o.listOne(w, k+":"+rest)
	}
}

// listMapped lists the probes of the files that the process of -p has mapped.
// rest is "FILE:NAME" with patterns, or a name alone.
func (o *options) listMapped(w *bufio.Writer, kind, rest string) {
	file, name, ok := strings.Cut(rest, ":")
	if !ok {
		file, name = "*", rest
	}
	if file != "*" && file != "" {
		o.listOne(w, kind+":"+rest)
		return
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", o.pid))
	if err != nil {
		return
	}
	var files []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) >= 6 && strings.Contains(f[1], "x") && strings.HasPrefix(f[5], "/") {
			files = append(files, f[5])
		}
	}
	slices.Sort(files)
	for _, f := range slices.Compact(files) {
		// As seen by the process, whose root may be another one.
		o.listOne(w, fmt.Sprintf("%s:/proc/%d/root%s:%s", kind, o.pid, f, name))
	}
}

// listOne lists what matches "KIND:REST" or a type of the kernel.
func (o *options) listOne(w *bufio.Writer, pattern string) {
	var all []machine.Listed
	_ = o.machine().List(pattern, func(l machine.Listed) bool {
		all = append(all, l)
		return true
	})
	slices.SortStableFunc(all, func(a, b machine.Listed) int { return strings.Compare(a.Name, b.Name) })
	for _, l := range all {
		if o.verbose && l.Definition != nil {
			fmt.Fprintln(w, l.Definition()+"\n")
			continue
		}
		fmt.Fprintln(w, l.Name)
		if !o.verbose || l.Params == nil {
			continue
		}
		params, err := l.Params()
		if err != nil {
			continue // a function without type information has no known parameters
		}
		for _, line := range compatParams(l.Name, params) {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
}

var pointerName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\*(\w+)$`) })
var lastName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\w+$`) })

// compatParams returns the parameters of a probe as bpftrace lists them: with a
// blank before each name, and those in registers by their number.
func compatParams(name string, params []string) []string {
	kind, _, _ := strings.Cut(name, ":")
	out := make([]string, 0, len(params))
	for i, p := range params {
		if kind != "tracepoint" {
			p = pointerName().ReplaceAllString(p, "* $1")
		}
		switch {
		case kind == "kretprobe" && !strings.HasSuffix(p, " retval"):
			continue
		case kind == "kprobe":
			p = lastName().ReplaceAllString(p, fmt.Sprintf("arg%d", i))
		}
		out = append(out, p)
	}
	return out
}

// listScript lists the probes that a script uses.
func (o *options) listScript(w *bufio.Writer, std stdio) int {
	checked, code := frontEnd(o, std)
	if checked == nil {
		return code
	}
	for _, p := range checked.Program.Probes {
		for _, name := range siteNames(p.Site) {
			if o.verbose {
				o.listOne(w, name)
				continue
			}
			fmt.Fprintln(w, name)
		}
	}
	return exitOK
}

// siteNames returns the names under which the probes of a site are listed: each
// function of a site that has several, and timers and counters without their
// number.
func siteNames(s *hir.Site) []string {
	switch {
	case s.Type == "special":
		return nil // begin and end have no place in the kernel
	case len(s.Attach.Symbols) > 0:
		names := slices.Clone(s.Attach.Symbols)
		slices.Sort(names)
		target := ""
		if parts := strings.Split(s.Name, ":"); s.Attach.Path != "" && len(parts) > 2 {
			target = parts[1] + ":"
			if len(parts) > 3 && parts[2] == "cpp" {
				target += "cpp:"
			}
		}
		for i := range names {
			names[i] = s.Provider + ":" + target + names[i]
		}
		return names
	case s.Attach.Period > 0:
		return []string{s.Name[:strings.LastIndexByte(s.Name, ':')+1]}
	}
	return []string{s.Name}
}

func scriptFile(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular()
}
