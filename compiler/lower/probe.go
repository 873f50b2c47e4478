package lower

import (
	"encoding/binary"

	"github.com/cilium/ebpf"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/hir"
)

// program lowers one BPF program. body, if not nil, replaces the predicate and
// body of the script.
func (u *Unit) program(name string, role object.Role, pr *hir.Probe, site *hir.Site, body func(f *fn)) {
	p := &program{u: u, ir: &ir.Prog{Name: name}, probe: pr, site: site, memVars: map[*hir.Var]bool{}, buffer: -1, retOff: -1}
	f := &fn{program: p, vars: map[*hir.Var]*binding{}, frames: 1}
	f.b = ir.NewBuilder(p.ir, name, ir.PtrCtx)
	f.f = f.b.F
	defer f.b.At(pr.At)()
	f.ctx = f.b.Arg(0)
	if u.cfg.Sample && body == nil && !site.Attach.Kind.ByUser() && u.sampleable(pr) {
		p.sampleOff = u.alloc(8)
	}
	f.filters()
	f.claimEarly()
	if body != nil {
		body(f)
	} else {
		f.body(pr)
	}
	f.end()
	f.b.Finish()
	f.finishScratch()
	u.IR = append(u.IR, p.ir)
	u.Obj.Programs = append(u.Obj.Programs, &object.Program{Name: name, Role: role, Probe: pr, Site: site, SampleOff: p.sampleOff})
	u.Obj.Spec.Programs[name] = programSpec(name, site)
}

// programSpec returns the spec without instructions.
func programSpec(name string, site *hir.Site) *ebpf.ProgramSpec {
	s := &ebpf.ProgramSpec{Name: name, License: "GPL"}
	switch site.Prog {
	case hir.ProgKprobe:
		s.Type = ebpf.Kprobe
		switch site.Attach.Kind {
		case hir.AttachKprobeMulti, hir.AttachKretprobeMulti:
			s.AttachType = ebpf.AttachTraceKprobeMulti
		case hir.AttachKprobeSession:
			s.AttachType = ebpf.AttachTraceKprobeSession
		case hir.AttachUprobeMulti, hir.AttachUretprobeMulti:
			s.AttachType = ebpf.AttachTraceUprobeMulti
		}
	case hir.ProgTracepoint:
		s.Type = ebpf.TracePoint
	case hir.ProgRawTP:
		s.Type = ebpf.RawTracepoint
	case hir.ProgPerf:
		s.Type = ebpf.PerfEvent
	case hir.ProgIter:
		s.Type, s.AttachType, s.AttachTo = ebpf.Tracing, ebpf.AttachTraceIter, site.Attach.Symbol
	case hir.ProgTracing:
		s.Type = ebpf.Tracing
		s.AttachTo = site.Attach.Symbol
		switch site.Attach.Kind {
		case hir.AttachFentry:
			s.AttachType = ebpf.AttachTraceFEntry
		case hir.AttachFexit:
			s.AttachType = ebpf.AttachTraceFExit
		case hir.AttachFsessionMulti:
			s.AttachType = attachFsessionMulti
		default:
			s.AttachType = ebpf.AttachTraceRawTp
		}
	}
	return s
}

// attachFsessionMulti is BPF_TRACE_FSESSION_MULTI (include/uapi/linux/bpf.h),
// for which the library has no name.
const attachFsessionMulti ebpf.AttachType = 61

// end closes the function: the implicit result is 1 for tracepoints and 0
// otherwise (E-JUMP-03).
func (f *fn) end() {
	if !f.b.Done() {
		f.leaveProgram(f.result())
	}
}

// fixedResult reports whether the verifier accepts no result but that of
// result.
func (f *fn) fixedResult() bool {
	switch f.site.Attach.Kind {
	case hir.AttachFentry, hir.AttachFexit, hir.AttachFsessionMulti, hir.AttachIter:
		return true
	}
	return false
}

// keptResult returns the result that a `return` in an outlined function or a
// callback has left at an offset of p.
func (f *fn) keptResult(p builtin.Place, off int) ir.Value {
	if f.fixedResult() {
		return f.result() // a number that was loaded is unknown to the verifier
	}
	return f.b.Load(p.Base, p.Off+off, 8)
}

// result returns the result of a program that ends without `return` and a number.
func (f *fn) result() ir.Value {
	if f.site.Prog == hir.ProgTracepoint && !f.inCB {
		return f.konst(1)
	}
	return f.konst(0)
}

// filters lowers the filters of the command line, before everything else.
func (f *fn) filters() {
	if f.site.About().Own || f.site.Part {
		return
	}
	if f.site.Prog == hir.ProgIter {
		f.iterFilters()
		return
	}
	if f.u.cfg.PID > 0 && (f.site.Prog != hir.ProgPerf || f.u.follows(f.site)) {
		f.requireProcess(f.b.BinI(ir.OpShr, f.PidTgid(), 32), func() ir.Value {
			return f.b.BinI(ir.OpShr, f.b.Call(ir.HelperPidTgid), 32)
		})
	}
	if comm := f.u.cfg.Comm; comm != "" {
		var buf builtin.Place
		if t := f.Target(); t.Has(target.TaskBTF) && t.Has(target.CommOffset) {
			buf = f.local(f.b.Call(ir.HelperTaskBTF)).At(t.CommOff)
		} else {
			buf = f.Scratch(16, "comm")
			f.Zero(buf, 16) // not every kernel pads the name
			f.b.Call(ir.HelperComm, f.Addr(buf), f.konst(16))
		}
		want := make([]byte, 16)
		copy(want[:15], comm)
		for i := 0; i < 16; i += 8 {
			f.require(ir.EQ, f.b.Load(buf.Base, buf.Off+i, 8), f.konst(int64(binary.LittleEndian.Uint64(want[i:]))))
		}
	}
	if off := f.u.Obj.StopOff; off > 0 && f.site.Attach.Kind != hir.AttachNone {
		f.require(ir.EQ, f.b.Load(f.b.MapValue(mapData, off), 0, 8), f.konst(0))
	}
	if f.sampleOff > 0 {
		f.sample()
	}
}

// require ends the program unless x cmp y holds.
func (f *fn) require(c ir.Cmp, x, y ir.Value) {
	next, out := f.b.NewBlock("next"), f.b.NewBlock("filtered")
	f.b.If(c, 8, x, y, next, out)
	f.b.UseSealed(out)
	f.b.Ret(f.result())
	f.b.UseSealed(next)
}

// body lowers predicate and statements.
func (f *fn) body(pr *hir.Probe) {
	f.plan(pr)
	f.begin()
	if !hir.IsNil(pr.Pred) {
		run, out := f.b.NewBlock("body"), f.b.NewBlock("false")
		f.cond(pr.Pred, run, out)
		f.b.UseSealed(out)
		f.leaveProgram(f.result())
		f.b.UseSealed(run)
	}
	f.claimLate()
	if f.careful {
		f.keepArgs(pr)
	}
	f.keepCalls(pr)
	f.block(pr.Body)
}

// finishScratch assigns the program its region of p_scratch, with one stride
// per CPU.
func (p *program) finishScratch() {
	if len(p.base) == 0 {
		return
	}
	stride := (p.region + 63) / 64 * 64
	for _, c := range p.size {
		c.f.Vals[c.v].Imm = int64(stride)
	}
	for _, c := range p.base {
		c.f.Vals[c.v].Imm = int64(p.u.scratch)
	}
	regions := p.u.cfg.Target.CPUMask() + 1
	if p.claims != nil {
		regions *= claimSlots
	}
	p.u.scratch += stride * regions
	p.finishClaims()
}

// savedArgs is the record an entry half keeps for its return half: the time
// and the arguments the body uses.
type savedArgs struct {
	m    int         // ir map index
	off  map[int]int // index in Site.Entry.Args -> offset in the record
	size int
	// place is the place of the record in the return half. The return half adds
	// the time of the return to it once, so that a duration is the same
	// throughout the body.
	place builtin.Place
}

// pair lowers a ret: probe whose mechanism keeps neither arguments nor time:
// the entry half saves them under the thread's id, and the return half reads
// and deletes them.
func (u *Unit) pair(i int, pr *hir.Probe) {
	entry := pr.Site.Entry
	s := &savedArgs{off: map[int]int{}, size: 8}
	for n := range entry.Args {
		if usesArg(pr, n) {
			s.off[n] = s.size
			s.size += 8
		}
	}
	name := "p_entry" + sanitize(itoa(i))
	s.m = u.AddMap(&ebpf.MapSpec{Name: name, Type: ebpf.Hash, KeySize: 8, ValueSize: uint32(s.size), MaxEntries: uint32(max(u.cfg.Ints("max_map_keys"), 1024))})
	base := "p" + itoa(i)
	h := hoist(pr)
	u.program(base+"e", object.Entry, pr, entry, func(f *fn) {
		f.requireAll(h.both)
		key := f.threadKey()
		f.wanted(&h, s.m, key)
		rec := f.Scratch(s.size, "entry")
		for n := range entry.Args {
			if off, ok := s.off[n]; ok {
				f.b.Store(rec.Base, rec.Off+off, 8, f.plain(f.Argument(&entry.Args[n], pr.At)))
			}
		}
		f.b.Store(rec.Base, rec.Off, 8, f.Clock())
		r := f.b.Call(ir.HelperMapUpdate, f.b.Map(s.m), f.Addr(key), f.Addr(rec), f.konst(0))
		f.FailIf(ir.NE, r, f.konst(0), builtin.ErrMapFull, pr.At, ir.HelperMapUpdate)
		for _, p := range u.parts[pr] {
			if p.Enter != nil {
				p.Enter(f)
			}
		}
	})
	u.program(base, object.Main, pr, pr.Site, func(f *fn) {
		f.requireAll(h.both)
		key := f.threadKey()
		p := f.b.Call(ir.HelperMapLookup, f.b.Map(s.m), f.Addr(key))
		have, none := f.b.NewBlock("entered"), f.b.NewBlock("missed")
		f.b.If(ir.NE, 8, p, f.konst(0), have, none)
		f.b.UseSealed(none)
		f.missed(&h)
		f.b.UseSealed(have)
		rec := f.Scratch(s.size+8, "entry")
		f.Copy(rec, f.local(p), s.size, pr.At)
		if len(u.parts[pr]) > 0 || usesDuration(pr) {
			f.b.Store(rec.Base, rec.Off+s.size, 8, f.Clock())
		}
		f.b.Call(ir.HelperMapDelete, f.b.Map(s.m), f.Addr(key))
		c := *s
		c.place = rec
		f.saved = &c
		f.body(pr)
	})
}

// threadKey returns the thread's id in local memory.
func (f *fn) threadKey() builtin.Place {
	p := f.Scratch(8, "tid")
	f.b.Store(p.Base, p.Off, 8, f.b.Call(ir.HelperPidTgid))
	return p
}

// PidTgid implements builtin.Lowerer.
func (f *fn) PidTgid() ir.Value {
	t := f.Target()
	if !t.NsPid {
		return f.b.Call(ir.HelperPidTgid)
	}
	// struct bpf_pidns_info { u32 pid; u32 tgid; }
	buf := f.Scratch(8, "nspid")
	f.Zero(buf, 8)
	f.b.Call(ir.HelperNsPidTgid, f.konst(int64(t.NsDev)), f.konst(int64(t.NsIno)), f.Addr(buf), f.konst(8))
	tid := f.b.Load(buf.Base, buf.Off, 4)
	tgid := f.b.Load(buf.Base, buf.Off+4, 4)
	return f.b.Bin(ir.OpOr, f.b.BinI(ir.OpShl, tgid, 32), tid)
}

// Clock returns the time that durations are measured with.
func (f *fn) Clock() ir.Value { return f.b.Call(ir.HelperKtimeGetNS) }

// Entered returns the time of the entry, the start of a duration.
func (f *fn) Entered() ir.Value { return f.b.Load(f.saved.place.Base, f.saved.place.Off, 8) }

// Ended returns the time of the return, the end of a duration.
func (f *fn) Ended() ir.Value {
	return f.b.Load(f.saved.place.Base, f.saved.place.Off+f.saved.size, 8)
}

func usesDuration(pr *hir.Probe) bool {
	used := false
	see := func(e hir.Expr) {
		_, is := e.(*hir.Duration)
		used = used || is
	}
	hir.WalkExpr(pr.Pred, see, nil)
	hir.WalkBlock(pr.Body, see, nil)
	return used
}

func usesArg(pr *hir.Probe, n int) bool {
	used := false
	see := func(e hir.Expr) {
		switch e := e.(type) {
		case *hir.ArgRef:
			used = used || e.N == n
		case *hir.ArgsRecord:
			used = true
		}
	}
	hir.WalkExpr(pr.Pred, see, nil)
	hir.WalkBlock(pr.Body, see, nil)
	return used
}
