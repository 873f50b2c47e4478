package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"probe/compiler"
	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
	"probe/runtime/machine/live/tracefs"
	replay "probe/runtime/machine/recording"
	"probe/scripts"
	"probe/stdlib"
)

// pipeline takes one script from its text to an object.
type pipeline struct {
	o      *options
	std    stdio
	kernel *kernel.Kernel
	probes *provider.Set
	child  int // pid of the -c child
	// recording stands for the kernel with --replay, else nil.
	recording *replay.Recording

	file  *source.File
	tree  *syntax.File
	prog  *hir.Program
	texts strings.Builder // the script and what it imports
	// small are defaults for kernels that limit the keys of maps.
	small map[string]string
}

func newPipeline(o *options, std stdio) *pipeline {
	k := kernel.New(kernel.Options{BTF: btfFile(o)})
	host := feature.Host()
	ask := func(f feature.Feature) func() error { return func() error { return host.Err(f) } }
	without := strings.Split(o.noFeature, ",")
	opts := provider.Options{
		Kprobes: ask(feature.Kprobes), KprobeMulti: ask(feature.KprobeMulti), Tracing: ask(feature.Fentry),
		Uprobes: ask(feature.Uprobes), FuncIP: ask(feature.FuncIP), IntPointers: ask(feature.IntPointers),
		Deep: stdlib.Deep(), Traceable: o.traceable, NoMulti: slices.Contains(without, "kprobe_multi"),
	}
	opts.Ftrace = tracerUsable
	session := func(name string, f feature.Feature) func() error {
		if slices.Contains(without, name) {
			return func() error { return fmt.Errorf("%s is switched off", name) }
		}
		return func() error { return errors.Join(host.Err(f), host.Err(feature.SessionReturn)) }
	}
	opts.KprobeSession, opts.FsessionMulti = session("kprobe_session", feature.KprobeSession), session("fsession_multi", feature.FsessionMulti)
	if o.anotherKernel() {
		opts.Ftrace, opts.KprobeSession, opts.FsessionMulti = nil, nil, nil
		// What this kernel can do says nothing about that one.
		opts.Kprobes, opts.KprobeMulti, opts.Tracing, opts.Uprobes, opts.FuncIP, opts.IntPointers = nil, nil, nil, nil, nil, nil
	}
	if !slices.Contains(without, "raw_tracepoint") {
		opts.RawTracepoint = provider.HasRawTracepoint
	}
	return &pipeline{o: o, std: std, kernel: k, probes: provider.New(k, opts)}
}

// anotherKernel tells whether a command that runs nothing is to answer for a
// kernel that is described by files.
func (o *options) anotherKernel() bool {
	switch o.command.Name {
	case "check", "dump", "ls":
		return o.traceable != "" || o.btfFile != ""
	}
	return false
}

// btfFile is the file to read the kernel's types from, "" for its own.
func btfFile(o *options) string {
	if o.btfFile != "" {
		return o.btfFile
	}
	return os.Getenv("BPFTRACE_BTF")
}

// maxScript bounds a script's text: more is a mistake.
const maxScript = 32 << 20

// readScript finds the script of a command line: -e, a file, "-", or one that
// comes with probe. The remaining words are the script's parameters.
func readScript(o *options, std stdio) (f *source.File, params []string, err error) {
	if o.program != nil {
		return source.New("stdin", *o.program), o.words, nil
	}
	if len(o.words) == 0 {
		return nil, nil, errors.New("a script or -e 'PROGRAM' is required")
	}
	name, params := o.words[0], o.words[1:]
	f, err = openScript(name, std)
	return f, params, err
}

func openScript(name string, std stdio) (*source.File, error) {
	if name == "-" {
		b, err := io.ReadAll(io.LimitReader(std.in, maxScript+1))
		if err == nil && len(b) > maxScript {
			err = fmt.Errorf("more than %d bytes", maxScript)
		}
		if err != nil {
			return nil, fmt.Errorf("failed to read standard input: %w", err)
		}
		return source.New("stdin", string(b)), nil
	}
	b, err := readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if text, ok := bundled(name); ok {
			return source.New(name, text), nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("failed to open file '%s': %w", name, reasonOf(err))
	}
	return source.New(name, string(b)), nil
}

func readFile(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, errors.New("it is a directory")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err == nil && len(b) > maxScript {
		err = fmt.Errorf("it is larger than %d bytes", maxScript)
	}
	return b, err
}

// reasonOf is an error without the path that it repeats.
func reasonOf(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// bundled is the text of a script that comes with probe, named with or without
// its ending.
func bundled(name string) (string, bool) {
	if strings.ContainsAny(name, "/\\") {
		return "", false
	}
	b, err := scripts.FS.ReadFile(strings.TrimSuffix(name, ".pr") + ".pr")
	return string(b), err == nil
}

func bundledNames() []string {
	names, _ := fs.Glob(scripts.FS, "*.pr")
	for i, n := range names {
		names[i] = strings.TrimSuffix(n, ".pr")
	}
	return names
}

func scriptExists(name string) bool {
	if _, ok := bundled(name); ok {
		return true
	}
	st, err := os.Stat(name)
	return err == nil && !st.IsDir()
}

// parse reads the script into a tree.
func (p *pipeline) parse(f *source.File) (diag.List, bool) {
	p.file = f
	p.texts.WriteString(f.Text)
	tree, out := syntax.Parse(f)
	p.tree = tree
	return out, !out.HasErrors()
}

// check types the tree for this kernel.
func (p *pipeline) check(params []string) (diag.List, bool) {
	pid := p.o.pid
	if p.child != 0 {
		pid = p.child
	}
	in := &check.Input{
		File: p.tree, Builtins: stdlib.Signatures(), Probes: p.probes, Types: p.kernel,
		Env:    &kernel.Env{K: p.kernel, Options: p.o.named, Child: p.child, PID: pid, Comm: p.o.comm},
		Config: p.config(), Params: params, PID: pid, Comm: p.o.comm, Unsafe: p.o.unsafe, Import: p.importFile,
	}
	if r := p.recording; r != nil {
		in.Probes, in.Types = r, r
		in.Env = r.Env(replay.Env{Options: p.o.named, PID: pid, Comm: p.o.comm})
		if in.Config == nil {
			in.Config = map[string]string{}
		}
		in.Config["missing_probes"] = "ignore" // the recording tells what it has nothing for
	}
	prog, _, out := check.Check(in)
	p.prog = prog
	if prog != nil {
		p.checkNamed(&out)
		if len(prog.Probes) == 0 && p.recording == nil {
			out.Add(&diag.Diagnostic{Severity: diag.Error, Code: "no-probes", Row: "O-EXIT-03", Message: "no probes to attach"}).
				WithHelp("a script is made of probes: `probe -e 'begin { printf(\"hello\\n\"); }'`")
		}
	}
	return out, prog != nil && !out.HasErrors()
}

// config is the configuration from outside of the script.
func (p *pipeline) config() map[string]string {
	out := environment()
	for name, v := range p.small {
		if _, set := out[name]; set {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = v
	}
	return out
}

// build takes the parsed script to an object.
func (p *pipeline) build(params []string, dump func(stage, program, text string)) (*compiler.Object, diag.List) {
	list, ok := p.check(params)
	if !ok {
		return nil, list
	}
	obj, more := p.compile(dump)
	list.All = append(list.All, more.All...)
	if p.recording != nil {
		return obj, list
	}
	return p.shorten(params, obj, list)
}

// shorten compiles again with shorter strings and stacks for kernels that
// limit the keys of maps (before 5.11), as far as the script does not ask for
// its own sizes.
func (p *pipeline) shorten(params []string, obj *compiler.Object, list diag.List) (*compiler.Object, diag.List) {
	const least = 32
	asked := p.prog.Config
	for n := bpf.SmallKey / 2; obj != nil && n >= least; n /= 2 {
		if largestKey(obj) <= bpf.SmallKey || bpf.LargeKeys() {
			return obj, list
		}
		p.small = map[string]string{}
		for name, v := range map[string]int{"max_strlen": n, "max_stack_frames": n/4 - 4} {
			if asked[name] == "" {
				p.small[name] = strconv.Itoa(v)
			}
		}
		var ok bool
		if list, ok = p.check(params); !ok {
			return nil, list
		}
		var more diag.List
		obj, more = p.compile(nil)
		list.All = append(list.All, more.All...)
	}
	return obj, list
}

func largestKey(obj *compiler.Object) int {
	most := 0
	for _, m := range obj.Spec.Maps {
		most = max(most, int(m.KeySize))
	}
	return most
}

// checkNamed refuses named parameters that the script does not ask for
// (L-PARM-12).
func (p *pipeline) checkNamed(out *diag.List) {
	known := map[string]bool{}
	for _, o := range p.prog.Options {
		known[o.Name] = true
	}
	var bad []string
	for name := range p.o.named {
		if !known[name] {
			bad = append(bad, "--"+name)
		}
	}
	if len(bad) == 0 {
		return
	}
	slices.Sort(bad)
	d := out.Add(&diag.Diagnostic{Severity: diag.Error, Code: "bad-option", Row: "L-PARM-12",
		Message: "unexpected program command line options: " + strings.Join(bad, ", ")})
	if len(p.prog.Options) == 0 {
		d.WithNote("the script takes no options")
		return
	}
	lines := "expected program options:"
	for _, o := range p.prog.Options {
		lines += "\n  --" + o.Name
		if o.Doc != "" {
			lines += ": " + o.Doc
		}
	}
	d.WithHelp("%s", lines)
}

// importFile finds an imported file: beside the script that imports it, then
// in the library.
func (p *pipeline) importFile(from *source.File, path string) (*source.File, error) {
	candidates := []string{path}
	if filepath.Ext(path) == "" {
		candidates = []string{path + ".pr", path + ".bt", path}
	}
	dir := "."
	if from != nil && from.Name != "stdin" {
		dir = filepath.Dir(from.Name)
	}
	for _, c := range candidates {
		full := c
		if !filepath.IsAbs(c) {
			full = filepath.Join(dir, c)
		}
		b, err := readFile(full)
		if err == nil {
			p.texts.Write(b)
			return source.New(full, string(b)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "directory") {
			return nil, reasonOf(err)
		}
	}
	if text, ok := stdlib.Module(path); ok {
		p.texts.WriteString(text)
		return source.New("stdlib/"+strings.TrimSuffix(path, ".pr")+".pr", text), nil
	}
	if near, ok := diag.Nearest(path, stdlib.Modules()); ok {
		return nil, fmt.Errorf("not beside the script and not in the library; a module with a similar name exists: \"%s\"", near)
	}
	return nil, fmt.Errorf("not beside the script and not in the library, which has %s", strings.Join(stdlib.Modules(), ", "))
}

// compile makes the object; dump gets the text of the stages if it is set.
func (p *pipeline) compile(dump func(stage, program, text string)) (*compiler.Object, diag.List) {
	if r := p.recording; r != nil {
		return compiler.Compile(p.prog, compiler.Config{
			Target: r.Target(), Builtins: stdlib.Table(), Types: r, PID: p.o.pid, Comm: p.o.comm, Dump: dump,
			Lookups: p.o.keepWarnings > 0, Interpret: true,
		})
	}
	t, err := p.kernel.Target(p.texts.String())
	if err != nil {
		var out diag.List
		out.Add(&diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
		return nil, out
	}
	pid := p.o.pid
	if p.child != 0 {
		pid = p.child
	}
	return compiler.Compile(p.prog, compiler.Config{
		Target: t, Builtins: stdlib.Table(), Types: p.kernel, PID: pid, Comm: p.o.comm, Dump: dump,
		Lookups: p.o.keepWarnings > 0,
	})
}

// show prints messages: errors on standard error, warnings too, unless they
// are not wanted.
func (p *pipeline) show(list diag.List) {
	if p.o.noWarnings {
		list.All = slices.DeleteFunc(slices.Clone(list.All), func(d *diag.Diagnostic) bool { return d.Severity == diag.Warning })
	}
	if len(list.All) == 0 {
		return
	}
	list.Sort()
	switch {
	case p.o.compat:
		p.showCompat(&list)
	case p.o.format == "json" && p.o.command.Name == "check":
		_ = diag.RenderJSON(p.std.out, &list)
	default:
		_ = diag.Render(p.std.err, &list, diag.Options{Color: colored(p.std.err)})
	}
}

// status is the exit code for messages that stopped the pipeline.
func status(list diag.List) int {
	for _, d := range list.All {
		if d.Severity == diag.Error && d.Code == "internal" {
			return exitInternal
		}
	}
	return exitUsage
}

// envOnly are environment variables with the prefix that are no configuration
// (section 6.2).
var envOnly = []string{"btf", "kernel_source", "kernel_build", "vmlinux", "color", "dummy_ts_map", "debug_output"}

// environment is the configuration from the environment (C-00).
func environment() map[string]string {
	var out map[string]string
	for _, kv := range os.Environ() {
		rest, ok := strings.CutPrefix(kv, "BPFTRACE_")
		if !ok {
			continue
		}
		name, value, _ := strings.Cut(rest, "=")
		name = strings.ToLower(name)
		if slices.Contains(envOnly, name) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out
}

// tracerUsable tells why the tracer function_graph cannot be used, nil if it
// can. Whether somebody else uses it is seen when it is switched on.
func tracerUsable() error {
	tfs, err := tracefs.Host()
	if err != nil {
		return err
	}
	tracers, err := tfs.Tracers()
	if err != nil {
		return err
	}
	if !slices.Contains(tracers, "function_graph") {
		return errors.New("this kernel has no tracer function_graph")
	}
	return nil
}
