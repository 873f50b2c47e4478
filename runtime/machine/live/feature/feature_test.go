package feature

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/feature/bpf"
	"probe/runtime/machine/live/tracefs"
)

func TestTable(t *testing.T) {
	names := map[string]bool{}
	word, version := regexp.MustCompile(`^[a-z0-9_]+$`), regexp.MustCompile(`^([4-9]\.\d+)?$`)
	for _, info := range All() {
		row := &rows[info.Feature]
		if !word.MatchString(info.Name) || names[info.Name] || info.About == "" || !version.MatchString(info.Since) || row.probe == nil {
			t.Errorf("feature %d: bad row %+v", info.Feature, info)
		}
		names[info.Name] = true
		if got := info.Feature.String(); got != info.Name {
			t.Errorf("the name of feature %q is %q", info.Name, got)
		}
	}
	if len(names) != int(featureCount) {
		t.Errorf("%d rows, want %d", len(names), featureCount)
	}
	if got := Feature(250).String(); got != "Feature(250)" {
		t.Errorf("String() out of range = %q", got)
	}
	if newSet().Has(featureCount) {
		t.Error("a feature out of range is there")
	}
}

func TestFake(t *testing.T) {
	have := map[Feature]bool{KprobeMulti: true, TaskBTF: true, IterNum: true, Loop: false}
	s := Fake(have)
	have[RingBuf] = true // the set keeps its own copy
	for f, want := range map[Feature]bool{KprobeMulti: true, TaskBTF: true, Loop: false, RingBuf: false} {
		if s.Has(f) != want || (s.Why(f) == "") != want || (s.Err(f) == nil) != want {
			t.Errorf("%v: Has = %v, Why = %q, Err = %v, want %v", f, s.Has(f), s.Why(f), s.Err(f), want)
		}
	}
	if !s.Helper(KprobeProg, GetCurrentTaskBTF) || s.Helper(KprobeProg, LoopFn) || s.Helper(KprobeProg, CopyFromUser) {
		t.Error("helpers do not follow the features")
	}
	if _, ok := s.Kfunc("bpf_iter_num_new"); !ok {
		t.Error("no kfunc for a feature that is there")
	}
	for _, name := range []string{"bpf_rdonly_cast", "unheard_of"} {
		if id, ok := s.Kfunc(name); ok {
			t.Errorf("Kfunc(%s) = %d", name, id)
		}
	}
	var missing *MissingError
	err := s.Err(RingBuf)
	if !errors.As(err, &missing) || missing.Feature != RingBuf || !errors.Is(err, errFake) {
		t.Errorf("Err = %#v", err)
	}
	const want = "this kernel has no BPF ring buffers: not among the features of this test (upstream has it since 5.8)"
	if err.Error() != want {
		t.Errorf("Err = %q, want %q", err, want)
	}
}

// What is not allowed is not called missing.
func TestCauses(t *testing.T) {
	for want, reason := range map[string]error{
		"kprobes cannot be used: the kernel's lockdown forbids them":                fmt.Errorf("%w forbids them", ErrLockdown),
		"kprobes cannot be used: tracefs is empty":                                  tracefs.ErrHidden,
		"this process may not use kprobes: the kernel says operation not permitted": fmt.Errorf("the kernel says %w", unix.EPERM),
		"this process may not use kprobes: tracefs cannot be read":                  tracefs.ErrForbidden,
		"this kernel has no kprobes: built without":                                 errors.New("built without"),
	} {
		if got := (&MissingError{Feature: Kprobes, Reason: reason}).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{unix.EINVAL, "do it: the kernel says invalid argument"},
		{bpf.ErrNotSupp, "do it: the kernel says it is not supported"},
		{unix.ENOSYS, "do it: the kernel was built without bpf(2)"},
		{errors.New("other"), "do it: other"},
	} {
		if got := explain("do it", test.err); got.Error() != test.want {
			t.Errorf("explain(%v) = %q, want %q", test.err, got, test.want)
		}
	}
	if err := explain("do it", nil); err != nil {
		t.Errorf("explain(nil) = %v", err)
	}
	if err := explain("do it", unix.EPERM); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), ";") {
		t.Errorf("explain(EPERM) = %v, want a cause", err)
	}
}

// hostBTF is read once for all tests.
var hostBTF = btf.NewHost()

// newSet answers for the running kernel.
func newSet() *Set { return New(hostBTF, tracefs.Find) }

// needBPF skips where programs may not be loaded; the reason is the kernel's.
func needBPF(t testing.TB) *Set {
	t.Helper()
	p := bpf.Program{Type: bpf.Kprobe, Insns: bpf.Return0()}
	if err := p.Try(); err != nil {
		t.Skip("bpf(2) is not usable here:", explain("load a program", err))
	}
	return newSet()
}

// What every kernel since 5.10 has, where programs can be loaded at all.
func TestHost(t *testing.T) {
	s := needBPF(t)
	for _, f := range []Feature{JumpLess, Jump32, MmapArray, RingBuf, RawTPRun, BatchHash, BootTime, GetStack} {
		if !s.Has(f) {
			t.Errorf("no %v: %s", f, s.Why(f))
		}
	}
	for _, info := range All() {
		begin := time.Now()
		has := s.Has(info.Feature)
		t.Logf("%-20s %-5v %8v  %s", info.Name, has, time.Since(begin).Round(time.Microsecond), s.Why(info.Feature))
		if has != (s.Why(info.Feature) == "") {
			t.Errorf("%v: Has = %v, Why = %q", info.Feature, has, s.Why(info.Feature))
		}
	}
}

// A helper number that no kernel has, an instruction that none takes.
func TestRefusals(t *testing.T) {
	s := needBPF(t)
	if s.Helper(KprobeProg, 9999) {
		t.Error("helper 9999 is there")
	}
	if err := s.helper(KprobeProg, 9999); err == nil || !strings.Contains(err.Error(), "may not call it") {
		t.Errorf("helper 9999: %v", err)
	}
	if s.Helper(progTypes, GetStackFn) {
		t.Error("a program type out of range has helpers")
	}
	// map_lookup_elem wants arguments; the empty call must count as known.
	const mapLookupElem = 1
	if err := s.helper(KprobeProg, mapLookupElem); err != nil {
		t.Errorf("map_lookup_elem: %v", err)
	}
	// A kprobe program may not touch packets.
	const skbStoreBytes = 9
	if s.Helper(KprobeProg, skbStoreBytes) {
		t.Error("kprobe programs may call skb_store_bytes")
	}
	if err := accepts([]bpf.Insn{{Op: 0xff}, bpf.Exit})(s); !errors.Is(err, unix.EINVAL) {
		t.Errorf("instruction 0xff: %v", err)
	}
	if _, ok := s.Kfunc("no_such_function_in_any_kernel"); ok {
		t.Error("an invented kfunc is there")
	}
}

// Answers are asked for once, whoever asks.
func TestConcurrent(t *testing.T) {
	s := needBPF(t)
	var wg sync.WaitGroup
	got := make([][]bool, 8)
	for i := range got {
		wg.Go(func() {
			for _, info := range All() {
				got[i] = append(got[i], s.Has(info.Feature))
			}
		})
	}
	wg.Wait()
	for i := range got {
		if diff := cmp.Diff(got[0], got[i]); diff != "" {
			t.Errorf("reader %d saw other answers:\n%s", i, diff)
		}
	}
}

// Nothing may be left open.
func TestNoLeaks(t *testing.T) {
	needBPF(t)
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	ask := func() {
		s := newSet()
		for _, info := range All() {
			s.Has(info.Feature)
		}
	}
	ask()
	before := count()
	ask()
	if after := count(); after != before {
		t.Errorf("%d descriptors open, %d before", after, before)
	}
}

func BenchmarkProbe(b *testing.B) {
	needBPF(b)
	for _, info := range All() {
		b.Run("feature="+info.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := newSet()
				s.Has(info.Feature)
			}
		})
	}
}

// The numbers of the helpers, as the kernel's own enum has them.
func TestHelperNumbers(t *testing.T) {
	spec, err := hostBTF.Kernel()
	if err != nil {
		t.Skip(err)
	}
	for name, helper := range map[string]Helper{
		"get_stack": GetStackFn, "probe_read_user": ProbeReadUserFn, "probe_read_kernel": ProbeReadKernelFn,
		"ktime_get_boot_ns": KtimeGetBootNs, "copy_from_user": CopyFromUser, "task_storage_get": TaskStorageGet,
		"get_current_task_btf": GetCurrentTaskBTF, "for_each_map_elem": ForEachMapElemFn, "get_func_ip": GetFuncIP,
		"get_attach_cookie": GetAttachCookie, "loop": LoopFn, "strncmp": StrncmpFn, "get_func_arg": GetFuncArg,
		"get_func_ret": GetFuncRet, "map_lookup_percpu_elem": MapLookupPerCPUElem, "ktime_get_tai_ns": KtimeGetTaiNs,
	} {
		// Older kernels lack the later ones.
		if _, v, ok := spec.Enumerator("BPF_FUNC_" + name); ok && v != int64(helper) {
			t.Errorf("%s is %d, want %d", name, helper, v)
		}
	}
}
