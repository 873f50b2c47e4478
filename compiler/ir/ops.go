package ir

// Const returns an integer constant.
func (b *Builder) Const(v int64) Value {
	return b.Emit(Ins{Op: OpConst, W: 8, Kind: Scalar, Imm: v})
}

// Arg returns argument n of the function.
func (b *Builder) Arg(n int) Value {
	return b.Emit(Ins{Op: OpArg, W: 8, Kind: b.F.ArgKinds[n], Imm: int64(n)})
}

// Map returns the map with index n, for helpers.
func (b *Builder) Map(n int) Value {
	return b.Emit(Ins{Op: OpMapPtr, W: 8, Kind: PtrMap, Imm: int64(n)})
}

// MapValue returns the address of byte off of the single value of array map n.
func (b *Builder) MapValue(n int, off int) Value {
	return b.Emit(Ins{Op: OpMapValue, W: 8, Kind: PtrMapValue, Imm: int64(off), Aux: int32(n)})
}

// Slot reserves size bytes of stack, aligned to 8.
func (b *Builder) Slot(size int, name string) int32 {
	b.F.Slots = append(b.F.Slots, Slot{Size: (size + 7) / 8 * 8, Align: 8, Name: name})
	return int32(len(b.F.Slots) - 1)
}

// Frame returns the address of a byte of a stack slot.
func (b *Builder) Frame(slot int32, off int) Value {
	return b.Emit(Ins{Op: OpFrame, W: 8, Kind: PtrStack, Imm: int64(off), Aux: slot})
}

// FuncAddr returns the address of callback number n of the program.
func (b *Builder) FuncAddr(n int) Value {
	return b.Emit(Ins{Op: OpFuncAddr, W: 8, Kind: PtrFunc, Aux: int32(n)})
}

// Bin returns x op y in 64-bit arithmetic. The sum of a pointer and a scalar
// has the kind of the pointer.
func (b *Builder) Bin(op Op, x, y Value) Value { return b.BinW(op, 8, x, y) }

// BinW returns x op y in arithmetic of w bytes (4 or 8).
func (b *Builder) BinW(op Op, w uint8, x, y Value) Value {
	k := Scalar
	if (op == OpAdd || op == OpSub) && w == 8 && b.F.Vals[b.resolve(x)].Kind != Scalar {
		k = b.F.Vals[b.resolve(x)].Kind
	}
	return b.Emit(Ins{Op: op, W: w, Kind: k, A: x, B: y})
}

// BinI returns x op imm in 64-bit arithmetic.
func (b *Builder) BinI(op Op, x Value, imm int64) Value { return b.Bin(op, x, b.Const(imm)) }

// Neg returns 0 - x.
func (b *Builder) Neg(x Value) Value { return b.Emit(Ins{Op: OpNeg, W: 8, Kind: Scalar, A: x}) }

// Ext widens the low w bytes of x to 64 bits.
func (b *Builder) Ext(x Value, w int, signed bool) Value {
	if w >= 8 {
		return x
	}
	op := OpZExt
	if signed {
		op = OpSExt
	}
	return b.Emit(Ins{Op: op, W: uint8(w), Kind: Scalar, A: x})
}

// BSwap reverses the low w bytes (2, 4 or 8).
func (b *Builder) BSwap(x Value, w int) Value {
	return b.Emit(Ins{Op: OpBSwap, W: uint8(w), Kind: Scalar, A: x})
}

// Num returns the bits of a pointer as a plain number. The verifier rejects
// arithmetic on pointers other than adding numbers (adjust_ptr_min_max_vals in
// kernel/bpf/verifier.c). Num needs permission to see kernel addresses
// (CAP_PERFMON), as all tracing does, and emits no instruction.
func (b *Builder) Num(x Value) Value {
	if b.F.Vals[b.resolve(x)].Kind == Scalar {
		return x
	}
	return b.Emit(Ins{Op: OpNum, W: 8, Kind: Scalar, A: x})
}

// Load reads w bytes at base+off, zero-extended.
func (b *Builder) Load(base Value, off int, w int) Value {
	return b.Emit(Ins{Op: OpLoad, W: uint8(w), Kind: Scalar, A: base, Imm: int64(off)})
}

// LoadPtr reads a pointer whose kind the verifier knows (BTF members).
func (b *Builder) LoadPtr(base Value, off int, k Kind) Value {
	return b.Emit(Ins{Op: OpLoad, W: 8, Kind: k, A: base, Imm: int64(off)})
}

// Store writes the low w bytes of x to base+off.
func (b *Builder) Store(base Value, off int, w int, x Value) {
	b.Emit(Ins{Op: OpStore, W: uint8(w), A: base, B: x, Imm: int64(off)})
}

// AtomicAdd adds x to the w bytes (4 or 8) at base+off.
func (b *Builder) AtomicAdd(base Value, off int, w int, x Value) {
	b.Emit(Ins{Op: OpAtomicAdd, W: uint8(w), A: base, B: x, Imm: int64(off)})
}

// AtomicXchg stores x in the w bytes (4 or 8) at base+off and returns what was there.
func (b *Builder) AtomicXchg(base Value, off int, w int, x Value) Value {
	return b.Emit(Ins{Op: OpAtomicXchg, Kind: Scalar, W: uint8(w), A: base, B: x, Imm: int64(off)})
}

// Call calls a helper.
func (b *Builder) Call(h Helper, args ...Value) Value {
	return b.Emit(Ins{Op: OpCall, W: 8, Kind: Helpers[h].Result, Imm: int64(h), Args: args})
}

// Kfunc calls a kernel function by BTF id.
func (b *Builder) Kfunc(name string, id uint32, result Kind, args ...Value) Value {
	return b.Emit(Ins{Op: OpKfunc, W: 8, Kind: result, Imm: int64(id), Name: name, Args: args})
}

// CallFunc calls the function with a number in Prog.Funcs.
func (b *Builder) CallFunc(n int, result Kind, args ...Value) Value {
	return b.Emit(Ins{Op: OpCallFunc, Kind: result, Aux: int32(n), Args: args})
}
