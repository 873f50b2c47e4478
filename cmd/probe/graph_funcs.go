package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"probe/runtime/graph"
	"probe/runtime/graph/ftrace"
	"probe/runtime/graph/proto"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/symbol"
	"probe/runtime/machine/live/tracefs"
	"probe/runtime/session"
)

// maxReturns is the maximum number of functions whose results are recorded by
// default. Defining a return probe takes some milliseconds, too long for each
// match of a wide pattern.
const maxReturns = 32

// sourceOptions turns names and patterns into the functions of this kernel.
func sourceOptions(o *options, m *live.Machine, tfs *tracefs.FS, std stdio) (ftrace.Options, error) {
	g := &o.graph
	opts := ftrace.Options{Symbols: m.Symbols(), Depth: int(min(g.depth, 200)) + 1, Args: g.args, BufferKB: int(min(g.bufferKB, 1<<20))}
	if g.bufferKB > 0 {
		opts.BufferKB = max(opts.BufferKB, 64)
	}
	list, err := ftrace.ListFunctions(tfs)
	if err != nil {
		return opts, err
	}
	if opts.Funcs, err = find(o, std, list, o.words); err != nil {
		return opts, err
	}
	opts.FuncPatterns = patterns(o.words)
	if len(opts.Funcs) <= maxReturns || g.failed {
		opts.Returns = slices.Clone(opts.Funcs)
	}
	returns, err := find(o, std, list, splitList(g.ret))
	if err != nil {
		return opts, err
	}
	opts.Returns = append(opts.Returns, returns...)
	slices.Sort(opts.Returns)
	functions := proto.New(m.Types(), m.Symbols())
	opts.Returns = slices.DeleteFunc(slices.Compact(opts.Returns), func(name string) bool { return returnsNothing(functions, name) })
	all := func(patterns string) []string {
		if err != nil {
			return nil
		}
		var found, none []string
		found, none, err = list.All(splitList(patterns))
		for _, p := range none {
			fmt.Fprintf(std.err, "warning: no function matches %s\n", p)
		}
		return found
	}
	if opts.Only, opts.Skip = all(g.only), all(g.skip); err != nil {
		return opts, err
	}
	opts.OnlyPatterns, opts.SkipPatterns = patterns(splitList(g.only)), patterns(splitList(g.skip))
	if g.only != "" && len(opts.Only) == 0 {
		opts.Only = slices.Clone(opts.Funcs) // only the roots, not every function
		opts.OnlyPatterns = nil
	}
	if opts.Only != nil {
		opts.Only = append(opts.Only, list.Framing()...)
	}
	if o.pid != 0 {
		threads := func() ([]int32, error) { return threadsOf(o.pid) }
		if !o.noFollow {
			threads = func() ([]int32, error) { return familyOf(o.pid) }
		}
		opts.Threads, err = threads()
		opts.Later = threads
	}
	return opts, err
}

// returnsNothing reports whether the kernel's types say that a function has no
// result.
func returnsNothing(k *proto.Kernel, name string) bool {
	f := graph.Func{Name: name}
	k.Fill(&f)
	return f.Result == graph.Void
}

// patterns returns those of the names that have wildcards.
func patterns(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !graph.IsPattern(n) })
}

// find returns the functions that names and patterns mean. If they are more
// than ftrace.MaxFuncs, it asks for confirmation on a terminal and requires
// --force elsewhere. It prints the matches of a pattern that cannot be traced.
func find(o *options, std stdio, list *ftrace.Functions, names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		found, err := list.Find(name)
		var many *ftrace.TooManyError
		if errors.As(err, &many) && (o.force || confirm(std, fmt.Sprintf("%v. Record all %d?", many, many.Count))) {
			found, err = list.FindAll(name)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		if graph.IsPattern(name) && !o.quiet {
			untraceable(o, std, list, name)
		}
	}
	return out, nil
}

// confirm asks a question on the terminal and reports whether the answer is
// yes. Without a terminal the answer is no.
func confirm(std stdio, question string) bool {
	in, ok1 := std.in.(*os.File)
	out, ok2 := std.err.(*os.File)
	if !ok1 || !ok2 || !isTerminal(in) || !isTerminal(out) {
		return false
	}
	fmt.Fprintf(std.err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(in).ReadString('\n') // the end of the input means no
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// maxNamed is the maximum number of untraceable functions that are named
// without -v.
const maxNamed = 8

// untraceable prints the functions that a pattern matches and the kernel cannot
// trace.
func untraceable(o *options, std stdio, list *ftrace.Functions, pattern string) {
	var names []string
	err := symbol.TextSymbols(func(name, _ string) bool {
		if graph.MatchName(pattern, name) && !list.Has(name) && !noFunction(name) {
			names = append(names, name)
		}
		return true
	})
	if err != nil || len(names) == 0 {
		return // without symbols there is nothing to compare with
	}
	slices.Sort(names)
	names = slices.Compact(names)
	shown, more := names, ""
	if len(names) > maxNamed && !o.verbose {
		shown, more = names[:maxNamed], fmt.Sprintf(" and %d more, which -v names", len(names)-maxNamed)
	}
	fmt.Fprintf(std.err, "note: %s also matches %s that cannot be traced (marked notrace, or code of the start): %s%s\n",
		pattern, plural(uint64(len(names)), "function"), strings.Join(shown, ", "), more)
}

// noFunction reports whether name is a symbol in code that is no function of
// the kernel's source: parts of functions, padding, jumps, what BPF has
// generated.
func noFunction(name string) bool {
	return strings.Contains(name, ".cold") || slices.ContainsFunc(
		[]string{"__pfx_", "__cfi_", "__SCT__", "bpf_prog_", "bpf_trampoline_", "bpf_dispatcher_"},
		func(p string) bool { return strings.HasPrefix(name, p) })
}

// progress shows on a terminal how far the kernel is with switching the tracer
// on, which can take seconds.
type progress struct {
	std   stdio
	start time.Time
	shown bool
}

// newProgress returns nil if nobody would see the progress: without a terminal,
// or with quiet.
func newProgress(std stdio, quiet bool) *progress {
	if f, ok := std.err.(*os.File); quiet || !ok || !isTerminal(f) {
		return nil
	}
	return &progress{std: std}
}

// step shows a count and, after the first second, an estimate of the time left.
func (p *progress) step(what string, n, total int) {
	now := time.Now()
	switch {
	case n == 0 && total > 0:
		p.start = now
		return
	case n == total:
		if p.shown {
			fmt.Fprintf(p.std.err, "\r\x1b[K")
		}
		p.shown = false
		return
	case now.Sub(p.start) < time.Second:
		return
	}
	p.shown = true
	left := now.Sub(p.start) * time.Duration(total-n) / time.Duration(n)
	fmt.Fprintf(p.std.err, "\r%s: %d of %d, about %v left\x1b[K", what, n, total, max(left.Round(time.Second), time.Second))
}

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// familyOf lists the threads of a process and of its descendants, without those of
// probe itself: reading the records would make records.
func familyOf(pid int) ([]int32, error) {
	out, err := threadsOf(pid)
	if err != nil {
		return nil, err
	}
	for _, child := range session.Descendants(pid, os.Getpid()) {
		threads, err := threadsOf(child)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		out = append(out, threads...)
	}
	return out, nil
}

// threadsOf lists the threads of a process.
func threadsOf(pid int) ([]int32, error) {
	dir, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, fmt.Errorf("list the threads of process %d: %w", pid, err)
	}
	var out []int32
	for _, d := range dir {
		if n, err := strconv.ParseInt(d.Name(), 10, 32); err == nil {
			out = append(out, int32(n))
		}
	}
	return out, nil
}
