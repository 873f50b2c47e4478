package dwarf

// Expr reads the operations of a location expression.
type Expr struct{ c cursor }

// NewExpr returns a reader of an expression.
func NewExpr(b []byte) *Expr { return &Expr{cursor{b: b}} }

// More reports whether operations follow.
func (x *Expr) More() bool { return !x.c.bad && x.c.at < len(x.c.b) }

// Bad reports whether a read went beyond the end.
func (x *Expr) Bad() bool { return x.c.bad }

// Op returns the next operation.
func (x *Expr) Op() uint8 { return x.c.u8() }

// Unsigned and Signed return an operand of variable length.
func (x *Expr) Unsigned() uint64 { return x.c.uleb() }

// Signed returns an operand of variable length with a sign.
func (x *Expr) Signed() int64 { return x.c.sleb() }

// Block returns an operand that is a block with its length before it.
func (x *Expr) Block() []byte { return x.c.take(int(min(x.c.uleb(), 1<<31))) }

// Const returns the number of one of the operations DW_OP_const….
func (x *Expr) Const(op uint8) int64 {
	switch op {
	case 0x08:
		return int64(x.c.u8())
	case 0x09:
		return int64(int8(x.c.u8()))
	case 0x0a:
		return int64(x.c.u16())
	case 0x0b:
		return int64(int16(x.c.u16()))
	case 0x0c:
		return int64(x.c.u32())
	case 0x0d:
		return int64(int32(x.c.u32()))
	case 0x10:
		return int64(x.c.uleb())
	case 0x11:
		return x.c.sleb()
	}
	return int64(x.c.u64())
}
