package ftrace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// setting is a file of the tracing directory that holds a value. Two forms
// occur: one word, or a list of names, one a line.
type setting struct {
	name string
	list bool
}

// settings lists the files that probe changes, in the order in which it changes
// them. Restoring uses the opposite order.
//
// tracing_on comes first in this order and last when restoring, so that nothing
// is recorded while the settings are incomplete.
var settings = []setting{
	{name: "tracing_on"},
	{name: "trace_clock"},
	{name: "buffer_size_kb"},
	{name: "options/overwrite"},
	{name: "options/funcgraph-irqs"},
	{name: "options/funcgraph-args"},
	{name: "options/sleep-time"},
	{name: "options/function-fork"},
	{name: "options/record-tgid"},
	{name: "set_ftrace_pid", list: true},
	{name: "set_ftrace_notrace_pid", list: true},
	{name: "set_ftrace_filter", list: true},
	{name: "set_ftrace_notrace", list: true},
	{name: "set_graph_function", list: true},
	{name: "set_graph_notrace", list: true},
	{name: "max_graph_depth"},
	{name: "tracing_thresh"},
	{name: "current_tracer"},
}

// global lists the settings that exist once for all instances.
var global = []string{"set_graph_function", "set_graph_notrace", "max_graph_depth", "tracing_thresh"}

// isList reports whether a file holds a list, one entry a line.
func isList(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.name == name && s.list })
}

// readSetting returns the value of a file in the form that can be written back.
// A list is returned as lines, sorted and without repetitions. If the kernel
// does not show all of a list, the error wraps errPartial and the value is the
// part that it shows.
func readSetting(path string, list bool) (string, error) {
	if !list {
		text, err := os.ReadFile(path)
		return parseWord(string(text)), err
	}
	text, err := readList(path)
	return strings.Join(parseList(string(text)), "\n"), err
}

// errPartial is the error of a list that cannot be read as a whole.
var errPartial = errors.New("the kernel shows only a part of the list")

// readList reads a list. The lists of function_graph are correct only within
// one read(2), which returns at most a page: for the next read the kernel
// (g_start in kernel/trace/ftrace.c, up to 7.2 at least) continues at another
// place, so that some names appear twice and others never.
func readList(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, 1<<16)
	n, err := f.Read(text)
	text = text[:max(n, 0)]
	if err == io.EOF {
		return text, nil
	}
	if err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if name := filepath.Base(path); len(rest) > 0 && (name == "set_graph_function" || name == "set_graph_notrace") {
		return text, errPartial
	}
	return append(text, rest...), nil
}

// parseList takes the names out of the text of a list. Comments ("#### all
// functions enabled ####"), "no pid" and the commands that the same file shows
// ("schedule:traceoff:unlimited") are not names and are skipped.
func parseList(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line == "no pid" {
			continue
		}
		name, _, _ := strings.Cut(line, " ") // "name [module]"
		if !strings.Contains(name, ":") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// parseWord takes the value out of what a file shows:
//
//	7 (expanded: 1408)      a buffer not used yet: what it becomes when used
//	[local] global mono     a choice
func parseWord(text string) string {
	text = strings.TrimSpace(text)
	if _, rest, ok := strings.Cut(text, "(expanded: "); ok {
		n, _, _ := strings.Cut(rest, ")")
		return n
	}
	if _, rest, ok := strings.Cut(text, "["); ok {
		word, _, _ := strings.Cut(rest, "]")
		return word
	}
	return text
}

// writeSetting writes a value. A list is replaced as a whole.
func writeSetting(path, value string, list bool) error {
	// O_TRUNC empties a list first, to which names would otherwise be added;
	// other files ignore it.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if value == "" && list {
		return f.Close() // O_TRUNC has emptied it
	}
	// The kernel processes a name when it sees the blank or newline after it,
	// and reports an error from that write: an error at close would be lost. So
	// the text must end with a newline.
	for chunk := range chunks(value+"\n", 3000) {
		if _, err := f.WriteString(chunk); err != nil {
			return err
		}
	}
	return f.Close()
}

// chunks cuts text into pieces of at most size bytes, at line ends: a write of
// more than a page would end inside a name.
func chunks(text string, size int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			n := len(text)
			if n > size {
				n = strings.LastIndexByte(text[:size], '\n') + 1
				if n == 0 {
					n = size
				}
			}
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// appendLine adds a line to a file of definitions, such as kprobe_events.
func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(line + "\n"); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// has reports whether a file exists.
func has(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// entries returns the number of records that wait in the buffers below dir.
func entries(dir string) int {
	total := 0
	cpus, err := os.ReadDir(dir + "/per_cpu")
	if err != nil {
		return 0
	}
	for _, c := range cpus {
		text, err := os.ReadFile(dir + "/per_cpu/" + c.Name() + "/stats")
		if err != nil {
			continue
		}
		var n int
		if line, _, ok := bytes.Cut(text, []byte("\n")); ok {
			if _, err := fmt.Sscanf(string(line), "entries: %d", &n); err == nil {
				total += n
			}
		}
	}
	return total
}

// missing reports whether err means that a file no longer exists.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
