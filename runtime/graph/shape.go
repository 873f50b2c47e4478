package graph

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"probe/lang/value"
)

// Text returns the tree as Write prints it, without a newline at the end.
func (t *Tree) Text(funcs *Funcs, style Style) string {
	var s string
	t.drawn(funcs, style, func(text []byte) { s = string(bytes.TrimRight(text, "\n")) }, nil)
	return s
}

// Shape returns the tree as text without times and results. Calls that took the
// same path have the same shape.
func (t *Tree) Shape(funcs *Funcs) string {
	var b strings.Builder
	left := []byte{' '}                 // what the lines of children begin with
	ends := make([]int32, len(t.Calls)) // its length below each call
	for i := range t.Calls {
		c := &t.Calls[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		if c.Parent < 0 {
			b.WriteByte(' ')
		} else {
			// That of the parent's children is still there.
			left = left[:ends[c.Parent]]
			b.Write(left)
			if c.End == t.Calls[c.Parent].End {
				b.WriteString("└─ ")
				left = append(left, "   "...)
			} else {
				b.WriteString("├─ ")
				left = append(left, "│  "...)
			}
		}
		ends[i] = int32(len(left))
		f := funcs.Func(c.Fn)
		switch {
		case c.Flags&Gap != 0:
			b.WriteString("… events lost …")
		case f.Module != "":
			b.WriteString(f.Name + " [" + f.Module + "]")
		default:
			b.WriteString(f.Name)
		}
	}
	return b.String()
}

// ShapeHash returns a hash of the shape. Trees with the same shape have the
// same hash if they use the same table of functions.
func (t *Tree) ShapeHash() uint64 {
	const prime = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	h := uint64(len(t.Calls))
	for i := range t.Calls {
		c := &t.Calls[i]
		h = (h ^ uint64(uint32(c.Fn))<<32 ^ uint64(c.End)<<1 ^ uint64(c.Flags&Gap)) * prime
		h ^= h >> 29
	}
	return h
}

// SameShape reports whether two trees have one Shape, given the same table.
func (t *Tree) SameShape(u *Tree) bool {
	return slices.EqualFunc(t.Calls, u.Calls, func(a, b Call) bool {
		return a.Fn == b.Fn && a.End == b.End && a.Flags&Gap == b.Flags&Gap
	})
}

// AppendJSON appends the tree as an object: of each call its function, module
// when it has one, duration_ns, and as far as they are known return, args and
// the calls below; a gap has lost instead.
func (t *Tree) AppendJSON(dst []byte, funcs *Funcs) []byte {
	if len(t.Calls) == 0 {
		return append(dst, "null"...)
	}
	return t.callJSON(dst, funcs, 0)
}

func (t *Tree) callJSON(dst []byte, funcs *Funcs, i int32) []byte {
	c := &t.Calls[i]
	if c.Flags&Gap != 0 {
		return append(strconv.AppendUint(append(dst, `{"lost": `...), c.Ret, 10), '}')
	}
	f := funcs.Func(c.Fn)
	dst = value.AppendJSONString(append(dst, `{"function": `...), []byte(f.Name))
	if f.Module != "" {
		dst = value.AppendJSONString(append(dst, `, "module": `...), []byte(f.Module))
	}
	if c.Flags&(NoEntry|NoExit) == 0 {
		dst = strconv.AppendInt(append(dst, `, "duration_ns": `...), c.Duration(), 10)
	} else {
		dst = append(dst, `, "incomplete": true`...)
	}
	if r := funcs.RetText(c); r != "" {
		dst = value.AppendJSONString(append(dst, `, "return": `...), []byte(r))
	}
	if n := min(int(c.NArgs), len(f.Params)); n > 0 {
		dst = append(dst, `, "args": {`...)
		for k := range n {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			name := f.Params[k].Name
			if name == "" {
				name = "arg" + strconv.Itoa(k)
			}
			dst = append(value.AppendJSONString(dst, []byte(name)), ": "...)
			dst = value.AppendJSONString(dst, []byte(t.ArgText(funcs, c, k)))
		}
		dst = append(dst, '}')
	}
	first := true
	for child := range t.childSeq(i) {
		if first {
			dst = append(dst, `, "calls": [`...)
		} else {
			dst = append(dst, ", "...)
		}
		first = false
		dst = t.callJSON(dst, funcs, child)
	}
	if !first {
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// childSeq is Children as an iterator.
func (t *Tree) childSeq(i int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) { t.Children(i, yield) }
}

// Sub returns the subtree of call i as a tree of its own.
func (t *Tree) Sub(i int32) *Tree {
	u := &Tree{Thread: t.Thread, Calls: append([]Call(nil), t.Calls[i:t.Calls[i].End]...), Args: t.Args, Texts: t.Texts}
	depth := u.Calls[0].Depth
	for k := range u.Calls {
		c := &u.Calls[k]
		c.End -= i
		c.Parent -= i
		c.Depth -= depth
		if c.Flags&Gap != 0 {
			u.Lost += max(c.Ret, 1)
		}
	}
	u.Calls[0].Parent = -1
	u.Calls[0].Flags &^= IRQ // as a root it interrupts nothing
	return u
}

// Retain removes the calls of functions for which keep returns false, except
// the root and gaps. The calls below a removed one move up to its caller.
func (t *Tree) Retain(keep func(fn int32) bool) {
	place := make([]int32, len(t.Calls)+1)
	out := t.Calls[:0:0]
	above := make([]int32, len(t.Calls)) // of each call, the kept one it belongs to
	for i := range t.Calls {
		c := t.Calls[i]
		place[i] = int32(len(out))
		parent := int32(-1)
		if c.Parent >= 0 {
			parent = above[c.Parent]
		}
		if i > 0 && c.Flags&Gap == 0 && !keep(c.Fn) {
			above[i] = parent
			continue
		}
		above[i] = int32(len(out))
		if c.Parent = parent; parent >= 0 {
			c.Depth = out[parent].Depth + 1
		}
		out = append(out, c)
	}
	place[len(t.Calls)] = int32(len(out))
	for i := range out {
		out[i].End = place[out[i].End]
	}
	t.Calls = out
}

// AddGap adds a gap at the end of the tree.
func (t *Tree) AddGap(lost uint64) {
	root := t.Root()
	t.Calls = append(t.Calls, Call{T0: root.T1, T1: root.T1, Ret: lost, Fn: -1, Flags: Gap, CPU: root.CPU, Depth: 1, End: int32(len(t.Calls)) + 1})
	t.Calls[0].End = int32(len(t.Calls))
	t.Lost += lost
}

// Nearest returns the call of a function that was entered nearest to a time,
// and whether there is one. Names are compared without what compilers add.
func (t *Tree) Nearest(funcs *Funcs, name string, time int64) (call int32, found bool) {
	best := int64(0)
	name = BaseName(name)
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.Flags&Gap != 0 {
			continue
		}
		if n := funcs.Name(c.Fn); n != name && (!strings.HasPrefix(n, name) || BaseName(n) != name) {
			continue
		}
		d := max(c.T0-time, time-c.T0)
		if !found || d < best {
			call, best, found = int32(i), d, true
		}
	}
	return call, found
}

// Cut removes the calls for which out returns true, with all calls below them.
// The root stays.
func (t *Tree) Cut(out func(i int32) bool) { t.cut(out) }
