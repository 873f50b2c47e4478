package compiler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"probe/compiler"
	"probe/compiler/builtin"
	"probe/compiler/compilertest"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/internal/golden"
	"probe/lang/types"
	"probe/stdlib"
)

// checkNeeds compiles a script for every target and with every option that
// decides about features, and compares what the compiler asks for, and what the
// programs use without asking, with what Needs has said.
func checkNeeds(t *testing.T, script string) {
	t.Helper()
	k := compilertest.NewKernelWithProcesses()
	p, list := k.Check(script)
	if list.HasErrors() {
		t.Errorf("%s: %v", script, list.All)
		return
	}
	for name, tg := range compilertest.Targets() {
		for _, c := range []compiler.Config{{}, {Comm: "sshd"}, {HashOnly: true}} {
			c.Builtins, c.Types, c.Interpret = stdlib.Table(), k, true
			needs := compiler.Needs(p, c)
			tg.Asked = func(f target.Feature) {
				if !f.Always() && !needs[f] {
					t.Errorf("%s, for %s: feature %d is asked for, and Needs has only %v", script, name, f, needs.Sorted())
				}
			}
			c.Target = tg
			obj, list := compiler.Compile(p, c)
			if obj == nil {
				if name == "new" {
					t.Errorf("%s: %v", script, list.All)
				}
				continue
			}
			for _, prog := range obj.Programs {
				for _, fn := range prog.IR.Funcs {
					for f := range used(fn) {
						if !f.Always() && !needs[f] {
							t.Errorf("%s, for %s: %s uses feature %d, and Needs has only %v", script, name, prog.Name, f, needs.Sorted())
						}
					}
				}
			}
		}
	}
}

// used returns the helpers, kernel functions and loop tests of a function.
func used(f *ir.Func) target.Set {
	out := target.Set{}
	for b := range f.Blocks {
		if f.Blocks[b].Term.Kind == ir.MayGoto {
			out.Add(target.MayGoto)
		}
		for _, v := range f.Blocks[b].Ins {
			switch in := f.Ins(v); {
			case in.Op == ir.OpCall:
				out.Add(target.Feature(in.Imm))
			case in.Op == ir.OpKfunc && in.Name == "bpf_rdonly_cast":
				out.Add(target.RdonlyCast)
			case in.Op == ir.OpKfunc && in.Name == "bpf_session_is_return":
				out.Add(target.SessionReturn)
			case in.Op == ir.OpKfunc:
				out[-1] = true // a kernel function that no feature stands for
			}
		}
	}
	return out
}

// TestNeeds is about every script of the compiler's tests.
func TestNeeds(t *testing.T) {
	for _, text := range scripts {
		checkNeeds(t, text)
	}
	for _, text := range golden.Inputs(t, "lower/testdata/*/*.txtar", "script.pr") {
		checkNeeds(t, text)
	}
}

// calls are how to call the records whose parameters do not tell.
var calls = map[string]string{
	"endpoint": `endpoint(ntop(arg0), arg1)`,
	"cgroupid": `cgroupid("/")`, "find": "find(@m, 1, $v)", "kaddr": `kaddr("f")`, "macaddr": "macaddr(arg0)", "ntop": "ntop(arg0)",
	"buf": "(buf(arg0, 8), buf(arg0, arg1))", "pton": `pton("::1")`, "reg": `reg("ip")`, "enumname": "", "delete": "delete(@m, 1)", "print": "print(arg0)", "has_key": "has_key(@m, 1)",
	"nsecs": "(nsecs, nsecs(tai), nsecs(monotonic), nsecs(sw_tai))", "pid": "(pid, pid(init), pid(curr_ns))", "len": "(len(@m), len(kstack))",
	"memcmp": "memcmp((char *)arg0, (char *)arg1, 3)", "strcap": "strcap((char *)arg0)",
	"lhist": "lhist(arg0, 0, 10, 1)", "str": "(str(arg0), str(arg0, 8), str(arg0, arg1))", "strftime": `strftime("%H", nsecs(tai))`,
}

// asked are records whose value depends on the machine that the script is checked
// on, of which the tests have none. They have no code.
var asked = map[string]bool{"cgroupid": true, "kaddr": true, "enumname": true, "kfunc_exist": true, "cpid": true, "has_cpid": true, "ncpus": true,
	"filter_pid": true, "filter_comm": true}

// typed are records that take nothing but arguments of types that only a real kernel
// has. The cases of test/accept load them.
var typed = map[string]bool{"path": true, "socket_cookie": true}

// TestNeedsOfRecords is about every record of the library: a helper, kernel
// function or instruction that its code uses is among those that it lists.
func TestNeedsOfRecords(t *testing.T) {
	for name, fn := range stdlib.Table() {
		if asked[name] {
			if fn.Sig.Fold == nil && fn.Sig.Infer == nil || len(fn.Needs)+len(fn.Prefers) > 0 {
				t.Errorf("%s has code", name)
			}
			continue
		}
		if typed[name] {
			continue
		}
		checkNeeds(t, head(fn)+" { @m[1] = 1; $v = 0; "+statement(fn)+" }")
	}
}

// head returns a probe that a record may stand in.
func head(fn *builtin.Func) string {
	switch {
	case fn.Sig.Name == "graph":
		return "fgraph:f"
	case slices.Contains(fn.Sig.Probes, "uprobe") && !slices.Contains(fn.Sig.Probes, "kprobe"):
		return "uprobe:f"
	default:
		return "kprobe:f"
	}
}

// statement makes use of a record.
func statement(fn *builtin.Func) string {
	s := fn.Sig
	text, ok := calls[s.Name]
	if !ok {
		var args []string
		for _, p := range s.Params {
			if p.Optional && !s.Variadic {
				break
			}
			switch p.Kind {
			case types.LitInt:
				args = append(args, "3")
			case types.LitString:
				args = append(args, `"x"`)
			case types.StringParam:
				args = append(args, "comm")
			case types.MapParam, types.MapElemParam:
				args = append(args, "@m")
			default:
				if !p.Optional {
					args = append(args, "arg0")
				}
			}
		}
		text = s.Name
		if !s.Bare || len(args) > 0 {
			text += "(" + strings.Join(args, ", ") + ")"
		}
	}
	switch {
	case s.Agg:
		return fmt.Sprintf("@agg = %s; @keyed[1] = %s;", text, text)
	case s.Async || s.Format == 0 || s.Result == types.VoidType || s.Result == nil && s.Infer == nil:
		return text + ";"
	case s.Fleeting:
		return "$ctx = " + text + ";"
	}
	return "print(" + text + ");"
}
