package stdlib

import (
	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// maxTraced is the number of values that the kernel's trace_printk takes.
const maxTraced = 3

func debugfSig() *types.Signature {
	s := noReplay("there is no trace of a kernel to write to", formatSig("debugf", "F-DEBUGF", "Writes a line into the kernel's trace (trace_pipe in tracefs), for debugging: up to 3 values, by %d, %u, %x, %p and %s."))
	s.Async = false
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		switch {
		case len(c.Args) > maxTraced+1:
			return nil, worded(problem("format-arguments", -1, "debugf() takes at most 3 values"), "cannot use more than 3 conversion specifiers")
		case c.Args[0].Const == nil:
			return types.VoidType, nil
		}
		specs, err := value.ParseFormat(c.Args[0].Const.Str)
		if err != nil {
			return types.VoidType, nil // reported where formats are checked
		}
		n := 0
		for _, s := range specs {
			if s.Conv == value.ConvLiteral {
				continue
			}
			if n++; n >= len(c.Args) || c.Args[n].Type == nil {
				break
			}
			if p := traced(&s, n, c.Args[n].Type); p != nil {
				return nil, p
			}
		}
		p := worded(problem("for-debugging", -1, "debugf() is meant for debugging: all programs of the machine share the trace it writes to"),
			"The debugf() builtin is not recommended for production use. For more information see bpf_trace_printk in bpf-helpers(7).")
		p.Warning = true
		return types.VoidType, p
	}
	return s
}

// traced checks the n'th value against its conversion.
func traced(s *value.Spec, n int, t *types.Type) *types.Problem {
	switch s.Conv {
	case value.ConvSigned, value.ConvUnsigned, value.ConvHex, value.ConvPointer:
		if t.IsInt() || t.Kind == types.Pointer || t.Kind == types.Bool {
			return nil
		}
	case value.ConvString:
		if t.Kind == types.String {
			return nil
		}
	default:
		return worded(problem("format-type", 0, "debugf() knows %d, %u, %x, %p and %s, not "+s.Text), "Invalid format specifier for `debugf`: "+s.Letters)
	}
	return worded(problem("format-type", n, "debugf() cannot print a value of type `"+t.String()+"` by "+s.Text), "Type does not match format specifier: "+s.Letters)
}

// lowerDebugf writes the text with one call of the helper. The kernel makes the
// text, so the format is translated to its conversions.
func lowerDebugf(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	specs, _ := value.ParseFormat(c.Format)
	format := ""
	values := []ir.Value{}
	for i := range specs {
		s := &specs[i]
		if s.Conv == value.ConvLiteral {
			for _, b := range []byte(s.Text) {
				if format += string(b); b == '%' {
					format += "%"
				}
			}
			continue
		}
		x := c.Args[1+len(values)]
		if s.Conv == value.ConvString {
			p := l.Local(l.Operand(x), c.At)
			values = append(values, l.Addr(p))
			format += "%s"
			continue
		}
		v := l.Scalar(x)
		if s.Bits < 64 && s.Conv != value.ConvPointer {
			v = l.B().Ext(v, s.Bits/8, s.Conv == value.ConvSigned)
		}
		values = append(values, v)
		switch s.Conv {
		case value.ConvSigned:
			format += "%lld"
		case value.ConvUnsigned:
			format += "%llu"
		case value.ConvPointer:
			format += "0x%llx"
		default:
			format += "%llx"
		}
	}
	for len(values) < maxTraced {
		values = append(values, l.B().Const(0))
	}
	text := l.Table("debugf", append([]byte(format), 0))
	args := append([]ir.Value{l.Addr(text), l.B().Const(int64(len(format) + 1))}, values...)
	l.B().Call(ir.HelperTracePrintk, args...)
	return builtin.Operand{T: types.VoidType}
}
