package session

import (
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
	"probe/runtime/graph/live"
	"probe/runtime/graph/proto"
	"probe/runtime/machine/live/tracefs"
	"probe/stdlib/fgraph"
)

// graphs are the call graphs of a clause with fgraph: probes.
type graphs struct {
	store    *live.Store
	tracer   *live.Tracer // nil when programs record everything
	probes   map[uint32]*graphProbe
	fail     func(error)
	gaps     uint64 // events that are missing in trees
	closed   bool
	forgotAt int64
}

// graphProbe is one fgraph: probe.
type graphProbe struct {
	spec    *fgraph.Plan
	site    *hir.Site
	decoder *live.Decoder // GraphBPF
	root    *live.Decoder // GraphFtrace with args=deep: the root's arguments
	only    map[string]bool
	own     *live.Own
	skip    graph.Skipper
	missing uint64 // trees that were not found
}

func newGraphProbe(spec *fgraph.Plan, site *hir.Site) *graphProbe {
	return &graphProbe{spec: spec, site: site, own: live.NewOwn(), skip: graph.Skipper{Patterns: spec.Skip}}
}

// startGraphs prepares the graphs of a clause: it switches the tracer on where
// a probe wants its trees.
func (s *Session) startGraphs(ctx context.Context, c *Clause) error {
	g := &graphs{store: s.opts.Resolver.graphs, probes: map[uint32]*graphProbe{}, fail: func(err error) { s.log(diag.Error, err.Error()) }}
	var traced []*fgraph.Plan
	var first *hir.Probe
	for i, pr := range c.obj.HIR.Probes {
		spec := fgraph.Of(pr.Site)
		if spec == nil {
			continue
		}
		p := newGraphProbe(spec, pr.Site)
		g.probes[uint32(i)] = p
		s.verbose("%s: graphs by %s", pr.Site.Name, spec.Why)
		if spec.Source == fgraph.BPF {
			p.decoder = live.NewDecoder(spec, proto.Fill)
			s.verbose("%s: %s", pr.Site.Name, partsText(spec.Parts))
			if spec.Deep {
				s.verbose("%s: args=deep: functions that take structs which are shown have programs of their own", pr.Site.Name)
			}
			continue
		}
		if spec.Deep {
			p.root = live.NewDecoder(spec, proto.Fill)
			s.verbose("%s: args=deep: the tracer cannot follow pointers, so only the arguments of %s are looked into", pr.Site.Name, spec.Func)
		}
		p.only = onlyOf(spec)
		traced = append(traced, spec)
		if first == nil {
			first = pr
		}
	}
	if len(g.probes) == 0 {
		return nil
	}
	if len(traced) > 0 {
		tfs, err := tracefs.Host()
		var threads []int32
		if err == nil && s.opts.PID > 0 {
			threads = threadsOf(s.opts.PID)
		}
		if err == nil {
			s.verbose("switching the tracer function_graph on …")
			g.tracer, err = live.Start(ctx, tfs, traced, threads, proto.Fill)
		}
		if err != nil && ctx.Err() != nil {
			return ctx.Err() // interrupted, which is no fault of the tracer
		}
		if err != nil {
			return tracerError(first, err)
		}
		s.verbose("%s", g.tracer.Where())
		if old := g.tracer.Recovered(); old.PID != 0 {
			s.log(diag.Warning, fmt.Sprintf("put back the tracing settings that process %d had left", old.PID))
		}
	}
	c.graphs = g
	return nil
}

// onlyOf is the set of functions that a probe asks for, nil for all.
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

// partsText says how the functions below a root are reached.
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

// threadsOf lists the threads of a process; nil when it is gone, which the
// session notices itself.
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

// tracerError explains why the tracer cannot be used.
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
	return &LoadError{Diag: d, err: err}
}

// Keep keeps the graph that a program has asked for, which no other builtin has
// records of this kind for.
func (h *handler) Keep(rec *builtin.Record) { h.keepGraph(fgraph.Read(rec)) }

func (h *handler) keepGraph(r *fgraph.Record) {
	if h.u.machine != nil {
		h.keepRecorded(r)
		return
	}
	g := h.u.graphs
	if g == nil {
		return
	}
	p := g.probes[r.ID.Probe]
	if p == nil {
		return
	}
	if p.decoder != nil {
		if t := p.decoder.Tree(r); t != nil {
			g.keep(p, r, t, &p.decoder.Funcs)
			h.tell(r.ID)
			return
		}
		p.missing++
		return
	}
	t := g.tracer.Find(r.ID.TID, p.spec.Func, int64(r.Start), int64(r.ID.Time))
	if t == nil {
		p.missing++
		return
	}
	if p.root != nil && len(r.Events) > 0 {
		if own := p.root.Tree(r); own != nil {
			live.TakeRoot(t, own)
		}
	}
	g.tracer.Locked(func(funcs *graph.Funcs) { g.keep(p, r, t, funcs) })
	h.tell(r.ID)
}

// tell sends a tree that was just kept. It comes from the store, whose table of functions is that of all probes, and not from the
// tracer: that must not wait for a disk.
func (h *handler) tell(id value.GraphID) {
	if t, funcs := h.u.graphs.store.Recent(id); t != nil {
		h.s.send(&event.Graph{ID: id, Tree: t, Funcs: funcs})
	}
}

// keep brings a tree into the form that the probe asks for, and keeps it.
func (g *graphs) keep(p *graphProbe, r *fgraph.Record, t *graph.Tree, funcs *graph.Funcs) {
	t.Thread.PID, t.Thread.Comm = r.PID, r.Comm
	if !p.spec.IRQs {
		t.Fold()
	}
	p.own.TakeOut(t, funcs, int64(r.Start), int64(r.ID.Time))
	p.choose(t, funcs)
	root := t.Root()
	if root.Flags&(graph.NoEntry|graph.NoExit) == 0 {
		// The tree's time is the script's duration: the tracer's holds what the
		// programs at the root take, or is by another clock, which may run a
		// little apart.
		root.T0, root.T1 = int64(r.Start), int64(r.ID.Time)
		t.Children(0, func(i int32) bool {
			root.T0, root.T1 = min(root.T0, t.Calls[i].T0), max(root.T1, t.Calls[i].T1)
			return true
		})
	}
	if p.site.Ret != nil && root.Flags&graph.HasRet == 0 {
		root.Ret, root.Flags = r.Ret, root.Flags|graph.HasRet
	}
	funcs.NameSymbols(t, proto.Symbol)
	g.gaps += t.Lost
	g.store.Keep(r.ID, t, funcs)
}

// choose takes out of a tree what the probe does not ask for.
func (p *graphProbe) choose(t *graph.Tree, funcs *graph.Funcs) {
	p.skip.Skip(t, funcs)
	t.Folded.Skipped = 0
	if p.only != nil {
		root := t.Root().Fn
		t.Retain(func(fn int32) bool { return fn == root || p.only[funcs.Name(fn)] })
	}
	t.Prune(p.spec.Depth)
}

// forget gives up the trees that cannot be asked for any more: those that ended
// well before the records that have been read. empty tells that all records of
// that time were read.
func (g *graphs) forget(before int64, empty bool) {
	const slack = int64(time.Second)
	if g == nil || g.tracer == nil || !empty || before-g.forgotAt < slack {
		return
	}
	g.forgotAt = before
	g.tracer.Forget(before - slack)
}

// receipt tells what is missing in the graphs.
func (g *graphs) receipt() []event.ReceiptItem {
	if g == nil {
		return nil
	}
	var out []event.ReceiptItem
	for _, p := range g.probes {
		if p.missing > 0 {
			out = append(out, event.ReceiptItem{Kind: event.LostGraphs, Where: p.site.Name, Count: p.missing})
		}
	}
	if g.gaps > 0 {
		out = append(out, event.ReceiptItem{Kind: event.GraphGaps, Count: g.gaps})
	}
	return out
}

// close switches the tracer off. It may be called more than once, and on nil.
func (g *graphs) close() {
	if g == nil || g.closed {
		return
	}
	g.closed = true
	if g.tracer != nil {
		if err := g.tracer.Close(); err != nil {
			g.fail(err)
		}
	}
}
