package session

import (
	"errors"
	"time"

	"probe/compiler/object"
	"probe/lang/hir"
	"probe/runtime/event"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/recording"
)

// host is where the programs of a clause run: in the kernel, or in the
// interpreter over a recording.
type host interface {
	// special runs the programs that user space runs in a phase: begin or end.
	special(phase hir.Phase) error
	// table returns a hash map of the script by its kernel name, nil if there
	// is none.
	table(spec string) table
	// now returns the wall clock time of the program that runs.
	now() time.Time
	// receipt adds the items that only the host knows.
	receipt(add func(event.ReceiptItem))
	// unmap releases memory that programs share with this process.
	unmap(b []byte)
}

// loaded is a clause in the kernel.
type loaded struct{ c *Clause }

func (l loaded) special(phase hir.Phase) error {
	var errs []error
	for i, p := range l.c.obj.Programs {
		if p.Site.About().Phase == phase {
			errs = append(errs, runOnce(l.c.progs[i]))
		}
	}
	return errors.Join(errs...)
}

// runOnce runs a program on the first thread.
func runOnce(p *bpf.Prog) (err error) {
	onFirstThread(func() { err = p.Run() })
	return err
}

func (l loaded) table(spec string) table {
	if m := l.c.maps[spec]; m != nil {
		return kernelTable{m}
	}
	return nil
}

func (loaded) now() time.Time { return time.Now() }

func (l loaded) receipt(add func(event.ReceiptItem)) {
	c := l.c
	for _, a := range c.links {
		p := c.obj.Programs[a.program]
		it := skipped(c.obj, p)
		untold := event.ReceiptItem{Kind: event.Untold, Where: p.Site.Name, Detail: "runs that were skipped because a probe was already running on that CPU"}
		if returns(p) {
			it.Kind = event.MissedReturns
			untold.Detail = "returns that were missed because too many calls ran at once"
			if it.Detail != "" {
				it.Detail = "too many calls ran at once; the kernel counts them in all processes, before the predicate"
			}
		}
		for _, k := range a.links {
			if n := k.Throttled(); n > 0 {
				add(event.ReceiptItem{Kind: event.Throttled, Where: p.Site.Name, Count: n})
			}
			switch n, ok := k.Missed(); {
			case ok && n > 0:
				it.Count = n
				add(it)
			case !ok && k.CanMiss():
				add(untold)
			}
			if k.Partly() && nests(c.obj) {
				add(event.ReceiptItem{Kind: event.Untold, Where: p.Site.Name, Detail: "runs that were skipped inside of programs of tracepoints, uprobes and samples"})
			}
		}
	}
	if n := c.unseenForks(); n > 0 {
		add(event.ReceiptItem{Kind: event.Recursion, Where: "the search for descendants of the process", Count: n})
	}
	for i, p := range c.obj.Programs {
		if c.progs == nil || c.progs[i] == nil {
			continue
		}
		if st, err := c.progs[i].Stats(); err == nil && st.Recursion > 0 {
			it := skipped(c.obj, p)
			it.Count = st.Recursion
			add(it)
		}
	}
}

// nests reports whether a script has programs in which the kernel skips those of
// kprobes: all that run for a perf event, but kprobes, which exclude each other.
func nests(obj *object.Object) bool {
	for _, p := range obj.Programs {
		switch p.Site.Attach.Kind {
		case hir.AttachTracepoint, hir.AttachUprobe, hir.AttachUretprobe, hir.AttachProfile, hir.AttachSoftware, hir.AttachHardware, hir.AttachWatchpoint:
			return true
		}
	}
	return false
}

// skipped is the item for runs of a program that the kernel skipped. It counts them before
// the predicate: the number must not be taken for events that the script wants.
func skipped(obj *object.Object, p *object.Program) event.ReceiptItem {
	it := event.ReceiptItem{Kind: event.Recursion, Where: p.Site.Name}
	if filtered(obj, p) {
		it.Detail = "a probe was already running on that CPU; the kernel counts them in all processes, before the predicate"
	}
	return it
}

// filtered reports whether a program looks at some of its events only.
func filtered(obj *object.Object, p *object.Program) bool {
	return !hir.IsNil(p.Probe.Pred) || obj.Filtered
}

func (loaded) unmap(b []byte) { _ = bpf.Unmap(b) }

// interpreted is a clause in the interpreter of a recording.
type interpreted struct{ *recording.Player }

func (i interpreted) special(phase hir.Phase) error { return i.Special(phase) }

func (i interpreted) table(spec string) table {
	if t := i.Map(spec); t != nil {
		return replayTable{t}
	}
	return nil
}

func (i interpreted) now() time.Time { return i.Now() }

func (i interpreted) receipt(add func(event.ReceiptItem)) {
	i.Left(func(probe, why string, n uint64) {
		add(event.ReceiptItem{Kind: event.NotRecorded, Where: probe, Count: n, Detail: why})
	})
}

// unmap does nothing: the memory is the interpreter's.
func (interpreted) unmap([]byte) {}
