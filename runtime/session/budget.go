package session

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/runtime/event"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/provider"
	"probe/runtime/machine/live/rights"
	"probe/runtime/watchdog"
)

// DefaultBudget is the share of one CPU that programs may take without a
// warning.
const DefaultBudget = 0.05

// The kernel measures the time of programs only while somebody asks for it, and
// then each run takes some 50 ns more. So a session measures a sample: for a
// window of time in each period. A run without programs in the kernel is not
// measured at all, and pays nothing.
const (
	// meterFirst is the length of the first window, from the start of the run on.
	// Who gives up the right to measure after that, as probe does, has it only.
	meterFirst  = time.Second
	meterWindow = 100 * time.Millisecond
	meterPeriod = 2 * time.Second
	// With Options.Shed there is a promise to keep, so the windows are more
	// frequent.
	shedWait   = 100 * time.Millisecond
	shedPeriod = 400 * time.Millisecond
)

// meter measures the time of the programs of a session, and acts on it. It
// belongs to the goroutine of Run. A nil meter does nothing.
type meter struct {
	s      *Session
	budget float64 // share of one CPU
	shed   bool
	begun  time.Time
	next   time.Time // when the next window begins, or ends
	start  time.Time // of the window
	stats  *os.File  // open during a window
	before map[*bpf.Prog]bpf.Stats
	above  int // windows in a row above the budget
	warned bool
	items  []event.ReceiptItem
	gone   map[*bpf.Prog]bool // programs that were detached
}

// newMeter returns the meter of a session, nil if nothing is to be measured.
func newMeter(s *Session) *meter {
	if s.opts.Budget < 0 || s.opts.Machine == nil {
		return nil
	}
	m := &meter{s: s, budget: s.opts.Budget, shed: s.opts.Shed, begun: time.Now(), gone: map[*bpf.Prog]bool{}}
	if m.budget == 0 {
		m.budget = DefaultBudget
	}
	if m.shed {
		m.next = m.begun.Add(shedWait)
		return m
	}
	attached := false
	m.each(func(*Clause, int, *object.Program, *bpf.Prog) { attached = true })
	m.next = m.begun.Add(meterPeriod)
	if attached {
		m.open()
		m.next = m.begun.Add(meterFirst)
		m.above = 1 // the first window is long enough to count for two
	}
	return m
}

// close ends a window.
func (m *meter) close() {
	if m != nil && m.stats != nil {
		m.stats.Close()
		m.stats = nil
	}
}

// receipt returns what was detached.
func (m *meter) receipt() []event.ReceiptItem {
	if m == nil {
		return nil
	}
	return m.items
}

// each calls f for every program that is attached in the kernel.
func (m *meter) each(f func(c *Clause, i int, p *object.Program, prog *bpf.Prog)) {
	for _, c := range m.s.clauses {
		for i, p := range c.obj.Programs {
			if i >= len(c.progs) || c.progs[i] == nil || p.Site.Attach.Kind.ByUser() || m.gone[c.progs[i]] {
				continue
			}
			f(c, i, p, c.progs[i])
		}
	}
}

// tick begins and ends windows when it is time.
func (m *meter) tick(now time.Time) {
	if m == nil || now.Before(m.next) {
		return
	}
	if m.stats == nil {
		m.open()
		return
	}
	took := now.Sub(m.start)
	costs := m.costs(took)
	m.close()
	m.next = now.Add(meterPeriod - meterWindow)
	if m.shed {
		m.next = now.Add(shedPeriod - meterWindow)
	}
	m.judge(now, costs)
}

// open begins a window. Where the kernel measures nothing there will be none.
func (m *meter) open() {
	var stats *os.File
	var err error
	rights.With(rights.Admin, func() { stats, err = bpf.EnableStats() })
	if err != nil {
		m.next = m.begun.AddDate(100, 0, 0)
		if m.shed {
			m.s.log(diag.Warning, fmt.Sprintf("the time of the probes cannot be measured, so --budget has no effect: %v", err))
		}
		return
	}
	m.stats, m.before = stats, map[*bpf.Prog]bpf.Stats{}
	m.each(func(_ *Clause, _ int, _ *object.Program, prog *bpf.Prog) {
		if st, err := prog.Stats(); err == nil {
			m.before[prog] = st
		}
	})
	m.start = time.Now()
	m.next = m.start.Add(meterWindow)
}

// programCost is what a program took in a window.
type programCost struct {
	clause *Clause
	index  int
	site   string
	share  float64 // of one CPU, with what the kernel takes to call it
	rate   float64 // runs per second
	call   float64 // the part of share that is for calling it
}

// costs returns what the programs took in a window that was took long, the
// dearest first. The time that the kernel takes to call a program is not in its
// own measure: it is estimated.
func (m *meter) costs(took time.Duration) []programCost {
	var list []programCost
	m.each(func(c *Clause, i int, p *object.Program, prog *bpf.Prog) {
		before, ok := m.before[prog]
		st, err := prog.Stats()
		if !ok || err != nil || st.Runs <= before.Runs {
			return
		}
		runs := float64(st.Runs - before.Runs)
		ns := float64(st.Nanoseconds-before.Nanoseconds) + runs*float64(provider.CallCost(p.Site.Attach.Kind).Nanoseconds())
		// A program that passes an event costs the call and the measuring.
		call := runs * float64(provider.CallCost(p.Site.Attach.Kind).Nanoseconds()+passCost)
		window := float64(took.Nanoseconds())
		list = append(list, programCost{c, i, p.Site.Name, ns / window, runs / took.Seconds(), min(call, ns) / window})
	})
	slices.SortStableFunc(list, func(a, b programCost) int {
		switch {
		case a.share > b.share:
			return -1
		case a.share < b.share:
			return 1
		}
		return 0
	})
	return list
}

// judge compares a window with the budget: the first one above it, without
// Options.Shed the second in a row, is a reason for a warning, those after it
// for detaching the dearest probe.
func (m *meter) judge(now time.Time, costs []programCost) {
	total := 0.0
	for _, c := range costs {
		total += c.share
		m.s.verbose("measured: %s takes %s of one CPU, %s runs a second (%.0f ns a run)", c.site, percent(c.share), rate(c.rate), c.share*1e9/c.rate)
	}
	if total <= m.budget {
		m.above = 0
		return
	}
	m.above++
	if !m.warned {
		if !m.shed && m.above < 2 {
			return // a moment of much work is no reason for a warning
		}
		m.warned = true
		m.warn(total, costs)
		if m.shed {
			m.next = now // the next window decides, as soon as possible
		}
		return
	}
	if !m.shed {
		return
	}
	dear := costs[0]
	if m.sample(now, dear, total) {
		return
	}
	after := now.Sub(m.begun).Round(100 * time.Millisecond)
	why := fmt.Sprintf("the probes took %s of one CPU, this one %s; the budget is %s; detached after %v", percent(total), percent(dear.share), percent(m.budget), after)
	m.s.log(diag.Warning, fmt.Sprintf("%s is detached: %s", dear.site, why))
	m.items = append(m.items, event.ReceiptItem{Kind: event.Shed, Where: dear.site, Count: 1, Detail: why})
	m.detach(dear)
	left := false
	m.each(func(*Clause, int, *object.Program, *bpf.Prog) { left = true })
	if !left && !m.s.opts.Stay {
		m.s.log(diag.Warning, "no probe is left: the run ends")
		m.s.done = true
	}
}

// passCost is about what a program takes to pass an event that is not in its
// sample, in nanoseconds.
const passCost = 15

// The samples that a program can be limited to: one event of a power of two.
const maxSample = 1 << 10

// sample makes a program look at a part of its events, if it only counts and does
// not do so yet. It reports whether it has.
func (m *meter) sample(now time.Time, dear programCost, total float64) bool {
	c, p := dear.clause, dear.clause.obj.Programs[dear.index]
	// The calls of the program remain: if they are too much, sampling is of no use.
	if p.SampleOff == 0 || len(c.data) == 0 || word(c.data, p.SampleOff) != 0 || dear.call > m.budget/2 {
		return false
	}
	// What the other programs take is left to their turn.
	n := 2
	for n < maxSample && dear.share/float64(n) > m.budget*dear.share/total/2 {
		n *= 2
	}
	binary.LittleEndian.PutUint64(c.data[p.SampleOff:], uint64(n-1))
	after := now.Sub(m.begun).Round(100 * time.Millisecond)
	why := fmt.Sprintf("1 of %d events from %v on, and each counts %d times: what it counts is an estimate; the probes took %s of one CPU, this one %s; the budget is %s",
		n, after, n, percent(total), percent(dear.share), percent(m.budget))
	m.s.log(diag.Warning, fmt.Sprintf("%s is sampled: %s", dear.site, why))
	m.items = append(m.items, event.ReceiptItem{Kind: event.Sampled, Where: dear.site, Count: 1, Detail: why})
	return true
}

// warn says which probes take how much.
func (m *meter) warn(total float64, costs []programCost) {
	const most = 3
	var parts []string
	for i, c := range costs {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(costs)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %s (%s runs a second)", c.site, percent(c.share), rate(c.rate)))
	}
	text := fmt.Sprintf("the probes take %s of one CPU, more than %s: %s", percent(total), percent(m.budget), strings.Join(parts, ", "))
	if !m.shed {
		text += "; --budget makes probe act on it"
	}
	m.s.log(diag.Warning, text)
}

// detach detaches a program, and with it the other half of its probe: without
// its entries a return has nothing to report. The links close beside the run,
// since the kernel takes its time for some.
func (m *meter) detach(dear programCost) {
	c := dear.clause
	p := c.obj.Programs[dear.index]
	for _, a := range c.links {
		q := c.obj.Programs[a.program]
		if a.program != dear.index && !(q.Probe == p.Probe && (q.Site == p.Site.Entry || q.Site.Entry == p.Site)) {
			continue
		}
		m.gone[c.progs[a.program]] = true
		for _, l := range a.links {
			m.s.shedding.Add(1)
			go func() {
				defer m.s.shedding.Done()
				defer watchdog.Report()
				_ = l.Quiet()
			}()
		}
	}
	m.gone[c.progs[dear.index]] = true
}

// percent formats a share of one CPU.
func percent(share float64) string { return number(share) + " %" }

// number is percent without the sign, in one or two digits.
func number(share float64) string {
	switch v := 100 * share; {
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	case v < 0.001:
		return "0.000"
	default:
		return strconv.FormatFloat(v, 'f', max(1, int(-math.Floor(math.Log10(v)))), 64)
	}
}

// rate formats a number of runs.
func rate(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f million", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0f thousand", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}

// CPUs returns the number of CPUs that are online, 1 if it is not known.
func CPUs() int {
	list, err := bpf.OnlineCPUs()
	if err != nil || len(list) == 0 {
		return 1
	}
	return len(list)
}
