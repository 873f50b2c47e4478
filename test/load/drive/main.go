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

	"probe/compiler"
	"probe/compiler/target"
	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
	"probe/test/load"
)

func main() {
	limit := flag.Duration("limit", 30*time.Second, "give up loading a program after `this long`")
	without := flag.String("without", "", "compile as if the kernel had none of `may_goto,loop,for_each_map_elem`")
	log := flag.Bool("log", false, "show the verifier's log of what is refused")
	flag.Parse()
	if err := drive(*limit, *without, *log); err != nil {
		fmt.Fprintln(os.Stderr, "drive:", err)
		os.Exit(1)
	}
}

func drive(limit time.Duration, without string, log bool) error {
	k := kernel.New(kernel.Options{})
	probes := provider.New(k, provider.Options{RawTracepoint: provider.HasRawTracepoint})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var j load.Job
		if err := json.Unmarshal(in.Bytes(), &j); err != nil {
			return err
		}
		d := driver{k: k, probes: probes, limit: limit, without: strings.Split(without, ","), log: log}
		if err := out.Encode(d.do(j)); err != nil {
			return err
		}
	}
	return in.Err()
}

type driver struct {
	k       *kernel.Kernel
	probes  *provider.Set
	limit   time.Duration
	without []string
	log     bool
}

func (d *driver) do(j load.Job) load.Result {
	began := time.Now()
	obj, list := d.compile(j)
	r := load.Result{Name: j.Name, Compile: time.Since(began)}
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

func (d *driver) compile(j load.Job) (*compiler.Object, diag.List) {
	tree, list := syntax.Parse(source.New(j.Name, j.Text))
	if list.HasErrors() {
		return nil, list
	}
	prog, _, list := check.Check(&check.Input{
		File: tree, Builtins: stdlib.Signatures(), Probes: d.probes, Types: d.k,
		Env: &kernel.Env{K: d.k}, Import: importModule, Config: d.config(), Unsafe: true,
	})
	if prog == nil || list.HasErrors() {
		return nil, list
	}
	config := compiler.Config{Builtins: stdlib.Table(), Types: d.k}
	t, err := d.k.Target(compiler.Needs(prog, config))
	if err != nil {
		list.Errorf("machine", source.Span{}, "%v", err)
		return nil, list
	}
	d.restrict(t)
	config.Target = t
	return compiler.Compile(prog, config)
}

// config makes strings short where the keys of maps are limited, as probe does.
func (d *driver) config() map[string]string {
	if bpf.LargeKeys() {
		return nil
	}
	return map[string]string{"max_strlen": "64", "max_stack_frames": "12"}
}

func (d *driver) restrict(t *target.Target) {
	for _, f := range d.without {
		switch f {
		case "may_goto":
			delete(t.Features, target.MayGoto)
		case "loop":
			delete(t.Features, target.Loop)
		case "for_each_map_elem":
			delete(t.Features, target.ForEachMapElem)
		}
	}
}

func importModule(_ *source.File, path string) (*source.File, error) {
	text, ok := stdlib.Module(path)
	if !ok {
		return nil, errors.New("not a module of the library")
	}
	return source.New("stdlib/"+path+".pr", text), nil
}

// load makes the maps and loads the programs one after the other.
func (d *driver) load(obj *compiler.Object, r *load.Result) error {
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

func (d *driver) one(p *compiler.Program, obj *compiler.Object, maps map[string]*ebpf.Map) load.Program {
	out := load.Program{Name: p.Site.Name, Insns: p.Insns}
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

// tail is the end of a log, where the reason stands.
func tail(log string, all bool) string {
	const most = 600
	if len(log) > most && !all {
		log = log[len(log)-most:]
	}
	return strings.TrimSpace(log)
}
