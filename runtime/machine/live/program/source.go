package program

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"probe/runtime/machine/live/dwarf"
)

// NoFileError reports that no code comes from a source file.
type NoFileError struct{ Path, File string }

// Error implements error.
func (e *NoFileError) Error() string {
	return fmt.Sprintf("no code of %s comes from a file %s", e.Path, e.File)
}

// NoLineError reports that no code comes from a line of a file.
type NoLineError struct {
	File string
	Line int
	Col  int
	// Near are the lines before and after it that have code, Cols the columns
	// of the line where statements begin.
	Near, Cols []int
}

// Error implements error.
func (e *NoLineError) Error() string {
	if e.Col > 0 {
		return fmt.Sprintf("no statement begins at %s:%d:%d", e.File, e.Line, e.Col)
	}
	return fmt.Sprintf("no statement begins at %s:%d", e.File, e.Line)
}

// Line returns the addresses where the statements of a source line begin: one
// for each copy of the code. file is the path or the end of it, col a column or
// 0. The error is a *NoFileError or a *NoLineError.
func (p *Program) Line(file string, line, col int) ([]uint64, error) {
	units, err := p.d.UnitsOf(file)
	if err != nil {
		return nil, err
	}
	if len(units) == 0 {
		return nil, &NoFileError{p.path, file}
	}
	missing := &NoLineError{File: file, Line: line, Col: col}
	first := map[key]codeCopy{}
	near := map[int]bool{}
	for _, u := range units {
		t, err := u.Lines()
		if err != nil {
			return nil, err
		}
		for _, r := range t.Rows {
			if !r.Stmt || r.End || r.Addr == 0 || r.File < 0 || !dwarf.NamesFile(t.Files[r.File], file) {
				continue
			}
			switch {
			case r.Line != line:
				near[r.Line] = true
				continue
			case col != 0 && r.Col != col:
				missing.Cols = append(missing.Cols, r.Col)
				continue
			}
			// The rows of a statement that was split up belong to one copy.
			k, from := p.copyAt(u, r.Addr)
			if c, ok := first[k]; !ok || r.Addr < c.addr {
				first[k] = codeCopy{r.Addr, from}
			}
		}
	}
	if len(first) == 0 {
		missing.Near = neighbours(near, line)
		slices.Sort(missing.Cols)
		missing.Cols = slices.Compact(missing.Cols)
		return nil, missing
	}
	// Compilers move instructions of a line to places among those of other
	// functions. The function that begins last before the line is the one that
	// it is part of.
	best := 0
	for _, c := range first {
		if c.from <= line {
			best = max(best, c.from)
		}
	}
	var out []uint64
	for _, c := range first {
		if best == 0 || c.from == best {
			out = append(out, c.addr)
		}
	}
	slices.Sort(out)
	return out, nil
}

// codeCopy is the first address of a line in one copy of its function, which is
// declared at line from.
type codeCopy struct {
	addr uint64
	from int
}

// copyAt identifies the innermost function or inlined call with an address, and
// returns the line where it is declared.
func (p *Program) copyAt(u *dwarf.Unit, addr uint64) (key, int) {
	g, ok := p.d.FuncAt(addr)
	if !ok {
		return key{u, addr}, 0
	}
	e := g.Entry
	if in := g.Inlined(addr); len(in) > 0 {
		e = in[len(in)-1]
	}
	from := 0
	e.Origin(func(o dwarf.Entry) bool {
		if n, ok := o.Num(dwarf.AttrDeclLine); ok && from == 0 {
			from = int(min(n, 1<<31))
		}
		return true
	})
	return key{e.U, e.Off}, from
}

// neighbours returns the nearest lines before and after one.
func neighbours(lines map[int]bool, line int) []int {
	before, after := 0, 0
	for n := range lines {
		switch {
		case n < line && n > before:
			before = n
		case n > line && (after == 0 || n < after):
			after = n
		}
	}
	var out []int
	for _, n := range []int{before, after} {
		if n > 0 {
			out = append(out, n)
		}
	}
	return out
}

// SourceLine is a line that has code.
type SourceLine struct {
	File string
	Line int
}

// Lines calls yield with the lines of matching files that have code, by file and
// line, until it returns false.
func (p *Program) Lines(match func(file string) bool, yield func(SourceLine) bool) error {
	units, err := p.d.Units()
	if err != nil {
		return err
	}
	seen := map[SourceLine]bool{}
	for _, u := range units {
		names, err := u.FileNames()
		if err != nil || !slices.ContainsFunc(names, func(n string) bool { return match(path.Clean(n)) }) {
			continue
		}
		t, err := u.Lines()
		if err != nil {
			continue
		}
		for _, r := range t.Rows {
			if r.Stmt && !r.End && r.Line > 0 && r.Addr != 0 {
				if name := t.Name(r.File); match(name) {
					seen[SourceLine{name, r.Line}] = true
				}
			}
		}
	}
	all := make([]SourceLine, 0, len(seen))
	for l := range seen {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b SourceLine) int {
		if c := cmp.Compare(a.File, b.File); c != 0 {
			return c
		}
		return cmp.Compare(a.Line, b.Line)
	})
	for _, l := range all {
		if !yield(l) {
			break
		}
	}
	return nil
}
