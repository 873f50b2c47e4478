package provider

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"probe/runtime/machine"
	"probe/runtime/machine/live/elf"
	"probe/runtime/machine/live/tracefs"
)

// Listed is one probe of a listing.
type Listed = machine.Listed

// List calls yield with every probe that matches a pattern: "TYPE:REST", or a
// bare name of any type; "" means everything of the kernel types (P-LIST-01).
// Kinds whose lists cannot be read are skipped when the pattern does not name
// them.
func (s *Set) List(pattern string, yield func(Listed) bool) error {
	if s.funcs == nil {
		// One listing sees the modules of one moment: to ask for them again for each
		// function takes far longer than everything else.
		s = s.Script(nil)
	}
	for _, kind := range [...]string{"struct", "union", "enum"} {
		if name, ok := strings.CutPrefix(pattern, kind+" "); ok {
			return s.listTypes(kind, strings.TrimSpace(name), yield)
		}
	}
	typ, rest, has := strings.Cut(pattern, ":")
	stop := false
	var last error
	any := false
	for _, p := range table {
		if p.List == nil {
			continue
		}
		want := rest
		switch named := has && (match(strings.ToLower(typ), p.Name) || find(typ) == p); {
		case has && !named, !has && !p.Kernel:
			continue
		case !has && pattern == "":
			want = "*"
		case !has:
			want = "*" + pattern + "*"
			if isPattern(pattern) {
				want = pattern
			}
		case rest == "":
			want = "*"
		}
		any = true
		err := p.List(s, p, want, func(l Listed) bool {
			stop = !yield(l)
			return !stop
		})
		if stop {
			return nil
		}
		if err != nil {
			last = fmt.Errorf("list %s probes: %w", p.Name, err)
			if has {
				return last
			}
		}
	}
	if p := find(typ); !any && p != nil {
		return fmt.Errorf("%s probes cannot be listed: they have no names; the form is %s", p.Name, p.Usage)
	}
	if !any {
		if near := nearestKind(typ); near != "" {
			return fmt.Errorf("no probe type is named %q; one with a similar name exists: %s", typ, near)
		}
		return fmt.Errorf("no probe type is named %q", typ)
	}
	return last
}

// listTypes lists the kernel's types of a kind whose names match (P-LIST-04).
func (s *Set) listTypes(kind, pattern string, yield func(Listed) bool) error {
	return s.k.Definitions(kind, func(name string) bool { return match(pattern, name) }, func(name string, text func() string) bool {
		return yield(Listed{Name: kind + " " + name, Definition: func() string { return "vmlinux: " + text() }})
	})
}

// listFunctions lists kernel functions for the kinds that probe them.
func listFunctions(s *Set, p *Provider, pattern string, yield func(Listed) bool) error {
	module, name := splitModule(pattern)
	list, err := s.listing.matching(s, module, name)
	if err != nil {
		return err
	}
	for _, f := range list {
		symbol := f.symbol()
		if module == "vmlinux" && f.module == "" {
			symbol = module + ":" + symbol // who names it finds it again
		}
		l := Listed{Name: p.Name + ":" + symbol, Params: func() ([]string, error) {
			return s.params(f.module, f.name, p.Returns)
		}}
		if !yield(l) {
			return nil
		}
	}
	return nil
}

// listTraced lists the functions that trampolines reach, with their module.
func listTraced(s *Set, p *Provider, pattern string, yield func(Listed) bool) error {
	if rest, ok := strings.CutPrefix(pattern, "bpf:"); ok {
		return s.listRunning(p, rest, yield)
	}
	if ok, why := s.k.Available(); !ok {
		return errors.New(why)
	}
	module, name := splitModule(pattern)
	list, err := s.listing.trampolined(s, module, name)
	if err != nil {
		return err
	}
	for _, f := range list {
		if !f.entry && !p.Returns || !f.exit && p.Returns {
			continue
		}
		own := f.module
		if own == "" {
			own = "vmlinux"
		}
		l := Listed{Name: p.Name + ":" + own + ":" + f.name, Params: func() ([]string, error) {
			return s.params(own, f.name, p.Returns)
		}}
		if !yield(l) {
			return nil
		}
	}
	return nil
}

// listing is what the kinds that probe functions find for one pattern. A list of
// everything asks for the same functions seven times.
type listing struct {
	module, name string
	list         []fn
	traced       []traced
}

// traced is a function with what trampolines can do with it.
type traced struct {
	fn
	entry, exit bool
}

// matching is like Set.matching. The caller must not change the result.
func (l *listing) matching(s *Set, module, name string) ([]fn, error) {
	if l.list == nil || l.module != module || l.name != name {
		list, err := s.matching(module, name)
		if err != nil {
			return nil, err
		}
		*l = listing{module: module, name: name, list: list}
	}
	return l.list, nil
}

// trampolined returns the functions that match and have types.
func (l *listing) trampolined(s *Set, module, name string) ([]traced, error) {
	list, err := l.matching(s, module, name)
	if err != nil || l.traced != nil {
		return l.traced, err
	}
	l.traced = make([]traced, 0, len(list))
	for _, f := range list {
		own := f.module
		if own == "" {
			own = "vmlinux"
		}
		if proto, err := s.k.Func(own, f.name); err == nil {
			l.traced = append(l.traced, traced{f, s.Untrampolined(proto, false) == "", s.Untrampolined(proto, true) == ""})
		}
	}
	return l.traced, nil
}

// splitModule splits the rest of a pattern for function probes.
func splitModule(pattern string) (module, name string) {
	if m, n, ok := strings.Cut(pattern, ":"); ok {
		return m, n
	}
	return "", pattern
}

// params returns the parameters of a function, and with result its result.
func (s *Set) params(module, name string, result bool) ([]string, error) {
	f, err := s.k.Func(module, name)
	if err != nil {
		return nil, err
	}
	return s.k.Params(f, result), nil
}

func listTracepoints(s *Set, _ *Provider, pattern string, yield func(Listed) bool) error {
	t, err := s.k.Tracefs()
	if err != nil {
		return err
	}
	category, event, ok := strings.Cut(pattern, ":")
	if !ok {
		category, event = "*", pattern
	}
	found, _, err := matchingEvents(t, category, event)
	if err != nil {
		return err
	}
	for _, e := range found {
		l := Listed{Name: "tracepoint:" + e[0] + ":" + e[1], Params: func() ([]string, error) { return fields(t, e[0], e[1]) }}
		if !yield(l) {
			return nil
		}
	}
	return nil
}

// fields lists the fields of an event's record.
func fields(t *tracefs.FS, category, event string) ([]string, error) {
	f, err := t.ReadFormat(category, event)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range f.Fields {
		out = append(out, describe(&f.Fields[i]))
	}
	return out, nil
}

func listRaw(s *Set, _ *Provider, pattern string, yield func(Listed) bool) error {
	module, event := splitModule(pattern)
	if module != "" && !match(module, "vmlinux") {
		return nil
	}
	var names []string
	if err := s.k.RawTracepoints(func(n string) bool {
		if match(event, n) {
			names = append(names, n)
		}
		return true
	}); err != nil {
		return err
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		l := Listed{Name: "rawtracepoint:vmlinux:" + n, Params: func() ([]string, error) {
			f, err := s.k.RawTracepoint("", n)
			if err != nil {
				return nil, err
			}
			return s.k.Params(f, false), nil
		}}
		if !yield(l) {
			return nil
		}
	}
	return nil
}

// listUser lists the functions of a program or library.
func listUser(s *Set, p *Provider, pattern string, yield func(Listed) bool) error {
	if binary, file, ok := strings.Cut(pattern, "@"); ok && !strings.Contains(binary, ":") {
		return s.listLines(p, binary, file, yield)
	}
	binary, name, ok := strings.Cut(pattern, ":")
	if !ok || binary == "" || binary == "*" {
		return nil // lists only the functions of a named file (P-LIST-02)
	}
	if isPattern(binary) {
		files, err := filepath.Glob(binary)
		if err != nil {
			return err
		}
		for _, file := range files {
			if st, err := os.Stat(file); err != nil || !st.Mode().IsRegular() {
				continue
			}
			// Files that are no programs match as well.
			if err := listUser(s, p, file+":"+name, yield); err != nil {
				continue
			}
		}
		return nil
	}
	b, err := elf.Find(binary, 0)
	if err != nil {
		return err
	}
	f, err := s.openELF(b.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	var found []elf.Symbol
	if err := f.Symbols(func(sym elf.Symbol) bool {
		sym.Name, _, _ = strings.Cut(sym.Name, "@")
		if sym.Kind == elf.Func && match(name, sym.Name) {
			found = append(found, sym)
		}
		return true
	}); err != nil {
		return err
	}
	slices.SortStableFunc(found, func(a, b elf.Symbol) int { return strings.Compare(a.Name, b.Name) })
	for i, sym := range found {
		if i > 0 && found[i-1].Name == sym.Name {
			continue
		}
		l := Listed{Name: p.Name + ":" + b.Name + ":" + sym.Name}
		if !p.Returns {
			l.Params = func() ([]string, error) { return s.userParams(b.Path, sym.Addr) }
		}
		if !yield(l) {
			return nil
		}
	}
	return nil
}

func listTimed(_ *Set, p *Provider, pattern string, yield func(Listed) bool) error {
	names := make([]string, 0, len(units))
	for u := range units {
		names = append(names, u)
	}
	sort.Strings(names)
	return listNames(p, names, pattern, yield)
}

func listCounted(_ *Set, p *Provider, pattern string, yield func(Listed) bool) error {
	return listNames(p, counterNames(p.Counters), pattern, yield)
}

// listNames lists names, each with the colon of a number that may follow:
// "software:cpu:".
func listNames(p *Provider, names []string, pattern string, yield func(Listed) bool) error {
	pattern = strings.TrimSuffix(pattern, ":")
	for _, n := range names {
		if match(pattern, n) && !yield(Listed{Name: p.Name + ":" + n + ":"}) {
			return nil
		}
	}
	return nil
}
