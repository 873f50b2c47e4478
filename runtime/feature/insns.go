package feature

// Each program holds one instruction in question and is otherwise as plain as
// can be. They are written out byte by byte, since what is asked is whether
// the kernel takes exactly these.

// accepts reports whether the verifier takes all the programs, as socket
// filters: the type that every kernel with BPF has.
func accepts(programs ...[]insn) func(*Set) error {
	return func(*Set) error {
		for _, insns := range programs {
			p := program{typ: socketFilter, insns: insns}
			if err := p.try(); err != nil {
				return explain("load a program with it", err)
			}
		}
		return nil
	}
}

var (
	// r0 = 0; if r0 < 1 goto +0
	progJumpLess = []insn{mov(0, 0), {op: 0xa5, imm: 1}, insnExit}
	// r0 = 0; if w0 == 0 goto +0
	progJump32 = []insn{mov(0, 0), {op: 0x16}, insnExit}
	// r0 = 6; r0 s/= -2
	progSignedDiv = []insn{mov(0, 6), {op: 0x37, off: 1, imm: -2}, insnExit}
	// *(u64 *)(r10 - 8) = 0; r0 = *(s8 *)(r10 - 8)
	progSignedLoad = []insn{{op: 0x7a, reg: 10, off: -8}, {op: 0x91, reg: regs(0, 10), off: -8}, insnExit}
	// r1 = 0; r0 = (s8)r1
	progSignedMove = []insn{mov(1, 0), {op: 0xbf, reg: regs(0, 1), off: 8}, insnExit}
	// r0 = 0; r0 = bswap64 r0
	progByteSwap = []insn{mov(0, 0), {op: 0xd7, imm: 64}, insnExit}
	// r0 = 0; if r0 != 0 goto +1; gotol +1; r0 = 1; exit. (Debian's 6.1 has this
	// one of v4 alone.)
	progLongJump = []insn{mov(0, 0), {op: 0x55, off: 1}, {op: 0x06, imm: 1}, mov(0, 1), insnExit}
	// r0 = 0; may_goto +1; goto -2; exit
	progMayGoto = []insn{mov(0, 0), {op: 0xe5, off: 1}, {op: 0x05, off: -2}, insnExit}
)

// progAtomic is: *(u64 *)(r10 - 8) = 0; r0 = r1 = 1; the atomic operation on
// the word, with r1.
func progAtomic(op int32) []insn {
	return []insn{{op: 0x7a, reg: 10, off: -8}, mov(0, 1), mov(1, 1),
		{op: 0xdb, reg: regs(10, 1), off: -8, imm: op}, mov(0, 0), insnExit}
}
