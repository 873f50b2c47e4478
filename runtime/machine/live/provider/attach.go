package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"probe/lang/hir"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/dynevent"
	"probe/runtime/machine/live/tracefs"
	"probe/runtime/watchdog"
)

// Attachment is an attached program.
type Attachment struct {
	Links []*bpf.Link
	// Count is the number of places it adds to N in "Attached N probes"
	// (P-COM-18).
	Count int
	// Failed lists the places of a wildcard that could not be attached.
	Failed []Failure
	// Off is what somebody has switched off, so that the program does not run; nil
	// for nothing.
	Off *tracefs.Off
}

// Failure is one place of a wildcard that could not be attached.
type Failure struct {
	Name string
	Err  error
}

// Attach attaches a loaded program to its site. pid restricts the probes that
// the kernel can restrict to a process (P-COM-15); 0 means no restriction. For
// programs that user space runs (begin, end, interval, self) it returns nil. When ctx
// ends in the middle of a wildcard, nothing remains attached.
func (s *Set) Attach(ctx context.Context, site *hir.Site, prog *bpf.Prog, pid int) (*Attachment, error) {
	at, err := s.attach(ctx, site, prog, pid)
	if at != nil {
		at.Off = s.off(site.Attach.Kind)
	}
	return at, err
}

// off finds out whether what a kind of attachment needs is switched off.
func (s *Set) off(kind hir.AttachKind) *tracefs.Off {
	switch kind {
	case hir.AttachKprobe, hir.AttachKretprobe:
		if t, err := s.k.Tracefs(); err == nil {
			if off := t.KprobesOff(); off != nil {
				return off
			}
		}
		return tracefs.FtraceOff()
	case hir.AttachKprobeMulti, hir.AttachKretprobeMulti, hir.AttachKprobeSession, hir.AttachFsessionMulti, hir.AttachFentry, hir.AttachFexit:
		return tracefs.FtraceOff()
	}
	return nil
}

func (s *Set) attach(ctx context.Context, site *hir.Site, prog *bpf.Prog, pid int) (*Attachment, error) {
	a := &site.Attach
	if a.Kind.ByUser() {
		return nil, nil
	}
	switch a.Kind {
	case hir.AttachKprobe, hir.AttachKretprobe:
		return s.attachKprobe(ctx, a, prog)
	case hir.AttachKprobeMulti:
		return attachMulti(a, prog, bpf.MultiEntry)
	case hir.AttachKretprobeMulti:
		return attachMulti(a, prog, bpf.MultiReturn)
	case hir.AttachKprobeSession:
		return attachMulti(a, prog, bpf.MultiSession)
	case hir.AttachFsessionMulti:
		return attachFsession(a, prog)
	case hir.AttachFentry, hir.AttachFexit, hir.AttachRawTP:
		return one(bpf.AttachTracing(prog))
	case hir.AttachRawTracepoint:
		return one(bpf.AttachRawTracepoint(prog, a.Symbol))
	case hir.AttachTracepoint:
		return s.attachTracepoint(a, prog)
	case hir.AttachUprobe, hir.AttachUretprobe:
		return attachUprobe(ctx, a, prog, pid)
	case hir.AttachUprobeMulti, hir.AttachUretprobeMulti:
		return attachUprobes(a, prog, pid)
	case hir.AttachProfile:
		return s.attachSample(bpf.Sample{
			Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK,
			Period: a.Period, Freq: a.Freq, PID: pid,
		}, prog)
	case hir.AttachIter:
		return attachIter(a, prog)
	case hir.AttachWatchpoint:
		return attachWatch(a, prog, pid)
	case hir.AttachSoftware, hir.AttachHardware:
		return s.attachCounted(a, prog, pid)
	}
	panic(fmt.Sprintf("provider: attach kind %d", a.Kind))
}

func one(l *bpf.Link, err error) (*Attachment, error) {
	if err != nil {
		return nil, err
	}
	return &Attachment{Links: []*bpf.Link{l}, Count: 1}, nil
}

func (s *Set) attachKprobe(ctx context.Context, a *hir.Attach, prog *bpf.Prog) (*Attachment, error) {
	ret := a.Kind == hir.AttachKretprobe
	if len(a.Symbols) > 0 {
		return each(ctx, a.Symbols, func(i int) (*bpf.Link, error) {
			return s.attachFunction(prog, dynevent.Kprobe{Symbol: a.Symbols[i], Return: ret, Active: a.Active}, len(a.Symbols))
		})
	}
	if a.Address != 0 {
		return one(s.attachFunction(prog, dynevent.Kprobe{Offset: a.Address, Return: ret, Active: a.Active}, 1))
	}
	return one(s.attachFunction(prog, dynevent.Kprobe{Symbol: fn{a.Symbol, a.Module}.symbol(), Offset: a.Offset, Return: ret, Active: a.Active}, 1))
}

// maxEvents bounds the functions of one wildcard that get events of their own: to
// make one and to remove it takes a millisecond or more.
const maxEvents = 64

// attachFunction attaches to one of several functions. Returns are attached by an
// event of tracefs, which can keep as many calls as the machine has threads;
// entries only where the kernel does not say how many runs it left out otherwise.
// Without a tracefs that can be written there is no such event.
func (s *Set) attachFunction(prog *bpf.Prog, k dynevent.Kprobe, of int) (*bpf.Link, error) {
	// Asked once: programs attach at the same time, and one that has not tried an
	// event must not take what another finds out for its own answer.
	silent := s.silent.Load()
	if of <= maxEvents && (k.Return || silent) {
		if l, err := s.attachEvent(prog, k); err == nil {
			return l, nil
		}
	}
	l, err := bpf.AttachKprobe(prog, k.Symbol, k.Offset, k.Return)
	if err != nil || of > maxEvents || k.Return || silent {
		return l, err
	}
	if _, ok := l.Missed(); ok {
		return l, nil
	}
	s.silent.Store(true)
	_ = l.Close() // with both attached, events would count twice
	return s.attachFunction(prog, k, of)
}

// attachEvent attaches through an event that is defined for it.
func (s *Set) attachEvent(prog *bpf.Prog, k dynevent.Kprobe) (*bpf.Link, error) {
	t, err := s.k.Tracefs()
	if err != nil {
		return nil, err
	}
	e, err := s.events.Define(t, k)
	if err != nil {
		return nil, err
	}
	l, err := bpf.AttachKprobeEvent(prog, e.ID)
	if err != nil {
		return nil, errors.Join(err, e.Remove())
	}
	l.Own(e.Missed, e.Remove)
	return l, nil
}

// parallel is the number of attachments of a wildcard that are made at the same
// time. Each spends most of its time waiting for other CPUs.
const parallel = 8

// each attaches a program to many places. It skips places that fail, as long as
// one succeeds.
func each(ctx context.Context, names []string, attach func(i int) (*bpf.Link, error)) (*Attachment, error) {
	links := make([]*bpf.Link, len(names))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	turn := make(chan struct{}, parallel)
	for i := range names {
		turn <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer watchdog.Report()
			links[i], errs[i] = attach(i)
			<-turn
		}()
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		closeLinks(links)
		return nil, err
	}
	out := &Attachment{}
	for i, l := range links {
		if errs[i] != nil {
			out.Failed = append(out.Failed, Failure{names[i], errs[i]})
			continue
		}
		out.Links = append(out.Links, l)
		out.Count++
	}
	if out.Count == 0 {
		return nil, fmt.Errorf("none of %d functions could be attached; the first, %s: %w", len(names), names[0], errs[0])
	}
	return out, nil
}

// closeLinks closes links in parallel, since each close waits for the kernel.
func closeLinks(links []*bpf.Link) {
	var wg sync.WaitGroup
	for _, l := range links {
		if l == nil {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer watchdog.Report()
			_ = l.Close()
		}()
	}
	wg.Wait()
}

// attachMulti creates a single link from the functions' names.
func attachMulti(a *hir.Attach, prog *bpf.Prog, kind bpf.MultiKind) (*Attachment, error) {
	return attachMany(a, func(from, to int) (*bpf.Link, error) { return bpf.AttachMulti(prog, kind, a.Symbols[from:to]) })
}

// attachFsession creates a single link from the functions' BTF numbers.
func attachFsession(a *hir.Attach, prog *bpf.Prog) (*Attachment, error) {
	return attachMany(a, func(from, to int) (*bpf.Link, error) { return bpf.AttachFsessionMulti(prog, a.BTFIDs[from:to]) })
}

// attachMany creates a single link. If the kernel rejects the list because a
// function in it cannot be attached, it does not say which one, so attachMany
// bisects the list until it has found the bad ones.
func attachMany(a *hir.Attach, attach func(from, to int) (*bpf.Link, error)) (*Attachment, error) {
	out := &Attachment{}
	err := halves(a.Symbols, 0, len(a.Symbols), out, func(from, to int) error {
		l, err := attach(from, to)
		if err == nil {
			out.Links = append(out.Links, l)
			out.Count += to - from
		}
		return err
	})
	if err != nil {
		closeLinks(out.Links)
		return nil, err
	}
	if out.Count == 0 {
		return nil, fmt.Errorf("none of %d functions could be attached; the first, %s: %w", len(a.Symbols), a.Symbols[0], out.Failed[0].Err)
	}
	return out, nil
}

// maxFailed is the maximum number of bad names that attachMany looks for. With
// more, something else is wrong.
const maxFailed = 64

// errNotSupp is ENOTSUPP of the kernel: an instruction that cannot be probed.
const errNotSupp = unix.Errno(524)

// oneOf reports whether a single function of a list may have caused err: it
// does not exist, cannot be patched, or has too many programs already.
func oneOf(err error) bool {
	for _, e := range []unix.Errno{unix.ESRCH, unix.ENOENT, unix.EINVAL, unix.EADDRNOTAVAIL, unix.EBUSY, unix.E2BIG, unix.EOPNOTSUPP, unix.EIO, errNotSupp} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func halves(symbols []string, from, to int, out *Attachment, try func(from, to int) error) error {
	err := try(from, to)
	switch {
	case err == nil:
		return nil
	case !oneOf(err):
		return err
	case to-from == 1:
		out.Failed = append(out.Failed, Failure{symbols[from], err})
		if len(out.Failed) > maxFailed {
			return fmt.Errorf("more than %d functions could not be attached; the last, %s: %w", maxFailed, symbols[from], err)
		}
		return nil
	}
	half := (from + to) / 2
	if err := halves(symbols, from, half, out, try); err != nil {
		return err
	}
	return halves(symbols, half, to, out, try)
}

func (s *Set) attachTracepoint(a *hir.Attach, prog *bpf.Prog) (*Attachment, error) {
	t, err := s.k.Tracefs()
	if err != nil {
		return nil, err
	}
	id, err := t.EventID(a.Group, a.Symbol)
	if err != nil {
		return nil, err
	}
	return one(bpf.AttachTracepoint(prog, id))
}

func attachUprobe(ctx context.Context, a *hir.Attach, prog *bpf.Prog, pid int) (*Attachment, error) {
	ret := a.Kind == hir.AttachUretprobe
	if len(a.Symbols) == 0 {
		return attachPlaces(a, prog, pid, ret)
	}
	return each(ctx, a.Symbols, func(i int) (*bpf.Link, error) {
		return bpf.AttachUprobe(prog, a.Path, a.Offsets[i], 0, pid, ret)
	})
}

// attachUprobes creates a single link to all places in a file.
func attachUprobes(a *hir.Attach, prog *bpf.Prog, pid int) (*Attachment, error) {
	u := bpf.Uprobes{Path: a.Path, PID: pid, Return: a.Kind == hir.AttachUretprobeMulti, Semaphore: a.Semaphore}
	if len(a.Symbols) > 0 {
		return attachMany(a, func(from, to int) (*bpf.Link, error) {
			u.Offsets = a.Offsets[from:to]
			return bpf.AttachUprobes(prog, u)
		})
	}
	u.Offsets = append([]uint64{a.Offset}, a.Offsets...)
	out, err := one(bpf.AttachUprobes(prog, u))
	if err == nil && a.Again {
		out.Count = 0
	}
	return out, err
}

// attachPlaces attaches a program to one place, or to all places of a static
// probe, which count as one.
func attachPlaces(a *hir.Attach, prog *bpf.Prog, pid int, ret bool) (*Attachment, error) {
	out := &Attachment{Count: 1}
	if a.Again {
		out.Count = 0
	}
	for _, off := range append([]uint64{a.Offset}, a.Offsets...) {
		l, err := bpf.AttachUprobe(prog, a.Path, off, a.Semaphore, pid, ret)
		if err != nil {
			closeLinks(out.Links)
			return nil, err
		}
		out.Links = append(out.Links, l)
	}
	return out, nil
}

func (s *Set) attachCounted(a *hir.Attach, prog *bpf.Prog, pid int) (*Attachment, error) {
	table := softwareEvents
	if a.Kind == hir.AttachHardware {
		table = hardwareEvents
	}
	c, ok := counterByName(table, a.Event)
	if !ok {
		return nil, fmt.Errorf("event %s: %w", a.Event, fs.ErrNotExist)
	}
	return s.attachSample(bpf.Sample{Type: c.typ, Config: c.config, Period: a.Period, PID: pid}, prog)
}

func (s *Set) attachSample(sample bpf.Sample, prog *bpf.Prog) (*Attachment, error) {
	cpus, err := bpf.OnlineCPUs()
	if err != nil {
		return nil, err
	}
	return one(bpf.AttachSample(prog, sample, cpus))
}
