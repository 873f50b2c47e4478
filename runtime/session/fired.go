package session

import (
	"fmt"
	"slices"
	"strings"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/event"
)

// shows reports whether an event is something that the script shows.
func shows(e event.Event) bool {
	switch e := e.(type) {
	case *event.Printf, *event.Text, *event.Value, *event.Message, *event.RuntimeError:
		return true
	case *event.Map:
		return len(e.Entries) > 0
	}
	return false
}

// stopCounting ends the counting of runs once something was shown: it costs each
// run of a program some 50 ns, and only an empty run is explained by it.
func (s *Session) stopCounting() {
	if s.opts.Count && !s.opts.Stay && s.stats != nil && s.shown.Load() {
		s.stats.Close()
		s.stats = nil
	}
}

// maxFired is the number of probes that the explanation of an empty run names.
const maxFired = 6

// firing is how often the programs of one place ran.
type firing struct {
	site string
	runs uint64
}

// explainEmpty says of a run that showed nothing how often its probes fired.
func (s *Session) explainEmpty() {
	if !s.opts.Count || s.shown.Load() || s.opts.Mode != hir.Trace {
		return
	}
	var list []firing
	for _, c := range s.clauses {
		for i, p := range c.obj.Programs {
			if p.Role != object.Main || i >= len(c.progs) || c.progs[i] == nil || p.Site.Attach.Kind.ByUser() {
				continue
			}
			st, err := c.progs[i].Stats()
			if err != nil {
				continue
			}
			at := slices.IndexFunc(list, func(f firing) bool { return f.site == p.Site.Name })
			if at < 0 {
				at = len(list)
				list = append(list, firing{site: p.Site.Name})
			}
			list[at].runs += st.Runs
		}
	}
	if len(list) == 0 {
		return
	}
	if s.stats == nil {
		s.log(diag.Note, "nothing was shown; how often the probes fired is not known: the kernel counts it only for processes with CAP_SYS_ADMIN")
		return
	}
	s.log(diag.Note, "nothing was shown: "+firings(list))
}

// firings lists how often probes fired, those that did first.
func firings(list []firing) string {
	slices.SortStableFunc(list, func(a, b firing) int {
		switch {
		case a.runs > b.runs:
			return -1
		case a.runs < b.runs:
			return 1
		}
		return 0
	})
	var parts []string
	for i, f := range list {
		if i == maxFired && len(list) > maxFired+1 {
			rest := uint64(0)
			for _, f := range list[i:] {
				rest += f.runs
			}
			parts = append(parts, fmt.Sprintf("%d more %d times", len(list)-i, rest))
			break
		}
		times := "times"
		if f.runs == 1 {
			times = "time"
		}
		parts = append(parts, fmt.Sprintf("%s fired %d %s", f.site, f.runs, times))
	}
	return strings.Join(parts, ", ")
}
