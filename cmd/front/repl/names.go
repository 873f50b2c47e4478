package repl

import (
	"slices"
	"strings"
	"sync"
	"time"

	"probe/lang/hir"
	"probe/runtime/watchdog"
)

// listWait is the maximum time that completion at the prompt waits for a list that is
// being read: the next Tab finds more of it.
const listWait = 2 * time.Second

// names holds the lists of what can be probed. A list has up to some 60,000
// entries and takes a moment to read, so each is read once, in the background.
type names struct {
	list func(pattern string, yield func(name string) bool) error
	// patient is set where nobody asks a second time, so completion waits until a list
	// has been read.
	patient bool

	mu    sync.Mutex
	lists map[string]*nameList
}

// nameList holds the names of one kind, sorted and without the kind.
type nameList struct {
	ready chan struct{} // closed when names is complete
	names []string
}

func newNames(list func(string, func(string) bool) error) *names {
	return &names{list: list, lists: map[string]*nameList{}}
}

// warm starts to read the two lists that are used most.
func (n *names) warm() {
	n.get(functionList)
	n.get("tracepoint")
}

// functionList is the kind whose list answers for all kinds that probe kernel
// functions.
const functionList = "kprobe"

// probesFunctions reports whether a kind probes functions of the kernel.
func probesFunctions(kind *hir.ProbeKind) bool {
	return kind.Target == hir.TargetFunction || kind.Target == hir.TargetEither
}

// get returns a list, and starts to read it on the first call.
func (n *names) get(kind string) *nameList {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.lists[kind]
	if l == nil {
		l = &nameList{ready: make(chan struct{})}
		n.lists[kind] = l
		go func() {
			defer close(l.ready)
			defer watchdog.Report()
			l.names = n.matching(kind, "*")
		}()
	}
	return l
}

// matching returns the names of a kind that match a pattern. A list that cannot
// be read is empty: an error message during completion would not help, and the
// reason is shown when a probe is attached.
func (n *names) matching(kind, pattern string) []string {
	if n.list == nil {
		return nil
	}
	var out []string
	_ = n.list(kind+":"+pattern, func(name string) bool {
		_, rest, _ := strings.Cut(name, ":")
		out = append(out, rest)
		return true
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// starting returns the targets of a kind that start with a prefix. A function
// or a raw tracepoint of a module is found by its own name too.
func (n *names) starting(kind *hir.ProbeKind, prefix string) []string {
	list, functions := kind.Name, probesFunctions(kind)
	if functions {
		list = functionList
	}
	l := n.get(list)
	var late <-chan time.Time
	if !n.patient {
		late = time.After(listWait)
	}
	select {
	case <-l.ready:
	case <-late:
		return nil
	}
	var out []string
	for _, name := range l.names {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		} else if functions || strings.HasPrefix(name, "vmlinux:") {
			if i := strings.LastIndexByte(name, ':'); i >= 0 && strings.HasPrefix(name[i+1:], prefix) {
				out = append(out, name[i+1:])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
