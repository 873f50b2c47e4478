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

// Compiled implements machine.View: it reports, with its place in the script,
// everything that a compiled script needs and the recording does not contain.
func (r *View) Compiled(tree *syntax.File, obj *object.Object) diag.List {
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

// explain changes the checker's advice on missing types: a recording holds no
// memory, so types would not help.
func explain(list *diag.List) {
	for _, d := range list.All {
		switch d.Code {
		case "unknown-type", "bad-field":
			d.Helps = nil
			d.WithNote("%s", "a recording "+strings.TrimPrefix(ir.NoMemory, "it ")).WithHelp("leave it out")
		}
	}
}

// checkCall reports calls of functions whose record says that they need a
// kernel. checkFunc finds the questions to the kernel in the code of programs.
func (r *View) checkCall(c *hir.Call, out *diag.List) {
	if c.Sig.NoReplay != "" {
		notRecorded(out, c.At, "`"+c.Sig.Name+"`", c.Sig.NoReplay)
	}
	for _, a := range c.Args {
		if w, ok := a.(*hir.WordArg); ok && c.Sig.NoReplayWord[w.Word] != "" {
			notRecorded(out, c.At, "`"+c.Sig.Name+"("+w.Word+")`", c.Sig.NoReplayWord[w.Word])
		}
	}
}

// checkFunc reports the questions of one function of a program to the kernel.
func (r *View) checkFunc(p *object.Program, f *ir.Func, out *diag.List) {
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

// missing returns the reason why a helper has no answer, "" if it has one.
func (r *View) missing(p *object.Program, f *ir.Func, in *ir.Ins) string {
	if in.Op == ir.OpKfunc {
		return fmt.Sprintf("%s is a function of the kernel", in.Name)
	}
	h := ir.Helper(in.Imm)
	switch h {
	case ir.HelperReadKernel, ir.HelperReadKernelStr, ir.HelperReadUser, ir.HelperReadUserStr:
		// Programs also use this helper to copy their own memory, and to clear
		// it by reading from address 0; neither needs the kernel.
		if n, ok := f.Const(in.Args[2]); f.Ins(in.Args[2]).Kind != ir.Scalar || ok && n == 0 {
			return ""
		}
	case ir.HelperFuncIP:
		if fn := r.funcs[symbolOf(p.Site)]; fn != nil && !realAddr(fn.Addr) {
			return "it does not hold the address of " + fn.Name + "; `probe` has the name"
		}
		return ""
	}
	return ir.Helpers[h].NoReplay
}

// quoted returns the text of a place, for messages.
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
