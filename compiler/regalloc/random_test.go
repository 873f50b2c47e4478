package regalloc

import (
	"fmt"
	"math/rand"
	"testing"
)

// maker builds random functions with branches, loops and calls.
type maker struct {
	*code
	r     *rand.Rand
	cur   int
	depth int    // loops around
	nest  int    // branches around
	alive []VReg // defined on every path to here
	left  int    // instructions to make
}

func random(r *rand.Rand, size int) *code {
	m := &maker{code: &code{remat: map[VReg]int{}, store: map[VReg]bool{}}, r: r, left: size}
	for range r.Intn(4) {
		v := VReg(0)
		if r.Intn(4) > 0 {
			v = m.fresh()
			m.alive = append(m.alive, v)
		}
		m.args = append(m.args, v)
	}
	m.start(nil, false)
	m.body()
	m.end(Instr{Return: true, Args: []VReg{m.any()}})
	return m.code
}

func (m *maker) fresh() VReg {
	m.n++
	return VReg(m.n)
}

func (m *maker) any() VReg {
	if len(m.alive) == 0 || m.r.Intn(12) == 0 {
		m.constant()
	}
	// Mostly recent values, sometimes old ones.
	n := len(m.alive)
	if m.r.Intn(3) > 0 {
		return m.alive[n-1-m.r.Intn(min(n, 6))]
	}
	return m.alive[m.r.Intn(n)]
}

func (m *maker) constant() {
	v := m.fresh()
	m.remat[v] = 1 + m.r.Intn(2)
	m.store[v] = m.r.Intn(2) == 0
	m.add(Instr{Def: v})
	m.alive = append(m.alive, v)
}

func (m *maker) start(params []VReg, head bool) int {
	b := len(m.blocks)
	m.blocks = append(m.blocks, Block{First: len(m.instrs), Params: params, Depth: m.depth, Head: head})
	m.cur = b
	m.alive = append(m.alive, params...)
	return b
}

func (m *maker) add(i Instr) {
	m.instrs = append(m.instrs, i)
	m.left--
}

func (m *maker) end(i Instr, succs ...Edge) {
	m.add(i)
	b := &m.blocks[m.cur]
	b.End = len(m.instrs)
	b.Succs = append(b.Succs, succs...)
}

func (m *maker) values(n int) (vs []VReg) {
	for range n {
		vs = append(vs, m.any())
	}
	return vs
}

func (m *maker) params(n int) (vs []VReg) {
	for range n {
		vs = append(vs, m.fresh())
	}
	return vs
}

func (m *maker) body() {
	for range 2 + m.r.Intn(12) {
		if m.left <= 0 {
			return
		}
		switch k := m.r.Intn(20); {
		case k < 10:
			m.arith()
		case k < 13:
			i := Instr{Call: true, Args: m.values(m.r.Intn(6))}
			if m.r.Intn(3) > 0 {
				i.Def = m.fresh()
			}
			m.add(i)
			if i.Def != 0 {
				m.alive = append(m.alive, i.Def)
			}
		case k < 14:
			m.add(Instr{Use: [2]VReg{m.any(), m.any()}}) // a store
		case k < 15:
			m.constant()
		case k < 18 && m.nest < 4:
			m.diamond()
		case m.depth < 3:
			m.loop()
		}
	}
}

func (m *maker) arith() {
	i := Instr{Use: [2]VReg{m.any()}}
	if m.r.Intn(2) == 0 {
		i.Use[1] = m.any()
	}
	if m.r.Intn(4) > 0 {
		i.Tied = true
		i.Commute = i.Use[1] != 0 && m.r.Intn(2) == 0
		if i.Use[1] != 0 && m.r.Intn(4) == 0 {
			i.Over = 1
		}
	}
	i.Def = m.fresh()
	m.add(i)
	m.alive = append(m.alive, i.Def)
}

// diamond is if-then-else; the blocks come in layout order, the else side
// sometimes at the end like a cold block.
func (m *maker) diamond() {
	from := m.cur
	m.end(Instr{Use: [2]VReg{m.any()}})
	outer := len(m.alive)
	n := m.r.Intn(4)
	m.nest++
	defer func() { m.nest-- }()
	then := m.start(nil, false)
	m.body()
	thenEnd := m.cur
	thenArgs := m.values(n)
	m.end(Instr{})
	m.alive = m.alive[:outer]
	els := m.start(nil, false)
	m.blocks[els].Cold = m.r.Intn(3) == 0
	if m.r.Intn(2) == 0 {
		m.body()
	}
	elsEnd := m.cur
	elsArgs := m.values(n)
	m.end(Instr{})
	m.alive = m.alive[:outer]
	join := m.start(m.params(n), false)
	m.blocks[from].Succs = []Edge{{To: then}, {To: els}}
	m.blocks[thenEnd].Succs = []Edge{{To: join, Args: thenArgs}}
	m.blocks[elsEnd].Succs = []Edge{{To: join, Args: elsArgs}}
}

func (m *maker) loop() {
	n := m.r.Intn(4)
	pre := m.cur
	args := m.values(n)
	m.end(Instr{})
	m.depth++
	head := m.start(m.params(n), true)
	m.blocks[pre].Succs = []Edge{{To: head, Args: args}}
	inside := len(m.alive)
	m.end(Instr{Use: [2]VReg{m.any()}})
	test := m.cur
	body := m.start(nil, false)
	m.body()
	back := m.values(n)
	m.end(Instr{}, Edge{To: head, Args: back})
	m.depth--
	m.alive = m.alive[:inside]
	exit := m.start(nil, false)
	m.blocks[test].Succs = []Edge{{To: body}, {To: exit}}
}

// TestRandom allocates random functions and follows every value.
func TestRandom(t *testing.T) {
	var sum Stats
	seeds := []int64{3658} // a value that came back from a register at the instruction it went there for
	for seed := range int64(400) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		r := rand.New(rand.NewSource(seed))
		c := random(r, 10+r.Intn(300))
		al, err := Allocate(c)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, c)
		}
		if err := check(c, al); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, c)
		}
		sum.Copies += al.Stats.Copies
		sum.Spills += al.Stats.Spills
		sum.Reloads += al.Stats.Reloads
		sum.Remats += al.Stats.Remats
		sum.Splits += al.Stats.Splits
	}
	if sum.Copies == 0 || sum.Spills == 0 || sum.Reloads == 0 || sum.Remats == 0 || sum.Splits == 0 {
		t.Errorf("the random functions do not exercise everything: %+v", sum)
	}
}

// TestCheck makes sure that the checker sees an operand in a wrong register and
// a missing move.
func TestCheck(t *testing.T) {
	var wrong, wrongSeen, missing, missingSeen int
	for seed := range int64(12) {
		r := rand.New(rand.NewSource(seed))
		c := random(r, 120)
		al, err := Allocate(c)
		if err != nil {
			t.Fatal(err)
		}
		for i := range al.Regs {
			if old := al.Regs[i]; old.Use[0] != NoReg {
				al.Regs[i].Use[0] = (old.Use[0] + 1) % NumRegs
				wrong++
				if check(c, al) != nil {
					wrongSeen++
				}
				al.Regs[i] = old
			}
		}
		for i := range al.Moves {
			broken := *al
			broken.Moves = append(append([]Move(nil), al.Moves[:i]...), al.Moves[i+1:]...)
			missing++
			if check(c, &broken) != nil {
				missingSeen++
			}
		}
	}
	// The neighbour may hold the same value, and much of what random functions
	// move is never read.
	if wrong == 0 || wrongSeen < wrong*95/100 {
		t.Errorf("%d of %d wrong registers were noticed", wrongSeen, wrong)
	}
	if missing == 0 || missingSeen < missing/2 {
		t.Errorf("%d of %d missing moves were noticed", missingSeen, missing)
	}
}

func (c *code) String() string {
	s := fmt.Sprintf("args %v\n", c.args)
	for b := range c.blocks {
		blk := &c.blocks[b]
		s += fmt.Sprintf("block %d params %v depth %d cold %v\n", b, blk.Params, blk.Depth, blk.Cold)
		for i := blk.First; i < blk.End; i++ {
			s += fmt.Sprintf("  %d: %+v\n", i, c.instrs[i])
		}
		s += fmt.Sprintf("  succs %+v\n", blk.Succs)
	}
	return s
}

// sized returns a random function with about n values, each of which is used
// near its definition, as in programs that people write.
func sized(n int) *code {
	m := &maker{code: &code{remat: map[VReg]int{}, store: map[VReg]bool{}}, r: rand.New(rand.NewSource(1)), left: 0}
	m.start(nil, false)
	for m.n < n {
		m.left = 100
		m.body()
		m.alive = append([]VReg(nil), m.alive[max(len(m.alive)-30, 0):]...)
	}
	m.end(Instr{Return: true, Args: []VReg{m.any()}})
	return m.code
}
