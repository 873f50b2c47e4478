// Package bpfsim runs BPF instructions on an ir.Env, for tests: what an emitted
// program does can be compared with what its intermediate form does. Its input
// is the library's instructions, which are marshalled first, so that the bytes
// are tested and not the library's view of them. The simulator is stricter than
// a processor: as for the verifier, r1 to r5 are undefined after a call, and
// stack must be written before it is read.
package bpfsim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/asm"

	"probe/compiler/ir"
)

// insn is one raw 8-byte instruction (struct bpf_insn in include/uapi/linux/bpf.h).
type insn struct {
	op       uint8
	dst, src uint8
	off      int16
	imm      int32
}

// Sim is a program ready to run.
type Sim struct {
	code []insn
	maps map[int]int // raw slot of a map reference -> index of the map
	// kfuncs names kernel functions by BTF id.
	kfuncs map[int32]string
}

// New prepares a program; mapIndex finds the map with a name.
func New(ins asm.Instructions, mapIndex func(string) int) (*Sim, error) {
	ins = append(asm.Instructions(nil), ins...)
	var buf bytes.Buffer
	if err := ins.Marshal(&buf, binary.LittleEndian); err != nil {
		return nil, err
	}
	s := &Sim{maps: map[int]int{}, kfuncs: map[int32]string{}}
	for b := buf.Bytes(); len(b) >= 8; b = b[8:] {
		s.code = append(s.code, insn{op: b[0], dst: b[1] & 15, src: b[1] >> 4,
			off: int16(binary.LittleEndian.Uint16(b[2:])), imm: int32(binary.LittleEndian.Uint32(b[4:]))})
	}
	slot := 0
	for i := range ins {
		if ins[i].IsLoadFromMap() {
			s.maps[slot] = mapIndex(ins[i].Reference())
		}
		slot += int(ins[i].Width())
	}
	return s, nil
}

// Kfunc names a kernel function, so that Env.Kfunc can run it.
func (s *Sim) Kfunc(id int32, name string) { s.kfuncs[id] = name }

// Run runs the program in e and returns r0.
func (s *Sim) Run(e *ir.Env) (uint64, error) {
	m := &machine{sim: s, e: e}
	r, err := m.call(0, e.Ctx.Base)
	if err == nil && e.Open() > 0 {
		err = fmt.Errorf("%d ring records were not released", e.Open())
	}
	return r, err
}

const funcBase = uint64(0x4000_0000_0000_0000)

type machine struct {
	sim   *Sim
	e     *ir.Env
	depth int
}

// frame is one call: its registers, and which of them are defined.
type frame struct {
	*machine
	regs [11]uint64
	set  [11]bool
	pc   int
}

func (m *machine) call(pc int, args ...uint64) (uint64, error) {
	if m.depth++; m.depth > 8 {
		return 0, errors.New("calls are more than 8 deep")
	}
	defer func() { m.depth-- }()
	f := &frame{machine: m, pc: pc}
	for i, a := range args {
		f.regs[i+1], f.set[i+1] = a, true
	}
	stack := m.e.Mem.AddStack("the stack", 512)
	defer m.e.Mem.Drop(stack)
	f.regs[10], f.set[10] = stack.Base+512, true
	for {
		if m.e.Steps--; m.e.Steps < 0 {
			return 0, ir.ErrSteps
		}
		if f.pc < 0 || f.pc >= len(m.sim.code) {
			return 0, fmt.Errorf("%d: no instruction", f.pc)
		}
		at := f.pc
		done, err := f.step()
		if err != nil {
			return 0, fmt.Errorf("%d: %+v: %w", at, m.sim.code[at], err)
		}
		if done {
			return f.get(0)
		}
	}
}

func (f *frame) get(r uint8) (uint64, error) {
	if r > 10 || !f.set[r] {
		return 0, fmt.Errorf("r%d holds nothing", r)
	}
	return f.regs[r], nil
}

func (f *frame) put(r uint8, v uint64) error {
	if r >= 10 {
		return fmt.Errorf("r%d is written", r)
	}
	f.regs[r], f.set[r] = v, true
	return nil
}

// step runs one instruction and reports whether it was exit.
func (f *frame) step() (bool, error) {
	i := f.sim.code[f.pc]
	f.pc++
	switch i.op & 7 {
	case 0: // BPF_LD: only the 64-bit immediate
		return false, f.wide(i)
	case 1: // BPF_LDX
		if i.op&0xe0 != 0x60 {
			return false, errors.New("unknown load")
		}
		base, err := f.get(i.src)
		if err != nil {
			return false, err
		}
		v, err := f.e.Mem.Load(base+uint64(int64(i.off)), size(i.op))
		if err != nil {
			return false, err
		}
		return false, f.put(i.dst, v)
	case 2, 3: // BPF_ST, BPF_STX
		return false, f.store(i)
	case 4, 7: // BPF_ALU, BPF_ALU64
		return false, f.alu(i)
	}
	return f.jump(i)
}

func size(op uint8) int {
	return [...]int{0: 4, 1: 2, 2: 1, 3: 8}[op>>3&3]
}

func (f *frame) wide(i insn) error {
	if i.op != 0x18 || f.pc >= len(f.sim.code) {
		return errors.New("unknown instruction")
	}
	hi := f.sim.code[f.pc]
	slot := f.pc - 1
	f.pc++
	if hi.op != 0 || hi.dst != 0 || hi.src != 0 || hi.off != 0 {
		return errors.New("bad second half")
	}
	var v uint64
	var err error
	switch i.src {
	case 0:
		v = uint64(uint32(i.imm)) | uint64(uint32(hi.imm))<<32
	case 1: // BPF_PSEUDO_MAP_FD
		v, err = f.e.MapAddr(f.sim.maps[slot])
	case 2: // BPF_PSEUDO_MAP_VALUE
		v, err = f.e.ValueAddr(f.sim.maps[slot], int64(uint32(hi.imm)))
	case 4: // BPF_PSEUDO_FUNC
		v = funcBase + uint64(slot+1+int(i.imm))
	default:
		err = errors.New("unknown 64-bit immediate")
	}
	if err != nil {
		return err
	}
	return f.put(i.dst, v)
}

func (f *frame) store(i insn) error {
	base, err := f.get(i.dst)
	if err != nil {
		return err
	}
	addr := base + uint64(int64(i.off))
	if i.op&7 == 2 {
		return f.e.Mem.Store(addr, size(i.op), uint64(int64(i.imm)))
	}
	v, err := f.get(i.src)
	if err != nil {
		return err
	}
	switch i.op & 0xe0 {
	case 0x60:
		return f.e.Mem.Store(addr, size(i.op), v)
	case 0xc0:
		return f.atomic(i, addr, v)
	}
	return errors.New("unknown store")
}

func (f *frame) atomic(i insn, addr, v uint64) error {
	var op ir.Op
	switch i.imm &^ 1 {
	case 0x00:
		op = ir.OpAtomicFetchAdd
	case 0x40:
		op = ir.OpAtomicOr
	case 0x50:
		op = ir.OpAtomicAnd
	case 0xe0:
		op = ir.OpAtomicXchg
	default:
		return errors.New("unknown atomic")
	}
	w := size(i.op)
	if w < 4 {
		return errors.New("atomic of less than 4 bytes")
	}
	old, err := ir.Atomic(&f.e.Mem, op, addr, uint8(w), v)
	if err == nil && i.imm&1 != 0 {
		err = f.put(i.src, old)
	}
	return err
}

var aluOps = map[uint8]ir.Op{0x00: ir.OpAdd, 0x10: ir.OpSub, 0x20: ir.OpMul, 0x30: ir.OpDiv, 0x40: ir.OpOr, 0x50: ir.OpAnd,
	0x60: ir.OpShl, 0x70: ir.OpShr, 0x90: ir.OpMod, 0xa0: ir.OpXor, 0xc0: ir.OpSar}

func (f *frame) alu(i insn) error {
	w := uint8(8)
	if i.op&7 == 4 {
		w = 4
	}
	if i.off != 0 {
		return errors.New("offset in arithmetic")
	}
	b := uint64(int64(i.imm))
	if i.op&8 != 0 && i.op&0xf0 != 0xd0 {
		var err error
		if b, err = f.get(i.src); err != nil {
			return err
		}
	}
	code := i.op & 0xf0
	if code == 0xb0 { // BPF_MOV
		if w == 4 {
			b = uint64(uint32(b))
		}
		return f.put(i.dst, b)
	}
	a, err := f.get(i.dst)
	if err != nil {
		return err
	}
	switch code {
	case 0x80:
		r, _ := ir.Eval(ir.OpNeg, w, a, 0)
		return f.put(i.dst, r)
	case 0xd0: // BPF_END on a little-endian machine
		switch {
		case w == 4 && i.op&8 == 0 && i.imm == 64:
			return f.put(i.dst, a) // to little endian
		case w != 4 || i.op&8 == 0:
			return errors.New("unknown byte swap")
		}
		r, _ := ir.Eval(ir.OpBSwap, uint8(i.imm/8), a, 0)
		return f.put(i.dst, r)
	}
	op, ok := aluOps[code]
	if !ok {
		return errors.New("unknown arithmetic")
	}
	if i.op&8 == 0 {
		switch {
		case (op == ir.OpDiv || op == ir.OpMod) && i.imm == 0:
			return errors.New("division by the constant 0")
		case (op == ir.OpShl || op == ir.OpShr || op == ir.OpSar) && (i.imm < 0 || i.imm >= int32(8*w)):
			return errors.New("shift by too much")
		}
	}
	r, _ := ir.Eval(op, w, a, b)
	return f.put(i.dst, r)
}

var jumpOps = map[uint8]ir.Cmp{0x10: ir.EQ, 0x20: ir.UGT, 0x30: ir.UGE, 0x40: ir.TEST, 0x50: ir.NE, 0x60: ir.SGT, 0x70: ir.SGE,
	0xa0: ir.ULT, 0xb0: ir.ULE, 0xc0: ir.SLT, 0xd0: ir.SLE}

func (f *frame) jump(i insn) (bool, error) {
	switch code := i.op & 0xf0; {
	case i.op == 0x95:
		return true, nil
	case i.op == 0x85:
		return false, f.helper(i)
	case i.op == 0x05:
		f.pc += int(i.off)
		return false, nil
	case i.op == 0xe5 && i.src == 0:
		if f.e.Budget > 0 {
			f.e.Budget--
		} else {
			f.pc += int(i.off)
		}
		return false, nil
	default:
		cmp, ok := jumpOps[code]
		if !ok {
			return false, errors.New("unknown jump")
		}
		w := uint8(8)
		if i.op&7 == 6 {
			w = 4
		}
		a, err := f.get(i.dst)
		if err != nil {
			return false, err
		}
		b := uint64(int64(i.imm))
		if i.op&8 != 0 {
			if b, err = f.get(i.src); err != nil {
				return false, err
			}
		}
		if cmp.Holds(w, a, b) {
			f.pc += int(i.off)
		}
		return false, nil
	}
}

func (f *frame) helper(i insn) error {
	n := 5
	var name string
	switch i.src {
	case 0:
		if h, ok := ir.Helpers[ir.Helper(i.imm)]; ok {
			n = h.Args
		}
	case 2:
		if name = f.sim.kfuncs[i.imm]; name == "" {
			return errors.New("unknown kernel function")
		}
		n = 0
	case 1:
		n = 0
	}
	var a [5]uint64
	for k := range a {
		a[k] = f.regs[k+1]
		if k < n && !f.set[k+1] {
			return fmt.Errorf("argument r%d holds nothing", k+1)
		}
	}
	var r uint64
	var err error
	switch i.src {
	case 0:
		r, err = f.e.Call(ir.Helper(i.imm), a, func(fn uint64, args ...uint64) (uint64, error) {
			return f.machine.call(int(fn-funcBase), args...)
		})
	case 1: // BPF_PSEUDO_CALL
		r, err = f.machine.call(f.pc+int(i.imm), a[:]...)
	case 2: // BPF_PSEUDO_KFUNC_CALL
		r, err = f.e.Kfunc(name, a)
	}
	for k := 1; k <= 5; k++ {
		f.set[k] = false
	}
	f.regs[0], f.set[0] = r, true
	if h, ok := ir.Helpers[ir.Helper(i.imm)]; ok && i.src == 0 && h.Result == ir.KindNone {
		f.set[0] = false
	}
	return err
}
