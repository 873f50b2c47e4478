package provider

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/kernel"
)

// iter walks over objects of the kernel of one kind.
var iter = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "iter", Aliases: []string{"it"}, Row: "P-ITER-01", Usage: "iter:object[:pin]",
		Doc:         "Runs once for each object of a kind that the kernel has: task, task_file, task_vma, tcp … ctx has the object. What printf writes is printed, or what reading the file gives that the second part names.",
		KernelTypes: true,
	},
	Min: 1, Max: 2, Type: "iter", Kernel: true, Expand: expandIter, List: listIter,
}

// The kernel declares the iterator over NAME with DEFINE_BPF_ITER_FUNC: a
// function that nobody calls, to which programs attach by its BTF number, and a
// struct of its parameters, which is their context (include/linux/bpf.h).
const (
	iterFunc    = "bpf_iter_"
	iterContext = "bpf_iter__"
	// bpffs is where pins with a relative name lie.
	bpffs = "/sys/fs/bpf"
)

func expandIter(r *request) []*hir.Site {
	name := r.part(0)
	if isPattern(name) {
		r.errorf("bad-attach-point", 0, "iter probe type does not support wildcards").
			SameCompat().
			WithLabel("found `*`").WithHelp("`probe ls 'iter:*'` lists the iterators of this kernel")
		return nil
	}
	if r.Index > 0 {
		r.errorf("bad-attach-point", -1, "iter probe only supports one attach point.").
			SameCompat().
			WithLabel("a further one").WithHelp("write a probe of its own for it")
		return nil
	}
	if ok, why := r.set.k.Available(); !ok {
		r.errorf("no-mechanism", -1, "iterators require kernel BTF").WithNote("%s", why)
		return nil
	}
	f, err := r.set.iterator(name)
	if err != nil {
		if !errors.Is(err, kernel.ErrNoFunc) {
			r.missing(0, "iter %s: %v", name, err)
			return nil
		}
		d := r.missing(0, "iter %s not available for your kernel version.", name).
			SameCompat().WithLabel("no such iterator in this kernel")
		n := newNearest(name)
		for _, other := range r.set.iterators() {
			n.add(other)
		}
		if near := n.names(); near != "" {
			d.WithHelp("iterators with similar names exist: %s", near)
		}
		return nil
	}
	r.matched = true
	s := r.site(hir.ProgIter, types.Kernel, "iter:"+name)
	s.Func = f.Name
	s.Attach = hir.Attach{Kind: hir.AttachIter, Symbol: f.Name, Module: f.Module, BTFID: f.ID}
	if pin := r.part(1); pin != "" {
		s.Name += ":" + pin
		if !filepath.IsAbs(pin) {
			pin = filepath.Join(bpffs, pin)
		}
		s.Attach.Path = filepath.Clean(pin)
	}
	s.Attach.Object = f.Params[1].Slot
	for _, p := range f.Params[1:] {
		if p.Name == "task" && p.Known {
			s.Attach.Task = p.Slot
			s.Attach.Offset, err = taskOffset(p.Type, "tgid")
		}
	}
	if err != nil {
		r.errorf("no-mechanism", -1, "cannot tell the processes of %s apart: %v", s.Name, err)
		return nil
	}
	return []*hir.Site{s}
}

// taskOffset returns the byte offset of a member in the struct task_struct that task
// points to.
func taskOffset(task *types.Type, member string) (uint64, error) {
	for _, f := range task.Elem.Struct.Fields() {
		if f.Name == member {
			return uint64(f.Offset), nil
		}
	}
	return 0, fmt.Errorf("struct task_struct has no member %s", member)
}

// iterator returns the function of an iterator, whose first parameter is its
// struct bpf_iter_meta. Errors wrap kernel.ErrNoFunc where there is none.
func (s *Set) iterator(name string) (*kernel.Prototype, error) {
	if _, ok := s.k.Named("struct", iterContext+name); !ok {
		return nil, kernel.ErrNoFunc
	}
	f, err := s.k.Func("", iterFunc+name)
	if err != nil {
		return nil, err
	}
	if len(f.Params) < 2 || f.Params[0].Name != "meta" {
		return nil, kernel.ErrNoFunc
	}
	return f, nil
}

// iterators lists the names of the kernel's iterators, sorted.
func (s *Set) iterators() []string {
	var names []string
	for _, n := range s.k.Names("struct") {
		name, ok := strings.CutPrefix(n, iterContext)
		if !ok {
			continue
		}
		if _, err := s.iterator(name); err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func listIter(s *Set, p *Provider, pattern string, yield func(Listed) bool) error {
	if ok, why := s.k.Available(); !ok {
		return errors.New(why)
	}
	for _, name := range s.iterators() {
		if !match(pattern, name) {
			continue
		}
		l := Listed{Name: p.Name + ":" + name, Params: func() ([]string, error) {
			f, err := s.iterator(name)
			if err != nil {
				return nil, err
			}
			own := *f
			own.Params = f.Params[1:]
			return s.k.Params(&own, false), nil
		}}
		if !yield(l) {
			return nil
		}
	}
	return nil
}

// attachIter makes the link of an iterator, and its name in the file system of
// BPF where the attach point has one.
func attachIter(a *hir.Attach, prog *bpf.Prog) (*Attachment, error) {
	l, err := bpf.AttachIter(prog)
	if err != nil {
		return nil, err
	}
	if a.Path != "" {
		if err := l.Pin(a.Path); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return one(l, nil)
}
