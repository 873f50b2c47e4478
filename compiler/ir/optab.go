package ir

import "fmt"

// opInfo describes one operation: its name in the text form and which fields
// of an Ins it uses.
type opInfo struct {
	name   string
	form   form
	result bool // defines a value (calls: unless they are void)
	widths uint16
	commut bool
}

// form is the layout of an operation's operands in the text form.
type form uint8

const (
	formNone   form = iota // param
	formImm                // name IMM
	formAux                // name AUX
	formAuxImm             // name AUX+IMM
	formUnary              // name A
	formBinary             // name A, B
	formLoad               // name A+IMM
	formStore              // name A+IMM, B
	formCall               // name callee(Args...)
)

// widths are sets of allowed Ins.W, bit w for width w; 0 means that W is
// ignored.
const (
	w48   = 1<<4 | 1<<8
	w124  = 1<<1 | 1<<2 | 1<<4
	w248  = 1<<2 | 1<<4 | 1<<8
	w1248 = w124 | 1<<8
)

var opTable = [...]opInfo{
	OpInvalid:        {name: "invalid"},
	OpParam:          {name: "param", result: true},
	OpArg:            {name: "arg", form: formImm, result: true},
	OpConst:          {name: "const", form: formImm, result: true},
	OpMapPtr:         {name: "map", form: formImm, result: true},
	OpMapValue:       {name: "mapvalue", form: formAuxImm, result: true},
	OpFrame:          {name: "frame", form: formAuxImm, result: true},
	OpFuncAddr:       {name: "funcaddr", form: formAux, result: true},
	OpAdd:            {name: "add", form: formBinary, result: true, widths: w48, commut: true},
	OpSub:            {name: "sub", form: formBinary, result: true, widths: w48},
	OpMul:            {name: "mul", form: formBinary, result: true, widths: w48, commut: true},
	OpDiv:            {name: "div", form: formBinary, result: true, widths: w48},
	OpMod:            {name: "mod", form: formBinary, result: true, widths: w48},
	OpAnd:            {name: "and", form: formBinary, result: true, widths: w48, commut: true},
	OpOr:             {name: "or", form: formBinary, result: true, widths: w48, commut: true},
	OpXor:            {name: "xor", form: formBinary, result: true, widths: w48, commut: true},
	OpShl:            {name: "shl", form: formBinary, result: true, widths: w48},
	OpShr:            {name: "shr", form: formBinary, result: true, widths: w48},
	OpSar:            {name: "sar", form: formBinary, result: true, widths: w48},
	OpNeg:            {name: "neg", form: formUnary, result: true, widths: w48},
	OpZExt:           {name: "zext", form: formUnary, result: true, widths: w124},
	OpSExt:           {name: "sext", form: formUnary, result: true, widths: w124},
	OpBSwap:          {name: "bswap", form: formUnary, result: true, widths: w248},
	OpNum:            {name: "num", form: formUnary, result: true},
	OpLoad:           {name: "load", form: formLoad, result: true, widths: w1248},
	OpStore:          {name: "store", form: formStore, widths: w1248},
	OpAtomicAdd:      {name: "atomicadd", form: formStore, widths: w48},
	OpAtomicFetchAdd: {name: "fetchadd", form: formStore, result: true, widths: w48},
	OpAtomicXchg:     {name: "xchg", form: formStore, result: true, widths: w48},
	OpAtomicAnd:      {name: "atomicand", form: formStore, widths: w48},
	OpAtomicOr:       {name: "atomicor", form: formStore, widths: w48},
	OpCall:           {name: "call", form: formCall, result: true},
	OpKfunc:          {name: "kfunc", form: formCall, result: true},
	OpCallFunc:       {name: "callfunc", form: formCall, result: true},
}

// String returns the operation's name in the text form.
func (o Op) String() string {
	if int(o) < len(opTable) {
		return opTable[o].name
	}
	return fmt.Sprintf("op%d", o)
}

// Commutes reports whether the operands may be swapped.
func (o Op) Commutes() bool { return opTable[o].commut }

// IsBinary reports whether the operation is arithmetic on A and B.
func (o Op) IsBinary() bool { return opTable[o].form == formBinary }

// IsUnary reports whether the operation is arithmetic on A alone.
func (o Op) IsUnary() bool { return opTable[o].form == formUnary }

// IsAtomic reports whether the operation reads and writes memory in one step.
func (o Op) IsAtomic() bool { return o >= OpAtomicAdd && o <= OpAtomicOr }

// IsCall reports whether the operation is a call, which clobbers r0 to r5.
func (o Op) IsCall() bool { return o == OpCall || o == OpKfunc || o == OpCallFunc }

// HasResult reports whether the instruction defines a value.
func (i *Ins) HasResult() bool { return opTable[i.Op].result && i.Kind != KindNone }

// Operands calls fn with the address of each operand.
func (i *Ins) Operands(fn func(*Value)) {
	if i.A != 0 {
		fn(&i.A)
	}
	if i.B != 0 {
		fn(&i.B)
	}
	for k := range i.Args {
		fn(&i.Args[k])
	}
}

// Operands calls fn with the address of each value that the terminator uses,
// edge arguments included.
func (t *Term) Operands(fn func(*Value)) {
	if t.X != 0 {
		fn(&t.X)
	}
	if t.Y != 0 {
		fn(&t.Y)
	}
	switch t.Kind {
	case Branch, MayGoto:
		for k := range t.Else.Args {
			fn(&t.Else.Args[k])
		}
		fallthrough
	case Jump:
		for k := range t.Then.Args {
			fn(&t.Then.Args[k])
		}
	}
}

var kindNames = [...]string{
	KindNone: "none", Scalar: "scalar", PtrCtx: "ctx", PtrStack: "stack", PtrMap: "map",
	PtrMapValue: "mapvalue", PtrMapMaybe: "mapmaybe", PtrRing: "ring", PtrRingMaybe: "ringmaybe",
	PtrBTF: "btf", PtrFunc: "func",
}

// String returns the kind's name in the text form.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind%d", k)
}

// IsPtr reports whether the verifier treats the value as a pointer.
func (k Kind) IsPtr() bool { return k > Scalar }

var cmpNames = [...]string{EQ: "eq", NE: "ne", ULT: "ult", ULE: "ule", UGT: "ugt", UGE: "uge",
	SLT: "slt", SLE: "sle", SGT: "sgt", SGE: "sge", TEST: "test"}

// String returns the comparison's name in the text form.
func (c Cmp) String() string {
	if int(c) < len(cmpNames) {
		return cmpNames[c]
	}
	return fmt.Sprintf("cmp%d", c)
}

// Swapped returns the comparison with the operands exchanged.
func (c Cmp) Swapped() Cmp {
	switch c {
	case ULT:
		return UGT
	case ULE:
		return UGE
	case UGT:
		return ULT
	case UGE:
		return ULE
	case SLT:
		return SGT
	case SLE:
		return SGE
	case SGT:
		return SLT
	case SGE:
		return SLE
	}
	return c
}

// Inverted returns the comparison that holds exactly if c does not. TEST has
// none.
func (c Cmp) Inverted() (Cmp, bool) {
	switch c {
	case EQ:
		return NE, true
	case NE:
		return EQ, true
	case ULT:
		return UGE, true
	case ULE:
		return UGT, true
	case UGT:
		return ULE, true
	case UGE:
		return ULT, true
	case SLT:
		return SGE, true
	case SLE:
		return SGT, true
	case SGT:
		return SLE, true
	case SGE:
		return SLT, true
	}
	return c, false
}

// Holds evaluates the comparison of the low w bytes (4 or 8) of x and y.
func (c Cmp) Holds(w uint8, x, y uint64) bool {
	sx, sy := int64(x), int64(y)
	if w == 4 {
		x, y = uint64(uint32(x)), uint64(uint32(y))
		sx, sy = int64(int32(x)), int64(int32(y))
	}
	switch c {
	case EQ:
		return x == y
	case NE:
		return x != y
	case ULT:
		return x < y
	case ULE:
		return x <= y
	case UGT:
		return x > y
	case UGE:
		return x >= y
	case SLT:
		return sx < sy
	case SLE:
		return sx <= sy
	case SGT:
		return sx > sy
	case SGE:
		return sx >= sy
	case TEST:
		return x&y != 0
	}
	panic("ir: unknown comparison " + c.String())
}
