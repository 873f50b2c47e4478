package recording

import (
	"fmt"
	"strings"

	"probe/compiler/ir"
	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
)

// elsewhere are builtins whose user-space half asks the machine that it runs
// on, which is not the one that was recorded.
var elsewhere = map[string]string{
	"cat":         "files of this machine say nothing about the recorded one",
	"system":      "commands would run on this machine, at another time",
	"cgroup_path": "a recording does not hold control groups",
	"sysctl":      "settings of this machine say nothing about the recorded one",
	"usym":        "a recording does not hold symbols of processes",
	"ctx":         "there is no context of a program",
}

// helpers are what programs ask the kernel and a recording does not hold.
var helpers = map[ir.Helper]string{
	ir.HelperCurrentTask:   "the kernel's data about tasks is not in it",
	ir.HelperTaskBTF:       "the kernel's data about tasks is not in it",
	ir.HelperUidGid:        "it does not hold users and groups",
	ir.HelperCgroupID:      "it does not hold control groups",
	ir.HelperNUMANode:      "it does not hold NUMA nodes",
	ir.HelperJiffies64:     "it does not hold the jiffies counter",
	ir.HelperKtimeTaiNS:    "it does not hold the TAI clock",
	ir.HelperGetStack:      "it does not hold stacks",
	ir.HelperGetStackID:    "it does not hold stacks",
	ir.HelperSendSignal:    "a signal would meet a process of this machine",
	ir.HelperNsPidTgid:     "it does not hold PID namespaces",
	ir.HelperReadKernel:    noMemory,
	ir.HelperReadKernelStr: noMemory,
	ir.HelperReadUser:      noMemory,
	ir.HelperReadUserStr:   noMemory,
}

const noMemory = "it holds the values of arguments and results, and not the memory that they point to"

// Check complains about everything that a compiled script wants to know and the
// recording does not tell, at its place in the script.
func (r *Recording) Check(tree *syntax.File, obj *object.Object) diag.List {
	var out diag.List
	r.checkAsked(tree, &out)
	for _, pr := range obj.HIR.Probes {
		see := func(e hir.Expr) {
			if c, ok := e.(*hir.Call); ok {
				r.checkCall(c, &out)
			}
		}
		hir.WalkExpr(pr.Pred, see, nil)
		hir.WalkBlock(pr.Body, see, nil)
	}
	for _, p := range obj.Programs {
		for _, f := range p.IR.Funcs {
			r.checkFunc(p, f, &out)
		}
	}
	out.Sort()
	return out
}

// Explain adds to the messages of the checker what it cannot know: that types
// would not help where there is no memory.
func Explain(list *diag.List) {
	for _, d := range list.All {
		switch d.Code {
		case "unknown-type", "bad-field":
			d.Helps = nil
			d.WithNote("%s", "a recording "+strings.TrimPrefix(noMemory, "it ")).WithHelp("leave it out")
		}
	}
}

func (r *Recording) checkCall(c *hir.Call, out *diag.List) {
	if why, ok := elsewhere[c.Sig.Name]; ok {
		notRecorded(out, c.At, "`"+c.Sig.Name+"`", why)
	}
	if len(c.Args) > 0 {
		if w, ok := c.Args[0].(*hir.WordArg); ok && w.Word == "sw_tai" {
			notRecorded(out, c.At, "this clock", helpers[ir.HelperKtimeTaiNS])
		}
	}
}

// checkFunc looks at what one function of a program asks the kernel.
func (r *Recording) checkFunc(p *object.Program, f *ir.Func, out *diag.List) {
	for b := range f.Blocks {
		for _, v := range f.Blocks[b].Ins {
			in := f.Ins(v)
			if in.Op != ir.OpCall && in.Op != ir.OpKfunc {
				continue
			}
			if why := r.missing(p, f, in); why != "" {
				at := p.IR.Pos[in.Pos]
				notRecorded(out, at, quoted(at), why)
			}
		}
	}
}

// missing says why a helper has no answer, "" when it has.
func (r *Recording) missing(p *object.Program, f *ir.Func, in *ir.Ins) string {
	if in.Op == ir.OpKfunc {
		return fmt.Sprintf("%s is a function of the kernel", in.Name)
	}
	h := ir.Helper(in.Imm)
	switch h {
	case ir.HelperReadKernel, ir.HelperReadKernelStr, ir.HelperReadUser, ir.HelperReadUserStr:
		// Programs also move their own memory with it, and clear it by reading
		// from nowhere.
		if n, ok := f.Const(in.Args[2]); f.Ins(in.Args[2]).Kind != ir.Scalar || ok && n == 0 {
			return ""
		}
	case ir.HelperFuncIP:
		if fn := r.funcs[symbolOf(p.Site)]; fn != nil && !realAddr(fn.Addr) {
			return "it does not hold the address of " + fn.Name + "; `probe` has the name"
		}
		return ""
	}
	return helpers[h]
}

// quoted is the text of a place, for messages.
func quoted(at source.Span) string {
	if !at.Valid() || at.File == nil || at.End > len(at.File.Text) {
		return "what is asked here"
	}
	const most = 40
	text := at.File.Text[at.Start:at.End]
	if len(text) > most {
		return "what is asked here"
	}
	return "`" + text + "`"
}
