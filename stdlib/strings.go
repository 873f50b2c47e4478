package stdlib

import (
	"runtime"
	"strings"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// turns are the features that Turns and Unwalked use, if they are there.
var turns = []target.Feature{target.MayGoto, target.Loop}

// strings_ has functions that compare and search strings, and texts of numbers.
func strings_() []*builtin.Func {
	return []*builtin.Func{
		{Sig: call("signal_name", "F-SIGNALNAME", "signal_name(n)", types.StringType(64), "Description of a signal.", intParam("n")),
			Lower: lookupText("signals", 65, "N/A", func(n int64) string { return value.SignalText(n) }, false)},
		{Sig: call("strcontains", "F-STRCONTAINS", "strcontains(haystack, needle)", types.BoolType, "Whether a string contains another.",
			param("haystack", types.StringParam), param("needle", types.StringParam)), Loops: true, Prefers: turns, Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			i := find(l, c)
			return scalar(c, l.Select(ir.SGE, i, l.B().Const(0), l.B().Const(1), l.B().Const(0)))
		}},
		{Sig: call("strerror", "F-STRERROR", "strerror(errno)", types.StringType(64), "The kernel's text for an errno.", intParam("errno")),
			Lower: lookupText("errors", 134, "Unknown error", func(n int64) string { return value.StrError(n) }, true)},
		{Sig: shapes(call("strlen", "F-STRLEN", "strlen(string)", types.Uint64, "Bytes up to the NUL.", param("string", types.BytesParam)), "$", "e"), Loops: true, Prefers: turns, Lower: lowerStrlen},
		{Sig: call("strncmp", "F-STRNCMP", "strncmp(a, b, n)", types.Uint64, "0 if the first n bytes are equal, otherwise 1.",
			param("a", types.StringParam), param("b", types.StringParam), param("n", types.LitInt)), Loops: true, Prefers: turns, Lower: lowerStrncmp},
		{Sig: call("strstr", "F-STRSTR", "strstr(haystack, needle)", types.Int64, "Index of the first occurrence, -1 if there is none.",
			param("haystack", types.StringParam), param("needle", types.StringParam)), Loops: true, Prefers: turns, Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, find(l, c))
		}},
		{Sig: call("syscall_name", "F-SYSCALLNAME", "syscall_name(n)", types.StringType(64), "Name of a system call.", intParam("n")),
			Lower: lookupText("syscalls", len(value.SyscallNames(runtime.GOARCH)), "Unknown syscall", func(n int64) string {
				s, ok := value.SyscallName(runtime.GOARCH, n)
				if !ok {
					return "Unknown syscall"
				}
				return s
			}, false)},
	}
}

// textCell is the size in bytes of one text in a table.
const textCell = 64

// lookupText compiles a table of texts of 64 bytes; index n counts from 0. If
// fold is set, a negative number means its magnitude.
func lookupText(name string, n int, unknown string, text func(int64) string, fold bool) func(builtin.Lowerer, *hir.Call) builtin.Operand {
	return func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
		data := make([]byte, (n+1)*textCell)
		for i := range n {
			copy(data[i*textCell:(i+1)*textCell-1], text(int64(i)))
		}
		copy(data[n*textCell:], unknown)
		b := l.B()
		v := l.Scalar(c.Args[0])
		if fold {
			v = l.IfElse(ir.SLT, v, b.Const(0), func() ir.Value { return b.Neg(v) }, func() ir.Value { return v })
		}
		v = l.Select(ir.ULT, v, b.Const(int64(n)), v, b.Const(int64(n)))
		t := l.Table(name, data)
		p := builtin.Place{Base: b.Bin(ir.OpAdd, l.Addr(t), b.BinI(ir.OpMul, v, textCell)), Space: types.Local}
		return builtin.Operand{T: c.T, Mem: &p}
	}
}

// stringAt returns the bytes of a string argument and its capacity. Pointers
// are read first.
func stringAt(l builtin.Lowerer, x hir.Expr) (builtin.Place, int) {
	t := x.Type()
	if !t.IsScalar() {
		return l.Local(l.Operand(x), x.Span()), t.Size
	}
	n := int(l.Config("max_strlen"))
	_, addr, space := source(l, x)
	p := l.Scratch(n, "string")
	l.B().Store(p.Base, p.Off, 1, l.B().Const(0))
	l.ReadStr(p, l.B().Const(int64(n)), addr, space, x.Span())
	return p, n
}

// loop generates a loop that runs turn for i from 0 to n-1. turn gets the block
// of the next iteration.
func loop(l builtin.Lowerer, c *hir.Call, n int, turn func(i ir.Value, next ir.Block), done ir.Block) {
	b := l.B()
	i, start := b.NewVar(ir.Scalar), b.Const(0)
	unwalked := l.Unwalked(n)
	if unwalked {
		start = l.Unknown(start)
	}
	b.Set(i, start)
	head, body, step := b.NewBlock("loop"), b.NewBlock("turn"), b.NewBlock("step")
	b.Jump(head)
	b.Use(head)
	if unwalked {
		on, cut := b.NewBlock("on"), b.Cold(b.NewBlock("cut"))
		b.MayGoto(on, cut)
		b.UseSealed(cut)
		l.Fail(builtin.ErrLoopCut, c.At, 0)
		b.Jump(done)
		b.UseSealed(on)
	}
	b.If(ir.ULT, 8, b.Get(i), b.Const(int64(n)), body, done)
	b.UseSealed(body)
	turn(b.Get(i), step)
	b.UseSealed(step)
	b.Set(i, b.BinI(ir.OpAdd, b.Get(i), 1))
	b.Jump(head)
	b.Seal(head)
}

func lowerStrlen(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	x := c.Args[0]
	if x.Type().IsScalar() {
		// The read helper returns the length.
		n := int(l.Config("max_strlen"))
		_, addr, space := source(l, x)
		p := l.Scratch(n, "string")
		r := l.ReadStr(p, b.Const(int64(n)), addr, space, c.At)
		return scalar(c, l.IfElse(ir.SGT, r, b.Const(0), func() ir.Value { return b.BinI(ir.OpSub, r, 1) }, func() ir.Value { return b.Const(0) }))
	}
	p, n := stringAt(l, x)
	r := newIndex(l)
	r.set(b.Const(int64(n)))
	done, hit := b.NewBlock("done"), b.NewBlock("end")
	base := l.Addr(p)
	at := b.NewVar(ir.Scalar)
	loop(l, c, n, func(i ir.Value, next ir.Block) {
		b.Set(at, i)
		b.If(ir.EQ, 8, b.Load(b.Bin(ir.OpAdd, base, i), 0, 1), b.Const(0), hit, next)
	}, done)
	b.UseSealed(hit)
	r.set(b.Get(at))
	b.Jump(done)
	b.UseSealed(done)
	return scalar(c, r.get())
}

func lowerStrncmp(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	n := int(c.Args[2].(*hir.Int).V)
	x, nx := stringAt(l, c.Args[0])
	y, ny := stringAt(l, c.Args[1])
	r := b.NewVar(ir.Scalar)
	b.Set(r, b.Const(0))
	done, differ := b.NewBlock("done"), b.NewBlock("differ")
	xa, ya := l.Addr(x), l.Addr(y)
	loop(l, c, min(n, nx, ny), func(i ir.Value, next ir.Block) {
		p := b.Load(b.Bin(ir.OpAdd, xa, i), 0, 1)
		q := b.Load(b.Bin(ir.OpAdd, ya, i), 0, 1)
		same := b.NewBlock("same")
		b.If(ir.EQ, 8, p, q, same, differ)
		b.UseSealed(same)
		b.If(ir.EQ, 8, p, b.Const(0), done, next)
	}, done)
	b.UseSealed(differ)
	b.Set(r, b.Const(1))
	b.Jump(done)
	b.UseSealed(done)
	return scalar(c, b.Get(r))
}

// find returns the index of the needle in the haystack, -1 if it is not there.
// A literal needle is compared without an inner loop. The haystack ends at its
// NUL: the bytes after it can be left over from other strings.
func find(l builtin.Lowerer, c *hir.Call) ir.Value {
	b := l.B()
	hay, n := stringAt(l, c.Args[0])
	needle, lit := c.Args[1].(*hir.Bytes)
	text := ""
	var other builtin.Place
	m := 0
	if lit {
		text, _, _ = strings.Cut(needle.V, "\x00")
		m = len(text)
		if m == 0 {
			return b.Const(0)
		}
	} else {
		other, m = stringAt(l, c.Args[1])
	}
	if !lit && n*min(m, n) > plainFind {
		if v, ok := findInTurns(l, c, hay, other, n, m); ok {
			return v
		}
		if !l.Target().Has(target.MayGoto) {
			l.Refuse("too-much-to-verify", c.At, "this search is too much for the kernel's verifier so deep in loops",
				"the needle is no literal, and the kernel allows eight functions that call one another",
				"search before the loop, or in shorter strings: str(x, 32)")
		}
	}
	r := newIndex(l)
	done, hit := b.NewBlock("done"), b.NewBlock("hit")
	base := l.Addr(hay)
	places := n
	if lit {
		places = max(n-m+1, 0)
	}
	at := b.NewVar(ir.Scalar)
	loop(l, c, places, func(i ir.Value, next ir.Block) {
		b.Set(at, i)
		p := b.Bin(ir.OpAdd, base, i)
		more := b.NewBlock("inside")
		if lit {
			b.If(ir.EQ, 8, b.Load(p, 0, 1), b.Const(0), done, more)
			b.UseSealed(more)
			b.If(ir.EQ, 8, differs(b, p, text), b.Const(0), hit, next)
			return
		}
		// The needle ends at its NUL too.
		inner := b.NewBlock("miss")
		q := l.Addr(other)
		loop(l, c, min(m, n), func(k ir.Value, step ir.Block) {
			w := b.Load(b.Bin(ir.OpAdd, q, k), 0, 1)
			check, in := b.NewBlock("check"), b.NewBlock("in")
			b.If(ir.EQ, 8, w, b.Const(0), hit, check)
			b.UseSealed(check)
			pos := b.Bin(ir.OpAdd, i, k)
			b.If(ir.ULT, 8, pos, b.Const(int64(n)), in, inner)
			b.UseSealed(in)
			b.If(ir.EQ, 8, b.Load(b.Bin(ir.OpAdd, base, pos), 0, 1), w, step, inner)
		}, hit)
		b.UseSealed(inner)
		b.If(ir.EQ, 8, b.Load(p, 0, 1), b.Const(0), done, next)
	}, done)
	b.UseSealed(hit)
	r.set(b.Get(at))
	b.Jump(done)
	b.UseSealed(done)
	return r.get()
}

// plainFind is the maximum number of comparisons that are a loop in a loop. Verifiers walk
// all of them, and each leaves two branches for later.
const plainFind = 1 << 10

// findInTurns is find for a needle that is no literal: each comparison of two bytes is a
// turn. n and m are the capacities of haystack and needle.
func findInTurns(l builtin.Lowerer, c *hir.Call, hay, needle builtin.Place, n, m int) (ir.Value, bool) {
	const start, length, result = 0, 8, 16 // words: where the needle may begin, how much of it is there, the result
	words, h, w := l.Reserve(24), l.Reserve(n), l.Reserve(m)
	l.Copy(l.Reserved(h), hay, n, c.At)
	l.Copy(l.Reserved(w), needle, m, c.At)
	set := func(l builtin.Lowerer, word int, v ir.Value) {
		p := l.Reserved(words + word)
		l.B().Store(p.Base, p.Off, 8, v)
	}
	get := func(l builtin.Lowerer, word int) ir.Value {
		p := l.Reserved(words + word)
		return l.B().Load(p.Base, p.Off, 8)
	}
	set(l, start, l.B().Const(0))
	set(l, length, l.B().Const(0))
	set(l, result, l.B().Const(-1))
	ok := l.Turns(c.At, func(l builtin.Lowerer, stop ir.Block) {
		b := l.B()
		i, k := get(l, start), get(l, length)
		more, hit, inside, same, other, next, on := b.NewBlock("more"), b.NewBlock("hit"), b.NewBlock("inside"), b.NewBlock("same"), b.NewBlock("other"), b.NewBlock("next"), b.NewBlock("on")
		whole := b.NewBlock("whole")
		b.If(ir.ULT, 8, k, b.Const(int64(m)), more, whole)
		b.UseSealed(more)
		want := b.Load(b.Bin(ir.OpAdd, l.Addr(l.Reserved(w)), k), 0, 1)
		pos := b.Bin(ir.OpAdd, i, k)
		rest := b.NewBlock("rest")
		b.If(ir.EQ, 8, want, b.Const(0), hit, rest)
		b.UseSealed(rest)
		b.If(ir.ULT, 8, pos, b.Const(int64(n)), inside, stop)
		b.UseSealed(inside)
		have := b.Load(b.Bin(ir.OpAdd, l.Addr(l.Reserved(h)), pos), 0, 1)
		b.If(ir.EQ, 8, have, want, same, other)
		b.UseSealed(same)
		set(l, length, b.BinI(ir.OpAdd, k, 1))
		b.Jump(on)
		b.UseSealed(other)
		// Where the haystack ends within the needle, it does so for all places after this.
		b.If(ir.EQ, 8, have, b.Const(0), stop, next)
		b.UseSealed(next)
		set(l, start, b.BinI(ir.OpAdd, i, 1))
		set(l, length, b.Const(0))
		b.Jump(on)
		b.UseSealed(whole)
		b.Jump(hit)
		b.UseSealed(hit)
		set(l, result, i)
		b.Jump(stop)
		b.UseSealed(on)
	})
	return get(l, result), ok
}

// differs returns zero if the bytes at an address are those of a text. It
// combines all comparisons into one value for a single branch, since the
// verifier follows every exit of every iteration. It compares bytes, since the
// verifier rejects misaligned words on the stack.
func differs(b *ir.Builder, p ir.Value, text string) ir.Value {
	acc := b.BinI(ir.OpXor, b.Load(p, 0, 1), int64(text[0]))
	for k := 1; k < len(text); k++ {
		acc = b.Bin(ir.OpOr, acc, b.BinI(ir.OpXor, b.Load(p, k, 1), int64(text[k])))
	}
	return acc
}

// index is the result of a loop. It is kept in map memory: as a number known to
// the verifier it would make the verifier walk the code after the loop once per
// iteration.
type index struct {
	l builtin.Lowerer
	p builtin.Place
}

// newIndex starts with -1.
func newIndex(l builtin.Lowerer) *index {
	x := &index{l, l.Scratch(128, "index")}
	x.set(l.B().Const(-1))
	return x
}

func (x *index) set(v ir.Value) { x.l.B().Store(x.p.Base, x.p.Off, 8, v) }
func (x *index) get() ir.Value  { return x.l.B().Load(x.p.Base, x.p.Off, 8) }
