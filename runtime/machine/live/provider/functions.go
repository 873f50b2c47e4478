package provider

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"probe/runtime/machine/live/btf"
	"probe/runtime/trust"
	"probe/runtime/watchdog"
)

// fn is a kernel function.
type fn struct {
	name, module string // module is "" for the kernel itself
}

// symbol returns the name in the form that kprobes accept: "name" or
// "module:name".
func (f fn) symbol() string {
	if f.module == "" || f.module == "vmlinux" {
		return f.name
	}
	return f.module + ":" + f.name
}

// lists has the lists of functions of a kernel. Modules that are loaded or
// removed change them, so a script that begins after that reads them again: a
// process can check many scripts, as the prompt does.
type lists struct {
	modules func() string // the names of the loaded modules

	mu   sync.Mutex
	last *functions
}

// current returns the lists for a script that begins now.
func (l *lists) current() *functions {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.modules()
	if l.last == nil || l.last.modules != now {
		l.last = &functions{modules: now}
	}
	return l.last
}

// loadedModules returns the names of the loaded modules in the order in which
// the kernel has them, a line each; "" if they cannot be read.
func loadedModules() string {
	b, err := os.ReadFile("/proc/modules")
	if err != nil {
		return ""
	}
	var names strings.Builder
	for line := range strings.Lines(string(b)) {
		name, _, _ := strings.Cut(line, " ")
		names.WriteString(name + "\n")
	}
	return names.String()
}

// functions caches the lists of functions that can be traced. Each is read when
// it is first needed.
type functions struct {
	modules string // the names of the modules whose functions the lists have

	once sync.Once
	list []fn
	err  error

	denyOnce sync.Once
	deny     map[string]bool

	symOnce sync.Once
	syms    []fn

	// by indexes list and syms by the name without the suffix of a copy.
	byOnce [2]sync.Once
	by     [2]map[string][]fn
}

// maxScans is the number of names of one script that are looked for by reading a
// whole list, which takes less time than to index it.
const maxScans = 16

// like returns the functions of list, or of the symbol table, that have a name or are
// copies of a function with that name; the list may have others, too.
func (s *Set) like(name string, symbols bool) []fn {
	f := s.functions()
	list, which := f.list, 0
	if symbols {
		list, which = s.symbols(), 1
	}
	if len(s.looked) < maxScans {
		return list
	}
	f.byOnce[which].Do(func() {
		by := make(map[string][]fn, len(list))
		for _, f := range list {
			base, _, _ := strings.Cut(f.name, ".")
			by[base] = append(by[base], f)
		}
		f.by[which] = by
	})
	base, _, _ := strings.Cut(name, ".")
	return f.by[which][base]
}

// functions returns the lists of the script, or those of this moment if the Set
// belongs to no script.
func (s *Set) functions() *functions {
	if s.funcs != nil {
		return s.funcs
	}
	return s.lists.current()
}

// traceable returns the list of functions that the function tracer can attach
// to, and the reason when it cannot be read.
func (s *Set) traceable() ([]fn, error) {
	l := s.functions()
	l.once.Do(func() {
		if s.opts.Traceable != "" {
			l.list, l.err = readTraceable(s.opts.Traceable)
			return
		}
		each := s.opts.Functions
		if each == nil {
			t, err := s.k.Tracefs()
			if err != nil {
				l.err = err
				return
			}
			each = t.Functions
		}
		list := make([]fn, 0, 50000)
		err := each(func(name, module string) bool {
			list = append(list, fn{name, module})
			return true
		})
		if err != nil {
			l.err = err
			return
		}
		l.list = list
	})
	return l.list, l.err
}

// Warm starts to read the list of functions in the background.
func (s *Set) Warm() {
	go func() {
		defer watchdog.Report()
		_, _ = s.traceable()
	}()
}

// maxTraceable is the maximum size of a list of functions in bytes; a kernel's has five
// megabytes.
const maxTraceable = 64 << 20

// readTraceable reads names, each with its module in brackets if it has one. It has the
// rights of the user, who is shown the names.
func readTraceable(path string) ([]fn, error) {
	file, err := trust.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxTraceable+1))
	if err == nil && len(b) > maxTraceable {
		err = fmt.Errorf("%s: more than %d MB", path, maxTraceable>>20)
	}
	if err != nil {
		return nil, err
	}
	var list []fn
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		x := fn{name: f[0]}
		if len(f) > 1 {
			x.module = strings.Trim(f[1], "[]")
		}
		list = append(list, x)
	}
	return list, nil
}

// denied reports whether kprobes refuse the function.
func (s *Set) denied(name string) bool {
	f := s.functions()
	f.denyOnce.Do(func() {
		f.deny = map[string]bool{}
		if t, err := s.k.Tracefs(); err == nil && !s.opts.Elsewhere {
			// Ignore the error: without the list the kernel itself rejects such
			// functions, with a less clear message.
			_ = t.Blacklist(func(name string) bool {
				f.deny[strings.Clone(name)] = true
				return true
			})
		}
	})
	return f.deny[name]
}

// symbols returns all functions in the kernel's symbol table, traceable or not.
func (s *Set) symbols() []fn {
	f := s.functions()
	f.symOnce.Do(func() {
		_ = s.opts.Symbols(func(name, module string) bool {
			f.syms = append(f.syms, fn{name, module})
			return true
		})
	})
	return f.syms
}

// inModule reports whether a function belongs to a module, "" meaning any,
// "vmlinux" the kernel itself; the module may be a pattern.
func (f fn) inModule(module string) bool {
	own := f.module
	if own == "" {
		own = "vmlinux"
	}
	return module == "" || match(module, own)
}

// state is the result of looking up a function that a script names.
type state struct {
	fn
	// clones lists the copies that the compiler made in place of the function.
	clones []fn
	err    *reason // why it cannot be traced, nil if it can
}

// reason is the reason why a function cannot be traced.
type reason struct {
	text string // "no function named x"
	note string
	near string // similar names, "`a`, `b`"
	// callers are functions that an inlined one is a part of.
	callers []string
	// clones are the copies that stand in its place.
	clones []fn
	// exists is set if the kernel has the function but it cannot be traced.
	exists bool
}

// Error implements error.
func (r *reason) Error() string { return r.text }

// lookup finds a function by its exact name. A script may name a function that is not
// there many times, so what was found is kept for the script.
func (s *Set) lookup(module, name string) state {
	key := [2]string{module, name}
	st, ok := s.looked[key]
	if !ok {
		if st = s.find(module, name); s.looked != nil {
			s.looked[key] = st
		}
	}
	return st
}

func (s *Set) find(module, name string) state {
	list, err := s.traceable()
	if err != nil {
		return s.lookupUnlisted(module, name, err)
	}
	st := state{fn: fn{name: name, module: module}}
	found := false
	for _, f := range s.like(name, false) {
		switch {
		case f.name == name && f.inModule(module):
			if !found {
				st.fn = f
			}
			found = true
		case isClone(f.name, name) && f.inModule(module):
			st.clones = append(st.clones, f)
		}
	}
	if found {
		st.clones = nil
		return st
	}
	if f, ok := s.alias(module, name, list); ok {
		st.module = f.module
		st.clones = nil
		return st
	}
	st.err = s.why(module, name, st.clones)
	return st
}

// named returns functions by their exact names, in one pass over the list;
// calling lookup for each would take a pass for each.
func (s *Set) named(names []string) (map[string]fn, error) {
	list, err := s.traceable()
	if err != nil {
		return nil, err
	}
	found := make(map[string]fn, len(names))
	for _, name := range names {
		found[name] = fn{}
	}
	for _, f := range list {
		if have, ok := found[f.name]; ok && have.name == "" {
			found[f.name] = f
		}
	}
	for _, name := range names {
		if found[name].name == "" {
			delete(found, name)
		}
	}
	return found, nil
}

// alias returns the name under which the list has a function. The list has one
// name for each address, not always the well-known one: __x64_sys_getppid may
// be listed as __do_sys_getppid.
func (s *Set) alias(module, name string, list []fn) (f fn, ok bool) {
	if !slices.ContainsFunc(s.like(name, true), func(f fn) bool { return f.name == name && f.inModule(module) }) {
		return fn{}, false
	}
	for _, other := range s.opts.Aliases(name) {
		for _, f := range list {
			if f.name == other && f.inModule(module) {
				return f, true
			}
		}
	}
	return fn{}, false
}

// lookupUnlisted is lookup without the list of traceable functions, which
// cannot be read under lockdown or without privileges.
func (s *Set) lookupUnlisted(module, name string, listErr error) state {
	st := state{fn: fn{name: name, module: module}}
	for _, f := range s.like(name, true) {
		if f.name == name && f.inModule(module) {
			st.fn = f
			return st
		}
		if isClone(f.name, name) && f.inModule(module) {
			st.clones = append(st.clones, f)
		}
	}
	if len(s.symbols()) == 0 {
		if _, err := s.k.Func(module, name); err == nil {
			return st
		}
		st.err = &reason{text: "the kernel's functions cannot be listed", note: listErr.Error()}
		return st
	}
	st.err = s.why(module, name, st.clones)
	return st
}

// moduleLoaded reports whether a module is loaded or built into the kernel.
func moduleLoaded(name string) bool {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return false
	}
	_, err := os.Stat("/sys/module/" + strings.ReplaceAll(name, "-", "_"))
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// dangerous reports whether wildcards must skip a function because probing it
// can hang a machine (P-KPROBE-05).
func dangerous(name string) bool {
	switch name {
	case "arch_cpu_idle", "default_idle", "bpf_dispatcher_xdp_func":
		return true
	}
	return strings.Contains(name, ".part.") || strings.HasPrefix(name, "rcu_") ||
		strings.HasPrefix(name, "__ftrace_invalid_address__")
}

// matching returns the functions that a wildcard matches, sorted and without
// duplicates.
func (s *Set) matching(module, pattern string) ([]fn, error) {
	list, err := s.traceable()
	if err != nil {
		return nil, err
	}
	prefix := literalPrefix(pattern)
	var out []fn
	for _, f := range list {
		if strings.HasPrefix(f.name, prefix) && match(pattern, f.name) && f.inModule(module) && !dangerous(f.name) && !s.denied(f.name) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b fn) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.module, b.module)
	})
	return slices.Compact(out), nil
}

// noBTF reports whether err says only that there is no BTF.
func noBTF(err error) bool { return errors.Is(err, btf.ErrNoBTF) }
