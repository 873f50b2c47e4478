package provider

import (
	"errors"
	"strings"
	"sync"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/elf"
	"probe/runtime/machine/live/program"
)

// programs holds the debugging information of the programs that a script
// probes, each opened once.
type programs struct {
	dirs []string // folders with debug files, searched first

	mu   sync.Mutex
	open map[string]func() (*program.Program, error)
}

// of returns the debugging information of a program by its path. The error is
// an *elf.NoDebugError if there is none.
func (p *programs) of(path string) (*program.Program, error) {
	p.mu.Lock()
	if p.open == nil {
		p.open = map[string]func() (*program.Program, error){}
	}
	open := p.open[path]
	if open == nil {
		open = sync.OnceValues(func() (*program.Program, error) {
			f, err := elf.Open(path)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			f.DebugDirs = p.dirs
			return program.Of(f)
		})
		p.open[path] = open
	}
	p.mu.Unlock()
	return open()
}

// openELF opens a program with the folders for its debug files.
func (s *Set) openELF(path string) (*elf.File, error) {
	f, err := elf.Open(path)
	if err == nil {
		f.DebugDirs = s.opts.DebugDirs
	}
	return f, err
}

// ownTypes are the types of a program for the bodies of its probes. They are
// read when a body names a type.
type ownTypes struct {
	programs *programs
	path     string
}

// Named implements hir.Types.
func (o ownTypes) Named(kind, name string) (*types.Type, bool) {
	p, err := o.programs.of(o.path)
	if err != nil {
		return nil, false
	}
	return p.Named(kind, name)
}

// Enumerator implements hir.Types.
func (o ownTypes) Enumerator(string) (*types.Type, uint64, bool) { return nil, 0, false }

// Names implements hir.Types.
func (o ownTypes) Names(string) []string { return nil }

// Available implements hir.Types.
func (o ownTypes) Available() (bool, string) {
	if _, err := o.programs.of(o.path); err != nil {
		return false, err.Error()
	}
	return true, ""
}

// userParams lists the parameters of a function of a program, each as type and
// name.
func (s *Set) userParams(path string, addr uint64) ([]string, error) {
	p, err := s.programs.of(path)
	if err != nil {
		return nil, err
	}
	f, err := p.Func(addr)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range f.Params {
		out = append(out, strings.TrimSpace(a.Text+" "+a.Name))
	}
	return out, nil
}

// described returns what the debugging information says of the function of a
// target, nil after it has reported that it says nothing.
func (r *request) described(t userTarget, at int) *program.Func {
	p, err := r.set.programs.of(t.binary.Path)
	var none *elf.NoDebugError
	switch {
	case errors.As(err, &none):
		d := r.errorf("no-args", at, "the arguments of %s:%s are not known: %s has no debugging information", t.binary.Name, t.name, t.binary.Name).
			WithCompat("Could not parse arguments of \"%s:%s:%s\": no debuginfo found for %s", r.p.Name, t.binary.Name, t.name, t.binary.Name).
			CompatAt(r.At).WithRow("P-UPROBE-11").WithLabel("`args` needs it").
			WithHelp("install the debug symbols of the program, or compile it with -g; arg0, arg1 … work without")
		if len(none.Tried) > 0 {
			d.WithNote("looked for %s", strings.Join(none.Tried, ", "))
		}
		return nil
	case err != nil:
		r.errorf("no-args", at, "the debugging information of %s cannot be read", t.binary.Name).WithNote("%v", err).WithRow("P-UPROBE-11")
		return nil
	}
	f, err := p.Func(t.addr)
	if err != nil {
		r.errorf("no-args", at, "the arguments of %s:%s are not known", t.binary.Name, t.name).WithNote("%v", err).WithRow("P-UPROBE-11").
			WithHelp("its source file was compiled without -g, or it is written in assembly; arg0, arg1 … work without")
		return nil
	}
	return f
}

// parameters returns the arguments of a function by name.
func parameters(f *program.Func) []hir.Arg {
	var out []hir.Arg
	for _, p := range f.Params {
		if p.Name == "" {
			continue
		}
		out = append(out, hir.Arg{Name: p.Name, Type: inUser(p.Type), Loc: p.Loc, Parts: p.Parts, Unreadable: p.Unreadable})
	}
	return out
}

// inUser returns the type of a value of a program: pointers point into its
// memory.
func inUser(t *types.Type) *types.Type {
	if t.Kind != types.Pointer || t.Space != types.SpaceNone {
		return t
	}
	c := *t
	c.Space = types.User
	return &c
}

// typed adds to the site of a function what the debugging information says, if
// the body uses it. It returns false after it has reported an error.
func (r *request) typed(s *hir.Site, t userTarget, at int) bool {
	s.Types = ownTypes{&r.set.programs, t.binary.Path}
	own := !r.p.User // call and ret
	needs := r.Uses.Args && (own || !r.p.Returns)
	if len(t.symbols) > 0 || !needs && !(own && r.Uses.Retval) {
		return true
	}
	if !needs {
		// Without debugging information the value is a plain number.
		if p, err := r.set.programs.of(t.binary.Path); err != nil {
			return true
		} else if f, err := p.Func(t.addr); err == nil {
			s.Ret = userResult(f)
		}
		return true
	}
	f := r.described(t, at)
	if f == nil {
		return false
	}
	s.Args = append(parameters(f), numbered()...)
	if s.Ret != nil && own {
		s.Ret = userResult(f)
	}
	return true
}

// userResult returns the return value of a function, nil if it returns nothing or
// what a probe cannot read.
func userResult(f *program.Func) *hir.Arg {
	if f.Ret.Kind == types.Void {
		return nil
	}
	return result(inUser(f.Ret))
}

// savedUser returns the arguments of an entry half as the return half sees
// them: those that fit into a register are saved.
func savedUser(entry []hir.Arg) []hir.Arg {
	out := saved(entry)
	for i := range out {
		if !out[i].Type.IsScalar() && out[i].Unreadable == "" {
			out[i].Unreadable = "only arguments of up to 8 bytes are kept until the function returns; read it at the entry, with `call:`"
		}
		out[i].Parts = nil
	}
	return out
}
