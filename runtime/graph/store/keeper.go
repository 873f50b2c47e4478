package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"probe/compiler/builtin"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/graph"
	"probe/runtime/graph/ftrace"
	"probe/runtime/graph/proto"
	"probe/runtime/machine/live"
	"probe/stdlib/fgraph"
)

// Keeper takes the records with which the programs of one object request call
// graphs, and keeps the trees. A nil *Keeper serves an object whose probes use
// no graph. A Keeper is not safe for concurrent use.
type Keeper struct {
	opts Options
	// functions describes the kernel's functions; nil for Replay.
	functions *proto.Kernel
	tracer    *Tracer // nil when programs record everything
	recorded  func() ([]*graph.Tree, *graph.Funcs)
	probes    map[uint32]*probe
	gaps      uint64             // events missing in the trees kept, each once
	seen      map[lossPoint]bool // the losses that gaps has
	closed    bool
	forgotAt  int64
}

// lossPoint is where events were lost: the tracer tells it to each thread that it has last
// seen on the CPU.
type lossPoint struct {
	at  int64
	cpu uint16
}

// Options holds what a Keeper needs from its session.
type Options struct {
	// Trees is the store for the trees. Several keepers may share it.
	Trees *Store
	// Kernel is the machine whose functions are recorded; nil for Replay.
	Kernel *live.Machine
	// PID is the process that the script is restricted to, 0 for none.
	PID int
	// Verbose, if set, is called with messages about how the graphs are
	// recorded.
	Verbose func(format string, args ...any)
	// Send receives warnings, errors, and each tree that is kept; a tree is
	// sent before the values that show it.
	Send func(event.Event)
}

// probe is one fgraph: probe.
type probe struct {
	spec    *fgraph.Plan
	site    *hir.Site
	decoder *Decoder // fgraph.BPF
	root    *Decoder // fgraph.Ftrace with args=deep: the root's arguments
	only    map[string]bool
	own     *Own
	skip    graph.Skipper
	missing uint64 // trees that were not found
}

// StartError is the reason why graphs cannot be recorded on this machine.
type StartError struct {
	Diag *diag.Diagnostic
	Err  error
}

func (e *StartError) Error() string { return e.Diag.Error() }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

func newKeeper(probes []*hir.Probe, opts Options) *Keeper {
	k := &Keeper{opts: opts, probes: map[uint32]*probe{}, seen: map[lossPoint]bool{}}
	for i, pr := range probes {
		if spec := fgraph.Of(pr.Site); spec != nil {
			k.probes[uint32(i)] = &probe{spec: spec, site: pr.Site, only: onlyOf(spec), own: NewOwn(), skip: graph.Skipper{Patterns: spec.Skip}}
		}
	}
	return k
}

// Open prepares the graphs of an object's probes on the running kernel: it
// switches the tracer on where one of them wants its trees. The Keeper is nil
// when no probe uses a graph. The error is a *StartError, or that of ctx.
func Open(ctx context.Context, probes []*hir.Probe, opts Options) (*Keeper, error) {
	k := newKeeper(probes, opts)
	if len(k.probes) == 0 {
		return nil, nil
	}
	k.functions = proto.New(opts.Kernel.Types(), opts.Kernel.Symbols())
	var traced []*fgraph.Plan
	var first *hir.Probe
	for i, pr := range probes {
		p := k.probes[uint32(i)]
		if p == nil {
			continue
		}
		name, spec := pr.Site.Name, p.spec
		k.verbose("%s: graphs by %s", name, spec.Why)
		if spec.Source == fgraph.BPF {
			p.decoder = NewDecoder(spec, k.functions.Fill, opts.Kernel.Symbols().Names())
			p.only = nil // without programs at other functions there is nothing to select
			k.verbose("%s: %s", name, partsText(spec.Parts))
			if spec.Deep {
				k.verbose("%s: args=deep: functions that take structs which are shown have programs of their own", name)
			}
			continue
		}
		if spec.Deep {
			p.root = NewDecoder(spec, k.functions.Fill, opts.Kernel.Symbols().Names())
			k.verbose("%s: args=deep: the tracer cannot follow pointers, so only the arguments of %s are looked into", name, spec.Func)
		}
		traced = append(traced, spec)
		if first == nil {
			first = pr
		}
	}
	if len(traced) == 0 {
		return k, nil
	}
	if err := k.trace(ctx, traced); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err() // interrupted: not an error of the tracer
		}
		return nil, tracerError(first, err)
	}
	return k, nil
}

// trace switches the tracer on.
func (k *Keeper) trace(ctx context.Context, traced []*fgraph.Plan) error {
	tfs, err := k.opts.Kernel.Tracefs()
	if err != nil {
		return err
	}
	var threads []int32
	if k.opts.PID > 0 {
		threads = threadsOf(k.opts.PID)
	}
	k.verbose("switching the tracer function_graph on …")
	if k.tracer, err = Start(ctx, tfs, traced, threads, k.opts.Kernel.Symbols(), k.functions.Fill); err != nil {
		return err
	}
	k.verbose("%s", k.tracer.Where())
	if old := k.tracer.Recovered(); old.PID != 0 {
		k.opts.Send(&event.Log{Severity: diag.Warning, Text: fmt.Sprintf("restored the tracing settings that process %d had left", old.PID)})
	}
	return nil
}

// Replay prepares the graphs of an object that runs over a recording. trees
// returns the recorded trees of the call for which the last programs ran.
func Replay(probes []*hir.Probe, opts Options, trees func() ([]*graph.Tree, *graph.Funcs)) *Keeper {
	k := newKeeper(probes, opts)
	k.recorded = trees
	return k
}

func (k *Keeper) verbose(format string, args ...any) {
	if k.opts.Verbose != nil {
		k.opts.Verbose(format, args...)
	}
}

// onlyOf returns the set of functions that a probe asks for, nil for all.
func onlyOf(spec *fgraph.Plan) map[string]bool {
	if spec.Only == nil {
		return nil
	}
	only := map[string]bool{}
	for _, name := range spec.Only {
		only[name] = true
	}
	return only
}

// partsText describes, for -v, how the functions below a root are probed.
func partsText(parts []fgraph.Part) string {
	by := map[string]int{}
	var order []string
	for i := range parts {
		enter, exit := parts[i].Enter, parts[i].Exit
		why := enter.Why
		switch {
		case exit != nil && parts[i].Func == "":
			why += "; " + exit.Why
		case exit != nil:
			why, _, _ = strings.Cut(exit.Why, ":")
		}
		if by[why] == 0 {
			order = append(order, why)
		}
		by[why]++
	}
	for i, why := range order {
		if n := by[why]; n > 1 {
			order[i] = fmt.Sprintf("%d functions by %s", n, why)
		}
	}
	if len(order) == 0 {
		return "no function below it is recorded"
	}
	return "below it " + strings.Join(order, ", ")
}

// threadsOf lists the threads of a process; nil if it has ended, which the
// session detects itself.
func threadsOf(pid int) []int32 {
	dir, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return nil
	}
	var out []int32
	for _, d := range dir {
		if n, err := strconv.ParseInt(d.Name(), 10, 32); err == nil {
			out = append(out, int32(n))
		}
	}
	return out
}

// tracerError returns the message for an error of the tracer.
func tracerError(pr *hir.Probe, err error) error {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Span: pr.At, Message: err.Error(), Label: "for the graphs of this probe"}
	var (
		busy    *ftrace.BusyError
		missing *ftrace.MissingError
	)
	const other = "programs can record it instead: name the functions below with only=PATTERN,… and set `config = { fgraph = \"bpf\" }`"
	switch {
	case errors.As(err, &busy), errors.Is(err, ftrace.ErrLocked):
		d.Code = "ftrace-busy"
		d.WithNote("probe does not touch another tracer's settings").WithHelp("end that tracing first").WithHelp(other)
	case errors.As(err, &missing):
		d.Code = "missing-kernel-feature"
		if missing.Help != "" {
			d.WithHelp("%s", missing.Help)
		}
		d.WithHelp(other)
	}
	return &StartError{Diag: d, Err: err}
}

// Keep keeps the tree of the call that a record is about.
func (k *Keeper) Keep(rec *builtin.Record) {
	if k != nil {
		k.record(fgraph.Read(rec))
	}
}

func (k *Keeper) record(r *fgraph.Record) {
	p := k.probes[r.ID.Probe]
	switch {
	case p == nil:
		return
	case k.recorded != nil:
		if !k.fromRecording(p, r) {
			return
		}
	case p.decoder != nil:
		t := p.decoder.Tree(r)
		if t == nil {
			p.missing++
			return
		}
		k.keep(p, r, t, &p.decoder.Funcs)
	default:
		t := k.tracer.Find(r.ID.TID, p.spec.Func, int64(r.Start), int64(r.ID.Time))
		if t == nil {
			p.missing++
			return
		}
		if p.root != nil && len(r.Events) > 0 {
			if own := p.root.Tree(r); own != nil {
				TakeRoot(t, own)
			}
		}
		k.tracer.Locked(func(funcs *graph.Funcs) { k.keep(p, r, t, funcs) })
	}
	k.tell(r.ID)
}

// tell sends a tree that was just kept. It takes the tree from the store, whose
// table of functions serves all probes, and not from the tracer, whose lock
// must not be held while a disk is written.
func (k *Keeper) tell(id value.GraphID) {
	if t, funcs := k.opts.Trees.Recent(id); t != nil && k.opts.Send != nil {
		k.opts.Send(&event.Graph{ID: id, Tree: t, Funcs: funcs})
	}
}

// keep reduces a tree to what the probe asks for and stores it.
func (k *Keeper) keep(p *probe, r *fgraph.Record, t *graph.Tree, funcs *graph.Funcs) {
	k.lost(t)
	t.Thread.PID, t.Thread.Comm = r.PID, r.Comm
	if !p.spec.IRQs {
		t.Fold()
	}
	p.own.TakeOut(t, funcs, int64(r.Start), int64(r.ID.Time))
	p.choose(t, funcs)
	root := t.Root()
	if root.Flags&(graph.NoEntry|graph.NoExit) == 0 {
		// Use the times that the script's duration is computed from: the
		// tracer's include the time of the programs at the root, or come from
		// another clock that differs a little.
		root.T0, root.T1 = int64(r.Start), int64(r.ID.Time)
		t.Children(0, func(i int32) bool {
			root.T0, root.T1 = min(root.T0, t.Calls[i].T0), max(root.T1, t.Calls[i].T1)
			return true
		})
	}
	if p.site.Ret != nil && root.Flags&graph.HasRet == 0 {
		root.Ret, root.Flags = r.Ret, root.Flags|graph.HasRet
	}
	funcs.NameSymbols(t, k.functions.Symbol)
	k.opts.Trees.Keep(r.ID, t, funcs)
}

// lost counts the events that a tree lacks, as it was recorded. A loss that other trees
// have as well is counted once.
func (k *Keeper) lost(t *graph.Tree) {
	inGaps := uint64(0)
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.Flags&graph.Gap == 0 {
			continue
		}
		n := max(c.Ret, 1)
		inGaps += n
		if p := (lossPoint{c.T0, c.CPU}); !k.seen[p] {
			k.seen[p] = true
			k.gaps += n
		}
	}
	if t.Lost > inGaps {
		k.gaps += t.Lost - inGaps
	}
}

// choose removes from a tree what the probe does not ask for.
func (p *probe) choose(t *graph.Tree, funcs *graph.Funcs) {
	p.skip.Skip(t, funcs)
	t.Folded.Skipped = 0
	if p.only != nil {
		root := t.Root().Fn
		t.Retain(func(fn int32) bool { return fn == root || p.only[funcs.Name(fn)] })
	}
	t.Prune(p.spec.Depth)
}

// fromRecording keeps the tree of the recording that the program ran for. If
// several probes recorded a tree of the call, it keeps the one that has the
// most of what this probe asks for. It reports whether there is one.
func (k *Keeper) fromRecording(p *probe, r *fgraph.Record) bool {
	trees, funcs := k.recorded()
	var best, whole *graph.Tree
	for _, recorded := range trees {
		t := recorded.Clone()
		if !p.spec.IRQs {
			t.Fold()
		}
		p.choose(t, funcs)
		if !p.spec.Args {
			withoutArgs(t)
		} else if !p.spec.Deep {
			t.Texts = nil
		}
		if best == nil || richer(t, best) {
			best, whole = t, recorded
		}
	}
	if best == nil {
		return false
	}
	k.lost(whole)
	k.opts.Trees.Keep(r.ID, best, funcs)
	return true
}

// richer reports whether a tree has more than another one of the same call.
func richer(a, b *graph.Tree) bool {
	return cmp.Or(cmp.Compare(len(a.Calls), len(b.Calls)), cmp.Compare(len(a.Args), len(b.Args)), cmp.Compare(len(a.Texts), len(b.Texts))) > 0
}

// withoutArgs removes the arguments from a tree.
func withoutArgs(t *graph.Tree) {
	t.Args, t.Texts = nil, nil
	for i := range t.Calls {
		t.Calls[i].Args, t.Calls[i].NArgs = 0, 0
	}
}

// Forget drops the trees that can no longer be requested: those that ended well
// before the time before, in nanoseconds of CLOCK_MONOTONIC, up to which
// records have been read. empty means that all records up to then were read.
func (k *Keeper) Forget(before int64, empty bool) {
	const slack = int64(time.Second)
	if k == nil || k.tracer == nil || !empty || before-k.forgotAt < slack {
		return
	}
	k.forgotAt = before
	k.tracer.Forget(before - slack)
}

// Receipt returns what is missing in the graphs.
func (k *Keeper) Receipt() []event.ReceiptItem {
	if k == nil {
		return nil
	}
	var out []event.ReceiptItem
	for _, p := range k.probes {
		if p.missing > 0 {
			it := event.ReceiptItem{Kind: event.LostGraphs, Where: p.site.Name, Count: p.missing}
			if n := k.tracer.lost(); n > 0 && p.decoder == nil {
				it.Detail = fmt.Sprintf("events that the tracer overwrote before they were read: %d", n)
			}
			out = append(out, it)
		}
	}
	if k.gaps > 0 {
		out = append(out, event.ReceiptItem{Kind: event.GraphGaps, Count: k.gaps})
	}
	return out
}

// Close switches the tracer off. It may be called more than once, and on nil.
func (k *Keeper) Close() {
	if k == nil || k.closed {
		return
	}
	k.closed = true
	if k.tracer != nil {
		if err := k.tracer.Close(); err != nil {
			k.opts.Send(&event.Log{Severity: diag.Error, Text: err.Error()})
		}
	}
}
