// Command drive compiles and loads scripts on this machine. It reads a
// load.Job in each line of standard input and writes a load.Result for it.
//
// Nothing is attached: a kernel that has programs of a type but nothing to
// attach them to can take part.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/engine"
	"probe/runtime/machine"
	"probe/runtime/machine/files"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
	"probe/test/load"
)

func main() {
	limit := flag.Duration("limit", 30*time.Second, "give up loading a program after `this long`")
	without := flag.String("without", "", "compile as if the kernel had none of `may_goto,loop,for_each_map_elem`")
	log := flag.Bool("log", false, "show the verifier's log of what is refused")
	described := flag.String("kernel", "", "also compile for this `kernel` as the table of features describes it")
	dump := flag.String("dump", "", "show this `stage` of each program on standard error: ir-lowered, ir, bpf")
	tryAll := flag.Bool("trampolines", false, "try fentry and fexit at the kernel's functions")
	flag.Parse()
	if *tryAll {
		if err := trampolines(); err != nil {
			fmt.Fprintln(os.Stderr, "drive:", err)
			os.Exit(1)
		}
		return
	}
	if err := drive(*limit, *without, *dump, *described, *log); err != nil {
		fmt.Fprintln(os.Stderr, "drive:", err)
		os.Exit(1)
	}
}

func drive(limit time.Duration, without, dump, described string, log bool) error {
	m := newLoader(strings.Split(without, ","))
	var told *files.Machine
	if described != "" {
		set, err := feature.Tested(described)
		if err != nil {
			return err
		}
		o := files.Options{Features: set}
		if !feature.LargeKeys(described) {
			o.KeyLimit = machine.SmallKey
		}
		told = files.New(o)
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var j load.Job
		if err := json.Unmarshal(in.Bytes(), &j); err != nil {
			return err
		}
		d := driver{m: m, limit: limit, log: log, dump: dump, told: told}
		if err := out.Encode(d.do(j)); err != nil {
			return err
		}
	}
	return in.Err()
}

// loader is this machine, taken to have every way to attach, and without some
// of its features.
type loader struct {
	*live.Machine
	kernel  *kernel.Kernel
	probes  *provider.Set
	without []string
}

func newLoader(without []string) *loader {
	m := live.New(live.Options{})
	k := kernel.New(kernel.Options{Host: m.Types(), Tracefs: m.Tracefs, Symbols: m.Symbols(), Features: m.Features()})
	return &loader{
		Machine: m, kernel: k, without: without,
		probes: provider.New(k, provider.Options{RawTracepoint: provider.RawTracepoints(m.Features(), m.Symbols())}),
	}
}

// View implements machine.Machine.
func (l *loader) View(q machine.Query) machine.View {
	return &view{View: l.Machine.View(q), loader: l, probes: l.probes.Script(q.Deep)}
}

type view struct {
	machine.View
	loader *loader
	probes *provider.Set
}

func (v *view) Probes() hir.Probes { return v.probes }
func (v *view) Types() hir.Types   { return v.loader.kernel }
func (v *view) Env() types.Env     { return &kernel.Env{K: v.loader.kernel} }

func (v *view) Target(needs target.Set) (*target.Target, error) {
	t, err := v.View.Target(needs)
	if err != nil {
		return nil, err
	}
	for _, f := range v.loader.without {
		switch f {
		case "may_goto":
			delete(t.Features, target.MayGoto)
		case "loop":
			delete(t.Features, target.Loop)
		case "for_each_map_elem":
			delete(t.Features, target.ForEachMapElem)
		}
	}
	return t, nil
}

type driver struct {
	m     *loader
	limit time.Duration
	log   bool
	told  *files.Machine // the kernel as the table describes it; nil to leave it out
	dump  string         // stage to show
}

func (d *driver) do(j load.Job) load.Result {
	if j.Struct != "" {
		return d.members(j)
	}
	began := time.Now()
	obj, list := d.compile(j, d.m)
	r := load.Result{Name: j.Name, Compile: time.Since(began)}
	if d.told != nil && j.Described {
		_, told := d.compile(j, d.told)
		for _, m := range told.All {
			if m.Severity == diag.Error && r.Told == "" {
				r.Told = string(m.Code)
			}
		}
	}
	for _, m := range list.All {
		if m.Severity == diag.Error {
			r.Error, r.Code = m.Error(), string(m.Code)
			return r
		}
	}
	if err := d.load(obj, &r); err != nil {
		r.Error = err.Error()
	}
	return r
}

func (d *driver) compile(j load.Job, m machine.Machine) (*object.Object, diag.List) {
	script := engine.Script{Name: j.Name, Text: j.Text, Import: engine.Library}
	c, list := engine.Build(script, m, engine.CheckOptions{Unsafe: true, Config: d.config(), Empty: true}, d.options())
	if c == nil {
		return nil, list
	}
	return c.Object, list
}

// options asks for the stages of programs only if one is to be shown: their texts
// take longer than the rest.
func (d *driver) options() engine.CompileOptions {
	if d.dump == "" {
		return engine.CompileOptions{}
	}
	return engine.CompileOptions{Dump: d.show}
}

// show prints a stage of a program, if it is the one that was asked for.
func (d *driver) show(stage, program, text string) {
	if stage == d.dump {
		fmt.Fprintf(os.Stderr, "%s\n%s\n", program, text)
	}
}

// config makes strings short where the keys of maps are limited, as probe does.
func (d *driver) config() map[string]string {
	if d.m.View(machine.Query{}).KeyLimit() == 0 {
		return nil
	}
	return map[string]string{"max_strlen": "64", "max_stack_frames": "12"}
}

// load makes the maps and loads the programs one after the other.
func (d *driver) load(obj *object.Object, r *load.Result) error {
	maps := map[string]*ebpf.Map{}
	defer func() {
		for _, m := range maps {
			m.Close()
		}
	}()
	for name, spec := range obj.Spec.Maps {
		if spec.MaxEntries > 64 && spec.Type != ebpf.RingBuf {
			spec.MaxEntries = 64 // nothing runs
		}
		if spec.Type == ebpf.RingBuf {
			spec.MaxEntries = 4096
		}
		m, err := ebpf.NewMap(spec)
		if err != nil {
			return fmt.Errorf("create map %s: %w", name, err)
		}
		maps[name] = m
	}
	for _, p := range obj.Programs {
		r.Programs = append(r.Programs, d.one(p, obj, maps))
	}
	return nil
}

func (d *driver) one(p *object.Program, obj *object.Object, maps map[string]*ebpf.Map) load.Program {
	out := load.Program{Name: p.Site.Name, Insns: p.Insns, Estimate: p.Estimate}
	ctx, cancel := context.WithTimeout(context.Background(), d.limit)
	defer cancel()
	began := time.Now()
	loaded, err := bpf.Load(ctx, obj.Spec.Programs[p.Name], maps, bpf.LoadOptions{AttachBTF: p.Site.Attach.BTFID})
	out.Time = time.Since(began)
	var refused *bpf.LoadError
	switch {
	case err == nil:
		out.Verified = loaded.Verified.Insns
		out.Time = loaded.Verified.Time
		loaded.Close()
	case ctx.Err() != nil:
		out.Slow = true
	case errors.As(err, &refused):
		out.Verified, out.Time = refused.Verified.Insns, refused.Verified.Time
		out.Refused = refused.Err.Error() + ": " + tail(refused.Log, d.log)
	default:
		out.Refused = err.Error()
	}
	return out
}

// tail returns the end of a log, which has the reason.
func tail(log string, all bool) string {
	const most = 600
	if len(log) > most && !all {
		log = log[len(log)-most:]
	}
	return strings.TrimSpace(log)
}
