package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"probe/cmd/front/cli"
	"probe/internal/outfile"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/value"
	"probe/runtime/engine"
	"probe/runtime/event"
	"probe/runtime/graph"
	"probe/runtime/graph/record"
	"probe/runtime/sink"
	"probe/runtime/watchdog"
	"probe/stdlib/fgraph"
)

var recordCommand = &command{
	Command: cli.Command{
		Name: "record", Usage: []string{"-o FILE [options] SCRIPT [params] [-- --name=value …]", "-o FILE [options] -e 'PROGRAM' [params] [-- --name=value …]"},
		Summary: "run a script and keep its output and call trees in a file", Max: -1, Script: true, Complete: completeScripts,
		About: "Runs a script as `probe run` does, prints its output, and writes it to a recording together with the call trees that the script asks for. " +
			"`probe show` prints a recording, `probe run --replay` runs another script over it.",
		Examples: []cli.Example{
			{Command: "probe record -o route.jsonl.zst route_graph", About: "Keeps the output of a script and its trees until Ctrl-C."},
			{Command: `probe record -q -o reads.jsonl.zst --for 10s -e 'fgraph:vfs_read { print(graph); }'`, About: "Records for ten seconds, and prints nothing."},
		},
		SeeAlso: []string{"run", "show", "diff", "export"},
	},
	run: runRecord, ownOutput: true,
}

func runRecord(o *options, std stdio) int {
	if o.record == "" {
		fail(std, usageError(o.command, errors.New("-o FILE is missing: the file to keep the recording in")))
		return exitUsage
	}
	if o.program == nil && len(o.words) > 0 && sameFile(o.record, o.words[0]) {
		fail(std, usageError(o.command, fmt.Errorf("-o %s is the script itself, which the recording would overwrite: name another file", o.record)))
		return exitUsage
	}
	if o.quiet {
		// The script still runs as usual, so that the recording has its output.
		std.out = io.Discard
	}
	return runScript(o, std)
}

// sameFile reports whether two names are names of one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// recorder is the sink of "probe record": it writes to a file what a script
// prints and the trees that it asks for.
type recorder struct {
	path   string
	quiet  bool
	start  time.Time
	start0 int64 // start by CLOCK_MONOTONIC

	mu     sync.Mutex
	file   *outfile.File // replaces the old file once everything is attached
	w      *record.Writer
	shown  *sink.Renderer
	funcs  graph.Funcs
	known  map[value.GraphID]int // the trees already in the file
	trees  int
	events int
	err    error
	done   chan struct{} // closed when err is set
	stop   chan struct{}
}

// startRecorder creates the file and adds a recorder to the sinks of the run.
func startRecorder(o *options, f *source.File, params []string, compiled *engine.Compiled, opts *engine.RunOptions) (*recorder, error) {
	// Take both clocks at the same moment: events have times of
	// CLOCK_MONOTONIC, and the header says how to turn them into wall-clock
	// times.
	offset := wallOffset()
	now := time.Now()
	r := &recorder{path: o.record, quiet: o.quiet, start: now, start0: now.UnixNano() - int64(offset),
		known: map[value.GraphID]int{}, stop: make(chan struct{}), done: make(chan struct{})}
	h := record.Header{Started: now, WallOffset: int64(offset), BootOffset: int64(bootOffset()), Kernel: kernelRelease(), Arch: runtime.GOARCH,
		Script: &record.Script{Name: f.Name, Text: f.Text, Args: params}}
	h.Functions, h.Source = graphRoots(compiled.Program)
	var err error
	if r.file, err = outfile.CreateIn(o.record); err != nil {
		return nil, err
	}
	// The header is written at once, but must not replace an old recording
	// before the script is attached.
	r.file.Hold()
	if r.w, err = record.CreateOn(r.file, strings.HasSuffix(o.record, ".zst"), h, &r.funcs); err != nil {
		r.file.Close()
		return nil, err
	}
	r.shown = sink.NewRenderer(sink.Config{NoWarnings: o.noWarnings, Raw: o.raw})
	// The printer comes first, so that a slow disk does not delay the output.
	opts.Sink = event.Tee(opts.Sink, r)
	go func() {
		defer watchdog.Report()
		r.flush()
	}()
	return r, nil
}

// graphRoots returns the functions whose trees a script asks for, and the
// source that records them ("ftrace" or "bpf") if it is the same for all.
func graphRoots(p *hir.Script) (funcs []string, from string) {
	sources := map[fgraph.Source]string{fgraph.BPF: "bpf", fgraph.Ftrace: "ftrace"}
	for _, pr := range p.Probes {
		g := fgraph.Of(pr.Site)
		if g == nil {
			continue
		}
		switch name := sources[g.Source]; {
		case len(funcs) == 0:
			from = name
		case from != name:
			from = ""
		}
		if !slices.Contains(funcs, g.Func) {
			funcs = append(funcs, g.Func)
		}
	}
	return funcs, from
}

// flush writes buffered events to the file at intervals, so that little is lost
// when a script that prints rarely is killed.
func (r *recorder) flush() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.mu.Lock()
			r.failed(r.w.Flush())
			r.mu.Unlock()
		}
	}
}

// failed stores the first error and ends the recording, which must not have a
// gap.
func (r *recorder) failed(err error) {
	if r.err == nil && err != nil {
		r.err = err
		close(r.done)
	}
}

// knownTrees is the maximum number of trees remembered in known. It need not be
// large: a script prints a graph right after it has asked for it.
const knownTrees = 4096

// Take implements event.Sink: it writes an event to the file. After a failure
// it writes nothing more, and Done ends the run.
func (r *recorder) Take(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	// Everything is attached, so the new recording replaces the old file.
	if _, ok := e.(*event.Attached); ok {
		r.failed(r.file.Keep())
	}
	var err error
	if g, ok := e.(*event.Graph); ok {
		err = r.tree(g)
	} else {
		err = r.event(e)
	}
	r.failed(err)
}

// Done is closed when an event could not be kept.
func (r *recorder) Done() <-chan struct{} { return r.done }

// Close does nothing: the end of a recording is written by finish, which has
// its own message for a failure.
func (r *recorder) Close() error { return nil }

// tree keeps a tree.
func (r *recorder) tree(g *event.Graph) error {
	// Several probes can ask for the same tree.
	if _, twice := r.known[g.ID]; twice {
		return nil
	}
	// The table of functions of a run only grows: the writer adds those that
	// are new since the last tree.
	r.funcs.List, r.funcs.Symbols = g.Funcs.List, g.Funcs.Symbols
	if err := r.w.Tree(g.Tree); err != nil {
		return err
	}
	if len(r.known) >= knownTrees {
		// Forgetting all is simpler than forgetting the oldest, and costs at
		// most a tree that is referred to later and not found.
		clear(r.known)
	}
	r.known[g.ID] = r.trees
	r.trees++
	return nil
}

// event writes an event. A tree that is in the file already is referred to by
// its number.
func (r *recorder) event(e event.Event) error {
	shown, ok := r.shown.Render(e)
	if !ok {
		return nil
	}
	out := record.Output{Time: r.start0 + int64(time.Since(r.start)), JSON: shown.JSON, Text: string(shown.Text), Message: string(shown.Message)}
	for _, id := range shown.Graphs {
		if n, ok := r.known[id]; ok {
			out.Trees = append(out.Trees, n)
		}
	}
	var maps sink.StackMaps
	if maps.Add(e) {
		out.Stacks = recordedStacks(&maps, e.(*event.Map).Name)
	}
	// The event shows nothing but the tree, which the file has already.
	if shown.Bare && len(out.Trees) > 0 {
		out.JSON, out.Text = nil, ""
	}
	if err := r.w.Event(out); err != nil {
		return err
	}
	r.events++
	return nil
}

// finish completes the file and reports whether everything is in it. ran is
// false when the run did not start; the old file then remains.
func (r *recorder) finish(std stdio, ran bool) bool {
	close(r.stop)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ran {
		r.failed(r.file.Keep())
	}
	r.failed(r.w.Close(record.End{}))
	if r.err != nil {
		d := &diag.Diagnostic{Severity: diag.Error, Code: "machine",
			Message: fmt.Sprintf("the recording in %s is incomplete: %v", r.path, r.err)}
		d.WithNote("it was ended after %s and %s, and can be read up to there", plural(uint64(r.trees), "tree"), plural(uint64(r.events), "event"))
		fail(std, d.WithHelp("keep it on a disk with more room, or record less; a name that ends in .zst takes a tenth of the space"))
		return false
	}
	if ran && !r.quiet {
		fmt.Fprintf(std.err, "kept %s and %s in %s\n", plural(uint64(r.trees), "tree"), plural(uint64(r.events), "event"), r.path)
	}
	return true
}

// recordError returns the message for a file that cannot be created.
func recordError(err error) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()}
	return d.WithHelp("-o needs the name of a file that can be written, in a folder that exists")
}
