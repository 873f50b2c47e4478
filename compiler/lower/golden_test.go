package lower_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/builtin"
	"probe/compiler/compilertest"
	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
	"probe/compiler/lower"
	"probe/compiler/object"
	"probe/compiler/pass"
	"probe/compiler/target"
	"probe/internal/golden"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/stdlib"
)

// lowered is one script for one target.
type lowered struct {
	unit      *lower.Unit
	name      string
	processes bool // the world has a table of processes
}

// script lowers the script of a case for a target. The comment may set "pid",
// "comm", "lookups" and "hashonly" as a command line does, and "namespace",
// "commoff" and "processes", which are facts about the kernel.
func script(t *testing.T, c *golden.Case, name string) lowered {
	t.Helper()
	k := compilertest.NewKernel()
	if c.Option("processes") == "yes" {
		k = compilertest.NewKernelWithProcesses()
	}
	p, list := k.Check(c.In("script.pr"))
	if list.HasErrors() {
		t.Fatal(list.All)
	}
	pid, _ := strconv.Atoi(c.Option("pid"))
	tg := compilertest.Targets()[name]
	tg.NsPid = c.Option("namespace") == "yes"
	tg.CommOff, _ = strconv.Atoi(c.Option("commoff"))
	tg.Features[target.CommOffset] = tg.CommOff > 0
	return lowered{lower.Lower(p, lower.Config{
		Target: tg, Builtins: stdlib.Table(), Types: k,
		PID: pid, Comm: c.Option("comm"), Lookups: c.Option("lookups") == "yes", HashOnly: c.Option("hashonly") == "yes",
		Ints: p.ConfigInt,
	}), name, c.Option("processes") == "yes"}
}

// run runs the programs as they are, or after the passes, and gives the result.
func (l lowered) run(t *testing.T, steps string, optimise bool) string {
	t.Helper()
	progs := l.unit.IR
	if optimise {
		progs = nil
		for _, p := range l.unit.IR {
			q := irgen.Clone(p)
			for _, f := range q.Funcs {
				if err := pass.Run(f, pass.Options{Verify: true}); err != nil {
					t.Fatal(err)
				}
			}
			progs = append(progs, q)
		}
	}
	w := compilertest.NewWorld(l.unit.Obj, progs, l.unit.MapNames)
	if l.processes {
		w.AddProcesses()
	}
	if err := w.Run(steps); err != nil {
		t.Fatalf("for the target %q: %v", l.name, err)
	}
	return w.Result()
}

// text returns the IR of the programs without places in the script.
func (l lowered) text() string {
	var b strings.Builder
	for i, p := range l.unit.IR {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "; %s at %s\n", p.Name, l.unit.Obj.Programs[i].Site.Name)
		for _, f := range p.Funcs {
			b.WriteString(f.String())
		}
	}
	return b.String()
}

// layout returns what the programs share: maps, records, counters of errors.
func layout(o *object.Object) string {
	var b strings.Builder
	var names []string
	for name := range o.Spec.Maps {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		m := o.Spec.Maps[name]
		fmt.Fprintf(&b, "map %s: %s key %d value %d entries %d\n", name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries)
	}
	for _, m := range o.Maps {
		fmt.Fprintf(&b, "@%s: %s", m.Name, m.Value)
		if m.Key != nil {
			fmt.Fprintf(&b, " by %s", m.Key)
		}
		switch m.Storage {
		case object.StoreGlobal:
			fmt.Fprintf(&b, " at %d of p_data, written: %d\n", m.Off, m.SetOff)
		case object.StorePerCPU:
			fmt.Fprintf(&b, " at %d of a block, written: %d, buckets: %d\n", m.Off, m.SetOff, m.Buckets)
		default:
			fmt.Fprintf(&b, " in %s, buckets: %d, bucket in the key: %v\n", m.Spec, m.Buckets, m.BucketInKey)
		}
	}
	for _, e := range o.Events {
		fmt.Fprintf(&b, "record %d of %d bytes: %s", e.ID, e.Size, e.Fn.Sig.Name)
		if e.SpareOff > 0 {
			fmt.Fprintf(&b, ", spare at %d", e.SpareOff)
		}
		for _, a := range e.Args {
			fmt.Fprintf(&b, ", %s at %d", a.Type, a.Off)
		}
		b.WriteByte('\n')
	}
	for _, e := range o.Errors {
		fmt.Fprintf(&b, "error %q of %q at %d\n", compilertest.ErrorName(e.Kind), e.Helper, e.Off)
	}
	return b.String()
}

// TestGolden shows the IR that each construct of the language becomes. A file of
// testdata has the script, the steps that run its programs (compilertest.World),
// and what has to come out: the layout, the IR for the targets that the comment
// names ("targets: old, new"; without it the newest, and "none" where another file has
// it), and the result of the run.
//
// For each target, also those whose IR is not shown, the IR is verified and run,
// as it is and after the passes, and all results have to be the same. "refused:
// old" names targets that cannot run the script, and "differs: old" those whose
// result is another one, which the file has too.
func TestGolden(t *testing.T) {
	for _, group := range []string{"expr", "stmt", "map", "loop", "builtin", "probe", "fgraph"} {
		t.Run(group, func(t *testing.T) {
			golden.Run(t, "testdata/"+group+"/*.txtar", construct)
		})
	}
}

// brokenRules returns the rules of the kernel's verifier that a program breaks,
// but for bounds: ir.VerifyKernel joins the paths that meet, where a comparison
// has bounded a number on one of them, and the kernel follows each.
func brokenRules(p *ir.Prog, u *lower.Unit) []error {
	err := ir.VerifyKernel(p, compilertest.Sizes(u.Obj, u.MapNames))
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	return slices.DeleteFunc(list, func(err error) bool {
		return err == nil || strings.Contains(err.Error(), "is not bounded") || strings.Contains(err.Error(), " of a pointer to a map value of ")
	})
}

func construct(t *testing.T, c *golden.Case) {
	list := func(option string) []string {
		return strings.FieldsFunc(c.Option(option), func(r rune) bool { return r == ',' || r == ' ' })
	}
	show := list("targets")
	if len(show) == 0 {
		show = []string{"new"}
	}
	all := map[string]lowered{}
	for _, name := range compilertest.TargetNames {
		l := script(t, c, name)
		if slices.Contains(list("refused"), name) {
			if l.unit.Diag.Count(diag.Error) == 0 || l.unit.Diag.All[0].Code != "missing-kernel-feature" {
				t.Errorf("%s: got %v, want missing-kernel-feature", name, l.unit.Diag.All)
			}
			continue
		}
		if l.unit.Diag.HasErrors() {
			t.Fatalf("%s: %v", name, l.unit.Diag.All)
		}
		for _, p := range l.unit.IR {
			if err := ir.Verify(p); err != nil {
				t.Errorf("%s: %v\n%s", name, err, p)
			}
			for _, err := range brokenRules(p, l.unit) {
				t.Errorf("%s: %v", name, err)
			}
		}
		all[name] = l
	}
	steps := c.In("run")
	var want string
	for _, name := range slices.Backward(compilertest.TargetNames) {
		l, ok := all[name]
		if !ok {
			continue
		}
		plain, fast := l.run(t, steps, false), l.run(t, steps, true)
		if d := cmp.Diff(plain, fast); d != "" {
			t.Errorf("%s: the passes change the result (-without +with):\n%s", name, d)
		}
		switch {
		case plain == "":
			t.Errorf("%s: the run shows nothing", name)
		case want == "":
			want = plain
			c.Out("result", plain)
		case slices.Contains(list("differs"), name):
			c.Out("result "+name, plain)
		case plain != want:
			t.Errorf("%s: another result (-newest +%s):\n%s", name, name, cmp.Diff(want, plain))
		}
	}
	for _, name := range show {
		if l, ok := all[name]; ok {
			c.Out("layout "+name, layout(l.unit.Obj))
			c.Out("ir "+name, l.text())
		}
	}
}

// TestGoldenCoversAll: the scripts of testdata have every kind of node of a typed
// script, and every builtin that becomes code.
func TestGoldenCoversAll(t *testing.T) {
	seen := map[string]int{}
	calls := map[string]bool{}
	for path, script := range golden.Inputs(t, "testdata/*/*.txtar", "script.pr") {
		p, list := compilertest.NewKernel().Check(script)
		if list.HasErrors() {
			t.Fatal(path, list.All)
		}
		note := func(x any) { seen[strings.TrimPrefix(fmt.Sprintf("%T", x), "*hir.")]++ }
		expr := func(e hir.Expr) {
			note(e)
			if call, ok := e.(*hir.Call); ok {
				calls[call.Sig.Name] = true
			}
		}
		stmt := func(s hir.Stmt) {
			note(s)
			if a, ok := s.(*hir.Aggregate); ok {
				calls[a.Fn.Name] = true
			}
		}
		for _, pr := range p.Probes {
			hir.WalkExpr(pr.Pred, expr, stmt)
			hir.WalkBlock(pr.Body, expr, stmt)
		}
	}
	for _, kind := range []string{
		"Int", "Bytes", "VarRef", "MapGet", "MapArg", "MapElem", "VarAddr", "WordArg", "Unary", "Binary", "Logical", "Cond", "Elvis", "BlockX", "Member",
		"Deref", "Index", "Cast", "Tuple", "Call", "ArgRef", "ArgsRecord", "Retval", "Duration", "IncDec",
		"SetVar", "SetMap", "Aggregate", "Eval", "ForRange", "ForMap", "While", "Unroll", "Break", "Continue", "Return",
	} {
		if seen[kind] == 0 {
			t.Errorf("no script of testdata has the node %s", kind)
		}
	}
	for name, f := range stdlib.Table() {
		if !calls[name] && compiles(f) {
			t.Errorf("no script of testdata calls %s", name)
		}
	}
}

// compiles reports whether calls of a builtin become code: others are folded by
// the checker, or take facts that only a machine has.
func compiles(f *builtin.Func) bool {
	switch f.Sig.Name {
	case "sysctl", "cgroup_path", "kaddr", "uaddr", "enumname", "cgroupid", "usym", "ksym", "socket_cookie", "override", "skboutput", "path", "pton":
		return false
	}
	return f.Lower != nil || f.UserHalf != nil || f.Agg != nil
}
