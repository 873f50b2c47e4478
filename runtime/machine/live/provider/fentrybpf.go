package provider

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/kernel"
)

// ofProgram reports whether an attach point names functions of BPF programs:
// "bpf:NAME" or "bpf:ID:NAME".
func (r *request) ofProgram() bool { return len(r.args) >= 2 && r.part(0) == "bpf" }

// runningFuncs returns the functions of the machine's BPF programs whose name
// matches, of the program with the number id, or of all for "" and "*".
func (s *Set) runningFuncs(id, name string) ([]kernel.Running, error) {
	if s.opts.Elsewhere {
		return nil, errors.New("the programs of another machine are not known")
	}
	return s.k.EachRunning(func(program uint32, fn string) bool {
		return (id == "" || match(id, strconv.FormatUint(uint64(program), 10))) && match(name, fn)
	})
}

// expandRunning expands fentry and fexit on functions of BPF programs
// (P-FENTRY-08).
func (r *request) expandRunning() []*hir.Site {
	at := len(r.args) - 1
	id, name := "", r.part(at)
	if at == 2 {
		id = r.part(1)
		if _, err := strconv.ParseUint(id, 10, 32); err != nil && !isPattern(id) {
			r.errorf("bad-attach-point", 1, "%q is not the number of a BPF program", id).WithRow("P-FENTRY-08").WithHelp("the form is `%s:bpf:[number:]function`; `probe ls '%s:bpf:*'` lists them", r.p.Name, r.p.Name)
			return nil
		}
	}
	if err := r.set.tracing(); err != nil {
		r.cannotUse(r.p.Name, err, "BPF programs have no other probes")
		return nil
	}
	found, err := r.set.runningFuncs(id, name)
	if err != nil {
		r.matched = true
		d := r.errorf("no-mechanism", at, "the BPF programs of this machine cannot be listed: %v", err).WithRow("P-FENTRY-08")
		if errors.Is(err, fs.ErrPermission) {
			d.WithHelp("this needs CAP_SYS_ADMIN")
		}
		return nil
	}
	if len(found) == 0 {
		r.noRunning(at, name)
		return nil
	}
	r.matched = true
	// A name that several programs have is each of them, as with a wildcard.
	if r.MaxProgs > 0 && len(found) > r.MaxProgs {
		r.errorf("too-many-programs", at, "this pattern would make %d BPF programs, the limit is %d", len(found), r.MaxProgs).WithCompat(tooManyPrograms, len(found), r.MaxProgs).
			CompatHint(raiseProgs).WithRow("P-COM-08")
		return nil
	}
	var sites []*hir.Site
	var limits limited
	for i := range found {
		f := &found[i]
		if err := r.set.tryRunning(f, r.p.Returns); err != nil {
			limits.add(fn{name: fmt.Sprintf("%d:%s", f.Program, f.Name)}, err.Error())
			continue
		}
		sites = append(sites, r.runningSite(f))
	}
	n := len(limits.names)
	switch {
	case n == 0:
	case len(sites) == 0:
		r.errorf("bad-attach-point", at, "%s:%s: %s", r.p.Name, r.text(), oneOrNone(n)).WithRow("P-FENTRY-08").
			WithNote("%s", some(limits.names)).WithNote("%s", limits.why)
	default:
		r.warnf("not-attached", at, "%d of the %d functions that match cannot be attached", n, n+len(sites)).WithRow("P-FENTRY-08").CompatOmit().
			WithNote("%s", some(limits.names)).WithNote("the first: %s", limits.why)
	}
	return sites
}

func oneOrNone(n int) string {
	if n == 1 {
		return "this function cannot be attached"
	}
	return fmt.Sprintf("none of the %d functions that match can be attached", n)
}

// noRunning reports that no program has such a function.
func (r *request) noRunning(at int, name string) {
	d := r.missing(at, "no matches for %s:%s: no BPF program with type information has such a function", r.p.Name, r.text()).WithRow("P-FENTRY-08")
	n := r.set.seek(name)
	if n == nil {
		return
	}
	all, err := r.set.runningFuncs("", "*")
	if err != nil {
		return
	}
	if len(all) == 0 {
		d.WithNote("no BPF program of this machine has type information")
		return
	}
	for _, f := range all {
		n.add(f.Name)
	}
	if near := n.names(); near != "" {
		d.WithHelp("functions with similar names exist: %s", near)
	}
}

// tryRunning reports why the kernel does not let a function be traced. The kernel
// alone knows which: programs that trace others, those that end by an exception,
// and more with each version.
func (s *Set) tryRunning(f *kernel.Running, exit bool) error {
	prog, err := bpf.OpenRunning(f.Program)
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("the program has ended: %w", os.ErrProcessDone)
	}
	if err != nil {
		return err
	}
	defer prog.Close()
	return bpf.TryTracing(exit, int(prog.Fd()), f.ID)
}

// runningSite returns the site of one function.
func (r *request) runningSite(f *kernel.Running) *hir.Site {
	s := &hir.Site{
		Provider: r.p.Name, Kind: &r.p.ProbeKind, Type: r.p.Type, Name: fmt.Sprintf("%s:bpf:%d:%s", r.p.Name, f.Program, f.Name),
		Prog: hir.ProgTracing, Space: types.Kernel, Func: f.Name, Args: inSlots(f.Prototype),
		Attach: hir.Attach{Kind: hir.AttachFentry, Symbol: f.Name, BTFID: f.ID, Program: f.Program},
	}
	if r.untold() {
		s.Attach.Func = f.Addr
	}
	if !r.p.Returns {
		return s
	}
	s.Attach.Kind, s.Ret = hir.AttachFexit, resultSlot(f.Prototype)
	// Of a function whose types the verifier found to be wrong the kernel passes
	// five arguments, whatever their number, and the result behind them. The helper
	// knows.
	if s.Ret != nil && r.set.k.TellsResults() {
		s.Ret.Loc = hir.Loc{Kind: hir.LocFuncRet, Size: 8}
	}
	return s
}

// listRunning lists the functions of BPF programs; pattern is what follows "bpf:".
func (s *Set) listRunning(p *Provider, pattern string, yield func(Listed) bool) error {
	id, name := splitModule(pattern)
	found, err := s.runningFuncs(id, name)
	if err != nil {
		return err
	}
	for i := range found {
		f := &found[i]
		l := Listed{Name: fmt.Sprintf("%s:bpf:%d:%s", p.Name, f.Program, f.Name), Params: func() ([]string, error) {
			return f.Lines(p.Returns), nil
		}}
		if !yield(l) {
			break
		}
	}
	return nil
}
