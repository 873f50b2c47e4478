package emit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
	"probe/compiler/pass"
)

// needKernel skips unless programs can be loaded and run here.
func needKernel(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loading BPF programs needs root")
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	if err != nil {
		if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, os.ErrPermission) {
			t.Skipf("the kernel refuses BPF programs: %v", err)
		}
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Run(&ebpf.RunOptions{}); err != nil {
		t.Skipf("the kernel does not run programs on request: %v", err)
	}
}

// version returns that of the running kernel.
func version(t *testing.T) (major, minor int) {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major, minor
}

// atLeast reports whether the running kernel is not older than a version.
func atLeast(t *testing.T, major, minor int) bool {
	t.Helper()
	a, b := version(t)
	return a > major || a == major && b >= minor
}

// needVersion skips on kernels older than the one that has a feature.
func needVersion(t *testing.T, major, minor int, feature string) {
	t.Helper()
	if !atLeast(t, major, minor) {
		a, b := version(t)
		t.Skipf("%s needs kernel %d.%d; this is %d.%d", feature, major, minor, a, b)
	}
}

// loadCode loads emitted code with the maps of generated programs; nil if it is
// too much work for the verifier.
func loadCode(t *testing.T, c *Code) *ebpf.Collection {
	t.Helper()
	spec := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"array": {Name: "array", Type: ebpf.Array, KeySize: 4, ValueSize: irgen.ArraySize, MaxEntries: 1},
			"hash":  {Name: "hash", Type: ebpf.Hash, KeySize: 8, ValueSize: 16, MaxEntries: irgen.HashMax},
			"ring":  {Name: "ring", Type: ebpf.RingBuf, MaxEntries: 1 << 16},
		},
		Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: ebpf.RawTracepoint, License: "GPL", Instructions: c.Ins}},
	}
	coll, err := ebpf.NewCollection(spec)
	if errors.Is(err, unix.E2BIG) {
		return nil // a million visited instructions: loops in loops
	}
	if err != nil {
		t.Fatalf("%+v\n%s", err, c.Text(nil))
	}
	t.Cleanup(coll.Close)
	return coll
}

// runKernel runs emitted code in the kernel and collects what it left behind.
func runKernel(t *testing.T, c *Code, ctx []byte) (o irgen.Outcome, ok bool) {
	t.Helper()
	coll := loadCode(t, c)
	if coll == nil {
		return o, false
	}
	defer coll.Close()
	ring, err := ringbuf.NewReader(coll.Maps["ring"])
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	ret, err := coll.Programs["p"].Run(&ebpf.RunOptions{Context: ctx})
	if err != nil {
		t.Fatal(err)
	}
	o = irgen.Outcome{Ret: uint64(ret), Hash: map[string]string{}}
	var array [irgen.ArraySize]byte
	if err := coll.Maps["array"].Lookup(uint32(0), &array); err != nil {
		t.Fatal(err)
	}
	o.Array = hex.EncodeToString(array[:])
	var key [8]byte
	var val [16]byte
	for it := coll.Maps["hash"].Iterate(); it.Next(&key, &val); {
		o.Hash[hex.EncodeToString(key[:])] = hex.EncodeToString(val[:])
	}
	ring.SetDeadline(time.Unix(1, 0)) // take what is there, do not wait
	for {
		r, err := ring.Read()
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			return o, true
		}
		o.Ring = append(o.Ring, hex.EncodeToString(r.RawSample))
	}
}

// TestKernelRandom compares random programs in the interpreter and in the
// kernel. It finds what the kernel's verifier refuses, too.
func TestKernelRandom(t *testing.T) {
	needKernel(t)
	opt := irgen.Options{Callbacks: atLeast(t, 5, 17), MayGoto: atLeast(t, 6, 9), Atomics: atLeast(t, 5, 12)}
	const n = 160
	ran := 0
	for seed := range int64(n) {
		r := rand.New(rand.NewSource(seed))
		data := make([]byte, 20+r.Intn(400))
		r.Read(data)
		ctx := context(r)
		p := irgen.Program(data, opt)
		ref := irgen.NewEnv(ctx)
		ret, err := ir.Interp(p, ref)
		if errors.Is(err, ir.ErrSteps) {
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if seed%4 != 0 {
			for _, f := range p.Funcs {
				if err := pass.Run(f, pass.Options{}); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		code, err := Prog(p, irgen.MapName, Options{})
		var se *StackError
		if errors.As(err, &se) {
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, ok := runKernel(t, code, ctx)
		if !ok {
			continue
		}
		ran++
		if d := cmp.Diff(got, irgen.Result(ret, ref)); d != "" {
			t.Fatalf("seed %d: the kernel does not do what the program says (-got +want)\n%s\n%s\n%s", seed, d, p, code.Text(nil))
		}
	}
	if ran < n*3/4 {
		t.Errorf("only %d of %d programs were compared", ran, n)
	}
}
