package ir

import (
	"fmt"
	"strconv"
	"strings"
)

// The text form has one line per instruction. Equal programs have equal texts:
//
//	func NAME(KIND, …)            arguments by kind
//	slot 0 16 8 "key"             stack slot: number, size, alignment, name
//	b0 "entry"                    block; then (%p:KIND, …) parameters, cold
//	  %1:ctx = arg 0              result kind unless it is scalar
//	  %2 = const 5
//	  %3 = add.4 %1, %2           width in bytes unless it is 8
//	  %4:mapvalue = mapvalue 0+8  address of byte 8 of map 0
//	  %5 = load.4 %4+8
//	  store.4 %4+8, %5
//	  %6:mapmaybe = call map_lookup_elem(%7, %8)
//	  br.4 ult %5, %2, b1(%3), b2
//	  jump b1(%3)
//	  maygoto b1, b2
//	  ret %3
//
// Text after ';' is a comment: the place in the script.

// String returns the text form of all functions.
func (p *Prog) String() string {
	var w printer
	for i, f := range p.Funcs {
		if i > 0 {
			w.WriteByte('\n')
		}
		w.fn(p, f)
	}
	return w.String()
}

// String returns the text form without places.
func (f *Func) String() string {
	var w printer
	w.fn(nil, f)
	return w.String()
}

// BlockName returns the name of a block in messages: its number and its name.
func (f *Func) BlockName(b Block) string {
	if b < 0 || int(b) >= len(f.Blocks) || f.Blocks[b].Name == "" {
		return fmt.Sprintf("b%d", b)
	}
	return fmt.Sprintf("b%d (%s)", b, f.Blocks[b].Name)
}

// InsString returns the text form of one instruction.
func (f *Func) InsString(v Value) string {
	var w printer
	w.ins(f, v)
	return w.String()
}

type printer struct{ strings.Builder }

func (w *printer) num(n int64) { w.WriteString(strconv.FormatInt(n, 10)) }

func (w *printer) val(v Value) {
	w.WriteByte('%')
	w.num(int64(v))
}

func (w *printer) vals(vs []Value) {
	for i, v := range vs {
		if i > 0 {
			w.WriteString(", ")
		}
		w.val(v)
	}
}

// def writes a value, and its kind unless it is scalar.
func (w *printer) def(f *Func, v Value) {
	w.val(v)
	if k := f.Vals[v].Kind; k != Scalar {
		w.WriteByte(':')
		w.WriteString(k.String())
	}
}

func (w *printer) fn(p *Prog, f *Func) {
	if f.Global {
		w.WriteString("global ")
	}
	w.WriteString("func ")
	w.WriteString(f.Name)
	w.WriteByte('(')
	for i, k := range f.ArgKinds {
		if i > 0 {
			w.WriteString(", ")
		}
		w.WriteString(k.String())
	}
	w.WriteString(")\n")
	for i, s := range f.Slots {
		fmt.Fprintf(w, "slot %d %d %d %q\n", i, s.Size, s.Align, s.Name)
	}
	for b := range f.Blocks {
		w.block(p, f, Block(b))
	}
}

func (w *printer) block(p *Prog, f *Func, b Block) {
	d := &f.Blocks[b]
	w.WriteByte('b')
	w.num(int64(b))
	if d.Name != "" {
		w.WriteByte(' ')
		w.WriteString(strconv.Quote(d.Name))
	}
	if len(d.Params) > 0 {
		w.WriteString(" (")
		for i, v := range d.Params {
			if i > 0 {
				w.WriteString(", ")
			}
			w.def(f, v)
		}
		w.WriteByte(')')
	}
	if d.Cold {
		w.WriteString(" cold")
	}
	w.WriteByte('\n')
	for _, v := range d.Ins {
		w.WriteString("  ")
		w.ins(f, v)
		w.place(p, f.Vals[v].Pos)
	}
	w.WriteString("  ")
	w.term(&d.Term)
	w.place(p, d.Term.Pos)
}

func (w *printer) place(p *Prog, pos int32) {
	if p != nil && pos > 0 && int(pos) < len(p.Pos) && p.Pos[pos].Valid() {
		w.WriteString(" ; ")
		w.WriteString(p.Pos[pos].String())
	}
	w.WriteByte('\n')
}

func (w *printer) ins(f *Func, v Value) {
	in := &f.Vals[v]
	info := &opTable[in.Op]
	if in.HasResult() {
		w.def(f, v)
		w.WriteString(" = ")
	}
	w.WriteString(info.name)
	if info.widths != 0 && in.W != 8 {
		w.WriteByte('.')
		w.num(int64(in.W))
	}
	w.WriteByte(' ')
	switch info.form {
	case formImm:
		w.num(in.Imm)
	case formAux:
		w.num(int64(in.Aux))
	case formAuxImm:
		w.num(int64(in.Aux))
		w.offset(in.Imm)
	case formUnary:
		w.val(in.A)
	case formBinary:
		w.vals([]Value{in.A, in.B})
	case formLoad:
		w.val(in.A)
		w.offset(in.Imm)
	case formStore:
		w.val(in.A)
		w.offset(in.Imm)
		w.WriteString(", ")
		w.val(in.B)
	case formCall:
		w.callee(in)
		w.WriteByte('(')
		w.vals(in.Args)
		w.WriteByte(')')
	}
}

func (w *printer) offset(n int64) {
	if n >= 0 {
		w.WriteByte('+')
	}
	w.num(n)
}

func (w *printer) callee(in *Ins) {
	switch in.Op {
	case OpCall:
		if h, ok := Helpers[Helper(in.Imm)]; ok {
			w.WriteString(h.Name)
			return
		}
		w.WriteByte('#')
		w.num(in.Imm)
	case OpKfunc:
		w.WriteString(in.Name)
		w.WriteByte('#')
		w.num(in.Imm)
	case OpCallFunc:
		w.num(int64(in.Aux))
	}
}

func (w *printer) edge(e *Edge) {
	w.WriteByte('b')
	w.num(int64(e.To))
	if len(e.Args) > 0 {
		w.WriteByte('(')
		w.vals(e.Args)
		w.WriteByte(')')
	}
}

func (w *printer) term(t *Term) {
	switch t.Kind {
	case TermNone:
		w.WriteString("none")
	case Jump:
		w.WriteString("jump ")
		w.edge(&t.Then)
	case Branch:
		w.WriteString("br")
		if t.W != 8 {
			w.WriteByte('.')
			w.num(int64(t.W))
		}
		w.WriteByte(' ')
		w.WriteString(t.Cmp.String())
		w.WriteByte(' ')
		w.vals([]Value{t.X, t.Y})
		w.WriteString(", ")
		w.edge(&t.Then)
		w.WriteString(", ")
		w.edge(&t.Else)
	case MayGoto:
		w.WriteString("maygoto ")
		w.edge(&t.Then)
		w.WriteString(", ")
		w.edge(&t.Else)
	case Ret:
		w.WriteString("ret")
		if t.X != 0 {
			w.WriteByte(' ')
			w.val(t.X)
		}
	}
}
