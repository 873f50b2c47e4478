package emit

import (
	"sync"

	"probe/compiler/ir"
	"probe/compiler/regalloc"
)

// memory is what the emission of one function needs besides its result. It is used
// for the next function again.
type memory struct {
	cfg    ir.CFG
	makers []maker
	must   []bool
	insts  []inst
	uses   []int32
	alias  []regalloc.VReg
	block  []int32
	blocks []regalloc.Block
	succs  []regalloc.Edge
	vregs  []regalloc.VReg // free for arguments and parameters

	code   []raw
	first  []int
	ends   []end
	post   []int
	visits []visit
	drop   []bool
	live   []live
	last   []numbers
	done   []bool
	consts map[constKey]int32
}

// memories holds the memory of earlier functions.
var memories = sync.Pool{New: func() any { return &memory{} }}

// registers returns room for n virtual registers, nil for none.
func (m *memory) registers(n int) []regalloc.VReg {
	if n == 0 {
		return nil
	}
	if len(m.vregs) < n {
		m.vregs = make([]regalloc.VReg, max(n, 128))
	}
	out := m.vregs[:n:n]
	m.vregs = m.vregs[n:]
	return out
}
