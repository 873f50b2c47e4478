package unwind

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"

	mapped "probe/runtime/machine/live/elf"
)

// Process makes the tables of one process, which maps and unmaps files as it runs.
type Process struct {
	PID   int
	text  []byte // of the maps that the last table is for
	files map[fileKey][]fileCode
}

// fileKey identifies a file; the vdso is no file and has its address.
type fileKey struct {
	dev         string
	inode, addr uint64
}

// fileCode are the rows of one segment of a file.
type fileCode struct {
	offset, size, addr uint64 // of the segment: in the file, its length, the address that it is linked for
	rows               []Row
}

// Table returns the rows of a process by address, and whether they may differ from
// those of the last call. The error is os.ErrNotExist when the process has ended;
// files that cannot be read have no rows.
func (p *Process) Table() (rows []Row, changed bool, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.PID))
	if err != nil {
		return nil, false, err
	}
	var code []mapped.Mapping
	var key []byte
	for _, m := range mapped.ParseMaps(text) {
		if m.Executable() {
			code = append(code, m)
			key = fmt.Appendf(key, "%x %x %x %s %d\n", m.Start, m.End, m.Offset, m.Dev, m.Inode)
		}
	}
	if p.text != nil && bytes.Equal(key, p.text) {
		return nil, false, nil
	}
	p.text = append([]byte{}, key...)
	rows = append(rows, Row{}) // below everything
	for i := range code {
		m := &code[i]
		rows = p.mapping(rows, m)
		if n := len(rows); rows[n-1].Kind() != Unknown {
			rows = append(rows, Row{PC: m.End})
		}
	}
	return rows, true, nil
}

// mapping appends the rows of one mapping.
func (p *Process) mapping(rows []Row, m *mapped.Mapping) []Row {
	for _, c := range p.file(m) {
		if m.Inode != 0 && (m.Offset+(m.End-m.Start) <= c.offset || m.Offset >= c.offset+c.size) {
			continue
		}
		// An address of the file plus bias is one of the process; it wraps around.
		bias := m.Start - (m.Offset - c.offset + c.addr)
		if m.Inode == 0 {
			bias = m.Start - (c.addr - c.offset)
		}
		from, _ := slices.BinarySearchFunc(c.rows, m.Start-bias, func(r Row, pc uint64) int {
			if r.PC < pc {
				return -1
			}
			return 1
		})
		if from > 0 && (from == len(c.rows) || c.rows[from].PC != m.Start-bias) {
			from-- // the row before is valid at the start, too
		}
		for _, r := range c.rows[from:] {
			at := max(r.PC+bias, m.Start)
			if r.PC+bias >= m.End {
				break
			}
			if n := len(rows); rows[n-1].PC >= at {
				continue
			}
			r.PC = at
			rows = append(rows, r)
		}
	}
	return rows
}

// file returns the rows of a mapped file.
func (p *Process) file(m *mapped.Mapping) []fileCode {
	key := fileKey{m.Dev, m.Inode, 0}
	if m.Inode == 0 {
		if m.Path != "[vdso]" {
			return nil
		}
		key.addr = m.Start
	}
	if c, ok := p.files[key]; ok {
		return c
	}
	c, err := p.read(m)
	if err != nil {
		c = nil
	}
	if p.files == nil {
		p.files = map[fileKey][]fileCode{}
	}
	p.files[key] = c
	return c
}

func (p *Process) read(m *mapped.Mapping) ([]fileCode, error) {
	var in io.ReaderAt
	if m.Inode == 0 {
		mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.PID))
		if err != nil {
			return nil, err
		}
		defer mem.Close()
		b := make([]byte, m.End-m.Start)
		if _, err := mem.ReadAt(b, int64(m.Start)); err != nil {
			return nil, err
		}
		in = bytes.NewReader(b)
	} else {
		// The name may lead elsewhere by now; the link is what is mapped.
		f, err := os.Open(fmt.Sprintf("/proc/%d/map_files/%x-%x", p.PID, m.Start, m.End))
		if err != nil {
			f, err = os.Open(fmt.Sprintf("/proc/%d/root%s", p.PID, m.Path))
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	f, err := elf.NewFile(in)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := fileRows(f)
	if err != nil {
		return nil, err
	}
	var out []fileCode
	for _, s := range f.Progs {
		if s.Type != elf.PT_LOAD || s.Flags&elf.PF_X == 0 {
			continue
		}
		from, _ := slices.BinarySearchFunc(rows, s.Vaddr, func(r Row, pc uint64) int {
			if r.PC < pc {
				return -1
			}
			return 1
		})
		to := from
		for to < len(rows) && rows[to].PC < s.Vaddr+s.Memsz {
			to++
		}
		out = append(out, fileCode{s.Off, s.Filesz, s.Vaddr, rows[from:to]})
	}
	return out, nil
}

// Encode writes rows into memory; b has room for all.
func Encode(b []byte, rows []Row) {
	for i, r := range rows {
		at := b[i*RowSize:]
		binary.LittleEndian.PutUint64(at, r.PC)
		binary.LittleEndian.PutUint32(at[8:], r.Rule)
		binary.LittleEndian.PutUint32(at[12:], uint32(r.BP))
	}
}
