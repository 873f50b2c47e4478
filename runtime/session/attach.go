package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/provider"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/tracefs"
	"probe/runtime/watchdog"
)

// order sorts programs into chains: programs of one chain go to the same place
// and attach one after the other, chains attach at the same time. The entry
// halves of ret: probes form separate chains, attached before the rest, so that
// no return is seen without its entry. For events on which the kernel runs the
// program attached last first, programs are attached in reverse order, so that
// several probes on one event run in source order (P-COM-12).
func order(programs []*object.Program) (entries, mains [][]int) {
	var early, late []int
	for i, p := range programs {
		switch {
		case p.Site.Attach.Kind.ByUser():
		case p.Role == object.Entry:
			entries = append(entries, []int{i})
		case p.Site.Attach.Kind.LastFirst():
			late = append(late, i)
		default:
			early = append(early, i)
		}
	}
	slices.Reverse(late)
	chain := map[string]int{}
	for _, i := range append(early, late...) {
		key := placeOf(programs[i].Site)
		at, ok := chain[key]
		if !ok {
			at = len(mains)
			chain[key] = at
			mains = append(mains, nil)
		}
		mains[at] = append(mains[at], i)
	}
	return entries, mains
}

// placeOf returns a key for the place that a site attaches to. All patterns
// have the same key, since they may match the same function.
func placeOf(s *hir.Site) string {
	a := &s.Attach
	if len(a.Symbols) > 1 {
		return fmt.Sprint("pattern ", a.Path)
	}
	return fmt.Sprint(a.Kind, a.Group, a.Module, a.Symbol, a.Symbols, a.Path, a.Offset, a.Address, a.Event, a.Period, a.Freq)
}

// attachAll attaches the programs of a clause.
func (s *Session) attachAll(ctx context.Context, c *Clause) error {
	missing := c.obj.HIR.ConfigString("missing_probes")
	var mu sync.Mutex
	var firstErr error
	attachOne := func(i int) bool {
		p := c.obj.Programs[i]
		pid := s.opts.PID
		if c.obj.Follow != nil && p.Site.Attach.Kind != hir.AttachWatchpoint {
			pid = 0 // the program looks for itself
		}
		a, err := s.opts.Machine.Attach(ctx, p.Site, c.progs[i], pid)
		mu.Lock()
		defer mu.Unlock()
		if err != nil && ctx.Err() != nil {
			return false // interrupted: not an error of the probe
		}
		if err != nil {
			d := attachDiag(p, err)
			switch {
			case missing == "ignore":
				c.skipped++
			case missing == "warn":
				c.skipped++
				d.Severity = diag.Warning
				d.WithNote("missing_probes is \"warn\": this probe is skipped").WithCompat("Unable to attach probe: %s. Skipping.", p.Site.Name)
				s.report(d)
			case firstErr == nil:
				firstErr = &LoadError{Diag: d, err: err}
			}
			return missing == "warn" || missing == "ignore"
		}
		if a == nil {
			return true
		}
		c.links = append(c.links, attached{i, a.Links})
		c.failed = append(c.failed, a.Failed...)
		if a.Off != nil {
			c.off = append(c.off, switchedOff{p, a.Off})
		}
		if p.Role == object.Main {
			c.count += a.Count
			s.verbose("attached %s: %s", p.Site.Name, how(p.Site))
		}
		for _, f := range a.Failed {
			s.verbose("not attached: %s: %v", f.Name, f.Err)
		}
		return true
	}
	entries, mains := order(c.obj.Programs)
	for _, chains := range [][][]int{entries, mains} {
		inParallel(chains, func(chain []int) {
			for _, i := range chain {
				mu.Lock()
				stop := firstErr != nil || ctx.Err() != nil
				mu.Unlock()
				if stop || !attachOne(i) {
					return
				}
			}
		})
		if firstErr != nil {
			return firstErr
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	s.reportOff(c)
	for _, p := range c.obj.Programs {
		if p.Site.Attach.Kind.ByUser() {
			c.count++
			s.verbose("attached %s: run from user space", p.Site.Name)
		}
	}
	if c.count == 0 && s.opts.Mode == hir.Trace {
		return &LoadError{Diag: &diag.Diagnostic{Severity: diag.Error, Code: "attach-failed", Row: "P-COM-11",
			Message: "attachment failed for all probes"}}
	}
	return nil
}

// switchedOff is a program that does not run although it is attached.
type switchedOff struct {
	p   *object.Program
	off *tracefs.Off
}

// reportOff warns of probes that do not run, once for each reason.
func (s *Session) reportOff(c *Clause) {
	told := map[string]bool{}
	for _, o := range c.off {
		if told[o.off.What] {
			continue
		}
		told[o.off.What] = true
		s.report((&diag.Diagnostic{Severity: diag.Warning, Code: "switched-off", Row: "X-RUN", Span: o.p.Probe.At,
			Message: o.p.Site.Name + " will not run: " + o.off.What + " " + o.off.Is + " switched off on this machine", Label: "attached, and never called",
		}).WithNote("%s holds 0", o.off.File).WithHelp("as root: echo 1 > %s", o.off.File))
	}
}

// inParallel calls f for each chain, a few at a time.
func inParallel(chains [][]int, f func([]int)) {
	const most = 8
	if len(chains) == 1 {
		f(chains[0])
		return
	}
	var wg sync.WaitGroup
	turn := make(chan struct{}, most)
	for _, c := range chains {
		wg.Add(1)
		turn <- struct{}{}
		go func() {
			defer func() { <-turn; wg.Done() }()
			defer watchdog.Report()
			f(c)
		}()
	}
	wg.Wait()
}

// how describes, for -v, how a site is attached.
func how(s *hir.Site) string {
	if s.Why != "" {
		return s.Why
	}
	return s.Provider
}

// attachDiag returns the message for a program that cannot be attached
// (P-COM-10).
func attachDiag(p *object.Program, err error) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "attach-failed", Row: "P-COM-10", Span: p.Probe.At,
		Message: "unable to attach probe: " + p.Site.Name, Label: "for this probe"}
	d.WithCompat("Unable to attach probe: %s. If this is expected, set the 'missing_probes' config variable to 'warn'.", p.Site.Name).CompatAlone()
	kind := p.Site.Attach.Kind
	function := kind == hir.AttachKprobe || kind == hir.AttachKretprobe || kind == hir.AttachFentry || kind == hir.AttachFexit
	switch errno := errnoOf(err); {
	case errors.Is(err, bpf.ErrNoKprobes), errors.Is(err, bpf.ErrNoUprobes):
		d.WithNote("%v", err)
	case errno == unix.EPERM || errno == unix.EACCES:
		d.Code = "no-permission"
		d.WithNote("the kernel does not allow this process to attach it")
		call := rights.Event
		switch kind {
		case hir.AttachUprobeMulti, hir.AttachUretprobeMulti:
			call = rights.Program
		case hir.AttachUprobe, hir.AttachUretprobe, hir.AttachWatchpoint:
			call = rights.AdminEvent
		}
		live.AddPermission(d, call)
	case function && errno == unix.EILSEQ, function && errno == unix.EINVAL && p.Site.Attach.Offset != 0:
		d.WithNote("possible attachment attempt in the middle of an instruction")
		if errno == unix.EILSEQ {
			d.WithCompat("Possible attachment attempt in the middle of an instruction, try a different offset.\nERROR: %s", d.Compat.Text)
		}
	case function && errno == unix.EADDRNOTAVAIL:
		d.WithNote("several functions have this name, and the kernel cannot know which one is meant")
		d.WithHelp("name the module, or use fentry, which tells them apart by type")
	case function && errno == unix.ENOENT, function && errno == unix.EINVAL:
		d.WithNote("the kernel says that the function cannot be probed: it is on its deny list, or marked notrace (%v)", errno)
	case function && errno == unix.EBUSY:
		d.WithNote("another tracer holds this function in a way that excludes others (%v)", errno)
	case kind == hir.AttachHardware && (errno == unix.ENOENT || errno == unix.EOPNOTSUPP || errno == unix.ENODEV):
		d.WithNote("this machine does not count such events, as is usual in virtual machines (%v)", errno)
	case errno == unix.ENOSPC || errno == unix.EMFILE:
		d.WithNote("%v", err)
		d.WithHelp("raise the limit of open files: ulimit -n 65536")
	case errors.Is(err, os.ErrNotExist):
		d.WithNote("it does not exist any more: %v", err)
	default:
		d.WithNote("%v", err)
	}
	d.WithHelp("if this is expected, set the missing_probes config variable: `config = { missing_probes = \"warn\" }`")
	return d
}

// notAttached lists the places of wildcards that could not be attached, in one
// short text.
func notAttached(fs []provider.Failure) string {
	var names []string
	for i, f := range fs {
		if i == 3 {
			names = append(names, "…")
			break
		}
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}
