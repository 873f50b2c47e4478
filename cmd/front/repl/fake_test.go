package repl

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"probe/compiler/object"
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/engine"
	"probe/runtime/machine"
	"probe/runtime/machine/live/provider"
)

// fakeKernel has the probe types begin, end, interval and kprobe, the functions
// vfs_read and vfs_write, and struct task.
type fakeKernel struct{ task *types.Type }

func newFakeKernel() *fakeKernel {
	s := &types.Struct{Name: "task", Flavour: types.CStruct, Size: 16, Align: 8, BTF: 7}
	k := &fakeKernel{types.RecordType(s)}
	s.Members = []types.Field{
		{Name: "pid", Type: types.Int32},
		{Name: "parent", Type: types.PointerTo(k.task, types.Kernel), Offset: 8},
	}
	return k
}

func (k *fakeKernel) Kinds() []hir.ProbeKind {
	var out []hir.ProbeKind
	for _, kind := range provider.Kinds() {
		switch kind.Name {
		case "begin", "end", "interval", "tracepoint", "kprobe":
			out = append(out, kind)
		}
	}
	return out
}

func (k *fakeKernel) Expand(req *hir.ExpandRequest, out *diag.List) []*hir.Site {
	name := req.Raw
	switch req.Parts[0].Text {
	case "begin", "end":
		return []*hir.Site{{Provider: req.Parts[0].Text, Kind: provider.KindOf(req.Parts[0].Text), Name: name, Prog: hir.ProgRawTP, Type: "special"}}
	case "interval":
		if len(req.Parts) == 4 {
			panic("a fault in the checker")
		}
		return []*hir.Site{{Provider: "interval", Kind: provider.KindOf("interval"), Name: name, Prog: hir.ProgRawTP, Type: "interval",
			Attach: hir.Attach{Kind: hir.AttachInterval, Period: 1e9}}}
	case "kprobe":
		if len(req.Parts) < 2 {
			out.Errorf("bad-attach-point", req.At, "a function is missing")
			return nil
		}
		if f := req.Parts[1].Text; f != "vfs_read" && f != "vfs_write" {
			out.Errorf("no-match", req.At, "no function is named %s", f)
			return nil
		}
		return []*hir.Site{{Provider: "kprobe", Kind: provider.KindOf("kprobe"), Name: name, Prog: hir.ProgKprobe, Type: "kprobe", Space: types.Kernel, Regs: true,
			Attach: hir.Attach{Kind: hir.AttachKprobe, Symbol: req.Parts[1].Text},
			Args: []hir.Arg{
				{Name: "task", Type: types.PointerTo(k.task, types.Kernel), Loc: hir.Loc{Kind: hir.LocReg, Off: 112, Size: 8}},
				{Name: "count", Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocReg, Off: 104, Size: 8}},
			}}}
	}
	out.Errorf("bad-probe", req.At, "invalid probe type: %s", req.Parts[0].Text)
	return nil
}

func (k *fakeKernel) Named(kind, name string) (*types.Type, bool) {
	if kind == "struct" && name == "task" {
		return k.task, true
	}
	return nil, false
}

func (k *fakeKernel) Enumerator(string) (*types.Type, uint64, bool) { return nil, 0, false }
func (k *fakeKernel) Available() (bool, string)                     { return true, "" }

func (k *fakeKernel) Names(kind string) []string {
	if kind == "struct" {
		return []string{"task", "tasklet", "sock"}
	}
	return nil
}

// fakeList returns what can be probed.
func fakeList(pattern string, yield func(string) bool) error {
	kind, _, _ := strings.Cut(pattern, ":")
	for _, name := range map[string][]string{
		"kprobe":     {"kprobe:vfs_read", "kprobe:vfs_write", "kprobe:ext4:ext4_read"},
		"tracepoint": {"tracepoint:sched:sched_switch", "tracepoint:sched:sched_wakeup"},
	}[kind] {
		if !yield(name) {
			return nil
		}
	}
	return nil
}

// fakeTracer notes what it is asked for. Objects that can call exit() do so at
// once, with status 3.
type fakeTracer struct {
	mu      sync.Mutex
	out     io.Writer
	exited  func(handle, int)
	fail    error
	objects []*object.Object
	removed []int // numbers of objects
	forgot  []string
	data    map[string]*value.MapData
	ended   bool
	figures engine.Figures
}

type fakeHandle struct{ n int }

func (*fakeHandle) Probes() int { return 2 }

func (f *fakeTracer) Add(ctx context.Context, c *engine.Compiled) (handle, error) {
	obj := c.Object
	if f.fail != nil {
		return nil, f.fail
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	h := &fakeHandle{len(f.objects)}
	f.objects = append(f.objects, obj)
	for _, e := range obj.Events {
		if e.Fn.Sig.Name == "exit" {
			f.exited(h, 3)
		}
	}
	return h, nil
}

func (f *fakeTracer) Remove(h handle) { f.removed = append(f.removed, h.(*fakeHandle).n) }

func (f *fakeTracer) Figures(handle) engine.Figures { return f.figures }

func (f *fakeTracer) Data(m *object.Map) (*value.MapData, error) {
	if d := f.data[m.Name]; d != nil {
		d.Name, d.Key, d.Val = m.Name, m.Key, m.Value
		return d, nil
	}
	return &value.MapData{Name: m.Name, Key: m.Key, Val: m.Value}, nil
}

func (f *fakeTracer) Clear(m *object.Map) error { delete(f.data, m.Name); return nil }
func (f *fakeTracer) Forget(m *object.Map)      { f.forgot = append(f.forgot, m.Name) }
func (f *fakeTracer) End()                      { f.ended = true; io.WriteString(f.out, "the end\n") }
func (f *fakeTracer) Close()                    {}

// spec returns the kernel map of a script map in an object.
func spec(t *testing.T, o *object.Object, name string) (*object.Map, uint32, uint32) {
	t.Helper()
	i := slices.IndexFunc(o.Maps, func(m *object.Map) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("the object has no map @%s", name)
	}
	s := o.Spec.Maps[o.Maps[i].Spec]
	return o.Maps[i], s.KeySize, s.ValueSize
}

// transcript is what a session printed.
type transcript struct {
	out, err string
	code     int
	tracer   *fakeTracer
}

// fakeMachine is a machine with the fake kernel.
type fakeMachine struct {
	*fakeKernel
	refuses *diag.Diagnostic
}

func (m *fakeMachine) View(machine.Query) machine.View { return fakeView{k: m.fakeKernel} }
func (m *fakeMachine) Warm(hir.Foresight)              {}
func (m *fakeMachine) Refuses() *diag.Diagnostic       { return m.refuses }

// List lists what can be probed.
func (m *fakeMachine) List(pattern string, yield func(machine.Listed) bool) error {
	want := pattern
	return fakeList(pattern, func(name string) bool {
		l := machine.Listed{Name: name}
		if !strings.HasSuffix(want, "*") && name != want {
			return true
		}
		if name == "kprobe:vfs_read" {
			l.Params = func() ([]string, error) { return []string{"struct task * task", "uint64 count", "int64 retval"}, nil }
		}
		return yield(l)
	})
}

type fakeView struct {
	machine.Whole
	k *fakeKernel
}

func (v fakeView) Probes() hir.Probes { return v.k }
func (v fakeView) Types() hir.Types   { return v.k }
func (v fakeView) Env() types.Env     { return nil }

func (v fakeView) Target(target.Set) (*target.Target, error) {
	return &target.Target{NCPU: 2, Arch: target.Native(), Features: target.NewSet(target.PerCPULookup, target.ForEachMapElem)}, nil
}

func testConfig(in io.Reader) Config {
	return Config{Machine: &fakeMachine{fakeKernel: newFakeKernel()}, Import: engine.Library, In: in}
}

// play runs a session over piped input.
func play(t *testing.T, input string, change ...func(*Config, *fakeTracer)) transcript {
	t.Helper()
	var out, errs bytes.Buffer
	cfg := testConfig(strings.NewReader(input))
	cfg.Out, cfg.Err = &out, &errs
	f := &fakeTracer{data: map[string]*value.MapData{}, out: &out}
	for _, c := range change {
		c(&cfg, f)
	}
	code, err := run(context.Background(), cfg, func(_ Config, _ engine.SessionOptions, exited func(handle, int)) (tracer, error) {
		f.exited = exited
		return f, nil
	})
	if err != nil {
		t.Fatalf("the session failed: %v", err)
	}
	return transcript{out.String(), errs.String(), code, f}
}

// started returns a session whose inputs are given one by one.
func started(t *testing.T, inputs ...string) *repl {
	t.Helper()
	cfg := testConfig(strings.NewReader(""))
	r := newRepl(cfg)
	r.out, r.err, r.flush, r.reader = io.Discard, io.Discard, func() {}, &plain{in: &lineReader{r: cfg.In}}
	f := &fakeTracer{data: map[string]*value.MapData{}, out: io.Discard}
	f.exited = func(h handle, code int) { r.exited[h] = code }
	r.tracer = f
	for _, in := range inputs {
		r.eval(context.Background(), in)
		if r.failed {
			t.Fatalf("%q is refused", in)
		}
	}
	return r
}
