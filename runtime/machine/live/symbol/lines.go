package symbol

import (
	"probe/runtime/machine/live/dwarf"
	"probe/runtime/machine/live/elf"
)

// Frames returns what is at an address of a stack: the functions that were
// inlined there, the innermost first, and last the function that Lookup finds.
// Where there is debugging information, each has its place in the source. call
// is set if the address is where a call returns to; the place is then that of
// the call. Nothing is returned if nothing is known.
func (u *User) Frames(pid int, addr uint64, call bool) []Location {
	loc, ok := u.Lookup(pid, addr)
	if !ok && loc.Module == "" {
		return nil
	}
	file, at := u.place(pid, addr)
	if file == nil {
		return []Location{loc}
	}
	d, err := file.DebugInfo()
	if err != nil {
		return []Location{loc}
	}
	if call {
		at--
	}
	return inSource(d, at, loc)
}

// place returns the file that an address of a process belongs to, and the
// address that the file is linked for.
func (u *User) place(pid int, addr uint64) (*elf.File, uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.procs[pid]
	if p == nil {
		for _, f := range u.programs {
			if f.file != nil {
				if _, ok := f.file.At(addr); ok {
					return f.file, addr
				}
			}
		}
		return nil, 0
	}
	m := p.find(addr)
	if m == nil || m.file == nil {
		return nil, 0
	}
	at, err := m.file.Addr(addr - m.Start + m.Offset)
	if err != nil {
		return nil, 0
	}
	return m.file, at
}

// inSource adds the functions that were inlined at an address, and the lines.
func inSource(d *dwarf.File, at uint64, loc Location) []Location {
	g, ok := d.FuncAt(at)
	unit := d.UnitAt(at)
	if unit == nil {
		return []Location{loc}
	}
	lines, err := unit.Lines()
	if err != nil {
		return []Location{loc}
	}
	path, line := "", 0
	if row, ok := lines.At(at); ok {
		path, line = lines.Name(row.File), row.Line
	}
	var out []Location
	if ok {
		calls := g.Inlined(at)
		for i := len(calls) - 1; i >= 0; i-- {
			e := calls[i]
			name := e.Linkage()
			if name == "" {
				name = e.Name()
			}
			out = append(out, Location{Name: name, Module: loc.Module, File: path, Line: line, Inlined: true})
			n, _ := e.Num(dwarf.AttrCallFile)
			l, _ := e.Num(dwarf.AttrCallLine)
			path, line = lines.Number(n), int(l)
		}
	}
	loc.File, loc.Line = path, line
	return append(out, loc)
}
