// Package compilertest provides what tests of the compiler need besides a
// script: a fake kernel to check scripts against, targets for kernels of
// several ages, and a world in which compiled programs run without a kernel.
package compilertest

import (
	"fmt"
	"slices"

	"probe/compiler/target"
	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
	"probe/stdlib/fgraph"
)

// Kernel is a fake kernel with a task_struct, functions with typed arguments,
// and a tracepoint. It implements hir.Types and hir.Probes.
type Kernel struct {
	task   *types.Type
	tables map[string]*types.Type // further structs
}

// NewKernel returns a new Kernel.
func NewKernel() *Kernel {
	s := &types.Struct{Flavour: types.CStruct, Name: "task_struct", Size: 64, Align: 8, BTF: 77}
	t := types.RecordType(s)
	s.Members = []types.Field{
		{Name: "group_leader", Type: types.PointerTo(t, types.Kernel), Offset: 0},
		{Name: "pid", Type: types.Int32, Offset: 8},
		{Name: "comm", Type: types.StringType(16), Offset: 16},
		{Name: "real_parent", Type: types.PointerTo(t, types.Kernel), Offset: 32},
		{Name: "bits", Type: types.Uint32, Offset: 40, BitOff: 3, BitSize: 5},
		{Name: "stack", Type: types.PointerTo(types.VoidType, types.Kernel), Offset: 48},
		{Name: "prio", Type: types.ArrayOf(types.Int16, 4), Offset: 56},
	}
	return &Kernel{task: t}
}

// Named implements hir.Types.
func (k *Kernel) Named(kind, name string) (*types.Type, bool) {
	if t, ok := k.tables[name]; ok && kind == "struct" {
		return t, true
	}
	return k.task, kind == "struct" && name == "task_struct"
}

// Enumerator implements hir.Types: there is none.
func (k *Kernel) Enumerator(string) (*types.Type, uint64, bool) { return nil, 0, false }

// Names implements hir.Types.
func (k *Kernel) Names(string) []string { return nil }

// Available implements hir.Types.
func (k *Kernel) Available() (bool, string) { return true, "" }

// Kinds implements hir.Probes.
func (k *Kernel) Kinds() []hir.ProbeKind {
	var out []hir.ProbeKind
	for _, name := range []string{"begin", "end", "interval", "kprobe", "fexit", "ret", "fgraph", "tracepoint", "uprobe", "profile"} {
		out = append(out, *provider.KindOf(name))
	}
	return out
}

// Expand implements hir.Probes: every attach point is one site, whose arguments
// are where its kind of probe has them.
func (k *Kernel) Expand(r *hir.ExpandRequest, _ *diag.List) []*hir.Site {
	s := &hir.Site{Provider: r.Parts[0].Text, Kind: provider.KindOf(r.Parts[0].Text), Name: r.Raw, Type: r.Parts[0].Text, Space: types.Kernel, Func: "f"}
	switch s.Provider {
	case "begin", "end", "interval":
		s.Prog, s.Space, s.Func = hir.ProgRawTP, types.SpaceNone, ""
		if s.Provider == "interval" {
			s.Attach.Kind = hir.AttachInterval
		}
	case "profile":
		s.Prog, s.Func, s.Attach.Kind = hir.ProgPerf, "", hir.AttachProfile
	case "kprobe", "uprobe":
		s.Prog, s.Regs, s.Attach = hir.ProgKprobe, true, hir.Attach{Kind: hir.AttachKprobe, Symbol: "f"}
		for i, reg := range []string{"di", "si", "dx"} {
			s.Args = append(s.Args, inReg(fmt.Sprintf("arg%d", i), reg, types.Uint64))
		}
		if s.Provider == "uprobe" {
			s.Space, s.Attach.Kind = types.User, hir.AttachUprobe
		}
	case "fexit":
		s.Prog, s.Attach = hir.ProgTracing, hir.Attach{Kind: hir.AttachFexit, Symbol: "f"}
		s.Args = []hir.Arg{
			{Name: "task", Type: types.PointerTo(k.task, types.Kernel), Trusted: true, Loc: hir.Loc{Kind: hir.LocSlot}},
			{Name: "n", Type: types.Int32, Loc: hir.Loc{Kind: hir.LocSlot, Off: 1}},
		}
		s.Ret = &hir.Arg{Name: "retval", Type: types.Int32, Loc: hir.Loc{Kind: hir.LocSlot, Off: 2}}
	case "ret", "fgraph":
		k.returns(s)
		if s.Provider == "fgraph" && r.Uses.Graph {
			s.Plan = k.graph(s, r)
		}
	case "tracepoint":
		s.Prog, s.Func, s.Attach.Kind = hir.ProgTracepoint, "", hir.AttachTracepoint
		s.Args = []hir.Arg{
			{Name: "ret", Type: types.Int64, Loc: hir.Loc{Kind: hir.LocCtx, Off: 16, Size: 8}, Field: &types.Field{Name: "ret", Offset: 16}},
			{Name: "comm", Type: types.StringType(16), Loc: hir.Loc{Kind: hir.LocCtx, Off: 24, Size: 16}, Field: &types.Field{Name: "comm", Offset: 24}},
			{Name: "name", Type: types.Int64, Loc: hir.Loc{Kind: hir.LocCtx, Off: 40, Size: 4}, Field: &types.Field{Name: "name", Offset: 40, DataLoc: true}},
		}
	}
	return []*hir.Site{s}
}

// returns makes s a kretprobe whose arguments and time an entry half saves.
func (k *Kernel) returns(s *hir.Site) {
	s.Prog, s.Regs, s.Attach = hir.ProgKprobe, true, hir.Attach{Kind: hir.AttachKretprobe, Symbol: "f"}
	entry := *s
	entry.Attach.Kind = hir.AttachKprobe
	entry.Args = []hir.Arg{inReg("n", "di", types.Int32)}
	s.Args = []hir.Arg{{Name: "n", Type: types.Int32, Loc: hir.Loc{Kind: hir.LocSaved}}}
	ret := inReg("retval", "ax", types.Int32)
	s.Ret, s.Entry = &ret, &entry
}

// graph returns the plan of an fgraph: probe. The tracer records, or with
// config fgraph = bpf programs at the functions below f: one at both ends of g
// and h; with config attach = kprobe two for both; with config attach = fentry
// two for each of them; with config attach = multi one that asks the kernel for
// arguments.
func (k *Kernel) graph(s *hir.Site, r *hir.ExpandRequest) *fgraph.Plan {
	has := func(option string) bool {
		return slices.ContainsFunc(r.Parts, func(p hir.Part) bool { return p.Text == option })
	}
	g := &fgraph.Plan{Func: "f", Depth: 16, Enter: s.Entry, Why: "a test", IRQs: has("irqs=on"), Deep: has("args=deep")}
	g.Args = g.Deep || has("args=on")
	if g.Deep {
		s.Entry.Args[0].Type = types.PointerTo(k.task, types.Kernel)
		g.EnterDeep = fgraph.DeepArgs{{Words: 2, Reads: []fgraph.DeepRead{{Off: 8, Size: 4, At: 0}, {Off: 16, Size: 8, At: 8}}}}
		s.Args[0].Type = s.Entry.Args[0].Type
	}
	if r.Config("fgraph") != "bpf" {
		return g
	}
	g.Source = fgraph.BPF
	half := func(kind hir.AttachKind, prog hir.ProgType, arg, ret hir.Arg) *hir.Site {
		return &hir.Site{Provider: "fgraph", Kind: s.Kind, Name: "below " + r.Raw, Type: "fgraph", Space: types.Kernel, Prog: prog, Regs: prog == hir.ProgKprobe,
			Part: true, Args: []hir.Arg{arg}, Ret: &ret, Attach: hir.Attach{Kind: kind}}
	}
	inReg0, result := inReg("arg0", "di", types.Uint64), inReg("retval", "ax", types.Uint64)
	switch r.Attach {
	case "fentry":
		for _, name := range []string{"g", "h"} {
			slot := hir.Arg{Name: "n", Type: types.Int32, Loc: hir.Loc{Kind: hir.LocSlot}}
			out := hir.Arg{Name: "retval", Type: types.Int32, Loc: hir.Loc{Kind: hir.LocSlot, Off: 1}}
			g.Parts = append(g.Parts, fgraph.Part{Func: name, Enter: half(hir.AttachFentry, hir.ProgTracing, slot, out), Exit: half(hir.AttachFexit, hir.ProgTracing, slot, out)})
		}
	case "kprobe":
		g.Parts = []fgraph.Part{{Enter: half(hir.AttachKprobeMulti, hir.ProgKprobe, inReg0, result), Exit: half(hir.AttachKretprobeMulti, hir.ProgKprobe, inReg0, result)}}
	case "multi":
		asked := hir.Arg{Name: "arg0", Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocFuncArg, Size: 8}}
		g.Parts = []fgraph.Part{{Enter: half(hir.AttachFsessionMulti, hir.ProgTracing, asked, hir.Arg{Name: "retval", Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocFuncRet, Size: 8}})}}
	default:
		g.Parts = []fgraph.Part{{Enter: half(hir.AttachKprobeSession, hir.ProgKprobe, inReg0, result)}}
	}
	return g
}

func inReg(name, reg string, t *types.Type) hir.Arg {
	return hir.Arg{Name: name, Type: t, Loc: hir.Loc{Kind: hir.LocReg, Off: target.AMD64().Regs[reg], Size: 8}}
}

// Check parses and checks a script for a Kernel.
func (k *Kernel) Check(script string) (*hir.Script, diag.List) {
	tree, list := syntax.Parse(source.New("test", script))
	if list.HasErrors() {
		return nil, list
	}
	prog, _, list := check.Check(&check.Input{File: tree, Builtins: stdlib.Signatures(), Probes: k, Types: k, Env: machine{}, Unsafe: true})
	return prog, list
}

// TargetNames are the names of Targets, the oldest first.
var TargetNames = []string{"old", "mid", "new"}

// Targets returns the oldest and newest supported kernels and one between:
// "old" has nothing later than 5.10, "mid" the helpers of 6.1, "new"
// everything.
func Targets() map[string]*target.Target {
	mid := []target.Feature{target.TaskBTF, target.TaskPtRegs, target.ForEachMapElem, target.Loop, target.PerCPULookup, target.FuncIP, target.NoPrealloc, target.Overlap}
	late := append(slices.Clone(mid), target.RdonlyCast, target.SessionReturn, target.MayGoto, target.TaiTime, target.OverrideReturn)
	out := map[string]*target.Target{}
	for name, features := range map[string][]target.Feature{"old": nil, "mid": mid, "new": late} {
		out[name] = &target.Target{NCPU: 3, Arch: target.AMD64(), Features: target.NewSet(features...), BTFIDs: map[target.Feature]uint32{target.RdonlyCast: 9999, target.SessionReturn: 8888}}
	}
	return out
}
