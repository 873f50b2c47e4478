// Package recording runs compiled scripts over recordings of call trees,
// without a kernel: on any machine, without privileges.
//
// A View answers the checker in place of a kernel (hir.Probes, hir.Types,
// types.Env): its functions are those in the trees, with the types recorded for
// them. A Player runs the script's programs in the compiler's interpreter, once
// for each call that a probe matches, in the order of time. Package session
// reads the records and maps of these programs as if a kernel had run them.
//
// What a recording does not hold is never invented: a probe without events and
// a value that was not recorded are reported with their place in the script,
// and a call that lacks a value which others have is skipped and counted.
package recording

import (
	"slices"
	"strings"
	"time"

	"probe/lang/diag"
	"probe/runtime/graph"
	"probe/runtime/graph/record"
	"probe/runtime/machine"
	"probe/runtime/machine/live/provider"
)

// Machine is the machine that was recorded, as far as the recording holds it
// (machine.Machine).
type Machine struct {
	name  string // name of the file, for the receipt
	rec   *record.Recording
	names []string             // symbols of the functions that are called, sorted
	funcs map[string]*function // by symbol
	byID  []*function          // by index in the recording's table
	addrs map[uint64]string    // names of functions by address
	machine.NoFacts
}

var (
	_ machine.Machine = (*Machine)(nil)
	_ machine.Facts   = (*Machine)(nil)
)

// View is a recording as one script sees it (machine.View).
type View struct {
	*Machine
	env env

	// unfed holds the messages about attach points without events in the
	// recording; fed is set if another attach point has some.
	unfed []*diag.Diagnostic
	fed   bool
}

// function describes a function by its calls in the trees.
type function struct {
	graph.Func
	calls, roots facts
}

// facts counts calls and what was recorded with them.
type facts struct {
	calls, rets int
	args        int // maximum number of any call
}

func (f *facts) add(c *graph.Call) {
	f.calls++
	if c.Flags&graph.HasRet != 0 {
		f.rets++
	}
	f.args = max(f.args, int(c.NArgs))
}

// symbol returns a function's name with its module.
func symbol(f *graph.Func) string {
	if f.Module != "" {
		return f.Module + ":" + f.Name
	}
	return f.Name
}

// Open reads a recording from a file.
func Open(path string) (*Machine, error) {
	rec, err := record.Load(path)
	if err != nil {
		return nil, err
	}
	return New(path, rec), nil
}

// New prepares a recording that was read from a file of that name. The caller
// must not change it afterwards.
func New(name string, rec *record.Recording) *Machine {
	r := &Machine{name: name, rec: rec, funcs: map[string]*function{}, byID: make([]*function, len(rec.Funcs.List)), addrs: map[uint64]string{}}
	for i := range rec.Funcs.List {
		f := &rec.Funcs.List[i]
		fn := r.funcs[symbol(f)]
		if fn == nil {
			fn = &function{Func: *f}
			r.funcs[symbol(f)] = fn
		}
		if !realAddr(fn.Addr) {
			fn.Addr = f.Addr
		}
		if realAddr(f.Addr) {
			r.addrs[f.Addr] = f.Name
		}
		r.byID[i] = fn
	}
	for _, t := range rec.Trees {
		for i := range t.Calls {
			c := &t.Calls[i]
			fn := r.function(c)
			if fn == nil {
				continue
			}
			fn.calls.add(c)
			if i == 0 {
				fn.roots.add(c)
			}
		}
	}
	for name, fn := range r.funcs {
		if fn.calls.calls > 0 {
			r.names = append(r.names, name)
		}
	}
	slices.Sort(r.names)
	return r
}

// function returns the function of a call, nil where it is not known.
func (r *Machine) function(c *graph.Call) *function {
	if c.Flags&graph.Gap != 0 || c.Fn < 0 || int(c.Fn) >= len(r.byID) {
		return nil
	}
	return r.byID[c.Fn]
}

// realAddr reports whether addr is an address of the kernel and not one of the
// small numbers that recordings made by programs have instead.
func realAddr(addr uint64) bool { return addr>>63 != 0 }

// matching returns the functions that a name or pattern means. A plain name
// includes the copies that the compiler made of the function. roots restricts
// the result to roots of trees.
func (r *Machine) matching(module, pattern string, roots bool) []*function {
	pick := func(ok func(name string) bool) (out []*function) {
		for _, name := range r.names {
			fn := r.funcs[name]
			own := fn.Module
			if own == "" {
				own = "vmlinux"
			}
			if (module == "" || provider.Match(module, own)) && ok(fn.Name) && (!roots || fn.roots.calls > 0) {
				out = append(out, fn)
			}
		}
		return out
	}
	out := pick(func(name string) bool { return provider.Match(pattern, name) })
	if len(out) == 0 && !strings.Contains(pattern, "*") {
		out = pick(func(name string) bool { return graph.IsClone(name, pattern) })
	}
	return out
}

// start returns the time at which the recording began, in nanoseconds of
// CLOCK_MONOTONIC.
func (r *Machine) start() int64 {
	start := r.rec.Header.Started.UnixNano() - r.rec.Header.WallOffset
	for _, t := range r.rec.Trees {
		start = min(start, t.Root().T0)
	}
	return start
}

// Boot returns the wall-clock time at zero of the boot clock of the machine
// that was recorded.
func (r *Machine) Boot() time.Time {
	return time.Unix(0, r.rec.Header.WallOffset-r.rec.Header.BootOffset)
}

// KSym returns the name of the symbol at an address, "" when the recording does
// not have it.
func (r *Machine) KSym(addr uint64) string {
	if name, ok := r.addrs[addr]; ok {
		return name
	}
	return r.rec.Funcs.Symbols[addr]
}
