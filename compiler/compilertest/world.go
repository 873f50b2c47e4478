package compilertest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/value"
	"probe/stdlib/fgraph"
)

// World runs the programs of one object in the interpreter of the IR.
type World struct {
	Env   *ir.Env
	obj   *object.Object
	progs []*ir.Prog
	maps  map[string]*ir.EnvMap
	out   strings.Builder
	read  int // records already shown
	sent  []*builtin.Record
	// memoryOf is what a step can name (number).
	memoryOf map[string]*ir.Region
	parent   *ir.Region // the parent of the current task
}

// StackBase is the lowest address of all thread stacks. Programs only see the
// stack pointer ("sp" in a step), not the content of a stack.
const StackBase = 0x40000000

// contextSize is the size of a context in bytes. It has room for struct pt_regs
// and for the record of the tracepoint.
const contextSize = 256

// NewWorld returns a world with the maps of an object. progs are those of
// obj.Programs, and names the maps by the numbers that progs have for them.
func NewWorld(obj *object.Object, progs []*ir.Prog, names []string) *World {
	w := &World{Env: ir.NewEnv(make([]byte, contextSize)), obj: obj, progs: progs, maps: map[string]*ir.EnvMap{}}
	w.fill()
	for _, name := range names {
		m := ir.EnvMap{Name: name}
		if spec := obj.Spec.Maps[name]; spec != nil {
			m.KeySize, m.ValueSize, m.MaxEntries = int(spec.KeySize), int(spec.ValueSize), int(spec.MaxEntries)
			m.Array = spec.Type == ebpf.Array
			m.LRU = spec.Type == ebpf.LRUHash || spec.Type == ebpf.LRUCPUHash
			if spec.Type == ebpf.PerCPUHash || spec.Type == ebpf.LRUCPUHash {
				m.CPUs = obj.NCPU
			}
		}
		w.maps[name] = w.Env.AddMap(m)
		if spec := obj.Spec.Maps[name]; spec != nil {
			for _, kv := range spec.Contents {
				copy(w.memory(name), kv.Value.([]byte))
			}
		}
	}
	binary.LittleEndian.PutUint64(w.memory("p_data")[obj.StartOff:], w.Env.Clock-1000)
	return w
}

// Sizes returns a function for ir.VerifyKernel that looks up the sizes of an
// object's maps by the numbers its programs use.
func Sizes(obj *object.Object, names []string) func(int) (ir.MapInfo, bool) {
	return func(n int) (ir.MapInfo, bool) {
		if n < 0 || n >= len(names) || obj.Spec.Maps[names[n]] == nil {
			return ir.MapInfo{}, false
		}
		m := obj.Spec.Maps[names[n]]
		return ir.MapInfo{KeySize: int(m.KeySize), ValueSize: int(m.ValueSize)}, true
	}
}

// memory returns the only value of an array.
func (w *World) memory(name string) []byte {
	if m := w.maps[name]; m != nil && m.Array {
		return m.Get("\x00\x00\x00\x00")
	}
	return nil
}

// Run runs programs as described by a text. Each line names a probe whose
// programs run once, entry half first, and the values they find:
//
//	kprobe:f arg0=5 pid=42 comm=sshd
//
// The names are those of the site's arguments, retval, and pid, tid, uid, gid,
// cpu, comm, ip (the address of the function), sp (the stack pointer), stop
// (the run is over) and return (which end of a function the program of a
// session is at). Values not given stay as in the line before. A number that
// names a program, "p0g0e" instead of "kprobe:f", runs this one alone. A
// microsecond passes before each program.
func (w *World) Run(steps string) error {
	for step := range strings.Lines(steps) {
		words := strings.Fields(step)
		if len(words) == 0 {
			continue
		}
		ran := false
		for i, p := range w.obj.Programs {
			if p.Name != words[0] && (p.Site.Part || p.Probe.Site.Name != words[0]) {
				continue
			}
			ran = true
			if err := w.set(p.Site, words[1:]); err != nil {
				return fmt.Errorf("%s: %w", strings.TrimSpace(step), err)
			}
			w.Env.Clock += 1000
			w.Env.Steps = 1 << 22
			r, err := ir.Interp(w.progs[i], w.Env)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			if r != 0 {
				fmt.Fprintf(&w.out, "%s returns %d\n", p.Name, r)
			}
			w.records()
			w.Env.Recycle()
		}
		if !ran {
			return fmt.Errorf("no program is for %s", words[0])
		}
	}
	return nil
}

// set assigns values to names, as the programs of a site see them. A name that
// the site does not have belongs to its other half.
func (w *World) set(site *hir.Site, words []string) error {
	for _, word := range words {
		name, text, _ := strings.Cut(word, "=")
		v, err := w.number(text)
		if err != nil && name != "comm" {
			return err
		}
		e := w.Env
		half := func(of *uint64, shift int) { *of = *of&^(0xffffffff<<shift) | v&0xffffffff<<shift }
		switch name {
		case "comm":
			e.Comm = text
		case "pid":
			half(&e.PidTgid, 32)
		case "tid":
			half(&e.PidTgid, 0)
		case "gid":
			half(&e.UidGid, 32)
		case "uid":
			half(&e.UidGid, 0)
		case "cpu":
			e.CPU = v
		case "full":
			e.RingFull = v != 0
		case "ip":
			e.FuncIP = v
		case "return":
			e.SessionReturn = v
		case "stop":
			binary.LittleEndian.PutUint64(w.memory("p_data")[w.obj.StopOff:], v)
		case "sp", "cs":
			binary.LittleEndian.PutUint64(e.Ctx.Data[target.AMD64().Regs[name]:], v)
		case "retval":
			w.put(site.Ret, v)
		default:
			for i := range site.Args {
				if site.Args[i].Name == name {
					w.put(&site.Args[i], v)
				}
			}
		}
	}
	return nil
}

// number reads a number, or the name of something in memory: "task" is the
// current task, whose parent and leader is another one, and "text" is a string.
func (w *World) number(text string) (uint64, error) {
	if r := w.memoryOf[text]; r != nil {
		return r.Base, nil
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return uint64(n), nil
	}
	return strconv.ParseUint(text, 0, 64)
}

// fill initializes the memory that pointers in scripts can lead to.
func (w *World) fill() {
	task := func(pid int32, comm string, parent uint64) *ir.Region {
		b := make([]byte, 64)
		binary.LittleEndian.PutUint64(b, parent)
		binary.LittleEndian.PutUint32(b[8:], uint32(pid))
		copy(b[16:32], comm)
		binary.LittleEndian.PutUint64(b[32:], parent)
		binary.LittleEndian.PutUint32(b[40:], 0xff<<3)
		binary.LittleEndian.PutUint64(b[48:], StackBase)
		for i := range 4 {
			binary.LittleEndian.PutUint16(b[56+2*i:], uint16(-i))
		}
		return w.Env.Mem.Add("a task", b)
	}
	w.parent = task(1, "init", 0)
	w.memoryOf = map[string]*ir.Region{
		"task": task(100, "child", w.parent.Base),
		"text": w.Env.Mem.Add("a text", append([]byte("a text in memory"), make([]byte, 1024)...)),
	}
	w.Env.Task = w.memoryOf["task"].Base
}

// put writes an argument where the program finds it.
func (w *World) put(a *hir.Arg, v uint64) {
	if a == nil {
		return
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	switch ctx := w.Env.Ctx.Data; a.Loc.Kind {
	case hir.LocSlot:
		copy(ctx[8*a.Loc.Off:], b[:])
	case hir.LocReg:
		copy(ctx[a.Loc.Off:], b[:])
	case hir.LocFuncRet:
		w.Env.FuncRet = v
	case hir.LocFuncArg:
		for len(w.Env.FuncArgs) <= a.Loc.Off {
			w.Env.FuncArgs = append(w.Env.FuncArgs, 0)
		}
		w.Env.FuncArgs[a.Loc.Off] = v
	case hir.LocCtx:
		copy(ctx[a.Loc.Off:], b[:min(a.Loc.Size, 8)])
	}
}

// records formats what the programs have sent since the last call.
func (w *World) records() {
	for ; w.read < len(w.Env.Ring); w.read++ {
		w.record(w.Env.Ring[w.read])
	}
	data := w.memory("p_data")
	for _, ev := range w.obj.Events {
		if ev.SpareOff > 0 && binary.LittleEndian.Uint64(data[ev.SpareOff:]) != 0 {
			fmt.Fprintf(&w.out, "spare ")
			w.record(data[ev.SpareOff+object.SpareHead:][:ev.Size])
			clear(data[ev.SpareOff:][:object.SpareHead])
		}
	}
}

// record formats one record.
func (w *World) record(rec []byte) {
	id := int(binary.LittleEndian.Uint32(rec))
	if id >= len(w.obj.Events) {
		fmt.Fprintf(&w.out, "a record of event %d, which does not exist\n", id)
		return
	}
	ev := w.obj.Events[id]
	var args []value.Value
	for _, a := range ev.Args {
		b := make([]byte, a.Type.Size) // a record can be shorter than its layout
		if a.Off < len(rec) {
			copy(b, rec[a.Off:])
		}
		args = append(args, value.Value{T: a.Type, B: b})
	}
	w.sent = append(w.sent, &builtin.Record{Fn: ev.Fn, Format: ev.Format, Args: args, Call: ev.Call})
	fmt.Fprintf(&w.out, "%s: ", ev.Fn.Sig.Name)
	switch {
	case ev.Format != nil:
		w.out.Write(value.AppendFormat(nil, ev.Format, args, value.NoResolver{}))
	case ev.Fn == fgraph.Kept:
		w.graph(ev, args)
	default:
		for i, a := range args {
			if i > 0 {
				w.out.WriteString(", ")
			}
			w.out.Write(value.AppendText(nil, a, value.NoResolver{}))
		}
	}
	if s := w.out.String(); s[len(s)-1] != '\n' {
		w.out.WriteByte('\n')
	}
}

// Records returns the records that programs have sent, as user space gets them.
func (w *World) Records() []*builtin.Record { return w.sent }

// graph formats a record of a call graph: the call, then one event per line.
func (w *World) graph(ev *object.RecordLayout, args []value.Value) {
	r := fgraph.Read(&builtin.Record{Fn: ev.Fn, Args: args, Call: ev.Call})
	fmt.Fprintf(&w.out, "thread %d of %d %s, probe %d, from %d to %d, result %#x, lost %d", r.ID.TID, r.PID, r.Comm, r.ID.Probe, r.Start, r.ID.Time, r.Ret, r.Lost)
	whole := r.Each(func(e *fgraph.Event) {
		what := "enter"
		if e.Exit {
			what = "leave"
		}
		if e.IRQ {
			what = "in an interrupt " + what
		}
		fmt.Fprintf(&w.out, "\n  at %d %s %#x on CPU %d in thread %d: %#x", e.Time, what, e.Addr, e.CPU, e.TID, e.Words)
	})
	if !whole {
		w.out.WriteString("\n  the data ends within an event")
	}
}

// errorNames are the kinds of errors in results.
var errorNames = map[builtin.ErrorKind]string{
	builtin.ErrReadKernel: "kernel read", builtin.ErrReadUser: "user read", builtin.ErrMapFull: "map full", builtin.ErrMapUpdate: "map update",
	builtin.ErrDelete: "delete", builtin.ErrLookup: "lookup", builtin.ErrDivZero: "division by zero", builtin.ErrBounds: "index out of bounds",
	builtin.ErrLost: "record lost", builtin.ErrStack: "stack", builtin.ErrStackFull: "stacks full", builtin.ErrLoopCut: "loop cut",
	builtin.ErrTruncated: "truncated", builtin.ErrNested: "entry not seen", builtin.ErrOverlap: "too many tasks", builtin.ErrUnrecorded: "not recorded", builtin.ErrCPU: "no such CPU", builtin.ErrHelper: "refused",
}

// ErrorName returns what results call a kind of error.
func ErrorName(k builtin.ErrorKind) string {
	if name := errorNames[k]; name != "" {
		return name
	}
	return fmt.Sprintf("error %d", k)
}

// Result returns what the programs have done: what they returned where that is
// not 0, their records, the errors that they counted, and the maps.
func (w *World) Result() string {
	for _, line := range w.Env.Log {
		fmt.Fprintf(&w.out, "effect: %s\n", line)
	}
	for _, e := range w.obj.Errors {
		if n := binary.LittleEndian.Uint64(w.memory("p_data")[e.Off:]); n > 0 {
			fmt.Fprintf(&w.out, "error %q of %q at %s: %d\n", ErrorName(e.Kind), e.Helper, e.At, n)
		}
	}
	for _, m := range w.obj.Maps {
		w.mapText(m)
	}
	return w.out.String()
}

func (w *World) mapText(m *object.Map) {
	data := &value.MapData{Name: m.Name, Key: m.Key, Val: m.Value}
	switch m.Storage {
	case object.StoreGlobal:
		mem := w.memory("p_data")
		if m.SetOff < 0 || binary.LittleEndian.Uint64(mem[m.SetOff:]) != 0 {
			data.AddCells(nil, mem[m.Off:m.Off+m.ValueSize], 0)
		}
	case object.StorePerCPU:
		w.perCPU(m, data)
	default:
		em := w.maps[m.Spec]
		front := map[string][]byte{}
		if m.Front != nil {
			m.Front.Cells(w.memory("p_percpu"), w.obj.PerCPUStride, func(key, cell []byte) { front[string(key)] = append(front[string(key)], cell...) })
		}
		for _, key := range em.Keys() {
			if m.Buckets > 0 && !m.BucketInKey {
				data.AddCounters([]byte(key), em.Get(key), em.Stride())
			} else {
				data.AddCells([]byte(key), append(slices.Clone(em.Get(key)), front[string(key)]...), em.Stride())
			}
		}
	}
	for _, e := range data.Sorted(0) {
		fmt.Fprintf(&w.out, "@%s", m.Name)
		if m.Key != nil {
			fmt.Fprintf(&w.out, "[%s]", value.AppendKey(nil, data.KeyOf(&e), value.NoResolver{}))
		}
		switch {
		case len(e.Buckets) > 0:
			fmt.Fprintf(&w.out, ": %s\n", value.AppendHistJSON(nil, m.Value, e.Buckets, 1))
		case len(e.Points) > 0:
			fmt.Fprintf(&w.out, ": %s\n", value.AppendSeriesJSON(nil, m.Value, e.Points, value.LastEpoch(data.Entries), nil))
		default:
			fmt.Fprintf(&w.out, ": %s\n", value.AppendText(nil, data.ValueOf(&e), value.NoResolver{}))
		}
	}
}

// perCPU merges the cells of a keyless aggregation.
func (w *World) perCPU(m *object.Map, data *value.MapData) {
	size := m.ValueSize
	if m.Buckets > 0 {
		size = m.Buckets * value.CellSize(m.Value)
	}
	mem := w.memory("p_percpu")
	set := false
	var cells []byte
	for at := 0; at+w.obj.PerCPUStride <= len(mem); at += w.obj.PerCPUStride {
		cell := mem[at+m.Off : at+m.Off+size]
		cells = append(cells, cell...)
		if m.SetOff >= 0 {
			cell = mem[at+m.SetOff : at+m.SetOff+8]
		}
		for _, b := range cell {
			set = set || b != 0
		}
	}
	switch {
	case !set:
	case m.Buckets == 0:
		data.AddCells(nil, cells, size)
	case value.CellSize(m.Value) == 8:
		data.AddCounters(nil, cells, size)
	default:
		for i := range m.Buckets {
			data.AddBucket(nil, uint64(i), cells[i*value.CellSize(m.Value):], size)
		}
	}
}
