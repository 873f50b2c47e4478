package fgraph_test

import (
	"strconv"
	"strings"
	"testing"

	"probe/compiler/compilertest"
	"probe/compiler/lower"
	"probe/stdlib"
)

// world lowers a script for the newest kernel.
func world(t *testing.T, script string) *compilertest.World {
	t.Helper()
	k := compilertest.NewKernel()
	p, list := k.Check(script)
	if list.HasErrors() {
		t.Fatal(list.All)
	}
	u := lower.Lower(p, lower.Config{Target: compilertest.Targets()["new"], Builtins: stdlib.Table(), Types: k,
		Ints: p.ConfigInt})
	if u.Diag.HasErrors() {
		t.Fatal(u.Diag.All)
	}
	return compilertest.NewWorld(u.Obj, u.IR, u.MapNames)
}

// A slot that is full loses calls, which are counted, and has room for the return
// of the root all the same.
func TestFull(t *testing.T) {
	w := world(t, `config = { fgraph = "bpf" } fgraph:f { print(graph); }`)
	const pairs = 800 // of entries and returns, more than a slot holds
	calls := strings.Repeat("p0g0s ip=0x1000 return=0\np0g0s return=1 retval=5\n", pairs)
	if err := w.Run("p0e n=4 pid=3 tid=4 comm=sshd\n" + calls + "p0 retval=-2\n"); err != nil {
		t.Fatal(err)
	}
	got := w.Result()
	kept := strings.Count(got, " 0x1000 on ")
	if want := 2*pairs - kept; kept == 0 || want == 0 || !strings.Contains(got, "lost "+strconv.Itoa(want)+"\n") {
		t.Errorf("%d events are kept, and the rest is not counted:\n%.300s", kept, got)
	}
	if !strings.Contains(got, "leave 0x0 on") {
		t.Error("the return of the root is not there")
	}
}

// The depth of the plan, 16 here, bounds what is noted, not what is counted as open.
func TestDepth(t *testing.T) {
	w := world(t, `config = { fgraph = "bpf" } fgraph:f { print(graph); }`)
	deep := strings.Repeat("p0g0s ip=0x1000 return=0\n", 20) + strings.Repeat("p0g0s return=1 retval=5\n", 20)
	if err := w.Run("p0e n=4 pid=3 tid=4 comm=sshd\n" + deep + deep + "p0 retval=-2\n"); err != nil {
		t.Fatal(err)
	}
	got := w.Result()
	if n := strings.Count(got, "enter 0x1000 "); n != 2*16 {
		t.Errorf("%d entries, want 16 of each round:\n%.600s", n, got)
	}
	if n := strings.Count(got, "leave 0x1000 "); n != 2*16 {
		t.Errorf("%d returns, want 16 of each round", n)
	}
}

// A slot whose function did not return within a second goes to the next one that
// wants it, and only then.
func TestStale(t *testing.T) {
	w := world(t, `config = { fgraph = "bpf" } fgraph:f { print(graph); }`)
	if err := w.Run("p0e n=4 pid=3 tid=4 comm=sshd\np0e tid=132\n"); err != nil {
		t.Fatal(err)
	}
	w.Env.Clock += 1e9
	if err := w.Run("p0e tid=260\np0 retval=1\np0 tid=132 retval=2\n"); err != nil {
		t.Fatal(err)
	}
	got := w.Result()
	if !strings.Contains(got, "graph: thread 260 ") || strings.Contains(got, "graph: thread 132 ") {
		t.Errorf("not the thread that came last has the slot:\n%s", got)
	}
	if !strings.Contains(got, `error "not recorded" of`) {
		t.Errorf("the call that was not recorded is not counted:\n%s", got)
	}
}
