package differ

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// header stands before the statements of each program.
const header = `enum colour { RED = 1, GREEN, BLUE = 7 }
config = { unstable_typeinfo = true }
macro twice(x) { x * 2 }
macro larger(x, y) { x > y ? x : y }
`

// writer writes one statement.
type writer struct {
	r    *rand.Rand
	nums []string // variables that are numbers
	strs []string // variables that are strings
	tups []string // tuples of a number, a string and a number
	maps []string // maps of numbers by a number
	next int
	loop int // loops around
}

// Statement returns a statement made from a seed. The same seed gives the same
// statement.
func generate(seed uint64) *node {
	w := &writer{r: rand.New(rand.NewPCG(seed, 0x2545f4914f6cdd1d))}
	body := &node{sort: list}
	for range 2 + w.r.IntN(3) {
		body.kids = append(body.kids, w.declare())
	}
	for range 1 + w.r.IntN(2) {
		body.kids = append(body.kids, w.statement(3))
	}
	return body
}

func (w *writer) pick(s ...string) string { return s[w.r.IntN(len(s))] }

func (w *writer) chance(percent int) bool { return w.r.IntN(100) < percent }

func (w *writer) name(kind string) string {
	w.next++
	return fmt.Sprintf("$%s%d", kind, w.next)
}

func (w *writer) intType() string {
	return w.pick("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
}

// assignable returns the variables that statements assign to. Assigning to the
// variable of a loop over a range reads bytes beyond it in bpftrace.
func (w *writer) assignable() []string {
	var out []string
	for _, v := range w.nums {
		if !strings.HasPrefix(v, "$i") {
			out = append(out, v)
		}
	}
	return out
}

// literal returns a number: small ones, and those at the limits of widths.
func (w *writer) literal() string {
	switch w.r.IntN(6) {
	case 0:
		return w.pick("0", "1", "2", "3", "7", "10")
	case 1:
		return w.pick("127", "128", "255", "256", "32767", "32768", "65535", "65536")
	case 2:
		return w.pick("2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807", "0x8000000000000000", "18446744073709551615", "0xdeadbeef")
	case 3:
		return w.pick("-1", "-2", "-7", "-128", "-129", "-32768", "-2147483648", "-2147483649", "-9223372036854775807")
	}
	return fmt.Sprint(w.r.IntN(200) - 40)
}

// declare writes a variable, from whose type the rest follows.
func (w *writer) declare() *node {
	switch w.r.IntN(8) {
	case 0:
		v := w.name("s")
		n := leaf(stmt, fmt.Sprintf("%s = %s;", v, w.quoted()))
		w.strs = append(w.strs, v)
		return n
	case 1:
		v := w.name("t")
		n := leaf(stmt, fmt.Sprintf("%s = ((%s)%s, %s, (%s)%s);", v, w.intType(), w.literal(), w.quoted(), w.intType(), w.literal()))
		w.tups = append(w.tups, v)
		return n
	case 2:
		m := mapName + fmt.Sprint("m", w.next)
		w.next++
		n := leaf(stmt, fmt.Sprintf("%s[(int64)%d] = (%s)%s;", m, w.r.IntN(3), w.intType(), w.literal()))
		w.maps = append(w.maps, m)
		return n
	}
	v := w.name("v")
	t := w.intType()
	n := leaf(stmt, fmt.Sprintf("%s = (%s)%s;", v, t, w.literal()))
	if w.chance(30) {
		n = leaf(stmt, fmt.Sprintf("let %s : %s = (%s)%s;", v, t, t, w.literal()))
	}
	w.nums = append(w.nums, v)
	return n
}

func (w *writer) quoted() string {
	return w.pick(`"a"`, `"abc"`, `""`, `"hello"`, `"hello world"`, `"abd"`, `"ab"`, `"x y z"`, `"0123456789abcdef"`)
}

// num writes a number.
func (w *writer) num(depth int) *node {
	if depth <= 0 {
		return w.small()
	}
	sub := func() *node { return w.num(depth - 1) }
	switch w.r.IntN(20) {
	case 0, 1, 2, 3, 4:
		return of(number, "("+hole+w.pick(" + ", " - ", " * ", " & ", " | ", " ^ ")+hole+")", sub(), sub())
	case 5, 6:
		return of(number, "("+hole+w.pick(" / ", " % ")+hole+")", sub(), sub())
	case 7:
		return of(number, "("+hole+w.pick(" << ", " >> ")+fmt.Sprint(w.r.IntN(64))+")", sub())
	case 8:
		return of(number, "("+hole+w.pick(" << ", " >> ")+"("+hole+" & 63))", sub(), sub())
	case 9, 10, 11:
		return of(number, "("+w.intType()+")("+hole+")", sub())
	case 12:
		return of(number, w.pick("-", "~")+"(int64)("+hole+")", sub())
	case 13:
		return of(number, "("+hole+" ? "+hole+" : "+hole+")", w.cond(depth-1), sub(), sub())
	case 14:
		return of(number, "("+w.pick("int32", "uint64", "uint8")+")("+hole+")", w.cond(depth-1))
	case 15:
		return of(number, "bswap(("+w.intType()+")("+hole+"))", sub())
	case 16:
		return of(number, w.pick("twice("+hole+")", "larger("+hole+", 5)"), sub())
	case 17:
		return of(number, w.pick("strncmp", "strncmp")+"("+hole+", "+hole+", "+fmt.Sprint(1+w.r.IntN(8))+")", w.str(depth-1), w.str(depth-1))
	case 18:
		t := w.pick("uint8[4]", "int8[4]", "uint16[2]")
		return of(number, fmt.Sprintf("((%s)(uint32)(%s))[%d]", t, hole, w.r.IntN(2)), sub())
	}
	return w.small()
}

// small writes a number without operators.
func (w *writer) small() *node {
	switch roll := w.r.IntN(12); {
	case roll < 6 && len(w.nums) > 0:
		return leaf(number, w.nums[w.r.IntN(len(w.nums))])
	case roll < 7 && len(w.tups) > 0:
		return leaf(number, w.tups[w.r.IntN(len(w.tups))]+w.pick(".0", ".2"))
	case roll < 8 && len(w.maps) > 0:
		return leaf(number, fmt.Sprintf("%s[%d]", w.maps[w.r.IntN(len(w.maps))], w.r.IntN(3)))
	case roll < 9:
		return leaf(number, w.pick("RED", "BLUE", "sizeof(uint16)", `"abc"[1]`, "strlen(\"four\")", "ncpus / ncpus"))
	case roll < 10:
		return leaf(number, fmt.Sprintf("(%s)%s", w.intType(), w.literal()))
	}
	return leaf(number, w.literal())
}

// cond writes a condition.
func (w *writer) cond(depth int) *node {
	switch roll := w.r.IntN(12); {
	case roll < 5:
		return of(boolean, "("+hole+w.pick(" < ", " <= ", " > ", " >= ", " == ", " != ")+hole+")", w.num(depth-1), w.num(depth-1))
	case roll < 7 && depth > 0:
		return of(boolean, "("+hole+w.pick(" && ", " || ")+hole+")", w.cond(depth-1), w.cond(depth-1))
	case roll < 8 && depth > 0:
		return of(boolean, "!("+hole+")", w.cond(depth-1))
	case roll < 9:
		return of(boolean, "("+hole+w.pick(" == ", " != ")+hole+")", w.str(depth-1), w.str(depth-1))
	case roll < 10:
		return of(boolean, "strcontains("+hole+", "+hole+")", w.str(depth-1), leaf(text, w.pick(`"a"`, `"lo"`, `"abc"`)))
	case roll < 11 && len(w.maps) > 0:
		return leaf(boolean, fmt.Sprintf("has_key(%s, %d)", w.maps[w.r.IntN(len(w.maps))], w.r.IntN(3)))
	}
	return of(boolean, "(bool)("+hole+")", w.num(depth-1))
}

// str writes a string.
func (w *writer) str(depth int) *node {
	switch roll := w.r.IntN(10); {
	case roll < 4 && len(w.strs) > 0:
		return leaf(text, w.strs[w.r.IntN(len(w.strs))])
	case roll < 5 && len(w.tups) > 0:
		return leaf(text, w.tups[w.r.IntN(len(w.tups))]+".1")
	case roll < 6 && depth > 0:
		return of(text, "("+hole+" ? "+hole+" : "+hole+")", w.cond(depth-1), w.str(depth-1), w.str(depth-1))
	case roll < 7 && depth > 0:
		return of(text, "str_concat("+hole+", "+hole+")", w.str(depth-1), w.str(0))
	case roll < 8 && len(w.strs) > 0:
		return leaf(text, fmt.Sprintf("str(%s, %d)", w.strs[w.r.IntN(len(w.strs))], 1+w.r.IntN(8)))
	case roll < 9:
		return of(text, w.pick("strerror", "syscall_name", "signal_name")+"("+hole+")", leaf(number, fmt.Sprint(w.r.IntN(140))))
	}
	return leaf(text, w.quoted())
}

// any writes a value of some type.
func (w *writer) any(depth int) *node {
	switch w.r.IntN(12) {
	case 0:
		return w.str(depth)
	case 1:
		return w.cond(depth)
	case 2:
		return of(other, "("+hole+", "+hole+")", w.num(depth-1), w.any(depth-1))
	case 3:
		return of(other, "(a="+hole+", b="+hole+", c="+hole+")", w.num(depth-1), w.str(depth-1), w.cond(depth-1))
	case 4:
		if t := w.pick("uint8[8]", "int16[4]", "uint32[2]", "int8[8]"); depth > 0 {
			return of(other, "("+t+")(uint64)("+hole+")", w.num(depth-1))
		}
	case 5:
		if depth > 0 {
			return of(other, "(enum colour)("+hole+")", w.num(depth-1))
		}
	case 6:
		return leaf(other, w.pick(`ntop((uint32)0x0100007f)`, `pton("10.0.0.1")`, `buf("hello", 5)`, `(1,)`, `((1, 2), "x", (int16)3)`))
	}
	return w.num(depth)
}

// format writes a conversion and its argument.
func (w *writer) format(depth int) (string, *node) {
	flags := w.pick("", "", "", "-", "+", "0", "#", " ", "-+", "+0", "#0")
	width := w.pick("", "", "", "1", "5", "12", "20", "8.3", ".2")
	switch w.r.IntN(10) {
	case 0:
		return "%" + w.pick("", "-") + width + "s", w.str(depth)
	case 1:
		return "%s", w.any(depth) // bpftrace pads the first piece of a composite value
	case 2:
		return "%c", of(number, "(int8)(33 + (uint64)("+hole+") % 90)", w.num(depth))
	case 3:
		return "%" + w.pick("r", "rx", "rh"), leaf(other, w.pick(`buf("a\x01b\xff", 4)`, `buf("hello", 3)`, `buf("", 2)`))
	case 4:
		return "%p", of(number, "(uint64)("+hole+")", w.num(depth))
	case 5:
		return "%" + w.pick("d", "x", "s"), w.cond(depth)
	}
	return "%" + flags + width + w.pick("", "", "l", "ll", "h", "hh", "j", "z", "t") + w.pick("d", "i", "u", "x", "X", "o"), w.num(depth)
}

func (w *writer) printf(depth int) *node {
	var format, holes strings.Builder
	var args []*node
	for range 1 + w.r.IntN(4) {
		f, a := w.format(depth)
		format.WriteString("[" + f + "]")
		holes.WriteString(", " + hole)
		args = append(args, a)
	}
	return of(stmt, `printf("`+format.String()+`\n"`+holes.String()+");", args...)
}

// block writes statements with a scope of their own.
func (w *writer) block(depth int) *node {
	nums, strs, tups := w.nums, w.strs, w.tups
	b := &node{sort: list}
	for range 1 + w.r.IntN(2) {
		b.kids = append(b.kids, w.statement(depth))
	}
	w.nums, w.strs, w.tups = nums[:len(nums):len(nums)], strs[:len(strs):len(strs)], tups[:len(tups):len(tups)]
	return b
}

func (w *writer) statement(depth int) *node {
	switch roll := w.r.IntN(24); {
	case roll < 6:
		return of(stmt, "print("+hole+");", w.any(depth))
	case roll < 9:
		return w.printf(depth - 1)
	case roll < 10:
		return of(stmt, "print((typeinfo("+hole+").full_type, sizeof("+hole+")));", w.any(depth), w.num(depth-1))
	case roll < 12 && len(w.assignable()) > 0:
		all := w.assignable()
		v := all[w.r.IntN(len(all))]
		s := of(stmt, v+w.pick(" += ", " -= ", " *= ", " &= ", " |= ", " ^= ", " /= ", " %= ")+hole+";", w.num(1))
		if w.chance(40) {
			s = leaf(stmt, w.pick(v+"++;", v+"--;", "++"+v+";", "--"+v+";"))
		}
		return of(stmt, hole+" print("+v+");", s)
	case roll < 13:
		v := w.name("u")
		n := of(stmt, v+" = "+hole+"; "+v+" = "+hole+"; print("+v+");", w.num(depth-1), w.num(depth-1))
		w.nums = append(w.nums, v)
		return n
	case roll < 15:
		return w.keyed(depth)
	case roll < 18:
		return w.aggregate(depth)
	case depth <= 0:
		return of(stmt, "print("+hole+");", w.num(1))
	case roll < 19:
		n := of(stmt, "if ("+hole+") { "+hole+" } else { "+hole+" }", w.cond(depth-1), w.block(depth-1), w.block(depth-1))
		return n
	case roll < 20:
		return of(stmt, "print(if ("+hole+") { "+hole+" } else { "+hole+" });", w.cond(depth-1), w.num(depth-1), w.num(depth-1))
	case roll < 21:
		return of(stmt, "print({ let $q = "+hole+"; $q + "+hole+" });", w.num(depth-1), w.num(1))
	case w.loop > 1:
		return of(stmt, "print("+hole+");", w.num(2))
	}
	return w.loops(depth)
}

func (w *writer) loops(depth int) *node {
	w.loop++
	defer func() { w.loop-- }()
	v := w.name("i")
	outer := w.nums
	defer func() { w.nums = outer[:len(outer):len(outer)] }()
	switch w.r.IntN(4) {
	case 0:
		n := 1 + w.r.IntN(4)
		return of(stmt, fmt.Sprintf("unroll (%d) { %s }", n, hole), w.block(depth-1))
	case 1:
		w.nums = append(w.nums, v)
		return of(stmt, fmt.Sprintf("%s = %d; while (%s < %d) { %s %s++; }", v, w.r.IntN(3), v, 3+w.r.IntN(3), hole, v), w.block(depth-1))
	case 2:
		if len(w.maps) > 0 {
			m := w.maps[w.r.IntN(len(w.maps))]
			sum := w.name("a")
			w.nums = append(w.nums, v+".0", v+".1")
			n := of(stmt, fmt.Sprintf("%s = (int64)0; for (%s : %s) { %s += %s; } print(%s);", sum, v, m, sum, hole, sum), w.num(1))
			return n
		}
	}
	w.nums = append(w.nums, v)
	skip := w.pick("", "", "if ("+v+" == 2) { continue; }", "if ("+v+" == 3) { break; }")
	return of(stmt, fmt.Sprintf("for (%s : %s..%d) { %s %s }", v, w.pick("0", "1", "(uint8)1", "(-2)"), 2+w.r.IntN(4), skip, hole), w.block(depth-1))
}

// keyed writes to a map of its own, and prints it.
func (w *writer) keyed(depth int) *node {
	m := mapName + fmt.Sprint("k", w.next)
	w.next++
	var key func() *node
	switch w.r.IntN(5) {
	case 0:
		key = func() *node { return w.str(1) }
	case 1:
		key = func() *node { return of(other, hole+", "+hole, w.num(1), w.str(1)) }
	case 2:
		key = func() *node { return of(other, "("+hole+", "+hole+")", w.cond(1), w.num(1)) }
	default:
		key = func() *node { return w.num(1) }
	}
	value := w.num
	if w.chance(25) {
		value = w.str
	}
	b := &node{sort: list}
	for range 1 + w.r.IntN(3) {
		b.kids = append(b.kids, of(stmt, m+"["+hole+"] = "+hole+";", key(), value(depth-1)))
	}
	b.kids = append(b.kids, leaf(stmt, "print("+m+");"))
	if w.chance(30) {
		b.kids = append(b.kids, of(stmt, "print("+m+"["+hole+"]);", key()))
	}
	if w.chance(20) {
		b.kids = append(b.kids, of(stmt, "print("+w.pick("len("+m+")", "sizeof("+m+"["+hole+"])")+");", key()))
		if !strings.Contains(b.kids[len(b.kids)-1].text, hole) {
			b.kids[len(b.kids)-1].kids = nil
		}
	}
	return of(stmt, hole, b)
}

// aggregate writes to an aggregation of its own, and prints it.
func (w *writer) aggregate(depth int) *node {
	m := mapName + fmt.Sprint("g", w.next)
	w.next++
	key := ""
	keyed := w.chance(50)
	b := &node{sort: list}
	kind := w.pick("count", "sum", "min", "max", "avg", "stats", "hist", "lhist")
	cast := w.pick("", "(int64)", "(uint64)", "(int32)", "(uint8)")
	hist := w.pick("", "", ", 2", ", 5")
	for range 1 + w.r.IntN(4) {
		if keyed {
			key = fmt.Sprintf("[%d]", w.r.IntN(3))
		}
		n := w.num(depth - 1)
		if cast != "" {
			n = of(number, cast+"("+hole+")", n)
		}
		switch kind {
		case "count":
			b.kids = append(b.kids, leaf(stmt, m+key+" = count();"))
		case "hist":
			b.kids = append(b.kids, of(stmt, m+key+" = hist("+hole+hist+");", n))
		case "lhist":
			b.kids = append(b.kids, of(stmt, m+key+" = lhist("+hole+", 0, 100, 10);", n))
		default:
			b.kids = append(b.kids, of(stmt, m+key+" = "+kind+"("+hole+");", n))
		}
	}
	shape := ""
	if w.chance(25) && kind != "stats" && (keyed || strings.HasSuffix(kind, "hist")) {
		shape = fmt.Sprintf(", %d, %d", w.r.IntN(3), 1+w.r.IntN(4))
	}
	b.kids = append(b.kids, leaf(stmt, "print("+m+shape+");"))
	if w.chance(50) && kind != "stats" && !strings.HasSuffix(kind, "hist") {
		b.kids = append(b.kids, leaf(stmt, fmt.Sprintf("print((%s)%s%s + 1);", w.pick("int64", "uint64", "uint8"), m, key)))
		if w.chance(40) {
			b.kids = append(b.kids, leaf(stmt, fmt.Sprintf("if (%s%s %s %s) { print(1); } else { print(0); }", m, key, w.pick("<", ">", "=="), w.literal())))
		}
	}
	if w.chance(20) {
		b.kids = append(b.kids, leaf(stmt, w.pick("zero", "clear")+"("+m+"); print("+m+");"))
	}
	return of(stmt, hole, b)
}
