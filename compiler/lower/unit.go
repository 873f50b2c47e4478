// Package lower turns the typed tree into SSA: one ir.Prog for each program of
// each probe, and the layout of everything they share: map slots, per-CPU
// cells, scratch memory, event records, error counters.
//
// Lower takes a hir.Script and the features of the kernel, and returns ir.Progs
// and an object.Object without instructions. The package knows neither
// registers nor instruction encodings.
package lower

import (
	"slices"

	"github.com/cilium/ebpf"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// Config is what lowering needs besides the script.
type Config struct {
	Target   *target.Target
	Builtins map[string]*builtin.Func
	PID      int    // -p: compiled into every probe that row P-COM-15 filters
	Follow   bool   // the descendants of PID as well
	Comm     string // --comm: as PID, for the thread name
	// Lookups also counts reads of missing keys (compiler.Config).
	Lookups bool
	// Sample prepares programs for looking at a part of their events
	// (compiler.Config).
	Sample bool
	// Ints reads an integer config variable by its canonical name.
	Ints func(name string) int64
	// Careful are the probes whose programs are lowered carefully even if plan
	// would not do so.
	Careful map[*hir.Probe]bool
	Live    map[string]*object.Map // maps of objects loaded before (REPL), by script name
	// HashOnly keeps every map in a separate hash, keyless ones too, so that
	// other objects can share it by name (compiler.Config).
	HashOnly bool
	Strings  []string  // interned strings of objects that share maps with this one
	Types    hir.Types // kernel types, for builtins that read members
	FirstID  int       // number of the first event, for objects that share a ring
}

// The internal maps, by their index in an ir.Prog.
const (
	mapData = iota
	mapPerCPU
	mapScratch
	mapRing
)

// Unit lowers one script.
type Unit struct {
	cfg  Config
	hir  *hir.Script
	Obj  *object.Object
	Diag diag.List

	MapNames []string // by ir map index
	IR       []*ir.Prog

	data     []byte // initial content of p_data
	percpu   int    // bytes of one CPU's block
	scratch  int    // bytes of p_scratch so far
	stride   []patch
	tables   map[string]int
	sites    map[siteKey]int
	mapIndex []int // hir.Map.Index -> ir map index of its hash, -1 if none
	deleted  map[*hir.Map]bool
	fronted  map[*hir.Map]bool // may have a table in front of the hash
	nested   map[*hir.Map]bool // cells are updated from elsewhere between two instructions of a program
	resets   map[*hir.Map]bool // cleared or zeroed as a whole
	fronts   int               // bytes of all tables on one CPU
	stacks   stackStore
	follow   int // ir map index of object.FollowMap
	unwind   int // that of object.UnwindMap, 0 if there is none
	parts    map[*hir.Probe][]part
	traced   map[*hir.Var]bool                    // see findTraced
	bucketed map[types.Kind]func(*types.Type) int // how many buckets types have, by kind; nil until asked
}

// patch is a constant that is only known after everything has been lowered.
type patch struct {
	f *ir.Func
	v ir.Value
}

type siteKey struct {
	kind   builtin.ErrorKind
	at     source.Span
	probe  string
	m      string
	helper ir.Helper
}

// startOff is where the runtime writes the start time, zeroOff a word that is
// always zero: adding it makes a value unknown to the verifier.
const (
	startOff = 0
	zeroOff  = 8
	taiOff   = 16
	dataHead = 24
)

// layoutStop reserves the word that stops the programs at the end of the run,
// if there are end probes. The kernel detaches programs one after another,
// which can take seconds. Without the word, an end probe would see data from
// the probes that are still attached.
func (u *Unit) layoutStop() {
	if slices.ContainsFunc(u.hir.Probes, func(pr *hir.Probe) bool { return pr.Site.About().Phase == hir.AfterDetach }) {
		u.Obj.StopOff = u.alloc(8)
	}
}

// Lower compiles every probe of a program. Errors about what this kernel cannot
// do are in Unit.Diag.
func Lower(p *hir.Script, cfg Config) *Unit {
	u := &Unit{cfg: cfg, hir: p, data: make([]byte, dataHead), tables: map[string]int{}, sites: map[siteKey]int{}, deleted: map[*hir.Map]bool{}, fronted: map[*hir.Map]bool{}, nested: map[*hir.Map]bool{}, resets: map[*hir.Map]bool{}, parts: map[*hir.Probe][]part{}, traced: map[*hir.Var]bool{}}
	u.Obj = &object.Object{
		Spec:     &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{}, Programs: map[string]*ebpf.ProgramSpec{}},
		HIR:      p,
		NCPU:     max(cfg.Target.NCPU, 1),
		Strings:  slices.Clone(cfg.Strings),
		StartOff: startOff,
		TAIOff:   taiOff,
		Filtered: cfg.PID > 0 || cfg.Comm != "",
	}
	u.MapNames = []string{"p_data", "p_percpu", "p_scratch", "p_ring"}
	u.layoutStop()
	findDeletes(p, u.deleted)
	u.findFronts()
	u.findTraced(p)
	u.layoutMaps()
	u.layoutStacks()
	for i, pr := range p.Probes {
		u.addParts(i, pr)
		if pr.Site.Entry != nil {
			u.pair(i, pr)
		} else {
			u.program("p"+itoa(i), object.Main, pr, pr.Site, nil)
		}
	}
	u.finish()
	return u
}

// alloc reserves n bytes of p_data, aligned to 8.
func (u *Unit) alloc(n int) int {
	off := (len(u.data) + 7) / 8 * 8
	u.data = append(u.data, make([]byte, off+n-len(u.data))...)
	return off
}

// allocPerCPU reserves n bytes of each CPU's block.
func (u *Unit) allocPerCPU(n int) int {
	off := u.percpu
	u.percpu += (n + 7) / 8 * 8
	return off
}

// table places constant bytes in p_data.
func (u *Unit) table(name string, data []byte) int {
	key := name + "\x00" + string(data)
	if off, ok := u.tables[key]; ok {
		return off
	}
	off := u.alloc(len(data))
	copy(u.data[off:], data)
	u.tables[key] = off
	return off
}

// errorSite returns the offset of the counter of one place and kind. If coded
// is set, the word after it is for the result of the helper.
func (u *Unit) errorSite(k siteKey, coded bool) int {
	if off, ok := u.sites[k]; ok {
		return off
	}
	size := 8
	if coded {
		size = 16
	}
	off := u.alloc(size)
	u.sites[k] = off
	u.Obj.Errors = append(u.Obj.Errors, &object.ErrorSite{
		Kind: k.kind, Off: off, At: k.at, Probe: k.probe, Map: k.m, Helper: ir.Helpers[k.helper].Name, Coded: coded,
	})
	return off
}

// AddMap adds a kernel map and returns its ir index.
func (u *Unit) AddMap(spec *ebpf.MapSpec) int {
	u.Obj.Spec.Maps[spec.Name] = spec
	u.MapNames = append(u.MapNames, spec.Name)
	return len(u.MapNames) - 1
}

// finish fixes the strides and creates the specs of the internal maps.
func (u *Unit) finish() {
	cpus := u.cfg.Target.CPUMask() + 1
	stride := (u.percpu + 63) / 64 * 64
	for _, p := range u.stride {
		p.f.Vals[p.v].Imm = int64(stride)
	}
	u.Obj.PerCPUStride = stride
	u.Obj.DataSize = (len(u.data) + 7) / 8 * 8
	array := func(name string, size int, flags uint32) *ebpf.MapSpec {
		m := &ebpf.MapSpec{Name: name, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(max(size, 8)), MaxEntries: 1, Flags: flags}
		u.Obj.Spec.Maps[name] = m
		return m
	}
	d := array("p_data", u.Obj.DataSize, mmapable)
	content := make([]byte, d.ValueSize)
	copy(content, u.data)
	d.Contents = []ebpf.MapKV{{Key: uint32(0), Value: content}}
	if stride > 0 {
		array("p_percpu", stride*cpus, mmapable)
	}
	if u.scratch > 0 {
		array("p_scratch", u.scratch, 0)
	}
	if len(u.Obj.Events) > 0 {
		u.Obj.RingSize = u.ringSize()
		u.Obj.Spec.Maps["p_ring"] = &ebpf.MapSpec{Name: "p_ring", Type: ebpf.RingBuf, MaxEntries: uint32(u.Obj.RingSize)}
	}
}

// mmapable is BPF_F_MMAPABLE (include/uapi/linux/bpf.h).
const mmapable = 1 << 10

// ringSize follows perf_rb_pages (C-RBPAGES): pages rounded up to a power of
// two, 0 for the default of 4 MiB, of which the kernel allocates all at once and the
// reader maps all. Scripts with few records get less.
func (u *Unit) ringSize() int {
	pages := int(u.cfg.Ints("perf_rb_pages"))
	if pages <= 0 {
		if u.fewRecords() {
			return smallRing
		}
		return 4 << 20
	}
	n := 1
	for n < pages && n < 1<<18 {
		n *= 2
	}
	return n * 4096
}

// sanitize makes a kernel object name (A-PT-14).
func sanitize(s string) string {
	b := []byte(s)
	for i, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			b[i] = '_'
		}
	}
	return string(b)
}

// valueSize returns the size in bytes of a value of a type in a map. The kernel
// rejects maps with values of size 0.
func valueSize(t *types.Type) int { return max(t.Size, 1) }
