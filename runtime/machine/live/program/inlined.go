package program

import (
	"slices"
	"time"

	"probe/runtime/machine/live/dwarf"
)

// Inlined says where a function went that has no code of its own: the compiler has put
// copies of it into others.
type Inlined struct {
	// File and Line are where it is declared; File is "" if that is not known.
	File string
	Line int
	// Into are the functions with a copy, as the linker names them, in the order in
	// which they were found.
	Into []string
	// More is set if there may be others: the search ends when it has found enough of
	// them, or takes too long.
	More bool
}

// The bounds of a search: how many functions are named, and for how long is searched.
const (
	maxInto     = 8
	inlinedTime = 3 * time.Second
)

// Inlined looks for the copies of a function. It returns false if there are none.
func (p *Program) Inlined(name string) (*Inlined, bool) {
	out := &Inlined{}
	end := time.Now().Add(inlinedTime)
	err := p.d.Find(dwarf.Query{Name: name, Tags: []dwarf.Tag{dwarf.TagSubprogram}, Inside: true}, nil, func(e dwarf.Entry) bool {
		for _, g := range e.U.Funcs() {
			if out.More = len(out.Into) >= maxInto || time.Now().After(end); out.More {
				return false
			}
			if !hasCopy(g.Entry, e, 0) {
				continue
			}
			into := g.Entry.Linkage()
			if into == "" {
				into = g.Entry.Name()
			}
			if into != "" && !slices.Contains(out.Into, into) {
				out.Into = append(out.Into, into)
			}
			if out.File == "" {
				out.File, out.Line = declared(e)
			}
		}
		return true
	})
	return out, err == nil && len(out.Into) > 0
}

// maxCopyDepth bounds how deep calls are inlined into each other.
const maxCopyDepth = 64

// hasCopy reports whether a copy of a function is anywhere in another one.
func hasCopy(in, of dwarf.Entry, depth int) (found bool) {
	if depth > maxCopyDepth {
		return false
	}
	in.Children(func(c dwarf.Entry) bool {
		switch c.Tag {
		case dwarf.TagInlined:
			c.Origin(func(o dwarf.Entry) bool {
				found = found || o.U == of.U && o.Off == of.Off
				return !found
			})
			found = found || hasCopy(c, of, depth+1)
		case dwarf.TagLexical:
			found = hasCopy(c, of, depth+1)
		}
		return !found
	})
	return found
}

// declared returns where a function is declared, "" if that is not known.
func declared(e dwarf.Entry) (file string, line int) {
	t, err := e.U.Lines()
	if err != nil {
		return "", 0
	}
	n, ok := e.Num(dwarf.AttrDeclFile)
	at, has := e.Num(dwarf.AttrDeclLine)
	if !ok || !has {
		return "", 0
	}
	return t.Number(n), int(min(at, 1<<31-1))
}
