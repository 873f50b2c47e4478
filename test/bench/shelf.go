package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"probe/internal/guest"
)

// shelfCommand is the command line that measures the ready scripts.
const shelfCommand = "go run ./test/bench -only shelf"

// shelfPage has the table of the scripts with what they cost.
const shelfPage = "docs/scripts/README.md"

// otherNames are originals whose name is not that of the script.
var otherNames = map[string]string{"fsslower": "ext4slower"}

// otherArgs are the arguments of originals that clear the screen, for which their
// tree lacks the program.
var otherArgs = map[string][]string{"biotop": {"-C"}, "filetop": {"-C"}, "slabratetop": {"-C"}, "tcptop": {"-C"}, "memleak": {"-p", "@libraries"}}

// moreFlags are those of meter for the ready scripts, whose work is broader than that
// of bpftrace's tools. One round has all of it.
var moreFlags = []string{"-rounds", "3", "-more"}

// inLibraries are the scripts about libraries and programs: probe runs in the root
// of bcc for them, so that both look at the same files.
var inLibraries = []string{"bashreadline", "gethostlatency", "memleak", "sslsniff", "threadsnoop"}

// shelf measures the ready scripts beside the tools of the same names: that of
// bpftrace, or bcc's where bpftrace has none. With b.scripts it measures those
// and keeps the other rows of the document.
func (b *bench) shelf(ctx context.Context) ([]*table, error) {
	names, err := b.shelfNames()
	if err != nil {
		return nil, err
	}
	bpftrace, bcc := b.originals(ctx)
	tracers := []tracer{b.tracers[0]}
	for _, t := range []*tracer{bpftrace, bcc} {
		if t != nil {
			tracers = append(tracers, *t)
		}
	}
	b.modules, b.programs = []string{"loop", "dummy"}, []string{"ip", "bash"}
	g, err := b.bootKernel(ctx, b.kernel, true, tracers)
	b.modules, b.programs = nil, nil
	if err != nil {
		return nil, err
	}
	defer g.Close()
	b.release = g.Release
	if bcc != nil {
		for _, dir := range []string{"/usr/src", "/usr/lib/modules"} {
			if err := run(ctx, g, "mkdir", "-p", bcc.root()+dir); err != nil {
				return nil, err
			}
			if err := run(ctx, g, "mount", "--bind", "/headers"+dir, bcc.root()+dir); err != nil {
				return nil, err
			}
		}
	}
	if bcc != nil {
		// Its packages have no shell, and no cache of the linker.
		if err := run(ctx, g, "chroot", bcc.root(), "/usr/sbin/ldconfig"); err != nil {
			return nil, err
		}
		if err := run(ctx, g, "sh", "-c", "cp $(which bash) "+bcc.root()+"/usr/bin/bash"); err != nil {
			return nil, err
		}
	}
	size := &table{
		title: "Programs of the ready scripts", command: shelfCommand, columns: []string{"probe", "original"},
		unit: "Instructions of all programs of a script, as the kernel has translated them, beside bpftrace's tool of the same name (.bt) or bcc's",
	}
	cost := &table{
		title: "One event of the ready scripts", command: shelfCommand, columns: size.columns,
		unit: "Instructions for one run of any program, the statistics' share included, over the same work as above; nothing where no program ran",
	}
	tables := []*table{size, cost}
	for _, name := range names {
		note("shelf: %s", name)
		text, err := os.ReadFile("scripts/" + name + ".pr")
		if err != nil {
			return nil, err
		}
		file := "/tmp/" + name + ".pr"
		if err := g.Put(ctx, file, text, 0o644); err != nil {
			return nil, err
		}
		figures := [2][2]float64{}
		own, words := &b.tracers[0], []string{file}
		if slices.Contains(inLibraries, name) && bcc != nil {
			own, words[0] = &tracer{name: "bcc", tree: bcc.tree, path: "/usr/bin/probe"}, "/tmp/"+name+".pr"
			if err := run(ctx, g, "cp", "-f", "/bin/probe", bcc.root()+own.path); err != nil {
				return nil, err
			}
			if err := g.Put(ctx, bcc.root()+words[0], text, 0o644); err != nil {
				return nil, err
			}
		}
		if name == "memleak" {
			words = append([]string{"-p", "@libraries"}, words...)
		}
		figures[0][0], figures[1][0], err = b.tool(ctx, g, own, moreFlags, words...)
		if err != nil {
			return nil, err
		}
		figures[0][1], figures[1][1] = math.NaN(), math.NaN()
		t, original := original(name, bpftrace, bcc)
		row := row{name: name, goal: math.NaN()}
		if t != nil {
			if figures[0][1], figures[1][1], err = b.tool(ctx, g, t, moreFlags, append([]string{original}, otherArgs[name]...)...); err != nil {
				return nil, err
			}
			row.name += " / " + strings.TrimSuffix(filepath.Base(original), "-bpfcc")
		}
		for i, t := range tables {
			row.figures = figures[i][:]
			t.rows = append(t.rows, row)
		}
		// It takes long: what there is goes into the document at once.
		if b.scripts != "" && b.write && !b.solo {
			done, err := b.shelfTables(tables)
			if err != nil {
				return nil, err
			}
			for _, t := range done {
				t.measured = b.measured()
				if err := insert("docs/performance.md", t.markdown(), false); err != nil {
					return nil, err
				}
			}
		}
	}
	return b.shelfTables(tables)
}

// shelfTables returns the tables with the rows of the document whose scripts were
// not measured, and fills in the page of the scripts.
func (b *bench) shelfTables(measured []*table) ([]*table, error) {
	doc, err := os.ReadFile("docs/performance.md")
	if err != nil {
		return nil, err
	}
	var tables []*table
	for _, m := range measured {
		t := *m
		t.rows = slices.Clone(m.rows)
		if b.scripts != "" {
			t.keep(string(doc))
		}
		t.unit += ". " + mean(t.rows)
		tables = append(tables, &t)
	}
	if !b.solo && b.write {
		err = fillCosts(shelfPage, tables[0], tables[1])
	}
	return tables, err
}

// shelfNames returns the names of the scripts to measure.
func (b *bench) shelfNames() ([]string, error) {
	if b.scripts != "" {
		return strings.Split(b.scripts, ","), nil
	}
	files, err := filepath.Glob("scripts/*.pr")
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".pr"))
	}
	return names, err
}

// originals returns the tracers that have tools, nil for those that are not
// there.
func (b *bench) originals(ctx context.Context) (bpftrace, bcc *tracer) {
	for i := range b.tracers {
		if b.tracers[i].name == "bpftrace" {
			bpftrace = &b.tracers[i]
		}
	}
	if b.solo {
		return bpftrace, nil
	}
	tree, err := guest.Package(ctx, "sid", guest.BCC...)
	if err != nil {
		note("bcc is left out: %v", err)
		return bpftrace, nil
	}
	return bpftrace, &tracer{name: "bcc", tree: tree, path: "/usr/bin/python3"}
}

// original returns the tool with the name of a script, and who runs it; nil if
// there is none.
func original(name string, bpftrace, bcc *tracer) (t *tracer, file string) {
	if other := otherNames[name]; other != "" {
		name = other
	}
	// bpftrace's packages have no cache of the linker, and its tools find no library.
	if bpftrace != nil && !slices.Contains(inLibraries, name) {
		if _, err := os.Stat(filepath.Join(bpftrace.tree, "usr/sbin", name+".bt")); err == nil {
			return bpftrace, "/usr/sbin/" + name + ".bt"
		}
	}
	if bcc != nil {
		if _, err := os.Stat(filepath.Join(bcc.tree, "usr/sbin", name+"-bpfcc")); err == nil {
			return bcc, "/usr/sbin/" + name + "-bpfcc"
		}
	}
	return nil, ""
}

// script returns the name of the script of a row.
func (r *row) script() string {
	name, _, _ := strings.Cut(r.name, " / ")
	return name
}

// keep adds the rows of the table of the same title in a document whose scripts
// were not measured.
func (t *table) keep(doc string) {
	_, old, ok := strings.Cut(doc, titleMark+t.title+"\n")
	if !ok {
		return
	}
	_, old, _ = strings.Cut(old, "\n|---|")
	_, old, _ = strings.Cut(old, "\n")
	old, _, _ = strings.Cut(old, "\n\n")
	for line := range strings.Lines(old) {
		cells := strings.Split(line, " | ")
		if len(cells) < 3 {
			continue
		}
		r := row{name: strings.TrimPrefix(cells[0], "| "), goal: math.NaN()}
		if slices.ContainsFunc(t.rows, func(o row) bool { return o.script() == r.script() }) {
			continue
		}
		for _, c := range cells[1:3] {
			f, err := strconv.ParseFloat(strings.TrimSpace(c), 64)
			if err != nil {
				f = math.NaN()
			}
			r.figures = append(r.figures, f)
		}
		t.rows = append(t.rows, r)
	}
	slices.SortFunc(t.rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
}

// fillCosts writes the figures into the last column of the page's table of
// originals: instructions of ours and of the original, for all programs and for
// one event.
func fillCosts(name string, size, cost *table) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for i, r := range size.rows {
		pair := func(r *row) string { return number(r.figures[0]) + " / " + number(r.figures[1]) }
		line := regexp.MustCompile(`(?m)^(\| .* \| \[` + regexp.QuoteMeta(r.script()) + `\]\(.*\) \| .* )\| [^|]* \| [^|]* \|$`)
		text = line.ReplaceAll(text, fmt.Appendf(nil, "$1| %s | %s |", pair(&r), pair(&cost.rows[i])))
	}
	return os.WriteFile(name, bytes.TrimLeft(text, "\n"), 0o644)
}
