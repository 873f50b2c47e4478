package dwarf

import (
	"cmp"
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"slices"
)

// Row is a row of a line table: the code from Addr on belongs to a line of a
// source file.
type Row struct {
	Addr uint64
	File int // index in LineTable.Files
	Line int
	Col  int
	// Stmt is set where a statement begins, End behind the last instruction of a
	// sequence.
	Stmt, End bool
}

// LineTable says which source lines the code of a unit comes from.
type LineTable struct {
	Rows  []Row // by address
	Files []string
	// numbers maps the file numbers of attributes to indices of Files.
	numbers []int
}

// maxRows bounds the rows of one unit.
const maxRows = 1 << 23

// Lines returns the line table of the unit.
func (u *Unit) Lines() (*LineTable, error) {
	if u.skeleton != nil {
		return u.skeleton.Lines()
	}
	u.lineOnce.Do(func() { u.lines, u.lineErr = u.readLines() })
	return u.lines, u.lineErr
}

// readLines decodes the line program by debug/dwarf, which is given a unit with
// this program and nothing else.
func (u *Unit) readLines() (*LineTable, error) {
	r, err := u.lineReader()
	if err != nil {
		return nil, err
	}
	t := &LineTable{}
	dir := u.compDir()
	index := map[string]int{}
	add := func(f *dwarf.LineFile) int {
		if f == nil {
			return -1
		}
		i, ok := index[f.Name]
		if !ok {
			i = len(t.Files)
			index[f.Name] = i
			t.Files = append(t.Files, absolute(dir, f.Name))
		}
		return i
	}
	for {
		var l dwarf.LineEntry
		err := r.Next(&l)
		if err == io.EOF || len(t.Rows) >= maxRows {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("line table: %w", err)
		}
		t.Rows = append(t.Rows, Row{Addr: l.Address, File: add(l.File), Line: l.Line, Col: l.Column, Stmt: l.IsStmt, End: l.EndSequence})
	}
	for _, f := range r.Files() {
		t.numbers = append(t.numbers, add(f))
	}
	// Sequences need not be in order. The end of one comes before the start of
	// the next at the same address.
	slices.SortStableFunc(t.Rows, func(a, b Row) int {
		if c := cmp.Compare(a.Addr, b.Addr); c != 0 {
			return c
		}
		switch {
		case a.End == b.End:
			return 0
		case a.End:
			return -1
		}
		return 1
	})
	return t, nil
}

// compDir returns the folder that the unit was compiled in.
func (u *Unit) compDir() (dir string) {
	u.first(func(e Entry) { dir = e.Str(AttrCompDir) })
	return dir
}

// absolute returns the path of a file in a line table. debug/dwarf leaves those
// relative that count from the folder of compilation.
func absolute(dir, name string) string {
	if path.IsAbs(name) || name == "" {
		return name
	}
	return path.Join(dir, name)
}

// lineReader makes a unit of version 2 that consists of a name, a folder and
// the place of a line program.
func (u *Unit) lineReader() (*dwarf.LineReader, error) {
	root, ok := u.Root()
	if !ok {
		return nil, errShort
	}
	v, ok := root.get(AttrStmtList)
	if !ok {
		return nil, fmt.Errorf("%w: the unit has no line table", ErrNone)
	}
	line, err := u.lineProgram(v.u)
	if err != nil {
		return nil, err
	}
	abbrev := []byte{1, byte(TagCompileUnit), 0, byte(AttrName), byte(formString), byte(AttrCompDir), byte(formString), byte(AttrStmtList), byte(formData4), 0, 0, 0}
	body := []byte{2, 0, 0, 0, 0, 0, 8, 1}
	for _, s := range []string{root.Str(AttrName), root.Str(AttrCompDir)} {
		body = append(append(body, s...), 0)
	}
	body = append(body, 0, 0, 0, 0)
	info := append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
	d, err := dwarf.New(abbrev, nil, nil, info, line, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	for name, s := range map[string]*Section{".debug_line_str": u.File.s.LineStr, ".debug_str": u.File.s.Str} {
		// Tables up to version 4 hold their names themselves.
		if s == nil || len(line) < 6 || binary.LittleEndian.Uint16(line[4:]) < 5 && line[0] != 0xff || name == ".debug_str" && s.length() > 64<<20 {
			continue
		}
		b, err := s.whole()
		if err != nil {
			return nil, err
		}
		if err := d.AddSection(name, b); err != nil {
			return nil, err
		}
	}
	e, err := d.Reader().Next()
	if err != nil || e == nil {
		return nil, errShort
	}
	r, err := d.LineReader(e)
	if err != nil {
		return nil, fmt.Errorf("line table: %w", err)
	}
	if r == nil {
		return nil, fmt.Errorf("%w: the unit has no line table", ErrNone)
	}
	return r, nil
}

// lineProgram returns the bytes of one line table.
func (u *Unit) lineProgram(off uint64) ([]byte, error) {
	s := u.File.s.Line
	size := s.length()
	if off > size {
		return nil, errShort
	}
	head, err := s.slice(off, min(12, size-off))
	if err != nil {
		return nil, err
	}
	c := cursor{b: head}
	n, _ := c.length()
	if c.bad || n > size-off-uint64(c.at) {
		return nil, errShort
	}
	return s.slice(off, uint64(c.at)+n)
}

// At returns the row of an address.
func (t *LineTable) At(addr uint64) (Row, bool) {
	i, _ := slices.BinarySearchFunc(t.Rows, addr+1, func(r Row, addr uint64) int { return cmp.Compare(r.Addr, addr) })
	if i--; i < 0 || t.Rows[i].End {
		return Row{}, false
	}
	return t.Rows[i], true
}

// Name returns the path of a file by its index, "" if there is none.
func (t *LineTable) Name(i int) string {
	if i < 0 || i >= len(t.Files) {
		return ""
	}
	return path.Clean(t.Files[i])
}

// Number returns the path of the file with the number that attributes use.
func (t *LineTable) Number(n uint64) string {
	if n >= uint64(len(t.numbers)) {
		return ""
	}
	return t.Name(t.numbers[n])
}

// FileNames returns the names of the files in the header of the unit's line
// table, which is read without its program.
func (u *Unit) FileNames() ([]string, error) {
	if u.skeleton != nil {
		return u.skeleton.FileNames()
	}
	r, err := u.lineReader()
	if err != nil {
		return nil, err
	}
	dir := u.compDir()
	var out []string
	for _, f := range r.Files() {
		if f != nil {
			out = append(out, path.Clean(absolute(dir, f.Name)))
		}
	}
	return out, nil
}
