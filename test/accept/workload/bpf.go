package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// filter is a BPF program with type information, which probes can be attached to. In
// C:
//
//	static long target_filter_part(unsigned int len, long more) { return len + more; }
//	int target_filter(struct __sk_buff *ctx) { return target_filter_part(ctx->len, 7); }
var filter *ebpf.Program

// loadFilter loads filter. It is done before probe starts: a probe is attached to
// programs that are there.
func loadFilter() error {
	u32 := &btf.Int{Name: "unsigned int", Size: 4}
	long := &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	skb := &btf.Pointer{Target: &btf.Struct{Name: "__sk_buff", Size: 4, Members: []btf.Member{{Name: "len", Type: u32}}}}
	whole := &btf.Func{Name: "target_filter", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: number, Params: []btf.FuncParam{{Name: "ctx", Type: skb}},
	}}
	part := &btf.Func{Name: "target_filter_part", Linkage: btf.StaticFunc, Type: &btf.FuncProto{
		Return: long, Params: []btf.FuncParam{{Name: "len", Type: u32}, {Name: "more", Type: long}},
	}}
	call := asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoCall, Constant: -1}.WithReference("part")
	var err error
	filter, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "target_filter", Type: ebpf.SocketFilter, License: "GPL",
		Instructions: asm.Instructions{
			btf.WithFuncMetadata(asm.LoadMem(asm.R1, asm.R1, 0, asm.Word).WithSymbol("target_filter"), whole),
			asm.Mov.Imm(asm.R2, 7),
			call,
			asm.Return(),
			btf.WithFuncMetadata(asm.Mov.Reg(asm.R0, asm.R1).WithSymbol("part"), part),
			asm.Add.Reg(asm.R0, asm.R2),
			asm.Return(),
		},
	})
	return err
}

// runFilter runs filter on a packet of SIZE bytes N times.
func runFilter(a []string) error {
	if filter == nil {
		return errors.New("not loaded")
	}
	size := number(a[0])
	for range number(a[1]) {
		got, err := filter.Run(&ebpf.RunOptions{Data: make([]byte, size)})
		if err != nil {
			return err
		}
		// The program sees the packet without the 14 bytes of its header.
		if int64(got) != size-14+7 {
			return fmt.Errorf("target_filter returned %d", got)
		}
	}
	return nil
}
