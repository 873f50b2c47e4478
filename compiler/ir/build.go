package ir

import (
	"fmt"

	"probe/lang/source"
)

// Builder makes a Func. It constructs SSA directly from assignments to
// variables (Braun et al., "Simple and Efficient Construction of Static Single
// Assignment Form", CC 2013): a block is sealed once all its predecessors are
// known, and only unsealed blocks get placeholder parameters.
type Builder struct {
	Prog *Prog
	F    *Func
	Cur  Block
	Pos  int32

	preds   [][]Block
	sealed  []bool
	defs    []map[Var]Value
	pending [][]placeholder // unsealed blocks, in order of the parameters
	vars    []Kind
	forward []Value // by value: the replacement of a trivial parameter, 0 for none
}

// placeholder is the parameter that an unsealed block got for a variable.
type placeholder struct {
	v   Var
	par Value
}

// Var is a mutable variable of the builder.
type Var int32

// usual is a number of blocks that most functions do not exceed.
const usual = 16

// NewBuilder starts a function of prog with its entry block sealed and current.
func NewBuilder(prog *Prog, name string, args ...Kind) *Builder {
	f := &Func{Name: name, NArgs: len(args), ArgKinds: args, Vals: make([]Ins, 1, 112), Blocks: make([]BlockData, 0, usual)}
	prog.Funcs = append(prog.Funcs, f)
	if len(prog.Pos) == 0 {
		prog.Pos = append(prog.Pos, source.Span{})
	}
	b := &Builder{Prog: prog, F: f, preds: make([][]Block, 0, usual), sealed: make([]bool, 0, usual),
		defs: make([]map[Var]Value, 0, usual), pending: make([][]placeholder, 0, usual)}
	b.NewBlock("entry")
	b.Seal(0)
	return b
}

// At sets the script place of the instructions that follow and returns a
// function that restores the previous one.
func (b *Builder) At(s source.Span) func() {
	old := b.Pos
	if s.Valid() && (b.Pos == 0 || b.Prog.Pos[b.Pos] != s) {
		b.Prog.Pos = append(b.Prog.Pos, s)
		b.Pos = int32(len(b.Prog.Pos) - 1)
	}
	return func() { b.Pos = old }
}

// NewBlock adds a block; it is not sealed and not current.
func (b *Builder) NewBlock(name string) Block {
	b.F.Blocks = append(b.F.Blocks, BlockData{Name: name})
	b.preds = append(b.preds, nil)
	b.sealed = append(b.sealed, false)
	b.defs = append(b.defs, nil)
	b.pending = append(b.pending, nil)
	return Block(len(b.F.Blocks) - 1)
}

// Cold marks a block as rarely run.
func (b *Builder) Cold(blk Block) Block { b.F.Blocks[blk].Cold = true; return blk }

// Use makes a block current.
func (b *Builder) Use(blk Block) { b.Cur = blk }

// Done reports whether the current block has its terminator already.
func (b *Builder) Done() bool { return b.F.Blocks[b.Cur].Term.Kind != TermNone }

// Seal declares that all predecessors of blk are known, and fills its
// placeholder parameters.
func (b *Builder) Seal(blk Block) {
	if b.sealed[blk] {
		return
	}
	b.sealed[blk] = true
	p := b.pending[blk]
	b.pending[blk] = nil
	for _, x := range p {
		b.fill(blk, x.v, x.par)
	}
}

// UseSealed seals a block and makes it current.
func (b *Builder) UseSealed(blk Block) { b.Seal(blk); b.Use(blk) }

// NewVar declares a variable that holds values of a kind.
func (b *Builder) NewVar(k Kind) Var {
	b.vars = append(b.vars, k)
	return Var(len(b.vars) - 1)
}

// Set assigns a variable in the current block. After the end of the block it
// does nothing.
func (b *Builder) Set(v Var, x Value) {
	if !b.Done() {
		b.define(b.Cur, v, x)
	}
}

// define records the value of variable v at the end of blk.
func (b *Builder) define(blk Block, v Var, x Value) {
	if b.defs[blk] == nil {
		b.defs[blk] = map[Var]Value{}
	}
	b.defs[blk][v] = x
}

// Get reads a variable in the current block. A variable that is not set on some
// path is 0 there.
func (b *Builder) Get(v Var) Value { return b.read(b.Cur, v) }

// read returns the value of v at the end of blk. In an unsealed block it adds a
// placeholder parameter, because further predecessors can follow. In a block
// with several predecessors it defines the new parameter before it reads the
// predecessors, which ends the recursion around loops.
func (b *Builder) read(blk Block, v Var) Value {
	if x, ok := b.defs[blk][v]; ok {
		return b.resolve(x)
	}
	var x Value
	switch {
	case !b.sealed[blk]:
		x = b.addParam(blk, v)
		b.pending[blk] = append(b.pending[blk], placeholder{v, x})
	case len(b.preds[blk]) == 0:
		// At the start of the function the variable has no value yet. The
		// constant goes to the front so that it dominates every use.
		x = b.constAtFront(blk)
	case len(b.preds[blk]) == 1:
		x = b.read(b.preds[blk][0], v)
	default:
		x = b.addParam(blk, v)
		b.define(blk, v, x)
		x = b.fill(blk, v, x)
	}
	b.define(blk, v, x)
	return x
}

func (b *Builder) constAtFront(blk Block) Value {
	x := b.newVal(Ins{Op: OpConst, W: 8, Kind: Scalar, Blk: blk})
	d := &b.F.Blocks[blk]
	d.Ins = append([]Value{x}, d.Ins...)
	return x
}

// addParam adds a parameter for v to blk, without arguments on the edges.
func (b *Builder) addParam(blk Block, v Var) Value {
	x := b.newVal(Ins{Op: OpParam, W: 8, Kind: b.vars[v], Blk: blk, Pos: b.Pos})
	b.F.Blocks[blk].Params = append(b.F.Blocks[blk].Params, x)
	// Edges that exist already get their argument in fill.
	return x
}

// fill adds the argument for parameter par of blk to each incoming edge. It
// removes the parameter again if all arguments are par itself or one other
// value.
func (b *Builder) fill(blk Block, v Var, par Value) Value {
	args := make([]Value, len(b.preds[blk]))
	var same Value
	trivial := true
	for i, p := range b.preds[blk] {
		args[i] = b.read(p, v)
	}
	for _, a := range args {
		a = b.resolve(a)
		if a == par || a == same {
			continue
		}
		if same != 0 {
			trivial = false
		}
		same = a
	}
	idx := -1
	for i, q := range b.F.Blocks[blk].Params {
		if q == par {
			idx = i
		}
	}
	if trivial && same != 0 {
		b.replace(par, same)
		d := &b.F.Blocks[blk]
		d.Params = append(d.Params[:idx:idx], d.Params[idx+1:]...)
		b.eachEdge(blk, func(e *Edge, _ int) {
			if idx < len(e.Args) {
				e.Args = append(e.Args[:idx:idx], e.Args[idx+1:]...)
			}
		})
		b.define(blk, v, same)
		return same
	}
	b.eachEdge(blk, func(e *Edge, i int) {
		for len(e.Args) <= idx {
			e.Args = append(e.Args, 0)
		}
		e.Args[idx] = args[i]
	})
	return par
}

// eachEdge visits the edges into blk; i is the index of the predecessor.
func (b *Builder) eachEdge(blk Block, f func(e *Edge, i int)) {
	seen := map[Block]int{}
	for i, p := range b.preds[blk] {
		n := seen[p]
		seen[p]++
		for _, e := range b.F.Blocks[p].Term.Succs() {
			if e.To == blk {
				if n == 0 {
					f(e, i)
					break
				}
				n--
			}
		}
	}
}

// replace records that by replaces parameter x. Operands are only rewritten in
// Finish, since earlier uses of x are not tracked.
func (b *Builder) replace(x, by Value) {
	for len(b.forward) <= int(x) {
		b.forward = append(b.forward, 0)
	}
	b.forward[x] = by
}

// resolve returns the final replacement of x, following chains.
func (b *Builder) resolve(x Value) Value {
	for int(x) < len(b.forward) && b.forward[x] != 0 {
		x = b.forward[x]
	}
	return x
}

func (b *Builder) newVal(i Ins) Value {
	b.F.Vals = append(b.F.Vals, i)
	return Value(len(b.F.Vals) - 1)
}

// Emit appends an instruction to the current block and returns its value (also
// for effects without a result, whose value must not be used). After the end of
// the block the instruction cannot run: it gets a value but is not placed in a
// block.
func (b *Builder) Emit(i Ins) Value {
	i.Blk, i.Pos = b.Cur, b.Pos
	x := b.newVal(i)
	if !b.Done() {
		d := &b.F.Blocks[b.Cur]
		d.Ins = append(d.Ins, x)
	}
	return x
}

// term ends the current block and adds it to the predecessors of its
// successors, which must not be sealed yet.
func (b *Builder) term(t Term) {
	if b.Done() {
		return // unreachable code after exit() or return
	}
	t.Pos = b.Pos
	d := &b.F.Blocks[b.Cur]
	d.Term = t
	for i := range d.Term.NumSuccs() {
		to := d.Term.Succ(i).To
		if b.sealed[to] {
			panic(fmt.Sprintf("ir: %s: edge from %s into sealed block %s", b.F.Name, b.F.BlockName(b.Cur), b.F.BlockName(to)))
		}
		b.preds[to] = append(b.preds[to], b.Cur)
		// Parameters that exist already (unsealed targets) are filled by Seal.
	}
}

// Jump ends the current block.
func (b *Builder) Jump(to Block) { b.term(Term{Kind: Jump, Then: Edge{To: to}}) }

// If ends the current block with a comparison of w bytes (4 or 8).
func (b *Builder) If(c Cmp, w uint8, x, y Value, then, els Block) {
	b.term(Term{Kind: Branch, Cmp: c, W: w, X: x, Y: y, Then: Edge{To: then}, Else: Edge{To: els}})
}

// MayGoto ends the current block with a loop test by the kernel's budget.
func (b *Builder) MayGoto(then, els Block) {
	b.term(Term{Kind: MayGoto, Then: Edge{To: then}, Else: Edge{To: els}})
}

// Ret ends the current block and the function. An x of 0 means the constant 0.
func (b *Builder) Ret(x Value) { b.term(Term{Kind: Ret, X: x}) }

// Finish seals the remaining blocks, replaces forwarded values everywhere and
// removes unreachable blocks. The Builder and its Block numbers must not be
// used afterwards.
func (b *Builder) Finish() *Func {
	for i := range b.F.Blocks {
		b.Seal(Block(i))
	}
	if len(b.forward) > 0 {
		fix := func(v *Value) { *v = b.resolve(*v) }
		for i := range b.F.Blocks {
			d := &b.F.Blocks[i]
			for _, v := range d.Ins {
				b.F.Vals[v].Operands(fix)
			}
			d.Term.Operands(fix)
		}
	}
	RemoveUnreachable(b.F)
	return b.F
}
