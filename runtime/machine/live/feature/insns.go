package feature

import "probe/runtime/machine/live/feature/bpf"

// Each program contains one instruction to be tested and is otherwise as plain
// as possible. The instructions are written out as bytes, since the test is
// whether the kernel accepts exactly these.

// accepts returns the test whether the verifier accepts all the programs. They
// are loaded as socket filters, the type that every kernel with BPF has.
func accepts(programs ...[]bpf.Insn) func(*Set) error {
	return func(*Set) error {
		for _, insns := range programs {
			p := bpf.Program{Type: bpf.SocketFilter, Insns: insns}
			if err := p.Try(); err != nil {
				return explain("load a program with it", err)
			}
		}
		return nil
	}
}

var (
	// r0 = 0; if r0 < 1 goto +0
	progJumpLess = []bpf.Insn{bpf.Mov(0, 0), {Op: 0xa5, Imm: 1}, bpf.Exit}
	// r0 = 0; if w0 == 0 goto +0
	progJump32 = []bpf.Insn{bpf.Mov(0, 0), {Op: 0x16}, bpf.Exit}
	// r0 = 6; r0 s/= -2
	progSignedDiv = []bpf.Insn{bpf.Mov(0, 6), {Op: 0x37, Off: 1, Imm: -2}, bpf.Exit}
	// *(u64 *)(r10 - 8) = 0; r0 = *(s8 *)(r10 - 8)
	progSignedLoad = []bpf.Insn{{Op: 0x7a, Reg: 10, Off: -8}, {Op: 0x91, Reg: bpf.Regs(0, 10), Off: -8}, bpf.Exit}
	// r1 = 0; r0 = (s8)r1
	progSignedMove = []bpf.Insn{bpf.Mov(1, 0), {Op: 0xbf, Reg: bpf.Regs(0, 1), Off: 8}, bpf.Exit}
	// r0 = 0; r0 = bswap64 r0
	progByteSwap = []bpf.Insn{bpf.Mov(0, 0), {Op: 0xd7, Imm: 64}, bpf.Exit}
	// r0 = 0; if r0 != 0 goto +1; gotol +1; r0 = 1; exit. (Debian's 6.1 has this
	// one of v4 alone.)
	progLongJump = []bpf.Insn{bpf.Mov(0, 0), {Op: 0x55, Off: 1}, {Op: 0x06, Imm: 1}, bpf.Mov(0, 1), bpf.Exit}
	// r0 = 0; may_goto +1; goto -2; exit
	progMayGoto = []bpf.Insn{bpf.Mov(0, 0), {Op: 0xe5, Off: 1}, {Op: 0x05, Off: -2}, bpf.Exit}
)

// progAtomic is: *(u64 *)(r10 - 8) = 0; r0 = r1 = 1; the atomic operation on
// the word, with r1.
func progAtomic(op int32) []bpf.Insn {
	return []bpf.Insn{{Op: 0x7a, Reg: 10, Off: -8}, bpf.Mov(0, 1), bpf.Mov(1, 1),
		{Op: 0xdb, Reg: bpf.Regs(10, 1), Off: -8, Imm: op}, bpf.Mov(0, 0), bpf.Exit}
}
