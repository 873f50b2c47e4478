package ir

import (
	"errors"
	"fmt"
)

// VerifyError is a broken invariant. It is always a bug in the compiler, never
// in the script.
type VerifyError struct {
	Func  string
	Block string
	Ins   string // text form of the instruction or terminator, "" for the block itself
	Pos   int32  // index in Prog.Pos
	Msg   string
}

// Error returns one line with the place and the broken rule.
func (e *VerifyError) Error() string {
	s := "ir: " + e.Func
	if e.Block != "" {
		s += " " + e.Block
	}
	if e.Ins != "" {
		s += ": " + e.Ins
	}
	return s + ": " + e.Msg
}

// Verify checks the invariants of every function of p that passes and the
// register allocator depend on: each block ends once, each use is dominated by
// its only definition, edges pass one argument for each parameter, operands,
// widths and indexes exist. The error joins all broken rules.
func Verify(p *Prog) error {
	if len(p.Funcs) == 0 {
		return &VerifyError{Func: p.Name, Msg: "program has no function"}
	}
	var errs []error
	for _, f := range p.Funcs {
		errs = append(errs, verifyFunc(p, f)...)
	}
	return errors.Join(errs...)
}

// VerifyFunc is like Verify for one function. It does not check references to
// other functions.
func VerifyFunc(f *Func) error { return errors.Join(verifyFunc(nil, f)...) }

type verifier struct {
	p    *Prog
	f    *Func
	cfg  *CFG
	at   []int32 // place of each value in its block: -1 nowhere, 0 parameter, else 1+index
	blk  []Block
	errs []error
}

func verifyFunc(p *Prog, f *Func) []error {
	v := &verifier{p: p, f: f, at: make([]int32, len(f.Vals)), blk: make([]Block, len(f.Vals))}
	if len(f.Blocks) == 0 {
		return []error{&VerifyError{Func: f.Name, Msg: "function has no block"}}
	}
	if len(f.ArgKinds) != f.NArgs || f.NArgs > 5 {
		v.fail(0, nil, "%d arguments with %d kinds; at most 5", f.NArgs, len(f.ArgKinds))
	}
	for i := range v.at {
		v.at[i] = -1
	}
	for b := range f.Blocks {
		v.place(Block(b))
	}
	if len(v.errs) > 0 {
		return v.errs // the graph is broken, so further checks could fail
	}
	v.cfg = NewCFG(f)
	for b := range f.Blocks {
		if v.cfg.Num[b] < 0 {
			v.fail(Block(b), nil, "block cannot be reached")
			continue
		}
		v.block(Block(b))
	}
	return v.errs
}

func (v *verifier) fail(b Block, in *Ins, format string, args ...any) {
	e := &VerifyError{Func: v.f.Name, Block: v.f.BlockName(b), Msg: fmt.Sprintf(format, args...)}
	if in != nil {
		var w printer
		w.ins(v.f, v.valueOf(in))
		e.Ins, e.Pos = w.String(), in.Pos
	}
	v.errs = append(v.errs, e)
}

func (v *verifier) failTerm(b Block, format string, args ...any) {
	t := &v.f.Blocks[b].Term
	var w printer
	w.term(t)
	v.errs = append(v.errs, &VerifyError{Func: v.f.Name, Block: v.f.BlockName(b),
		Ins: w.String(), Pos: t.Pos, Msg: fmt.Sprintf(format, args...)})
}

func (v *verifier) valueOf(in *Ins) Value {
	for i := range v.f.Vals {
		if &v.f.Vals[i] == in {
			return Value(i)
		}
	}
	return 0
}

// place records where each value is defined and checks what NewCFG depends on.
func (v *verifier) place(b Block) {
	d := &v.f.Blocks[b]
	note := func(x Value, at int32) {
		switch {
		case x <= 0 || int(x) >= len(v.f.Vals):
			v.fail(b, nil, "value %%%d does not exist", x)
			return
		case v.at[x] >= 0:
			v.fail(b, nil, "value %%%d has two places", x)
		case v.f.Vals[x].Blk != b:
			v.fail(b, nil, "value %%%d says it is in b%d", x, v.f.Vals[x].Blk)
		}
		v.at[x], v.blk[x] = at, b
		if isParam := v.f.Vals[x].Op == OpParam; isParam != (at == 0) {
			v.fail(b, nil, "value %%%d is a parameter in the wrong place", x)
		}
	}
	for _, x := range d.Params {
		note(x, 0)
	}
	for i, x := range d.Ins {
		note(x, int32(i)+1)
	}
	switch d.Term.Kind {
	case Jump, Branch, Ret, MayGoto:
	default:
		v.failTerm(b, "block has no end")
	}
	for i := range d.Term.NumSuccs() {
		if to := d.Term.Succ(i).To; to < 0 || int(to) >= len(v.f.Blocks) {
			v.failTerm(b, "b%d does not exist", to)
		}
	}
	if b == 0 && len(d.Params) > 0 {
		v.fail(b, nil, "the entry has parameters")
	}
}

func (v *verifier) block(b Block) {
	d := &v.f.Blocks[b]
	for i, x := range d.Ins {
		in := &v.f.Vals[x]
		v.shape(b, in)
		in.Operands(func(p *Value) {
			if msg := v.use(b, int32(i)+1, *p); msg != "" {
				v.fail(b, in, "%s", msg)
			}
		})
	}
	t := &d.Term
	t.Operands(func(p *Value) {
		if msg := v.use(b, int32(len(d.Ins))+1, *p); msg != "" {
			v.failTerm(b, "%s", msg)
		}
	})
	if t.Kind == Branch {
		switch {
		case t.X == 0 || t.Y == 0:
			v.failTerm(b, "comparison without operands")
		case t.W != 4 && t.W != 8:
			v.failTerm(b, "comparison of %d bytes", t.W)
		case t.Cmp > TEST:
			v.failTerm(b, "unknown comparison")
		}
	}
	for i := range t.NumSuccs() {
		e := t.Succ(i)
		if n := len(v.f.Blocks[e.To].Params); n != len(e.Args) {
			v.failTerm(b, "b%d takes %d arguments, gets %d", e.To, n, len(e.Args))
		}
		for _, a := range e.Args {
			if a == 0 {
				v.failTerm(b, "edge to b%d lacks an argument", e.To)
			}
		}
	}
}

// use checks that the definition of x dominates a place in block b.
func (v *verifier) use(b Block, at int32, x Value) string {
	switch {
	case x < 0 || int(x) >= len(v.f.Vals):
		return fmt.Sprintf("operand %%%d does not exist", x)
	case v.at[x] < 0:
		return fmt.Sprintf("operand %%%d is in no block", x)
	case !v.f.Vals[x].HasResult():
		return fmt.Sprintf("operand %%%d has no result", x)
	case v.blk[x] == b && v.at[x] >= at:
		return fmt.Sprintf("operand %%%d is defined later", x)
	case v.blk[x] != b && !v.cfg.Dominates(v.blk[x], b):
		return fmt.Sprintf("operand %%%d is not defined on every path", x)
	}
	return ""
}

// shape checks the fields that the operation uses.
func (v *verifier) shape(b Block, in *Ins) {
	info := &opTable[in.Op]
	hasA, hasB := false, false
	switch info.form {
	case formNone:
		v.fail(b, in, "not an instruction")
		return
	case formUnary, formLoad:
		hasA = true
	case formBinary, formStore:
		hasA, hasB = true, true
	}
	if hasA != (in.A != 0) || hasB != (in.B != 0) || info.form != formCall && len(in.Args) > 0 {
		v.fail(b, in, "wrong operands")
	}
	if info.widths != 0 && info.widths>>in.W&1 == 0 {
		v.fail(b, in, "width %d is not allowed", in.W)
	}
	if !info.result && in.Kind != KindNone || info.result && info.form != formCall && in.Kind == KindNone {
		v.fail(b, in, "kind %s does not fit", in.Kind)
	}
	if len(in.Args) > 5 {
		v.fail(b, in, "%d arguments; calls take at most 5", len(in.Args))
	}
	for _, a := range in.Args {
		if a == 0 {
			v.fail(b, in, "argument is missing")
		}
	}
	switch in.Op {
	case OpArg:
		if in.Imm < 0 || in.Imm >= int64(v.f.NArgs) {
			v.fail(b, in, "function has %d arguments", v.f.NArgs)
		}
	case OpFrame:
		if in.Aux < 0 || int(in.Aux) >= len(v.f.Slots) {
			v.fail(b, in, "stack slot does not exist")
		}
	case OpMapPtr, OpMapValue:
		if in.Aux < 0 || in.Op == OpMapPtr && in.Imm < 0 {
			v.fail(b, in, "negative map index")
		}
	case OpCall:
		if h, ok := Helpers[Helper(in.Imm)]; ok && h.Args != len(in.Args) {
			v.fail(b, in, "%s takes %d arguments, gets %d", h.Name, h.Args, len(in.Args))
		}
	case OpFuncAddr, OpCallFunc:
		if v.p != nil && (in.Aux <= 0 || int(in.Aux) >= len(v.p.Funcs)) {
			v.fail(b, in, "function %d is not a callback or subprogram", in.Aux)
		} else if v.p != nil && in.Op == OpCallFunc && v.p.Funcs[in.Aux].NArgs != len(in.Args) {
			v.fail(b, in, "%s takes %d arguments, gets %d", v.p.Funcs[in.Aux].Name, v.p.Funcs[in.Aux].NArgs, len(in.Args))
		}
	}
}
