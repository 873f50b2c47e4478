package provider

import (
	"fmt"
	"slices"
	"strings"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/stdlib/fgraph"
)

// graphParts returns the places of the functions below the root.
func (r *request) graphParts(g *fgraph.Plan) []fgraph.Part {
	if g.Source != fgraph.BPF {
		return nil
	}
	listed, _ := r.set.named(g.Only) // graphFuncs has read the list
	var fns []fn
	for _, name := range g.Only {
		if f, ok := listed[name]; ok && name != g.Func && !slices.Contains(g.Skip, name) && !unsafeBelow(name) {
			fns = append(fns, f)
		}
	}
	part := *r
	part.ExpandRequest = &hir.ExpandRequest{At: r.At, Attach: r.Attach, PID: r.PID, MaxProgs: r.MaxProgs}
	part.Uses = hir.Uses{Args: g.Args, Retval: true}
	mark := func(s *hir.Site) *hir.Site {
		if s != nil {
			s.Part, s.Provider, s.Type, s.Name = true, "fgraph", "fgraph", "functions below fgraph:"+g.Func
		}
		return s
	}
	half := func(p *Provider) *request { h := part; h.p = p; return &h }
	enter, exit := half(find("call")), half(find("ret"))
	var parts []fgraph.Part
	for _, share := range r.sharings(len(fns)) {
		var shared []fn
		for _, f := range fns {
			// A program that many functions share does not know the types of
			// their arguments, so functions with args=deep get programs of
			// their own.
			if share.takes(r, f) && !(g.Deep && r.deepFunc(f)) {
				shared = append(shared, f)
			}
		}
		if len(shared) < 2 {
			continue
		}
		e, x := share.sites(enter, exit, shared)
		parts = append(parts, fgraph.Part{Enter: mark(e), Exit: mark(x)})
		fns = slices.DeleteFunc(fns, func(f fn) bool { return slices.Contains(shared, f) })
	}
	if r.Attach == "" && len(fns) > maxTrampolines && r.set.kprobes() == nil {
		enter.kprobes, exit.kprobes = manyTrampolines, manyTrampolines
	}
	for _, f := range fns {
		e, _ := enter.callSite(f)
		x, _ := exit.callSite(f)
		if e == nil || x == nil {
			continue
		}
		var deep fgraph.DeepArgs
		if g.Deep {
			deep = r.deep(e)
		}
		x.Entry = nil // the event of the entry has the arguments
		parts = append(parts, fgraph.Part{Func: f.name, Enter: mark(e), Exit: mark(x), Deep: deep})
	}
	return parts
}

// maxTrampolines bounds the functions that get trampolines one by one. For each
// call they cost half of what kprobes do, but for each one that is removed the
// kernel walks the list of its functions several times: 110 million
// instructions on 6.1, while a kprobe and a kretprobe take 25 million
// (docs/performance.md).
const maxTrampolines = 20

// manyTrampolines is the reason, for -v, why more functions get kprobes.
var manyTrampolines = fmt.Sprintf("more than %d trampolines take long to remove", maxTrampolines)

// maxSingle is the maximum number of functions with links of their own, the
// only way on a kernel without links to many functions.
const maxSingle = 200

// sharing is a way for many functions to have the same programs.
type sharing struct {
	// takes reports whether a function can be attached that way.
	takes func(r *request, f fn) bool
	// sites returns the sites for fns. x is nil if one program runs at entry
	// and return.
	sites func(enter, exit *request, fns []fn) (e, x *hir.Site)
}

// sharings returns the ways that this kernel offers and the config allows for n
// functions, the best first (docs/internals.md says why).
func (r *request) sharings(n int) []sharing {
	if ip := r.set.opts.FuncIP; ip != nil && ip() != nil || r.Attach == "fentry" {
		return nil
	}
	all := func(*request, fn) bool { return true }
	kprobes := r.set.kprobes() == nil
	multi := kprobes && r.set.multi() == nil
	if multi && r.set.session() == nil && r.Attach != "kprobe" {
		return []sharing{{all, sessionSite}}
	}
	var out []sharing
	if r.Attach == "" && r.set.fsession() == nil {
		out = append(out, sharing{(*request).traced, fsessionSite})
	}
	switch {
	case !kprobes:
	case r.Attach == "kprobe":
		out = append(out, sharing{(*request).probed, eachSites("config attach is \"kprobe\"")})
	case multi:
		out = append(out, sharing{all, pairSites})
	case n > maxTrampolines:
		out = append(out, sharing{(*request).probed, eachSites(manyTrampolines)})
	}
	return out
}

// traced reports whether a trampoline can be put at f and f's arguments all lie
// in registers.
func (r *request) traced(f fn) bool {
	if f.module != "" && f.module != "vmlinux" {
		return false // a link takes numbers of one BTF only
	}
	proto, err := r.set.k.Func("vmlinux", f.name)
	if err != nil || r.set.Untrampolined(proto, true) != "" || proto.Slots > trampolineArgs || recursive(f.name) {
		return false
	}
	for _, p := range proto.Params {
		if !p.Type.IsScalar() {
			return false // the kernel rejects some of these functions
		}
	}
	return true
}

// probed reports whether a kprobe can be put at f.
func (r *request) probed(f fn) bool { return !r.set.denied(f.name) }

// countOf returns a number of functions in words.
func countOf(fns []fn) string { return fmt.Sprintf("%d functions", len(fns)) }

func fsessionSite(enter, _ *request, fns []fn) (e, x *hir.Site) {
	s := enter.site(hir.ProgTracing, types.Kernel, countOf(fns))
	s.Attach.Kind = hir.AttachFsessionMulti
	for _, f := range fns {
		proto, err := enter.set.k.Func("vmlinux", f.name)
		if err != nil {
			continue // cannot fail: traced has looked it up
		}
		s.Attach.Symbols = append(s.Attach.Symbols, f.name)
		s.Attach.BTFIDs = append(s.Attach.BTFIDs, proto.ID)
	}
	s.Args = asked()
	s.Ret = &hir.Arg{Name: "retval", Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocFuncRet, Size: 8}}
	s.Why = "fsession.multi: one program for entry and return of " + countOf(fns)
	return s, nil
}

func sessionSite(enter, _ *request, fns []fn) (e, x *hir.Site) {
	s := enter.manySite(countOf(fns), fns, false)
	s.Attach.Kind, s.Ret = hir.AttachKprobeSession, result(nil)
	s.Why = "kprobe.session: one program for entry and return of " + countOf(fns)
	return s, nil
}

func pairSites(enter, exit *request, fns []fn) (e, x *hir.Site) {
	return enter.manySite(countOf(fns), fns, false), exit.manySite(countOf(fns), fns, true)
}

func eachSites(why string) func(enter, exit *request, fns []fn) (e, x *hir.Site) {
	return func(enter, exit *request, fns []fn) (e, x *hir.Site) {
		return enter.eachSite(countOf(fns), fns, false, why), exit.eachSite(countOf(fns), fns, true, why)
	}
}

// asked returns arg0, arg1 and so on for programs that call a helper to get
// them.
func asked() []hir.Arg {
	out := numbered()
	for i := range out {
		out[i].Loc = hir.Loc{Kind: hir.LocFuncArg, Off: i, Size: 8}
	}
	return out
}

// unsafeBelow reports whether probe's own programs call a function, through
// helpers. Programs at such a function would not run inside the others, since
// the kernel does not nest them.
func unsafeBelow(name string) bool {
	return recursive(name) || strings.HasPrefix(name, "bpf_") || strings.HasPrefix(name, "__bpf_") || strings.HasPrefix(name, "trace_call_bpf")
}
