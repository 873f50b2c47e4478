package session

import (
	"strings"
	"testing"
	"time"

	"probe/compiler/object"
	"probe/lang/hir"
	"probe/runtime/event"
	"probe/runtime/machine/live/bpf"
)

// logs is a sink that keeps the texts of messages.
type logs struct{ lines []string }

func (l *logs) Take(e event.Event) {
	if m, ok := e.(*event.Log); ok {
		l.lines = append(l.lines, m.Text)
	}
}
func (l *logs) Done() <-chan struct{} { return nil }
func (l *logs) Close() error          { return nil }

// TestJudge: a warning first, then the dearest probe goes with its other half,
// until the rest keeps to the budget.
func TestJudge(t *testing.T) {
	ret := program(object.Main, hir.AttachFexit, "ret:f")
	entry := &object.Program{Role: object.Entry, Probe: ret.Probe, Site: &hir.Site{Name: "ret:f", Attach: hir.Attach{Kind: hir.AttachFentry}}}
	ret.Site.Entry = entry.Site
	obj := &object.Object{Programs: []*object.Program{program(object.Main, hir.AttachRawTP, "cheap"), entry, ret, program(object.Main, hir.AttachNone, "begin")}}
	c := &Clause{obj: obj}
	for range obj.Programs {
		c.progs = append(c.progs, &bpf.Prog{})
	}
	for i := range 3 {
		c.links = append(c.links, attached{program: i})
	}
	out := &logs{}
	s := &Session{opts: Options{Sink: out}, clauses: []*Clause{c}}
	costs := func(cheap, entry, ret float64) []programCost {
		list := []programCost{{c, 2, "ret:f", ret, 1e6, 0}, {c, 1, "ret:f", entry, 1e6, 0}, {c, 0, "cheap", cheap, 10, 0}}
		if cheap > ret {
			list[0], list[2] = list[2], list[0]
		}
		return list
	}
	last := func() string {
		if len(out.lines) == 0 {
			return ""
		}
		return out.lines[len(out.lines)-1]
	}
	m := &meter{s: s, budget: 0.01, shed: true, begun: time.Now(), gone: map[*bpf.Prog]bool{}}
	now := m.begun.Add(300 * time.Millisecond)
	m.judge(now, costs(0.001, 0.002, 0.005))
	if len(out.lines) != 0 {
		t.Errorf("within the budget: %q", out.lines)
	}
	m.judge(now, costs(0.001, 0.02, 0.05))
	if want := "the probes take 7.1 % of one CPU, more than 1.0 %: ret:f 5.0 % (1.0 million runs a second), ret:f 2.0 % (1.0 million runs a second), cheap 0.1 % (10 runs a second)"; last() != want {
		t.Errorf("%s", last())
	}
	if len(m.gone) != 0 {
		t.Error("detached without a warning before")
	}
	m.judge(now, costs(0.001, 0.02, 0.05))
	if want := "ret:f is detached: the probes took 7.1 % of one CPU, this one 5.0 %; the budget is 1.0 %; detached after 300ms"; last() != want {
		t.Errorf("%s", last())
	}
	if !m.gone[c.progs[1]] || !m.gone[c.progs[2]] || m.gone[c.progs[0]] || s.done {
		t.Errorf("detached: %v, done %v", m.gone, s.done)
	}
	m.judge(now, costs(0.5, 0, 0))
	if !s.done || last() != "no probe is left: the run ends" {
		t.Errorf("done %v: %s", s.done, last())
	}
	items := m.receipt()
	if len(items) != 2 || items[0].Kind != event.Shed || items[0].Where != "ret:f" || items[1].Where != "cheap" || !strings.Contains(items[1].Detail, "50 %") {
		t.Errorf("%+v", items)
	}
}

// TestJudgeWarns: without --budget there is one warning, of what lasts.
func TestJudgeWarns(t *testing.T) {
	out := &logs{}
	m := &meter{s: &Session{opts: Options{Sink: out}}, budget: DefaultBudget, gone: map[*bpf.Prog]bool{}}
	dear := []programCost{{nil, 0, "kprobe:f", 0.2, 12000, 0}}
	for _, c := range [][]programCost{dear, nil, dear} {
		m.judge(time.Now(), c)
	}
	if len(out.lines) != 0 {
		t.Errorf("a moment of much work: %q", out.lines)
	}
	for range 5 {
		m.judge(time.Now(), dear)
	}
	if len(out.lines) != 1 || !strings.Contains(out.lines[0], "20 % of one CPU, more than 5.0 %: kprobe:f 20 % (12 thousand runs a second); --budget") {
		t.Errorf("%q", out.lines)
	}
}

// TestJudgeSamples: what only counts is sampled before it is detached, unless its
// calls alone are too much.
func TestJudgeSamples(t *testing.T) {
	out := &logs{}
	p := program(object.Main, hir.AttachRawTP, "rawtracepoint:x")
	p.SampleOff = 8
	c := &Clause{obj: &object.Object{Programs: []*object.Program{p}}, progs: []*bpf.Prog{{}}, links: []attached{{program: 0}}, data: make([]byte, 16)}
	s := &Session{opts: Options{Sink: out}, clauses: []*Clause{c}}
	m := &meter{s: s, budget: 0.01, shed: true, warned: true, begun: time.Now(), gone: map[*bpf.Prog]bool{}}
	cost := programCost{c, 0, "rawtracepoint:x", 0.1, 1e6, 0.002}
	m.judge(m.begun.Add(2*time.Second), []programCost{cost})
	if n := word(c.data, 8); n != 31 {
		t.Errorf("the mask is %d", n)
	}
	if want := "rawtracepoint:x is sampled: 1 of 32 events from 2s on, and each counts 32 times: what it counts is an estimate; the probes took 10 % of one CPU, this one 10 %; the budget is 1.0 %"; len(out.lines) != 1 || out.lines[0] != want {
		t.Errorf("%q", out.lines)
	}
	m.judge(m.begun.Add(3*time.Second), []programCost{cost})
	if items := m.receipt(); len(items) != 2 || items[0].Kind != event.Sampled || items[1].Kind != event.Shed || !s.done {
		t.Errorf("%+v", items)
	}
	c.data = make([]byte, 16)
	cost.call = 0.02
	m.gone = map[*bpf.Prog]bool{}
	m.judge(m.begun, []programCost{cost})
	if n := word(c.data, 8); n != 0 || len(m.receipt()) != 3 {
		t.Errorf("sampled, although its calls alone are too much: %d", n)
	}
}

// TestNoMeter: a nil meter does nothing.
func TestNoMeter(t *testing.T) {
	m := newMeter(&Session{opts: Options{Budget: -1}})
	m.tick(time.Now())
	m.close()
	if m != nil || m.receipt() != nil {
		t.Error("there is a meter")
	}
}
