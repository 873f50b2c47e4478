package session

import (
	"os"
	"slices"
	"strconv"
	"time"

	"probe/compiler/object"
	"probe/lang/types"
	"probe/runtime/watchdog"
)

// rememberProcesses saves what is needed to name addresses of processes that
// may end before their values are printed (R-SYM-02): the memory maps of the
// running processes, and, for processes that start later, the programs that
// uprobes attach to. It does nothing for scripts without such values. It reads
// the processes in the background, so that tracing does not wait for them.
func (s *Session) rememberProcesses(obj *object.Object) {
	if !holdsUserAddresses(obj) {
		return
	}
	user := s.opts.Machine.Processes()
	for _, p := range obj.Programs {
		if path := p.Site.Attach.Path; path != "" {
			user.Program(path)
		}
	}
	switch {
	case s.opts.Child != nil: // the child has not called exec yet
	case s.opts.PID > 0:
		user.Remember(s.opts.PID)
	default:
		go func() {
			defer watchdog.Report()
			for _, pid := range processes() {
				user.Remember(pid)
			}
		}()
	}
}

// rememberChild reads the memory map of a child again and again until it has ended,
// if a script has values that need it: the child maps its libraries after it has
// begun.
func (s *Session) rememberChild(c *Child) {
	s.mu.Lock()
	wanted := slices.ContainsFunc(s.clauses, func(c *Clause) bool { return holdsUserAddresses(c.obj) })
	s.mu.Unlock()
	if !wanted {
		return
	}
	user := s.opts.Machine.Processes()
	go func() {
		defer watchdog.Report()
		for wait := firstAgain; ; wait = min(2*wait, lastAgain) {
			select {
			case <-c.done:
				return
			case <-time.After(wait):
				user.Again(c.PID())
			}
		}
	}()
}

// The least and the longest time between two readings of rememberChild.
const (
	firstAgain = 2 * time.Millisecond
	lastAgain  = 500 * time.Millisecond
)

// processes returns the ids of all running processes.
func processes() []int {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var pids []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// holdsUserAddresses reports whether a script has values that are shown as
// symbols of processes.
func holdsUserAddresses(obj *object.Object) bool {
	for _, m := range obj.Maps {
		if isUserAddress(m.Key) || isUserAddress(m.Value) {
			return true
		}
	}
	for _, e := range obj.Events {
		for _, a := range e.Args {
			if isUserAddress(a.Type) {
				return true
			}
		}
	}
	return false
}

func isUserAddress(t *types.Type) bool {
	switch {
	case t == nil:
		return false
	case t.Kind == types.USym || t.Kind == types.UStack:
		return true
	case t.Kind == types.Array:
		return isUserAddress(t.Elem)
	case t.Kind == types.Record && t.Struct.Flavour != types.CStruct && t.Struct.Flavour != types.CUnion:
		for _, f := range t.Struct.Fields() {
			if isUserAddress(f.Type) {
				return true
			}
		}
	}
	return false
}
