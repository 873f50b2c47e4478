package lower

import (
	"strconv"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// iterFilters lowers the start of every iterator program. The program ends if
// there is no object, as in the call after the last one
// (kernel/bpf/bpf_iter.c), or if the object does not belong to the process of
// -p. The other filters are about the thread that reads the file, and do not
// apply.
func (f *fn) iterFilters() {
	a := &f.site.Attach
	f.require(ir.NE, f.b.LoadPtr(f.ctx, 8*a.Object, ir.PtrBTF), f.konst(0))
	if f.u.cfg.PID > 0 && a.Task > 0 {
		task := f.b.LoadPtr(f.ctx, 8*a.Task, ir.PtrBTF)
		f.require(ir.NE, task, f.konst(0))
		tgid := f.b.Load(task, int(a.Offset), 4)
		f.requireProcess(tgid, func() ir.Value { return tgid })
	}
}

// seqPrintf writes the output of printf into the file being read (P-ITER-03),
// so no values are sent to user space. Each conversion is a separate call, with
// the text before it: older kernels accept few strings per call.
func (f *fn) seqPrintf(c *hir.Call) {
	specs, _ := value.ParseFormat(c.Format)
	args := c.Args[1:]
	meta := f.b.LoadPtr(f.Ctx(), 0, ir.PtrBTF)
	seq := f.b.LoadPtr(meta, 0, ir.PtrBTF) // the first member of struct bpf_iter_meta
	slot := f.b.Slot(8, "argument")
	write := func(format string, arg ir.Value) {
		data := f.b.Frame(slot, 0)
		f.b.Store(data, 0, 8, arg)
		text := f.Table("seq_printf", append([]byte(format), 0))
		r := f.b.Call(ir.HelperSeqPrintf, seq, f.Addr(text), f.konst(int64(len(format)+1)), data, f.konst(8))
		// The result is EOVERFLOW if the text no longer fits. The kernel then
		// runs the program again for this object, with an empty buffer.
		const overflow = -75
		other := f.b.NewBlock("written")
		bad := f.b.Cold(f.b.NewBlock("refused"))
		next := f.b.NewBlock("next")
		f.b.If(ir.SLT, 8, r, f.konst(0), bad, next)
		f.b.UseSealed(bad)
		f.b.If(ir.EQ, 8, r, f.konst(overflow), next, other)
		f.b.UseSealed(other)
		f.failCode(builtin.ErrHelper, c.At, ir.HelperSeqPrintf, "", r)
		f.b.Jump(next)
		f.b.UseSealed(next)
	}
	text, n := "", 0
	for i := range specs {
		s := &specs[i]
		if s.Conv == value.ConvLiteral {
			text += escapePercent(s.Text)
			continue
		}
		a := args[n]
		n++
		conv, v, ok := f.seqArg(s, a)
		if !ok {
			f.Refuse("bad-argument", a.Span(), "printf in an iterator cannot print this with "+s.Text,
				"the kernel makes the text there, and knows the conversions d i u x X c p and s of numbers and strings",
				"keep the value in a map, which is printed at the end")
			return
		}
		write(text+conv, v)
		text = ""
	}
	if text != "" {
		write(text, f.konst(0))
	}
}

// seqArg returns the kernel's conversion for one of the language, and its
// argument: a number, or the address of a string.
func (f *fn) seqArg(s *value.Spec, a hir.Expr) (conv string, v ir.Value, ok bool) {
	t := a.Type()
	flags := "%"
	switch {
	case s.Minus:
		flags += "-"
	case s.Zero:
		flags += "0"
	case s.Plus:
		flags += "+"
	case s.Space:
		flags += " "
	}
	if s.Width > 0 {
		flags += strconv.Itoa(s.Width)
	}
	if s.Conv == value.ConvString && (t.Kind == types.String || isCharArray(t)) {
		p := f.Scratch(t.Size+1, "string")
		f.into(a, p, true)
		f.b.Store(p.Base, p.Off+t.Size, 1, f.konst(0))
		return flags + "s", f.Addr(p), true
	}
	if !t.IsScalar() {
		return "", 0, false
	}
	v = f.plain(f.Operand(a))
	if s.Bits < 64 && s.Conv != value.ConvString && s.Conv != value.ConvPointer && s.Conv != value.ConvChar {
		v = f.b.Ext(v, s.Bits/8, s.Conv == value.ConvSigned)
	}
	switch s.Conv {
	case value.ConvSigned:
		return flags + "lld", v, true
	case value.ConvUnsigned:
		return flags + "llu", v, true
	case value.ConvHex, value.ConvHexUpper:
		prefix := ""
		if s.Hash {
			prefix = "0" + s.Letters
		}
		return prefix + flags + "ll" + s.Letters, v, true
	case value.ConvPointer:
		return "0x" + flags + "llx", v, true
	case value.ConvChar:
		p := f.Scratch(8, "char")
		f.b.Store(p.Base, p.Off, 8, f.b.Ext(v, 1, false))
		return flags + "s", f.Addr(p), true
	case value.ConvString:
		switch {
		case t.Kind != types.Int:
		case t.Signed:
			return flags + "lld", v, true
		default:
			return flags + "llu", v, true
		}
	}
	return "", 0, false
}

// isCharArray reports whether t is an array of bytes that prints as a string.
func isCharArray(t *types.Type) bool {
	return t.Kind == types.Array && t.Elem.Kind == types.Int && t.Elem.Size == 1
}

// escapePercent returns a format that prints text unchanged.
func escapePercent(text string) string {
	out := make([]byte, 0, len(text))
	for i := range len(text) {
		if text[i] == '%' {
			out = append(out, '%')
		}
		out = append(out, text[i])
	}
	return string(out)
}
