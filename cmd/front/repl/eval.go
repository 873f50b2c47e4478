package repl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/engine"
	"probe/runtime/event"
)

// inputName is the name in messages of an input that is not a clause.
const inputName = "input"

// theInput is the name of the probe that statements run in. It appears in
// reports such as "1 read in the input failed": nobody typed a begin.
const theInput = "the input"

// eval runs an input that is not a command.
func (r *repl) eval(ctx context.Context, text string) {
	if syntax.IsItem(text) {
		r.attach(ctx, source.New(clauseName(r.last+1), text), r.last+1)
		return
	}
	r.evalStmts(ctx, source.New(inputName, text))
}

// clauseName is the name in messages of the input that became clause n.
func clauseName(n int) string { return fmt.Sprintf("clause %d", n) }

// attach attaches the probes of an input as clause n, keeps its definitions, and
// reports whether it was accepted.
func (r *repl) attach(ctx context.Context, src *source.File, n int) bool {
	defs, probes, ok := r.parseItems(src)
	if !ok {
		return false
	}
	p, list := r.check(src, append(defs, probes...), nil)
	if p == nil {
		r.wrong(list)
		return false
	}
	r.show(withoutNoise(list))
	if len(probes) == 0 {
		r.define(defs)
		return true
	}
	c, list := r.compile(p, nil)
	if c == nil {
		r.wrong(list)
		return false
	}
	r.show(list)
	h, ok := r.add(ctx, c, nil)
	if !ok {
		return false
	}
	r.define(defs)
	if onlyBegin(c.Object) {
		r.tracer.Remove(h)
		r.took(h)
		return true
	}
	r.last = max(r.last, n)
	r.clauses = append(r.clauses, &clause{n: n, text: src.Text, h: h, script: c, started: time.Now()})
	fmt.Fprintf(r.err, "[%d] attached %s\n", n, count(h.Probes(), "probe"))
	return true
}

// onlyBegin reports whether an object has only begin probes, which have run
// when it was added.
func onlyBegin(obj *object.Object) bool {
	for _, p := range obj.Programs {
		if p.Site.About().Phase != hir.BeforeAttach {
			return false
		}
	}
	return true
}

// add runs a compiled input.
func (r *repl) add(ctx context.Context, c *engine.Compiled, fresh map[string]bool) (handle, bool) {
	if d := r.cfg.Machine.Refuses(); d != nil {
		r.complain(d)
		return nil, false
	}
	h, err := r.tracer.Add(ctx, c)
	var refused *engine.LoadError
	switch {
	case err == nil:
		r.adopt(c.Object, fresh)
		return h, true
	case errors.As(err, &refused):
		unhide(refused.Diag)
		r.complain(refused.Diag)
	case errors.Is(err, context.Canceled):
		r.complain(&diag.Diagnostic{Severity: diag.Error, Message: "interrupted; nothing is attached"})
	default:
		r.complain(&diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
	}
	return nil, false
}

// took reports whether an object called exit(), and with what status.
func (r *repl) took(h handle) (code int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	code, ok = r.exited[h]
	delete(r.exited, h)
	return code, ok
}

// evalStmts runs statements once, as a begin probe, and prints the value of an
// expression at their end.
func (r *repl) evalStmts(ctx context.Context, src *source.File) { r.evalAs(ctx, src, form{}) }

// evalAs is evalStmts with a form in which values are shown.
func (r *repl) evalAs(ctx context.Context, src *source.File, as form) {
	r.form.Store(&as)
	defer r.form.Store(nil)
	block, list := syntax.ParseStmts(src)
	if list.HasErrors() {
		r.wrong(list)
		return
	}
	r.show(list)
	if len(block.Stmts) == 0 && block.Value == nil {
		return
	}
	in := &stmtsInput{r: r, src: src, block: block}
	in.keepVars()
	p, list, ok := in.typed()
	if !ok {
		r.wrong(list)
		return
	}
	r.show(withoutNoise(list))
	if v, ok := constant(p.Program); ok && in.prints {
		r.printer.Take(&event.Value{Value: v, Resolver: r.resolver})
		return
	}
	c, list := r.compile(p, in.fresh)
	if c == nil {
		r.wrong(list)
		return
	}
	r.show(list)
	h, ok := r.add(ctx, c, in.fresh)
	if !ok {
		return
	}
	r.tracer.Remove(h)
	if code, ok := r.took(h); ok {
		r.quit, r.code = true, code
	}
}

// stmtsInput is an input of statements while it is turned into a program.
type stmtsInput struct {
	r      *repl
	src    *source.File
	block  *syntax.Block
	reset  []string // scratch variables that it sets before it reads them
	fresh  map[string]bool
	prints bool // the value at the end is printed
}

// typed returns the typed program. It first types the value at the end as a
// statement, to find out whether there is anything to print.
func (in *stmtsInput) typed() (*engine.Checked, diag.List, bool) {
	x := in.value()
	switch m := x.(type) {
	case *syntax.Map:
		// A whole map is not a value, but it can be printed.
		in.prints = m.Keys == nil && !isVariable(m)
	case *syntax.If, *syntax.BlockExpr:
		// As statements these expressions have no value, so print them in any
		// case.
		in.prints = true
		if p, list := in.check(x); p != nil {
			return p, list, true
		}
		in.prints = false
	}
	p, list := in.check(x)
	if p != nil && x != nil && !in.prints && wantsPrint(x) && hasValue(p.Program) {
		in.prints = true
		if printing, more := in.check(x); printing != nil {
			return printing, more, true
		} else if _, ok := constant(p.Program); !ok {
			return nil, more, false
		}
	}
	return p, list, p != nil
}

// isVariable reports whether m is the map behind a scratch variable.
func isVariable(m *syntax.Map) bool { return strings.HasPrefix(m.Name, engine.Hidden) }

// value returns the expression whose value is shown: the last part of the
// input.
func (in *stmtsInput) value() syntax.Expr {
	if in.block.Value != nil {
		return in.block.Value
	}
	if n := len(in.block.Stmts); n > 0 {
		if s, ok := in.block.Stmts[n-1].(*syntax.ExprStmt); ok {
			in.block.Stmts = in.block.Stmts[:n-1]
			in.block.Value = s.X
			return s.X
		}
	}
	return nil
}

// wantsPrint reports whether an expression is one that people type to see its
// value.
func wantsPrint(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Postfix:
		return false
	case *syntax.Unary:
		return x.Op != "++" && x.Op != "--"
	}
	return true
}

// hasValue reports whether the last statement of the only probe gives a value.
func hasValue(p *hir.Script) bool {
	e := lastEval(p)
	return e != nil && e.X.Type() != nil && e.X.Type().Kind != types.Void
}

func lastEval(p *hir.Script) *hir.Eval {
	if len(p.Probes) != 1 || len(p.Probes[0].Body.Stmts) == 0 {
		return nil
	}
	e, _ := p.Probes[0].Body.Stmts[len(p.Probes[0].Body.Stmts)-1].(*hir.Eval)
	return e
}

// constant returns the value that a program does nothing but print, if it is
// known without running it.
func constant(p *hir.Script) (v value.Value, ok bool) {
	e := lastEval(p)
	if e == nil || len(p.Probes[0].Body.Stmts) != 1 {
		return v, false
	}
	x := e.X
	if c, ok := x.(*hir.Call); ok && c.Sig.ShowsMap && len(c.Args) == 1 {
		x = c.Args[0]
	}
	switch x := x.(type) {
	case *hir.Int:
		return value.OfInt(x.T, x.V), true
	case *hir.Bytes:
		b := make([]byte, x.T.Size)
		copy(b, x.V)
		return value.Value{T: x.T, B: b}, true
	}
	return v, false
}

// check types the statements. If the types of existing scratch variables do not
// fit and the input sets the variables before it reads them, they are created
// again.
func (in *stmtsInput) check(x syntax.Expr) (*engine.Checked, diag.List) {
	p, list := in.r.check(in.src, []syntax.Item{in.probe(x)}, in.fresh)
	list = outside(list)
	if p != nil || len(in.reset) == 0 || in.fresh != nil {
		return p, list
	}
	fresh := map[string]bool{}
	for _, name := range in.reset {
		fresh[scratchMap(name)] = true
	}
	again, more := in.r.check(in.src, []syntax.Item{in.probe(x)}, fresh)
	if again == nil {
		return nil, list
	}
	in.fresh = fresh
	return again, more
}

// outside returns the messages about statements with those that would speak of
// the begin probe in which the statements run: they are about what only other
// probes have.
func outside(list diag.List) diag.List {
	for _, d := range list.All {
		if d.Code != "wrong-probe" || !d.Span.Valid() {
			continue
		}
		d.Message = fmt.Sprintf("`%s` has a meaning only in certain probes", d.Span.Text())
		d.Label, d.Labels = "what is typed without a probe runs once, outside of any", nil
		d.WithHelp("type a clause, which has the probe before its braces, such as `kprobe:vfs_read { … }`")
	}
	return list
}

// probe returns the probe begin { statements; value }, in which the value is
// printed if in.prints is set.
func (in *stmtsInput) probe(x syntax.Expr) *syntax.Probe {
	at := syntax.At{At: source.Span{File: in.src, End: len(in.src.Text)}}
	body := &syntax.Block{At: at, Stmts: append([]syntax.Stmt(nil), in.block.Stmts...)}
	if x != nil {
		if m, ok := x.(*syntax.Map); ok && in.prints && isVariable(m) {
			// print(@m) would also print the name of the map; print({ @m })
			// prints only the value.
			x = &syntax.BlockExpr{At: m.At, Block: &syntax.Block{At: m.At, Value: m}}
		}
		if in.prints {
			x = &syntax.Call{At: syntax.At{At: x.Span()}, Name: "print", NameAt: x.Span(), Args: []syntax.Expr{x}}
		}
		body.Stmts = append(body.Stmts, &syntax.ExprStmt{At: syntax.At{At: x.Span()}, X: x})
	}
	ap := &syntax.AttachPoint{At: at, Raw: "begin", Name: theInput, Parts: []syntax.AttachPart{{At: at, Text: "begin", Raw: "begin"}}}
	return &syntax.Probe{At: at, Attach: []*syntax.AttachPoint{ap}, Body: body}
}

// noise is the set of warnings that are pointless when every line is a program
// of its own.
var noise = map[diag.Code]bool{"unused-map": true, "discarded-value": true, "repeated-config": true}

func withoutNoise(list diag.List) diag.List {
	var out diag.List
	for _, d := range list.All {
		if d.Severity == diag.Error || !noise[d.Code] {
			out.All = append(out.All, d)
		}
	}
	return out
}

// count formats a number with its noun: "1 probe", "2 probes".
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
