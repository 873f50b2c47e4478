package store

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"probe/runtime/graph"
	"probe/runtime/graph/ftrace"
	"probe/runtime/machine/live/symbol"
	"probe/runtime/machine/live/tracefs"
	"probe/runtime/watchdog"
	"probe/stdlib/fgraph"
)

// Tracer holds the trees that the tracer function_graph records, until they are
// requested or can no longer be.
type Tracer struct {
	src    *ftrace.Source
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	more  *sync.Cond
	funcs graph.Funcs
	trees map[int32][]*graph.Tree // by thread, in the order of their ends
	taken map[openCall]int64      // the ends of the calls that were requested, by what stands for them
	held  int                     // calls in trees
	until int64                   // no more trees that ended before this time will arrive
	err   error
	over  bool
}

// openCall is a call of which the tracer may not have seen the end.
type openCall struct {
	tree *graph.Tree
	call int32
}

// heldCalls is the maximum number of calls in trees that nobody has requested
// yet, some 60 MB.
const heldCalls = 1 << 20

// Start switches the tracer on for the probes of a script. Errors are those of
// ftrace.Open, or a *ftrace.NoFuncError.
func Start(ctx context.Context, tfs *tracefs.FS, probes []*fgraph.Plan, threads []int32, symbols *symbol.Kernel, fill func(*graph.Func)) (*Tracer, error) {
	opts := options(probes)
	opts.Threads, opts.Symbols = threads, symbols
	if opts.Only != nil {
		// Instrument the functions around interrupts, too: they show where an
		// interrupt begins and ends.
		list, err := ftrace.ListFunctions(tfs)
		if err != nil {
			return nil, err
		}
		opts.Only = append(opts.Only, list.Framing()...)
	}
	t := newTracer()
	opts.Until, opts.Guard = t.progress, &t.mu
	src, err := ftrace.Open(ctx, tfs, opts)
	if err != nil {
		return nil, err
	}
	t.src = src
	ctx, t.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(t.done)
		defer watchdog.Report()
		err := src.Record(ctx, &t.funcs, fill, t.add)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.err, t.over = err, true
		t.more.Broadcast()
	}()
	return t, nil
}

func newTracer() *Tracer {
	t := &Tracer{trees: map[int32][]*graph.Tree{}, taken: map[openCall]int64{}, done: make(chan struct{})}
	t.more = sync.NewCond(&t.mu)
	return t
}

// options returns the options for the tracer that give every probe what it asks
// for.
func options(probes []*fgraph.Plan) ftrace.Options {
	o := ftrace.Options{}
	all, deep := false, 0
	skips := map[string]int{}
	for _, g := range probes {
		o.Funcs = append(o.Funcs, g.Func)
		all = all || g.Only == nil
		o.Only = append(o.Only, g.Only...)
		deep = max(deep, g.Depth+1)
		o.Args = o.Args || g.Args
		for _, name := range g.Skip {
			skips[name]++
		}
	}
	if all {
		o.Only = nil
	} else if o.Only == nil {
		o.Only = o.Funcs[:len(o.Funcs):len(o.Funcs)]
	}
	for name, n := range skips {
		if n == len(probes) {
			o.Skip = append(o.Skip, name)
		}
	}
	// The tracer counts the depth from the outermost watched function, which
	// may have another watched one deep below it. So only a single probe can
	// limit it.
	if len(probes) == 1 {
		o.Depth = deep
	}
	return o
}

// add takes a tree from the recorder's goroutine, which holds the lock.
func (t *Tracer) add(tree *graph.Tree) bool {
	tid := tree.Thread.TID
	if tid == 0 {
		tid = -1 - int32(tree.Root().CPU)
	}
	t.trees[tid] = append(t.trees[tid], tree.Clone())
	t.held += len(tree.Calls)
	for t.held > heldCalls {
		t.dropOldest()
	}
	t.more.Broadcast()
	return true
}

func (t *Tracer) dropOldest() {
	oldest, at := int64(1)<<62, int32(0)
	for tid, list := range t.trees {
		if list[0].Root().T1 < oldest {
			oldest, at = list[0].Root().T1, tid
		}
	}
	t.drop(at, 1)
}

// drop forgets the first n trees of a thread.
func (t *Tracer) drop(tid int32, n int) {
	list := t.trees[tid]
	for _, tree := range list[:n] {
		t.held -= len(tree.Calls)
	}
	maps.DeleteFunc(t.taken, func(c openCall, _ int64) bool { return slices.Contains(list[:n], c.tree) })
	if n == len(list) {
		delete(t.trees, tid)
		return
	}
	t.trees[tid] = list[n:]
}

// progress is called with the lock held.
func (t *Tracer) progress(until int64) {
	t.until = until
	t.more.Broadcast()
}

// Limits on the time that Find waits: for events on their way, for the end of
// an enclosing watched call, whose tree contains the requested one, and in all.
// They are compared with the times of events, so several calls of Find in a row
// wait only once.
const (
	margin  = int64(100 * time.Millisecond)
	patient = 3 * time.Second
)

// Find returns the tree of the call of a function that a thread entered at
// start and left at end, by the clock of programs, which is the tracer's. It
// waits until the tracer must have recorded the tree, and returns nil if it has
// not. The caller owns the tree; its functions are in the table that Locked
// guards.
func (t *Tracer) Find(tid int32, name string, start, end int64) *graph.Tree {
	deadline := time.Now().Add(patient)
	wake := time.AfterFunc(patient, t.more.Broadcast)
	defer wake.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if tree := t.find(tid, name, start, end); tree != nil {
			return tree
		}
		if t.over || t.until > end+margin || time.Now().After(deadline) {
			return nil
		}
		t.more.Wait()
	}
}

func (t *Tracer) find(tid int32, name string, start, end int64) *graph.Tree {
	for i := len(t.trees[tid]) - 1; i >= 0; i-- {
		tree := t.trees[tid][i]
		root := tree.Root()
		if root.T0 > end || root.T1 < start {
			continue
		}
		// The tree of another probe's function may contain the requested call.
		if n, ok := tree.Nearest(&t.funcs, name, start); ok {
			if c := &tree.Calls[n]; c.T0 <= end && c.T1 >= start && t.take(openCall{tree, n}, start, end) {
				return tree.Sub(n)
			}
		}
	}
	return nil
}

// take reports whether a call of the tracer can be the one that a program saw from
// start to end. If its end was lost, it seems to last until the events after the gap, or
// has the end of a call that began in it, and so it is as long as many calls: it is then
// the first of these that is asked for, if that began with it.
func (t *Tracer) take(c openCall, start, end int64) bool {
	call := &c.tree.Calls[c.call]
	gap := func(x graph.Call) bool { return x.Flags&graph.Gap != 0 }
	if call.Flags&graph.NoExit == 0 && !slices.ContainsFunc(c.tree.Calls[c.call:call.End], gap) {
		return true
	}
	if until, taken := t.taken[c]; taken && start > until || start-call.T0 > margin {
		return false
	}
	t.taken[c] = max(t.taken[c], end)
	return true
}

// Locked runs f while the table of functions does not change.
func (t *Tracer) Locked(f func(funcs *graph.Funcs)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.funcs)
}

// Forget drops the trees that ended before a time, which nobody will request
// any more.
func (t *Tracer) Forget(before int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for tid, list := range t.trees {
		n := 0
		for n < len(list) && list[n].Root().T1 < before {
			n++
		}
		if n > 0 {
			t.drop(tid, n)
		}
	}
}

// lost returns the number of events that nobody could read in time, 0 for nil.
func (t *Tracer) lost() uint64 {
	if t == nil || t.src == nil {
		return 0
	}
	return t.src.Overwritten()
}

// Where describes how the tracer is used, for -v.
func (t *Tracer) Where() string {
	took := t.src.Enabled.Round(time.Millisecond)
	if t.src.Instance == "" {
		return "function_graph at the top level, since it works in no instance of this kernel; on after " + took.String()
	}
	return "function_graph in instance " + t.src.Instance + "; on after " + took.String()
}

// Recovered returns what was restored after a probe that was killed; its PID is
// 0 for nothing.
func (t *Tracer) Recovered() ftrace.Cleaned { return t.src.Recovered }

// Close switches the tracer off and restores all settings. It may be called
// more than once.
func (t *Tracer) Close() error {
	t.cancel()
	<-t.done
	err := t.src.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		err, t.err = t.err, nil
	}
	return err
}
