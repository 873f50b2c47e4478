package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/value"
	"probe/runtime/graph"
)

// Player runs the programs of one script over a recording. It is not safe for
// concurrent use.
type Player struct {
	rec   *View
	obj   *object.Object
	env   *ir.Env
	maps  map[string]*ir.EnvMap
	hooks map[*function]*hooks
	all   []*hook
	todo  []happening
	twins map[int32][]int32 // for the first of several trees of one call, all of them
	end   int64             // time at which the replay ends, 0 for no limit
	read  int               // number of records of env.Ring that were read

	trees []*graph.Tree // trees of the current event
	now   int64
}

// hooks are the probes of one function.
type hooks struct{ call, ret, graph []*hook }

// hook is a probe at one function.
type hook struct {
	probe       *hir.Probe
	entry, main *object.Program
	needs       needs
	args        int             // number of arguments of the site
	left        [reasons]uint64 // calls skipped, by reason
}

// needs says which values, of those that not every call has, a probe needs.
type needs struct{ ret, args, start, pid, comm bool }

// The reasons to skip a call.
const (
	noReturn = iota
	noStart
	noResult
	noArgs
	noPID
	noComm
	reasons
)

// reasonText holds the texts of the reasons for the receipt.
var reasonText = [reasons]string{
	"the return was not recorded", "the entry was not recorded", "the result was not recorded",
	"the arguments were not recorded", "the process was not recorded", "the name of the thread was not recorded",
}

// Play returns a player with the maps of an object that was compiled for the
// view (compiler.Config.Interpret). limit ends the replay after this much
// recorded time; 0 means no limit.
func (r *View) Play(obj *object.Object, limit time.Duration) (*Player, error) {
	m := &Player{rec: r, obj: obj, maps: map[string]*ir.EnvMap{}, hooks: map[*function]*hooks{}}
	m.env = ir.NewEnv(make([]byte, 8*slots))
	m.env.NoKernel, m.env.Boot = true, uint64(r.rec.Header.BootOffset)
	m.env.Rand = func() uint64 { return uint64(rand.Uint32()) }
	// A map with graphs as keys has one entry for each call until it is read,
	// when entries with the same shape are merged. Lift its limit on entries,
	// which protects the memory of kernels.
	graphKeys := map[string]bool{}
	for _, om := range obj.Maps {
		graphKeys[om.Spec] = om.Spec != "" && value.HasGraph(om.Key)
	}
	for _, name := range obj.MapNames {
		em := ir.EnvMap{Name: name}
		if spec := obj.Spec.Maps[name]; spec != nil {
			em.KeySize, em.ValueSize, em.MaxEntries = int(spec.KeySize), int(spec.ValueSize), int(spec.MaxEntries)
			em.Array = spec.Type == ebpf.Array
			em.LRU = spec.Type == ebpf.LRUHash || spec.Type == ebpf.LRUCPUHash
		}
		if graphKeys[name] {
			em.MaxEntries = math.MaxInt
		}
		m.maps[name] = m.env.AddMap(em)
		if spec := obj.Spec.Maps[name]; spec != nil && len(spec.Contents) > 0 {
			content, ok := spec.Contents[0].Value.([]byte)
			if !ok {
				return nil, fmt.Errorf("map %s has no bytes", name)
			}
			copy(m.Memory(name), content)
		}
	}
	m.now = r.start()
	if limit > 0 {
		m.end = m.now + int64(limit)
	}
	for off, v := range map[int]int64{obj.StartOff: m.now + r.rec.Header.BootOffset} {
		binary.LittleEndian.PutUint64(m.Memory("p_data")[off:], uint64(v))
	}
	m.hook()
	m.todo = m.events()
	return m, nil
}

// hook sorts the programs by the functions they are attached to.
func (m *Player) hook() {
	byProbe := map[*hir.Probe]*hook{}
	for _, p := range m.obj.Programs {
		if !p.Site.About().Recorded {
			continue
		}
		h := byProbe[p.Probe]
		if h == nil {
			h = &hook{probe: p.Probe}
			byProbe[p.Probe] = h
			m.all = append(m.all, h)
		}
		if p.Role == object.Entry {
			h.entry = p
			continue
		}
		h.main = p
		fn := m.rec.funcs[symbolOf(p.Site)]
		hs := m.hooks[fn]
		if hs == nil {
			hs = &hooks{}
			m.hooks[fn] = hs
		}
		h.needs, h.args = needsOf(p.Probe), argsOf(p.Site)
		h.needs.pid = h.needs.pid || m.rec.env.q.PID > 0
		h.needs.comm = h.needs.comm || m.rec.env.q.Comm != ""
		switch kind := p.Site.About(); {
		case kind.Graph:
			hs.graph = append(hs.graph, h)
		case kind.Returns:
			hs.ret = append(hs.ret, h)
		default:
			hs.call = append(hs.call, h)
		}
	}
}

// needsOf returns the values that a probe's body needs.
func needsOf(pr *hir.Probe) needs {
	n := needs{ret: pr.UsesRetval, start: pr.UsesDuration}
	see := func(e hir.Expr) {
		switch e := e.(type) {
		case *hir.ArgRef, *hir.ArgsRecord:
			n.args = true
		case *hir.Call:
			n.pid = n.pid || e.Sig.Uses.PID
			n.comm = n.comm || e.Sig.Uses.Comm
		}
	}
	hir.WalkExpr(pr.Pred, see, nil)
	hir.WalkBlock(pr.Body, see, nil)
	return n
}

// Plan calls yield with each probe and the number of calls for which it will
// run.
func (m *Player) Plan(yield func(probe string, calls int)) {
	n := map[*hook]int{}
	for _, e := range m.todo {
		hs := m.hooks[m.rec.function(&m.rec.rec.Trees[e.tree].Calls[e.call])]
		for _, x := range []struct {
			runs bool
			list []*hook
		}{{e.enter, hs.call}, {e.graphs, hs.graph}, {e.rets, hs.ret}} {
			for _, h := range x.list {
				if x.runs {
					n[h]++
				}
			}
		}
	}
	for _, h := range m.all {
		yield(h.main.Site.Name, n[h])
	}
}

// Memory returns the only value of an array map.
func (m *Player) Memory(name string) []byte {
	if em := m.maps[name]; em != nil && em.Array {
		return em.Get("\x00\x00\x00\x00")
	}
	return nil
}

// Map returns a map of the script by its kernel name; nil for none.
func (m *Player) Map(name string) *ir.EnvMap { return m.maps[name] }

// Trees returns the trees of the call for which the last programs ran, and
// their table of functions; no trees for begin and end. There are several if
// several probes had their own tree of the call recorded.
func (m *Player) Trees() ([]*graph.Tree, *graph.Funcs) { return m.trees, &m.rec.rec.Funcs }

// Now returns the wall-clock time of the last program.
func (m *Player) Now() time.Time { return time.Unix(0, m.now+m.rec.rec.Header.WallOffset) }

// Special runs the begin or end probes, which belong to this process and not to
// a recorded one.
func (m *Player) Special(phase hir.Phase) error {
	m.trees = m.trees[:0]
	m.env.PidTgid = uint64(os.Getpid())<<32 | uint64(unix.Gettid())
	m.env.Comm, m.env.CPU = "probe", uint64(thisCPU())
	for _, p := range m.obj.Programs {
		if p.Site.About().Phase == phase {
			if err := m.run(p, m.now); err != nil {
				return err
			}
		}
	}
	return nil
}

func thisCPU() uint32 {
	var cpu uint32
	// getcpu(2) cannot fail with a valid address.
	_, _, _ = unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0)
	return cpu
}

// Next runs the programs of the next event. It returns false at the end of the
// recording.
func (m *Player) Next() (bool, error) {
	if len(m.todo) == 0 || m.end > 0 && m.todo[0].time > m.end {
		return false, nil
	}
	if m.Pending() == 0 {
		m.env.Recycle()
	}
	e := m.todo[0]
	m.todo = m.todo[1:]
	t := m.rec.rec.Trees[e.tree]
	hs := m.hooks[m.rec.function(&t.Calls[e.call])]
	m.trees = append(m.trees[:0], t)
	if e.enter {
		return true, m.feed(hs.call, &e, m.trees)
	}
	if e.graphs {
		for _, n := range m.twins[e.tree][1:] {
			m.trees = append(m.trees, m.rec.rec.Trees[n])
		}
		if err := m.feed(hs.graph, &e, m.trees); err != nil {
			return true, err
		}
	}
	if e.rets {
		return true, m.feed(hs.ret, &e, m.trees[:1])
	}
	return true, nil
}

// feed runs probes for a call, each with the first of its trees that has what
// the probe needs.
func (m *Player) feed(hs []*hook, e *happening, trees []*graph.Tree) error {
	for _, h := range hs {
		why := -1
		for _, t := range trees {
			c := &t.Calls[e.call]
			lacks := h.lacks(t, c)
			if lacks < 0 {
				why = -1
				m.enter(t, c)
				if err := m.both(h, c, e.enter); err != nil {
					return err
				}
				break
			}
			if why < 0 {
				why = lacks
			}
		}
		if why >= 0 {
			h.left[why]++
		}
	}
	return nil
}

// both runs the entry half of a probe, if it has one, and its body.
func (m *Player) both(h *hook, c *graph.Call, enter bool) error {
	if h.entry != nil {
		if err := m.run(h.entry, c.T0); err != nil {
			return err
		}
	}
	if m.now = c.T1; enter {
		m.now = c.T0
	}
	return m.run(h.main, m.now)
}

// enter sets the state that programs see to that of a call.
func (m *Player) enter(t *graph.Tree, c *graph.Call) {
	th := &t.Thread
	m.env.PidTgid = uint64(uint32(th.PID))<<32 | uint64(uint32(max(th.TID, 0)))
	m.env.Comm, m.env.CPU = th.Comm, uint64(c.CPU)
	m.env.FuncIP = m.rec.function(c).Addr
	clear(m.env.Ctx.Data)
	for i, a := range t.Args[c.Args : c.Args+int32(min(c.NArgs, slotArgs))] {
		binary.LittleEndian.PutUint64(m.env.Ctx.Data[8*i:], a)
	}
	if c.Flags&graph.HasRet != 0 {
		binary.LittleEndian.PutUint64(m.env.Ctx.Data[8*slotRet:], c.Ret)
	}
}

// lacks returns the reason to skip a call: a value that the probe needs and the
// call lacks. It returns -1 if there is none.
func (h *hook) lacks(t *graph.Tree, c *graph.Call) int {
	n, entry := &h.needs, !h.main.Site.About().Returns
	switch {
	case entry && c.Flags&graph.NoEntry != 0, n.start && c.Flags&graph.NoEntry != 0:
		return noStart
	case !entry && c.Flags&graph.NoExit != 0:
		return noReturn
	case n.ret && c.Flags&graph.HasRet == 0:
		return noResult
	case n.args && int(c.NArgs) < h.args:
		return noArgs
	case n.pid && t.Thread.PID == 0 && t.Thread.TID > 0:
		return noPID
	case n.comm && t.Thread.Comm == "":
		return noComm
	}
	return -1
}

// argsOf returns the number of arguments of a site, by their arg0, arg1 and so
// on.
func argsOf(s *hir.Site) int {
	n := 0
	for i := range s.Args {
		if s.Args[i].Name == "arg"+strconv.Itoa(n) {
			n++
		}
	}
	return n
}

// Limits for a program: the maximum number of iterations that kernels allow a
// loop (BPF_MAX_LOOPS), and a number of steps that no useful program takes.
const (
	mostTurns = 8 << 20
	mostSteps = 1 << 30
)

// run runs a program with the clock at a time of the recording.
func (m *Player) run(p *object.Program, clock int64) error {
	m.env.Clock, m.env.Budget, m.env.Steps = uint64(clock), mostTurns, mostSteps
	_, err := ir.Interp(p.IR, m.env)
	if err == nil {
		return nil
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "internal", Span: p.Probe.At,
		Message: fmt.Sprintf("the program for %s cannot be interpreted: %v", p.Site.Name, err)}
	if errors.Is(err, ir.ErrSteps) {
		d.Code, d.Message = "too-complex", fmt.Sprintf("the program for %s does not come to its end", p.Site.Name)
		return d.WithHelp("bound its loops")
	}
	return d.WithHelp("this is a fault of probe: please report it with the script")
}

// Left calls yield with each reason for which a probe skipped calls, and their
// number.
func (m *Player) Left(yield func(probe, why string, n uint64)) {
	for _, h := range m.all {
		for why, n := range h.left {
			if n > 0 {
				yield(h.main.Site.Name, reasonText[why], n)
			}
		}
	}
}

// Pending returns the number of records that were not read.
func (m *Player) Pending() uint64 { return uint64(len(m.env.Ring) - m.read) }

// Position is 0: there is room for every record, so none has to wait for others.
func (m *Player) Position() uint64 { return 0 }

// Read returns the records as event.Ring does.
func (m *Player) Read(limit int, yield func(record []byte) bool) (n int, busy bool, err error) {
	for m.read < len(m.env.Ring) {
		b := m.env.Ring[m.read]
		m.read++
		n++
		if !yield(b) || n == limit {
			break
		}
	}
	if m.read == len(m.env.Ring) {
		clear(m.env.Ring)
		m.env.Ring, m.read = m.env.Ring[:0], 0
	}
	return n, false, nil
}

// Close does nothing: a player holds only memory.
func (m *Player) Close() error { return nil }
