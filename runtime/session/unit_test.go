package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"probe/compiler/builtin"
	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/rights"
	"probe/runtime/ring"
)

func program(role object.Role, kind hir.AttachKind, symbol string) *object.Program {
	site := &hir.Site{Name: symbol, Attach: hir.Attach{Kind: kind, Symbol: symbol}}
	if role == object.Main && (kind == hir.AttachKretprobe || kind == hir.AttachFexit) {
		site.Ret = &hir.Arg{}
	}
	return &object.Program{Role: role, Site: site, Probe: &hir.Probe{Site: site}}
}

// TestOrder: row P-COM-12, with entry halves ahead of everything.
func TestOrder(t *testing.T) {
	progs := []*object.Program{
		program(object.Main, hir.AttachNone, "begin"),
		program(object.Main, hir.AttachKprobe, "f"),
		program(object.Main, hir.AttachTracepoint, "t"),
		program(object.Main, hir.AttachKprobe, "f"),
		program(object.Entry, hir.AttachKprobe, "f"),
		program(object.Main, hir.AttachKretprobe, "f"),
		program(object.Main, hir.AttachTracepoint, "t"),
		program(object.Main, hir.AttachKprobe, "g"),
		program(object.Main, hir.AttachInterval, "i"),
	}
	entries, mains := order(progs)
	if diff := cmp.Diff([][]int{{4}}, entries); diff != "" {
		t.Errorf("entry halves: %s", diff)
	}
	// Tracepoints run in the order of attaching, kprobes in the reverse one.
	if diff := cmp.Diff([][]int{{2, 6}, {5}, {7}, {3, 1}}, mains); diff != "" {
		t.Errorf("others: %s", diff)
	}
}

// TestPatternsShareAChain: two patterns may match one function.
func TestPatternsShareAChain(t *testing.T) {
	a := program(object.Main, hir.AttachKprobe, "")
	a.Site.Attach.Symbols = []string{"f", "g"}
	b := program(object.Main, hir.AttachKprobeMulti, "")
	b.Site.Attach.Symbols = []string{"g", "h"}
	if _, mains := order([]*object.Program{a, b}); len(mains) != 1 {
		t.Errorf("chains %v, want one", mains)
	}
}

const refusal = `0: R1=ctx() R10=fp0
; @a = 1 @ test.pr:2
0: (b7) r1 = 1                        ; R1_w=1
1: (18) r2 = 0xffffc90000211000       ; R2_w=map_value(map=p_data,ks=4,vs=32)
3: (7b) *(u64 *)(r2 +0) = r1          ; R1_w=1 R2_w=map_value(map=p_data,ks=4,vs=32)
4: (bf) r1 = r9
R9 !read_ok
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`

func TestReasons(t *testing.T) {
	for _, tc := range []struct {
		name, log string
		want      []string
	}{
		{"register", refusal, []string{"R9 !read_ok"}},
		{"two lines", "5: (85) call 4\ninvalid access\nR1 min value is negative\nprocessed 6 insns\n", []string{"invalid access", "R1 min value is negative"}},
		{"sums only", "processed 6 insns (limit 1000000)\nverification time 5 usec\nstack depth 0\n", nil},
		{"empty", "", nil},
		{"aside", "arg#0 reference type('UNKNOWN ') size cannot be determined: -22\nR1 is not a scalar\nframe is too large\nprocessed 6 insns\n", []string{"frame is too large"}},
		{"nothing but aside", "R1 is not a scalar\nprocessed 6 insns\n", []string{"R1 is not a scalar"}},
		{"no instruction", "func 'x' doesn't have 3-th argument\n", []string{"func 'x' doesn't have 3-th argument"}},
	} {
		if diff := cmp.Diff(tc.want, reasons(tc.log)); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

// TestGaveUp: a verifier that gave up is named as the cause, not its errno.
func TestGaveUp(t *testing.T) {
	for _, log := range []string{
		"BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000)\n",
		"The sequence of 8193 jumps is too complex.\nprocessed 65779 insns (limit 1000000)\n",
	} {
		p, _ := lined()
		refused := &bpf.LoadError{Err: unix.E2BIG, Log: log, Verified: bpf.Verified{Insns: 65779, Time: 2 * time.Second}}
		err := loadError(p, refused, false)
		var e *LoadError
		if !errors.As(err, &e) || e.Diag.Code != "verifier" || !strings.Contains(e.Diag.Message, "gave up") ||
			strings.Contains(e.Diag.Message, "argument list") {
			t.Errorf("%q gives %v", log, err)
		}
	}
	p, _ := lined()
	err := loadError(p, &bpf.LoadError{Err: unix.E2BIG}, false)
	if !strings.Contains(err.Error(), "too long") {
		t.Errorf("E2BIG without a log gives %v", err)
	}
}

// lined returns a program whose instruction 4 was compiled from the word BAD.
func lined() (*object.Program, *source.File) {
	f := source.New("x.pr", "begin { @a = 1; BAD; }")
	at := strings.Index(f.Text, "BAD")
	p := program(object.Main, hir.AttachNone, "begin")
	p.Probe.At = source.Span{File: f, End: 5}
	p.Lines = make([]source.Span, 6)
	p.Lines[4] = source.Span{File: f, Start: at, End: at + 3}
	return p, f
}

func TestLoadError(t *testing.T) {
	p, _ := lined()
	for _, tc := range []struct {
		name string
		err  error
		code diag.Code
		at   string
		want string
	}{
		{"verifier", &bpf.LoadError{Err: unix.EACCES, Log: refusal}, "verifier", "BAD", "compiled to instruction 4"},
		{"verifier says EINVAL", &bpf.LoadError{Err: unix.EINVAL, Log: refusal}, "verifier", "BAD", "the verifier says: R9 !read_ok"},
		{"privileges", &bpf.LoadError{Err: unix.EPERM}, "no-permission", "begin", rights.Why(rights.Program).Why},
		{"not verified", &bpf.LoadError{Err: unix.EINVAL, Log: "processed 0 insns\n"}, "load-failed", "begin", "the kernel does not accept"},
		{"instruction beyond the table", &bpf.LoadError{Err: unix.EINVAL, Log: "77: (95) exit\nbad exit\n"}, "verifier", "begin", "bad exit"},
	} {
		var got *LoadError
		if err := loadError(p, tc.err, false); !errors.As(err, &got) || !errors.Is(err, errnoOf(tc.err)) {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if got.Diag.Code != tc.code || got.Diag.Span.Text() != tc.at || !strings.Contains(got.Diag.String(), tc.want) {
			t.Errorf("%s: code %s at %q, want %s at %q with %q\n%s", tc.name, got.Diag.Code, got.Diag.Span.Text(), tc.code, tc.at, tc.want, got.Diag)
		}
		if strings.Contains(got.Diag.String(), "0xffffc90000211000") {
			t.Errorf("%s: the raw log is shown without being asked for", tc.name)
		}
	}
	var got *LoadError
	errors.As(loadError(p, &bpf.LoadError{Err: unix.EACCES, Log: refusal}, true), &got)
	if !strings.Contains(got.Diag.String(), "0xffffc90000211000") {
		t.Error("the raw log is not shown with -v")
	}
}

func TestAttachDiag(t *testing.T) {
	for _, tc := range []struct {
		kind hir.AttachKind
		off  uint64
		err  error
		want string
	}{
		{hir.AttachKprobe, 0, bpf.ErrNoKprobes, "CONFIG_KPROBE_EVENTS"},
		{hir.AttachKprobe, 0, unix.EPERM, rights.Why(rights.Event).Why},
		{hir.AttachKprobe, 4, unix.EINVAL, "middle of an instruction"},
		{hir.AttachKprobe, 0, unix.EILSEQ, "middle of an instruction"},
		{hir.AttachKprobe, 0, unix.EINVAL, "deny list"},
		{hir.AttachKretprobe, 0, unix.EADDRNOTAVAIL, "several functions have this name"},
		{hir.AttachFentry, 0, unix.EBUSY, "another tracer"},
		{hir.AttachHardware, 0, unix.ENOENT, "virtual machines"},
		{hir.AttachTracepoint, 0, os.ErrNotExist, "does not exist any more"},
		{hir.AttachUprobe, 0, unix.EMFILE, "ulimit"},
		{hir.AttachUprobe, 0, errors.New("odd"), "odd"},
	} {
		p := program(object.Main, tc.kind, "x")
		p.Site.Attach.Offset = tc.off
		d := attachDiag(p, fmt.Errorf("attach: %w", tc.err))
		if text := d.String(); !strings.Contains(text, tc.want) || !strings.Contains(text, "unable to attach probe: x") || !strings.Contains(text, "missing_probes") {
			t.Errorf("%v: message lacks %q:\n%s", tc.err, tc.want, text)
		}
	}
}

func TestMapDataKeyless(t *testing.T) {
	c := &Clause{obj: &object.Object{PerCPUStride: 64}, data: make([]byte, 64), percpu: make([]byte, 128)}
	c.host = loaded{c}
	put := binary.LittleEndian.PutUint64
	global := &object.Map{Name: "g", Value: types.Int64, Storage: object.StoreGlobal, Off: 16, SetOff: 24, ValueSize: 8}
	count := &object.Map{Name: "c", Value: &types.Type{Kind: types.Count, Size: 8}, Storage: object.StorePerCPU, Off: 0, SetOff: -1, ValueSize: 8}
	sum := &object.Map{Name: "s", Value: &types.Type{Kind: types.Sum, Size: 8, Signed: true}, Storage: object.StorePerCPU, Off: 8, SetOff: 16, ValueSize: 8}
	entries := func(m *object.Map) []value.Entry {
		t.Helper()
		d, err := c.mapData(m)
		if err != nil {
			t.Fatal(err)
		}
		return d.Entries
	}
	for _, m := range []*object.Map{global, count, sum} {
		if e := entries(m); len(e) != 0 {
			t.Errorf("@%s has %d entries before anything was written", m.Name, len(e))
		}
	}
	put(c.data[16:], 42)
	put(c.data[24:], 1)
	put(c.percpu[0:], 3)
	put(c.percpu[64:], 4)
	put(c.percpu[64+16:], 1) // the sum was written, and is 0
	check := func(m *object.Map, want uint64) {
		t.Helper()
		e := entries(m)
		if len(e) != 1 || binary.LittleEndian.Uint64(e[0].Val) != want {
			t.Errorf("@%s is %v, want %d", m.Name, e, want)
		}
	}
	check(global, 42)
	check(count, 7)
	check(sum, 0)
	for _, m := range []*object.Map{global, sum} {
		if err := c.zeroMap(m); err != nil {
			t.Fatal(err)
		}
		check(m, 0)
		if err := c.clearMap(m); err != nil {
			t.Fatal(err)
		}
		if e := entries(m); len(e) != 0 {
			t.Errorf("@%s has entries after clear", m.Name)
		}
	}
	if _, err := c.mapData(&object.Map{Name: "x", Storage: object.StoreHash, Spec: "m_x"}); err == nil {
		t.Error("a map without a kernel map can be read")
	}
	out := &object.Map{Name: "o", Value: types.Int64, Storage: object.StoreGlobal, Off: 1 << 20, SetOff: -1, ValueSize: 8}
	if e := entries(out); len(e) != 0 {
		t.Error("a value outside of the memory has an entry")
	}
}

func TestErrorKindsAreComplete(t *testing.T) {
	for k := builtin.ErrReadKernel; k <= builtin.ErrHelper; k++ {
		e, ok := errorKinds[k]
		if !ok {
			t.Errorf("error kind %d has no row", k)
		}
		if !e.silent && e.message == "" {
			t.Errorf("error kind %d has no message", k)
		}
	}
}

// TestReceiptMerges: a place compiled for several functions is one item.
func TestReceiptMerges(t *testing.T) {
	f := source.New("x.pr", "abc")
	at := source.Span{File: f, End: 2}
	s := &Session{}
	c := &Clause{obj: &object.Object{Errors: []*object.ErrorSite{
		{Kind: builtin.ErrMapFull, Map: "m", At: at, Probe: "kprobe:a"},
		{Kind: builtin.ErrMapFull, Map: "m", At: at, Probe: "kprobe:b"},
		{Kind: builtin.ErrLost, At: at, Probe: "kprobe:a"},
		{Kind: builtin.ErrDivZero, At: at, Probe: "kprobe:a"},
		{Kind: builtin.ErrNested, At: at, Probe: "ret:a"},
	}}, counters: []uint64{2, 3, 7, 9, 0}}
	c.host = loaded{c}
	want := []event.ReceiptItem{
		{Kind: event.MapFull, Where: "@m", Count: 5, At: at},
		{Kind: event.LostEvents, Where: "kprobe:a", Count: 7, At: at},
	}
	if diff := cmp.Diff(want, s.receipt([]*Clause{c}).Items, cmp.Comparer(func(a, b source.Span) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// TestUnread: what a run leaves in its buffers is told as what it asks for.
func TestUnread(t *testing.T) {
	layout := func(id int, asks builtin.Request) *object.RecordLayout {
		return &object.RecordLayout{ID: id, Fn: &builtin.Func{UserHalf: &builtin.UserHalf{Asks: asks}}}
	}
	c := &Clause{obj: &object.Object{}, decoder: ring.NewDecoder([]*object.RecordLayout{
		layout(0, builtin.ShowEvent), layout(1, builtin.RunCommand), layout(2, builtin.ShowFile),
	})}
	c.host = loaded{c}
	s := &Session{until: time.Now().Add(-time.Second)}
	for _, id := range []byte{0, 1, 1, 2, 2, 2, 9} { // there is no event 9
		s.record(c, []byte{id, 0, 0, 0})
	}
	const why = "still in the buffer when the run ended"
	want := []event.ReceiptItem{
		{Kind: event.LostEvents, Count: 2, Detail: why},
		{Kind: event.CommandsLeft, Count: 2, Detail: why},
		{Kind: event.FilesLeft, Count: 3, Detail: why},
	}
	if diff := cmp.Diff(want, s.receipt([]*Clause{c}).Items, cmp.Comparer(func(a, b source.Span) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if n := c.unread.total(); n != 7 {
		t.Errorf("%d records in total, want 7", n)
	}
}

func TestMaxProbes(t *testing.T) {
	p := program(object.Main, hir.AttachKprobe, "")
	p.Site.Attach.Symbols = make([]string, 2000)
	obj := &object.Object{Programs: []*object.Program{p}, HIR: &hir.Script{}}
	var e *LoadError
	if err := checkProbes(obj); !errors.As(err, &e) || !e.Early || !strings.Contains(e.Diag.Message, "2000 probes because it exceeds the current limit of 1024") {
		t.Errorf("checkProbes = %v", err)
	}
	obj.HIR.Config = map[string]string{"max_probes": "2000"}
	if err := checkProbes(obj); err != nil {
		t.Errorf("checkProbes with the limit raised = %v", err)
	}
}

func TestResolverClocks(t *testing.T) {
	r := NewResolver(live.New(live.Options{}))
	wall, ok := r.Wall(value.ClockBoot, uint64(now(unix.CLOCK_BOOTTIME)))
	if diff := now(unix.CLOCK_REALTIME) - wall.UnixNano(); !ok || diff < -1e9 || diff > 1e9 {
		t.Errorf("the boot clock's now is %v, %d ns away", wall, diff)
	}
	if tai, ok := r.Wall(value.ClockTAI, 5e9); !ok || tai.Unix() != 5 {
		t.Errorf("5 s of TAI are %v", tai)
	}
	if _, ok := r.Wall(value.ClockMonotonic, 5); ok {
		t.Error("a monotonic reading has a wall-clock time")
	}
	if boot, ok := r.Wall(value.ClockBoot, 0); !ok || !boot.Before(wall) {
		t.Errorf("zero of the boot clock is %v, now is %v", boot, wall)
	}
}

func TestPutClocks(t *testing.T) {
	b := make([]byte, 24)
	putClocks(b, 0, 16)
	start, tai := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[16:]))
	if d := now(unix.CLOCK_BOOTTIME) - start; d < 0 || d > 1e9 {
		t.Errorf("the start is %d ns ago", d)
	}
	if d := now(unix.CLOCK_TAI) - now(unix.CLOCK_BOOTTIME) - tai; d < -1e9 || d > 1e9 {
		t.Errorf("the TAI clock's distance is %d ns off", d)
	}
	putClocks(nil, 0, 8) // a script without data
}
