package bpf

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// needBPF skips where this process may not create maps.
func needBPF(t *testing.T) {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err == nil {
		m.Close()
		return
	}
	if os.Getenv("PROBE_REQUIRE") == "all" || !errors.Is(err, unix.EPERM) {
		t.Fatal(err)
	}
	t.Skipf("creating BPF maps: %v", err)
}

func newMap(t *testing.T, spec *ebpf.MapSpec) *ebpf.Map {
	t.Helper()
	m, err := ebpf.NewMap(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestRunAndMemory(t *testing.T) {
	needBPF(t)
	m := newMap(t, &ebpf.MapSpec{Name: "mem", Type: ebpf.Array, KeySize: 4, ValueSize: 24, MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE})
	spec := &ebpf.ProgramSpec{Name: "p-0 odd name that is long", Type: ebpf.RawTracepoint, License: "GPL", Instructions: asm.Instructions{
		asm.LoadMapValue(asm.R1, 0, 16).WithReference("mem"),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.Add.Imm(asm.R2, 7),
		asm.StoreMem(asm.R1, 0, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}}
	p, err := Load(t.Context(), spec, map[string]*ebpf.Map{"mem": m}, LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b, err := Memory(m)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	if got := binary.LittleEndian.Uint64(b[16:]); got != 21 {
		t.Errorf("three runs left %d, want 21", got)
	}
	if st, err := p.Stats(); err != nil || st.Recursion != 0 {
		t.Errorf("Stats = %+v, %v", st, err)
	}
	if err := Unmap(b); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil || p.Close() != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestLoadRefused(t *testing.T) {
	needBPF(t)
	spec := &ebpf.ProgramSpec{Name: "bad", Type: ebpf.RawTracepoint, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R0, asm.R9),
		asm.Return(),
	}}
	_, err := Load(t.Context(), spec, nil, LoadOptions{})
	var refused *LoadError
	if !errors.As(err, &refused) || !strings.Contains(refused.Log, "R9 !read_ok") || !errors.Is(err, unix.EACCES) {
		t.Errorf("Load = %v, want a *LoadError with the verifier's log", err)
	}
	spec.Instructions = asm.Instructions{asm.LoadMapPtr(asm.R1, 0).WithReference("gone"), asm.Mov.Imm(asm.R0, 0), asm.Return()}
	if _, err := Load(t.Context(), spec, nil, LoadOptions{}); err == nil || !strings.Contains(err.Error(), "no map named gone") {
		t.Errorf("Load without the map = %v", err)
	}
}

// TestNoTarget: what was loaded for no target cannot be attached.
func TestNoTarget(t *testing.T) {
	needBPF(t)
	p, err := Load(context.Background(), &ebpf.ProgramSpec{Name: "x", Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}}, nil, LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if l, err := AttachTracing(p); err == nil {
		l.Close()
		t.Error("a raw tracepoint program without a target was attached")
	}
	if _, err := AttachMulti(p, MultiEntry, nil); err == nil {
		t.Error("a multi link to no functions was made")
	}
}

// entries reads a map as text.
func entries(t *testing.T, read func(yield func(key, value []byte) bool) error) map[uint64][]uint64 {
	t.Helper()
	out := map[uint64][]uint64{}
	if err := read(func(key, value []byte) bool {
		k := binary.LittleEndian.Uint64(key)
		if _, twice := out[k]; twice {
			t.Errorf("key %d is given twice", k)
		}
		var vs []uint64
		for i := 0; i+8 <= len(value); i += 8 {
			vs = append(vs, binary.LittleEndian.Uint64(value[i:]))
		}
		out[k] = vs
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEachEntry(t *testing.T) {
	needBPF(t)
	for _, n := range []int{0, 1, 511, 512, 513, 3000} {
		m := newMap(t, &ebpf.MapSpec{Name: "h", Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 4096})
		want := map[uint64][]uint64{}
		for i := range uint64(n) {
			if err := m.Put(i, i*3); err != nil {
				t.Fatal(err)
			}
			want[i] = []uint64{i * 3}
		}
		got := entries(t, func(y func(k, v []byte) bool) error { return EachEntry(m, y) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d entries by batch: %s", n, diff)
		}
		got = entries(t, func(y func(k, v []byte) bool) error { return eachKey(m, 8, y) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d entries by key: %s", n, diff)
		}
	}
}

func TestPerCPU(t *testing.T) {
	needBPF(t)
	m := newMap(t, &ebpf.MapSpec{Name: "pc", Type: ebpf.PerCPUHash, KeySize: 8, ValueSize: 8, MaxEntries: 16})
	cpus, err := PossibleCPUs()
	if err != nil {
		t.Fatal(err)
	}
	cells := make([]uint64, cpus)
	for i := range cells {
		cells[i] = uint64(i) + 1
	}
	if err := m.Put(uint64(5), cells); err != nil {
		t.Fatal(err)
	}
	want := map[uint64][]uint64{5: cells}
	read := func(y func(k, v []byte) bool) error { return EachEntry(m, y) }
	if diff := cmp.Diff(want, entries(t, read)); diff != "" {
		t.Error(diff)
	}
	if total, stride, err := ValueBytes(m); err != nil || total != 8*cpus || stride != 8 {
		t.Errorf("ValueBytes = %d, %d, %v", total, stride, err)
	}
	if err := Zero(m); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[uint64][]uint64{5: make([]uint64, cpus)}, entries(t, read)); diff != "" {
		t.Errorf("after Zero: %s", diff)
	}
	if err := Clear(m); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, read); len(got) != 0 {
		t.Errorf("after Clear: %v", got)
	}
}

func TestEachEntryStops(t *testing.T) {
	needBPF(t)
	m := newMap(t, &ebpf.MapSpec{Name: "h", Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 8})
	for i := range uint32(5) {
		if err := m.Put(i, i); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if err := EachEntry(m, func(_, _ []byte) bool { n++; return n < 2 }); err != nil || n != 2 {
		t.Errorf("%d entries were given after yield said stop, %v", n, err)
	}
}

func TestParseCPUs(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []int
	}{
		{"0", []int{0}}, {"0-3", []int{0, 1, 2, 3}}, {"0-1,4,6-7", []int{0, 1, 4, 6, 7}},
		{"", nil}, {"x", nil}, {"3-1", nil}, {"0-", nil}, {"0-99999999", nil}, {"-1", nil},
	} {
		got, err := parseCPUs(tc.text)
		if diff := cmp.Diff(tc.want, got); diff != "" || (err == nil) != (tc.want != nil) {
			t.Errorf("parseCPUs(%q): %v %s", tc.text, err, diff)
		}
	}
}

func TestObjName(t *testing.T) {
	for in, want := range map[string]string{"p0": "p0", "kprobe:vfs_read+4": "kprobe_vfs_read", "": ""} {
		b := objName(in)
		if got := strings.TrimRight(string(b[:]), "\x00"); got != want {
			t.Errorf("objName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAttachErrors(t *testing.T) {
	needBPF(t)
	p, err := Load(context.Background(), &ebpf.ProgramSpec{Name: "k", Type: ebpf.Kprobe, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}}, nil, LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if l, err := AttachKprobe(p, "no_such_function_anywhere", 0, false); err == nil {
		l.Close()
		t.Error("a function that does not exist was attached")
	}
	if l, err := AttachUprobe(p, "/nonexistent/file", 0, 0, os.Getpid(), false); err == nil {
		l.Close()
		t.Error("a file that does not exist was attached")
	}
	if l, err := AttachTracepoint(p, 1<<30); err == nil {
		l.Close()
		t.Error("a tracepoint that does not exist was attached")
	}
	if l, err := AttachRawTracepoint(p, "sched_switch"); err == nil {
		l.Close()
		t.Error("a kprobe program was attached to a raw tracepoint")
	}
}

func TestHasRawTracepoint(t *testing.T) {
	raw := NewRawTracepoints()
	needBPF(t)
	for name, want := range map[string]bool{"sched_switch": true, "sys_enter": true, "no_such_tracepoint": false, "sys_enter_openat": false, "": false} {
		got, err := raw.Has(name)
		if got != want || err != nil {
			t.Errorf("Has(%q) = %v, %v, want %v", name, got, err, want)
		}
	}
}

// TestLoadEnds: a load ends with its context, however much there is to verify.
func TestLoadEnds(t *testing.T) {
	needBPF(t)
	var code asm.Instructions
	code = append(code, asm.Mov.Imm(asm.R6, 0))
	// A loop whose turns are all different, and which is walked to the limit of a
	// million instructions. No path branches off: a kernel that finds too many
	// of them waiting refuses the program at once.
	code = append(code, asm.FnKtimeGetNs.Call().WithSymbol("again"))
	code = append(code, asm.Add.Imm(asm.R6, 1), asm.JLT.Imm(asm.R6, 1<<30, "again"), asm.Mov.Imm(asm.R0, 0), asm.Return())
	spec := &ebpf.ProgramSpec{Name: "long", Type: ebpf.RawTracepoint, License: "GPL", Instructions: code}
	const soon, late = 50 * time.Millisecond, time.Second
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	began := time.Now()
	_, err := Load(ctx, spec, nil, LoadOptions{})
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > late {
		t.Errorf("Load = %v after %v, want the context's error within %v", err, took, late)
	}
}
