package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"probe/internal/guest"
)

// bench is one run of all measurements.
type bench struct {
	binary string // probe
	kernel string
	solo   bool
	repeat int
	// scripts names the ready scripts to measure, "" for all.
	scripts string
	write   bool // the figures go into the documents
	// modules and programs are those of the next guest.
	modules, programs []string

	meter, front string
	tracers      []tracer
	recording    []tracer // those that only record call graphs
	release      string   // of the kernel, as the guest reports it
}

// tracer is one of the programs that are compared.
type tracer struct {
	name    string
	version string
	tree    string // folder on this machine that it runs in as its root, "" for none
	path    string // of the program, below its root
	ply     bool   // speaks another language
	eArg    string // option before the script
}

// The folder of a tracer's tree in the guest.
func (t *tracer) root() string {
	if t.tree == "" {
		return ""
	}
	return "/tracers/" + t.name
}

// script returns the tracer's command line, without its name, for a script.
func (t *tracer) script(script string, params ...string) []string {
	var args []string
	if t.eArg != "" {
		args = append(args, t.eArg)
	}
	return append(append(args, script), params...)
}

// packages are the other tracers and the Debian suite with their newest
// version.
var packages = []struct {
	suite string
	tracer
}{
	{"sid", tracer{name: "bpftrace", path: "/usr/bin/bpftrace", eArg: "-e"}},
	{"sid", tracer{name: "ply", path: "/usr/sbin/ply", ply: true}},
}

// recorderPackages are the recorders of call graphs, and their packages.
var recorderPackages = []struct {
	suite, pkg string
	tracer
}{
	{"sid", "trace-cmd", tracer{name: "trace-cmd", path: "/usr/bin/trace-cmd"}},
	{"sid", "linux-perf", tracer{name: "perf", path: "/usr/bin/perf"}},
}

// prepare builds the programs and fetches the tracers.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.binary == "" {
		if b.binary, err = guest.BuildProgram(ctx, "./cmd/probe"); err != nil {
			return err
		}
	}
	if b.meter, err = guest.BuildProgram(ctx, "./test/bench/meter"); err != nil {
		return err
	}
	if b.front, err = guest.BuildProgram(ctx, "./test/bench/front"); err != nil {
		return err
	}
	b.tracers = []tracer{{name: "probe", path: "/bin/probe", eArg: "-e"}}
	if b.solo {
		return nil
	}
	for _, p := range packages {
		t := p.tracer
		t.tree, err = guest.Package(ctx, p.suite, t.name)
		if err != nil {
			note("%s is left out: %v", t.name, err)
			continue
		}
		for _, dir := range []string{"usr/bin", "usr/sbin"} {
			if _, err := os.Stat(filepath.Join(t.tree, dir, t.name)); err == nil {
				t.path = "/" + dir + "/" + t.name
			}
		}
		b.tracers = append(b.tracers, t)
	}
	for _, p := range recorderPackages {
		t := p.tracer
		if t.tree, err = guest.Package(ctx, p.suite, p.pkg); err != nil {
			note("%s is left out: %v", t.name, err)
			continue
		}
		b.recording = append(b.recording, t)
	}
	return nil
}

// bootKernel starts a guest with tracers in it besides probe.
func (b *bench) bootKernel(ctx context.Context, kernel string, counting bool, tracers []tracer) (*guest.Guest, error) {
	o := guest.Options{
		Kernel: kernel, MemoryMB: 3072, Icount: counting, NoKVM: counting,
		Files: map[string]string{"/bin/probe": b.binary, "/bin/meter": b.meter, "/bin/front": b.front},
		Trees: map[string]string{}, Modules: b.modules, Programs: b.programs,
	}
	for i := range tracers {
		t := &tracers[i]
		if t.tree != "" {
			o.Trees[t.root()] = t.tree
		}
		if t.name == "bcc" {
			headers, err := guest.Headers(ctx, kernel)
			if err != nil {
				return nil, err
			}
			o.Trees["/headers"], o.MemoryMB = headers, 6144
		}
	}
	g, err := guest.Boot(ctx, o)
	if err != nil {
		return nil, err
	}
	for i := range tracers {
		t := &tracers[i]
		if t.tree != "" {
			for _, dir := range []string{"/proc", "/sys", "/dev"} {
				if err := run(ctx, g, "mount", "--rbind", dir, t.root()+dir); err != nil {
					g.Close()
					return nil, err
				}
			}
		}
		if t.version == "" {
			t.version = b.versionOf(ctx, g, t)
		}
	}
	return g, nil
}

// versionOf asks a tracer for its version.
func (b *bench) versionOf(ctx context.Context, g *guest.Guest, t *tracer) string {
	args := []string{t.path, "--version"}
	if t.ply {
		args[1] = "-v"
	}
	if t.tree != "" {
		args = append([]string{"chroot", t.root()}, args...)
	}
	res, err := g.Run(ctx, guest.Cmd{Args: args})
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(res.Stdout+res.Stderr, "\n")
	words := strings.Fields(line)
	for _, w := range words[min(1, len(words)):] {
		if v := strings.TrimPrefix(w, "v"); v != "" && v[0] >= '0' && v[0] <= '9' {
			return v
		}
	}
	return ""
}

// run runs a command in a guest that must succeed.
func run(ctx context.Context, g *guest.Guest, args ...string) error {
	res, err := g.Run(ctx, guest.Cmd{Args: args})
	if err == nil && !res.OK() {
		err = fmt.Errorf("%s: status %d: %s", strings.Join(args, " "), res.Code, res.Stderr)
	}
	return err
}

// measured is what meter prints; see there.
type measured struct {
	CPU, Peak, Wall, End      int64
	Program, Whole            float64
	Insns                     int
	Events, Printed, Reported uint64
	Exit                      int
	Output                    string
}

// errMeter reports a measurement that failed.
var errMeter = errors.New("not measured")

// ask runs meter in a guest; words come after the tracer's name.
func (b *bench) ask(ctx context.Context, g *guest.Guest, t *tracer, what string, flags []string, words ...string) (*measured, error) {
	args := append([]string{"meter"}, flags...)
	if t.tree != "" {
		args = append(args, "-root", t.root())
	}
	args = append(append(args, what, "--"), append([]string{t.path}, words...)...)
	res, err := g.Run(ctx, guest.Cmd{Args: args, Timeout: 20 * time.Minute})
	if err != nil {
		return nil, err
	}
	if !res.OK() {
		return nil, fmt.Errorf("%w: %s of %s: %s", errMeter, what, t.name, strings.TrimSpace(res.Stderr))
	}
	m := new(measured)
	if err := json.Unmarshal([]byte(res.Stdout), m); err != nil {
		return nil, fmt.Errorf("%w: %s of %s: %v", errMeter, what, t.name, err)
	}
	if m.Output != "" {
		note("%s of %s: %s", what, t.name, strings.TrimSpace(m.Output))
	}
	return m, nil
}

// note reports something besides the tables.
func note(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
