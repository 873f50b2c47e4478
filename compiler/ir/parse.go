package ir

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"probe/lang/source"
)

// Parse parses the text form; name is the name of the program. The result has
// the same value, block and slot numbers as the text, and no places. It is not
// verified.
func Parse(name, text string) (*Prog, error) {
	ps := &parser{prog: &Prog{Name: name, Pos: []source.Span{{}}}}
	for i, line := range strings.Split(text, "\n") {
		ps.s = line
		if ps.blank() {
			continue
		}
		ps.err = nil
		ps.line()
		if ps.err == nil && !ps.blank() {
			ps.fail("unexpected %q", ps.s)
		}
		if ps.err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, ps.err)
		}
	}
	ps.number()
	for _, f := range ps.prog.Funcs {
		if len(f.Blocks) == 0 {
			return nil, fmt.Errorf("%s: function %s has no block", name, f.Name)
		}
	}
	return ps.prog, nil
}

// maxParse is the maximum number of a value, block or slot, so that a wrong
// text cannot make Parse allocate unbounded memory.
const maxParse = 1 << 16

// parser reads one line at a time; it keeps the first error.
type parser struct {
	prog *Prog
	f    *Func
	// Instructions without a result have no number in the text. They get one
	// when all others of the function are known; until then blocks have minus
	// their place in this list.
	effects []Ins
	s       string // rest of the line
	err     error
}

// parseNames are the words of the text form.
type parseNames struct {
	ops, kinds, cmps map[string]int
	helpers          map[string]Helper
}

var words = sync.OnceValue(func() *parseNames {
	w := &parseNames{
		ops:     names(opTable[:], func(o opInfo) string { return o.name }),
		kinds:   names(kindNames[:], func(s string) string { return s }),
		cmps:    names(cmpNames[:], func(s string) string { return s }),
		helpers: make(map[string]Helper, len(Helpers)),
	}
	for h, info := range Helpers {
		w.helpers[info.Name] = h
	}
	return w
})

func names[T any](table []T, name func(T) string) map[string]int {
	m := make(map[string]int, len(table))
	for i, x := range table {
		m[name(x)] = i
	}
	return m
}

func (ps *parser) fail(format string, args ...any) {
	if ps.err == nil {
		ps.err = fmt.Errorf(format, args...)
	}
	ps.s = ""
}

func (ps *parser) skip() { ps.s = strings.TrimLeft(ps.s, " \t\r") }

func (ps *parser) blank() bool {
	ps.skip()
	return ps.s == "" || ps.s[0] == ';'
}

// accept skips tok if it comes next.
func (ps *parser) accept(tok string) bool {
	ps.skip()
	if strings.HasPrefix(ps.s, tok) {
		ps.s = ps.s[len(tok):]
		return true
	}
	return false
}

func (ps *parser) expect(tok string) {
	if !ps.accept(tok) {
		ps.fail("expected %q, found %q", tok, ps.s)
	}
}

func (ps *parser) word() string {
	ps.skip()
	n := 0
	for n < len(ps.s) {
		c := ps.s[n]
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		n++
	}
	w := ps.s[:n]
	ps.s = ps.s[n:]
	return w
}

func (ps *parser) int() int64 {
	ps.skip()
	n := 0
	for n < len(ps.s) && (ps.s[n] == '-' || ps.s[n] == '+' || ps.s[n] >= '0' && ps.s[n] <= '9') {
		if n > 0 && (ps.s[n] == '-' || ps.s[n] == '+') {
			break
		}
		n++
	}
	v, err := strconv.ParseInt(strings.TrimPrefix(ps.s[:n], "+"), 10, 64)
	if err != nil {
		ps.fail("expected an integer, found %q", ps.s)
		return 0
	}
	ps.s = ps.s[n:]
	return v
}

func (ps *parser) small() int {
	v := ps.int()
	if v < 0 || v >= maxParse {
		ps.fail("number %d is out of range", v)
		return 0
	}
	return int(v)
}

func (ps *parser) quoted() string {
	ps.skip()
	q, err := strconv.QuotedPrefix(ps.s)
	if err != nil {
		ps.fail("expected a quoted name, found %q", ps.s)
		return ""
	}
	ps.s = ps.s[len(q):]
	s, _ := strconv.Unquote(q)
	return s
}

func (ps *parser) kind() Kind {
	w := ps.word()
	k, ok := words().kinds[w]
	if !ok {
		ps.fail("unknown kind %q", w)
	}
	return Kind(k)
}

func (ps *parser) val() Value {
	ps.expect("%")
	v := Value(ps.small())
	if v == 0 && ps.err == nil {
		ps.fail("%%0 is no value")
	}
	for int(v) >= len(ps.f.Vals) {
		ps.f.Vals = append(ps.f.Vals, Ins{})
	}
	return v
}

func (ps *parser) vals(end string) []Value {
	var vs []Value
	if ps.accept(end) {
		return nil
	}
	for ps.err == nil {
		vs = append(vs, ps.val())
		if ps.accept(end) {
			break
		}
		ps.expect(",")
	}
	return vs
}

// def reads "%N" or "%N:KIND" and checks that it is defined once.
func (ps *parser) def() (Value, Kind) {
	v, k := ps.val(), Scalar
	if ps.accept(":") {
		k = ps.kind()
	}
	if ps.f.Vals[v].Op != OpInvalid {
		ps.fail("%%%d is defined twice", v)
	}
	return v, k
}

func (ps *parser) line() {
	switch {
	case ps.accept("func "):
		ps.function()
	case ps.accept("global func "):
		ps.function()
		if ps.f != nil {
			ps.f.Global = true
		}
	case ps.f == nil:
		ps.fail("expected func, found %q", ps.s)
	case ps.accept("slot "):
		if n := ps.small(); n != len(ps.f.Slots) {
			ps.fail("slot %d out of order", n)
		}
		ps.f.Slots = append(ps.f.Slots, Slot{Size: ps.small(), Align: ps.small(), Name: ps.quoted()})
	case len(ps.s) > 1 && ps.s[0] == 'b' && ps.s[1] >= '0' && ps.s[1] <= '9':
		ps.block()
	case len(ps.f.Blocks) == 0:
		ps.fail("expected a block, found %q", ps.s)
	case ps.s[0] == '%':
		v, k := ps.def()
		ps.expect("=")
		ps.ins(v, k, ps.word())
	default:
		w := ps.word()
		if !ps.term(w) {
			ps.ins(0, KindNone, w)
		}
	}
}

// number assigns values to the instructions without a result in the current
// function.
func (ps *parser) number() {
	if ps.f == nil {
		return
	}
	for b := range ps.f.Blocks {
		for i, v := range ps.f.Blocks[b].Ins {
			if v < 0 {
				ps.f.Vals = append(ps.f.Vals, ps.effects[-v-1])
				ps.f.Blocks[b].Ins[i] = Value(len(ps.f.Vals) - 1)
			}
		}
	}
	ps.effects = ps.effects[:0]
}

func (ps *parser) function() {
	ps.number()
	ps.f = &Func{Name: ps.word(), Vals: make([]Ins, 1)}
	ps.prog.Funcs = append(ps.prog.Funcs, ps.f)
	ps.expect("(")
	for first := true; ps.err == nil && !ps.accept(")"); first = false {
		if !first {
			ps.expect(",")
		}
		ps.f.ArgKinds = append(ps.f.ArgKinds, ps.kind())
	}
	ps.f.NArgs = len(ps.f.ArgKinds)
}

func (ps *parser) block() {
	ps.expect("b")
	if n := ps.small(); n != len(ps.f.Blocks) {
		ps.fail("block b%d out of order", n)
		return
	}
	d := BlockData{}
	blk := Block(len(ps.f.Blocks))
	if ps.skip(); strings.HasPrefix(ps.s, `"`) {
		d.Name = ps.quoted()
	}
	if ps.accept("(") {
		for ps.err == nil {
			v, k := ps.def()
			ps.f.Vals[v] = Ins{Op: OpParam, W: 8, Kind: k, Blk: blk}
			d.Params = append(d.Params, v)
			if ps.accept(")") {
				break
			}
			ps.expect(",")
		}
	}
	d.Cold = ps.accept("cold")
	ps.f.Blocks = append(ps.f.Blocks, d)
}

func (ps *parser) width() uint8 {
	if !ps.accept(".") {
		return 8
	}
	w := ps.int()
	if w != 1 && w != 2 && w != 4 && w != 8 {
		ps.fail("width %d is not 1, 2, 4 or 8", w)
	}
	return uint8(w)
}

func (ps *parser) ins(v Value, k Kind, name string) {
	op, ok := words().ops[name]
	info := opInfo{}
	if ok {
		info = opTable[op]
	}
	if !ok || info.form == formNone {
		ps.fail("unknown operation %q", name)
		return
	}
	blk := Block(len(ps.f.Blocks) - 1)
	d := &ps.f.Blocks[blk]
	if d.Term.Kind != TermNone {
		ps.fail("instruction after the end of b%d", blk)
		return
	}
	in := Ins{Op: Op(op), W: ps.width(), Kind: k, Blk: blk}
	switch info.form {
	case formImm:
		in.Imm = ps.int()
	case formAux:
		in.Aux = int32(ps.small())
	case formAuxImm:
		in.Aux = int32(ps.small())
		in.Imm = ps.int()
	case formUnary:
		in.A = ps.val()
	case formBinary:
		in.A = ps.val()
		ps.expect(",")
		in.B = ps.val()
	case formLoad:
		in.A = ps.val()
		in.Imm = ps.int()
	case formStore:
		in.A = ps.val()
		in.Imm = ps.int()
		ps.expect(",")
		in.B = ps.val()
	case formCall:
		ps.callee(&in)
		ps.expect("(")
		in.Args = ps.vals(")")
	}
	if v != 0 && !info.result || v == 0 && info.result && info.form != formCall || (v == 0) != (in.Kind == KindNone) {
		ps.fail("%s: a result too many or too few", name)
	}
	if v == 0 {
		ps.effects = append(ps.effects, in)
		v = -Value(len(ps.effects))
	} else {
		ps.f.Vals[v] = in
	}
	d.Ins = append(d.Ins, v)
}

func (ps *parser) callee(in *Ins) {
	switch in.Op {
	case OpCall:
		if ps.accept("#") {
			in.Imm = ps.int()
			return
		}
		name := ps.word()
		h, ok := words().helpers[name]
		if !ok {
			ps.fail("unknown helper %q", name)
		}
		in.Imm = int64(h)
	case OpKfunc:
		in.Name = ps.word()
		ps.expect("#")
		in.Imm = ps.int()
	case OpCallFunc:
		in.Aux = int32(ps.small())
	}
}

func (ps *parser) edge() Edge {
	ps.expect("b")
	e := Edge{To: Block(ps.small())}
	if ps.accept("(") {
		e.Args = ps.vals(")")
	}
	return e
}

// term parses a terminator if w begins one, and reports whether it does.
func (ps *parser) term(w string) bool {
	var t Term
	switch w {
	case "jump":
		t = Term{Kind: Jump, Then: ps.edge()}
	case "br":
		t = Term{Kind: Branch, W: ps.width()}
		name := ps.word()
		c, ok := words().cmps[name]
		if !ok {
			ps.fail("unknown comparison %q", name)
		}
		t.Cmp = Cmp(c)
		t.X = ps.val()
		ps.expect(",")
		t.Y = ps.val()
		ps.expect(",")
		t.Then = ps.edge()
		ps.expect(",")
		t.Else = ps.edge()
	case "maygoto":
		t = Term{Kind: MayGoto, Then: ps.edge()}
		ps.expect(",")
		t.Else = ps.edge()
	case "ret":
		t = Term{Kind: Ret}
		if !ps.blank() {
			t.X = ps.val()
		}
	case "none":
	default:
		return false
	}
	d := &ps.f.Blocks[len(ps.f.Blocks)-1]
	if d.Term.Kind != TermNone {
		ps.fail("second end of b%d", len(ps.f.Blocks)-1)
	}
	d.Term = t
	return true
}
