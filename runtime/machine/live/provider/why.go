package provider

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"probe/compiler/target"
)

// isClone reports whether symbol is a copy of base that the compiler
// specialised: whole functions, unlike x.part.0 and x.cold.
func isClone(symbol, base string) bool {
	if len(symbol) <= len(base) || symbol[len(base)] != '.' || !strings.HasPrefix(symbol, base) {
		return false
	}
	kind, _, _ := strings.Cut(symbol[len(base)+1:], ".")
	return kind == "constprop" || kind == "isra"
}

// why returns the reason why a function is not in the list of traceable ones.
func (s *Set) why(module, name string, clones []fn) *reason {
	if module != "" && module != "vmlinux" && !strings.Contains(module, "*") && !s.opts.Loaded(module) {
		return &reason{text: fmt.Sprintf("module %s is not loaded", module), note: "functions of a module can be traced while it is loaded"}
	}
	if len(clones) > 0 {
		return &reason{exists: true,
			text:   fmt.Sprintf("%s was replaced by %s when this kernel was compiled", name, fnNames(clones)),
			note:   "`call:` and `ret:` follow such clones by the base name",
			clones: clones}
	}
	for _, f := range s.like(name, true) {
		if f.name == name && f.inModule(module) {
			return &reason{exists: true,
				text: name + " cannot be traced in this kernel",
				note: "the function exists, but is marked notrace or was compiled without a place to hook into"}
		}
	}
	if _, err := s.k.Func(module, name); err == nil {
		r := &reason{exists: true,
			text: name + " is inlined everywhere in this kernel",
			note: "the kernel's type information has the function, its symbol table has not: probe the functions that call it"}
		r.near = s.namesakes(module, name)
		s.withInlined(r, name)
		return r
	}
	r := &reason{text: "no function named " + name}
	if module != "" {
		r.text += " in " + module
	}
	list, err := s.traceable()
	if err != nil {
		list = s.symbols()
	}
	has := func(name string) bool {
		return slices.ContainsFunc(s.like(name, err != nil), func(f fn) bool { return f.name == name && f.inModule(module) })
	}
	// Since 6.10 the allocation functions are macros around functions whose names
	// end in this.
	if other := name + "_noprof"; has(other) {
		r.near = "`" + other + "`"
		return r
	}
	if n := s.seek(name); n != nil {
		for _, f := range list {
			if f.inModule(module) {
				n.add(f.name)
			}
		}
		r.near = n.names()
	}
	// The edit distance is too large for a common case: the name of a system
	// call without its prefix.
	if r.near == "" {
		syscall := target.Native().Syscall
		for _, prefix := range []string{strings.TrimSuffix(syscall, "sys_"), syscall, "__", "do_"} {
			if has(prefix + name) {
				r.near = "`" + prefix + name + "`"
			}
		}
	}
	return r
}

// namesakes lists the functions that can be traced and have the name of an inlined
// one but for underscores in front, or continue it: its wrappers and what it is a
// part of are often called so. "" if there is none.
func (s *Set) namesakes(module, name string) string {
	list, err := s.traceable()
	if err != nil {
		return ""
	}
	stem := strings.TrimLeft(name, "_")
	var found []string
	for _, f := range list {
		other := strings.TrimLeft(f.name, "_")
		if f.inModule(module) && (other == stem || strings.HasPrefix(other, stem+"_") || strings.HasPrefix(stem, other+"_") && len(other) > len(stem)/2) {
			found = append(found, f.name)
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		return cmp.Or(abs(len(a)-len(name))-abs(len(b)-len(name)), strings.Compare(a, b))
	})
	found = slices.Compact(found)
	return quoteAll(found[:min(len(found), maxNear)])
}

func abs(n int) int { return max(n, -n) }

func fnNames(fs []fn) string {
	var out []string
	for _, f := range fs {
		out = append(out, f.name)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}
