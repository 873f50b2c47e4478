package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"probe/runtime/machine/live"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
	"probe/test/load"
)

// Of the functions with ordinary types one in sampleEvery is tried. Of those with
// others, attachMost are attached as well, and all that probe refuses.
const (
	sampleEvery = 40
	attachMost  = 6
)

// trampolines tries fentry and fexit at the functions of the kernel, and writes a
// load.Function for each that it tried.
func trampolines() error {
	m := live.New(live.Options{})
	k := kernel.New(kernel.Options{Host: m.Types(), Tracefs: m.Tracefs, Symbols: m.Symbols(), Features: m.Features()})
	ask := func(f feature.Feature) func() error { return func() error { return m.Features().Err(f) } }
	s := provider.New(k, provider.Options{
		StructArgs: ask(feature.StructArgs), UnionArgs: ask(feature.UnionArgs), WideArgs: ask(feature.WideArgs),
	})
	t, err := k.Tracefs()
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	n, attached := 0, map[string]int{}
	var failed error
	err = t.Functions(func(name, module string) bool {
		if module != "" {
			return true
		}
		proto, err := k.Func("vmlinux", name)
		if err != nil {
			return true
		}
		shape := shapeOf(proto)
		if n++; shape == "" && n%sampleEvery != 0 && !strings.Contains(name, "exit") {
			return true
		}
		for _, ret := range []bool{false, true} {
			f := load.Function{Name: strings.Clone(name), Exit: ret, Shape: shape, Told: s.Untrampolined(proto, ret)}
			key := fmt.Sprint(shape, ret)
			// Older kernels notice arguments on the stack only then.
			attach := shape != "" && (f.Told != "" || attached[key] < attachMost)
			if attach && f.Told == "" {
				attached[key]++
			}
			f.Attached, f.Refused = attach, refusal(proto.ID, ret, attach)
			if failed = out.Encode(f); failed != nil {
				return false
			}
		}
		return true
	})
	if failed != nil {
		return failed
	}
	return err
}

// shapeOf says what is special about the types of a function, "" for nothing.
func shapeOf(f *kernel.Prototype) string {
	switch {
	case f.Variadic:
		return "variadic"
	case f.Ret != nil && !f.Ret.IsScalar():
		return "struct result"
	case f.Slots > 6:
		return "many arguments"
	}
	for _, p := range f.Params {
		if !p.Type.IsScalar() {
			return "struct argument"
		}
	}
	return ""
}

// refusal loads an empty program for a function, attaches it if that is asked for,
// and returns the kernel's reason if it does not do so.
func refusal(id uint32, ret, attach bool) string {
	at := ebpf.AttachTraceFEntry
	if ret {
		at = ebpf.AttachTraceFExit
	}
	spec := &ebpf.ProgramSpec{Name: "empty", Type: ebpf.Tracing, AttachType: at, Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}, License: "GPL"}
	p, err := bpf.Load(context.Background(), spec, nil, bpf.LoadOptions{AttachBTF: id})
	if err != nil {
		return err.Error()
	}
	defer p.Close()
	if !attach {
		return ""
	}
	l, err := bpf.AttachTracing(p)
	if err != nil {
		return err.Error()
	}
	if err := l.Close(); err != nil {
		return err.Error()
	}
	return ""
}
