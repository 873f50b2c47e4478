package estimate

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"probe/runtime/machine/live/bpf"
)

// Units is the table of what instructions and helpers take on this machine, in
// nanoseconds.
type Units struct {
	Insn, Atomic float64
	helpers      map[int]float64
	other        float64 // helpers that are not in the table
}

// Helper returns what a call of a helper takes.
func (u *Units) Helper(n int) float64 {
	if ns, ok := u.helpers[n]; ok {
		return ns
	}
	return u.other
}

// The numbers of helpers (include/uapi/linux/bpf.h).
const (
	helperUpdate      = 2
	helperDelete      = 3
	helperKtime       = 5
	helperPidTgid     = 14
	helperComm        = 16
	helperReadUser    = 112
	helperReadKernel  = 113
	helperUserStr     = 114
	helperKernelStr   = 115
	helperGetStack    = 67
	helperKtimeBoot   = 125
	helperRingOutput  = 130
	helperRingReserve = 131
	helperRingSubmit  = 132
)

// repeats is how often a program that is measured does what it measures, and
// rounds how often it runs. The fastest round counts: others were interrupted.
const (
	repeats = 64
	rounds  = 15
)

// Measure finds out what instructions and helpers take, by running small
// programs. It takes some ten milliseconds.
func Measure(ctx context.Context) (*Units, error) {
	// Values of the size of common keys; percpu is what most aggregations use.
	hash, err := ebpf.NewMap(&ebpf.MapSpec{Name: "p_try", Type: ebpf.PerCPUHash, KeySize: 16, ValueSize: 8, MaxEntries: 64})
	if err != nil {
		return nil, fmt.Errorf("measure what maps take: %w", err)
	}
	defer hash.Close()
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Name: "p_tryring", Type: ebpf.RingBuf, MaxEntries: 1 << 16})
	if err != nil {
		return nil, fmt.Errorf("measure what the ring buffer takes: %w", err)
	}
	defer ring.Close()
	maps := map[string]*ebpf.Map{"p_try": hash, "p_tryring": ring}
	u := &Units{helpers: map[int]float64{}}
	measure := func(body asm.Instructions) (float64, error) { return run(ctx, body, maps) }
	empty, err := measure(nil)
	if err != nil {
		return nil, err
	}
	// What is measured also has the instructions that set up its arguments.
	each := func(body asm.Instructions) (float64, error) {
		ns, err := measure(body)
		return max((ns-empty)/repeats-float64(len(body)-1)*u.Insn, 0.1), err
	}
	alu := asm.Instructions{asm.Add.Imm(asm.R6, 7), asm.Xor.Reg(asm.R6, asm.R7), asm.StoreMem(asm.RFP, -8, asm.R6, asm.DWord), asm.LoadMem(asm.R6, asm.RFP, -8, asm.DWord)}
	ns, err := measure(alu)
	if err != nil {
		return nil, err
	}
	u.Insn = max((ns-empty)/repeats/float64(len(alu)), 0.05)
	if u.Atomic, err = each(asm.Instructions{asm.Mov.Imm(asm.R1, 1), asm.AddAtomic.Mem(asm.RFP, asm.R1, asm.DWord, -16)}); err != nil {
		return nil, err
	}
	address := func(r asm.Register, off int32) asm.Instructions {
		return asm.Instructions{asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, off)}
	}
	join := func(parts ...asm.Instructions) (out asm.Instructions) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	call := func(n int) asm.Instructions { return asm.Instructions{asm.BuiltinFunc(n).Call()} }
	imm := func(r asm.Register, v int32) asm.Instructions { return asm.Instructions{asm.Mov.Imm(r, v)} }
	mapAt := asm.Instructions{asm.LoadMapPtr(asm.R1, 0).WithReference("p_try")}
	ringAt := asm.Instructions{asm.LoadMapPtr(asm.R1, 0).WithReference("p_tryring")}
	for _, m := range []struct {
		helpers []int
		body    asm.Instructions
	}{
		{[]int{helperPidTgid}, call(helperPidTgid)},
		{[]int{helperKtime, helperKtimeBoot}, call(helperKtime)},
		{[]int{helperComm}, join(address(asm.R1, -64), imm(asm.R2, 16), call(helperComm))},
		{[]int{helperLookup}, join(mapAt, address(asm.R2, -32), call(helperLookup))},
		{[]int{helperUpdate, helperDelete}, join(mapAt, address(asm.R2, -32), address(asm.R3, -16), imm(asm.R4, 0), call(helperUpdate))},
		{[]int{helperReadKernel, helperReadUser}, join(address(asm.R1, -64), imm(asm.R2, 16), address(asm.R3, -32), call(helperReadKernel))},
		{[]int{helperKernelStr, helperUserStr}, join(address(asm.R1, -64), imm(asm.R2, 32), address(asm.R3, -32), call(helperKernelStr))},
		{[]int{helperRingOutput}, join(ringAt, address(asm.R2, -64), imm(asm.R3, 48), imm(asm.R4, 1), call(helperRingOutput))},
		{[]int{helperGetStack}, join(asm.Instructions{asm.Mov.Reg(asm.R1, asm.R8)}, address(asm.R2, -512+64), imm(asm.R3, 256), imm(asm.R4, 0), call(helperGetStack))},
	} {
		ns, err := each(m.body)
		if err != nil {
			return nil, err
		}
		for _, h := range m.helpers {
			u.helpers[h] = ns
		}
	}
	// A record is reserved and submitted; an output does both, and copies.
	u.helpers[helperRingReserve] = u.helpers[helperRingOutput] * 0.7
	u.helpers[helperRingSubmit] = u.helpers[helperRingOutput] * 0.3
	u.other = 2 * u.helpers[helperPidTgid]
	return u, nil
}

// run returns the time in nanoseconds of one run of a program that does body
// many times.
func run(ctx context.Context, body asm.Instructions, maps map[string]*ebpf.Map) (float64, error) {
	ins := asm.Instructions{asm.Mov.Reg(asm.R8, asm.R1), asm.Mov.Imm(asm.R6, 1), asm.Mov.Imm(asm.R7, 3), asm.Mov.Imm(asm.R0, 0)}
	for off := int16(-512); off < 0; off += 8 {
		ins = append(ins, asm.StoreMem(asm.RFP, off, asm.R0, asm.DWord))
	}
	for range repeats {
		ins = append(ins, body...)
	}
	ins = append(ins, asm.Mov.Imm(asm.R0, 0), asm.Return())
	p, err := bpf.Load(ctx, &ebpf.ProgramSpec{Name: "p_measure", Type: ebpf.RawTracepoint, License: "GPL", Instructions: ins}, maps, bpf.LoadOptions{})
	if err != nil {
		return 0, fmt.Errorf("measure what instructions take: %w", err)
	}
	defer p.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := time.Hour
	for range rounds {
		start := time.Now()
		if err := p.Run(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds()), nil
}
