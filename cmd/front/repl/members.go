package repl

import (
	"reflect"
	"strconv"
	"strings"

	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// members returns the names that can follow text[start:end] and a '.' or '->'.
// To find the type of the operand, members types it as a statement of its own,
// after the code that precedes the statement it is part of.
func (r *repl) members(text string, p place, start, end int) []string {
	operand := text[start:end]
	if operand == "" || start < p.body && p.item {
		return nil
	}
	if !p.item {
		return memberNames(r.typeInStmts(text[:min(p.stmt, start)], operand, p.depth))
	}
	before := p.header + "{" // also in a predicate
	if p.depth > 0 {
		before += text[p.body:min(p.stmt, start)]
	}
	script := before + operand + ";" + strings.Repeat("}", max(p.depth, 1))
	src := source.New(inputName, script)
	f, list := syntax.Parse(src)
	if list.HasErrors() {
		return nil
	}
	prog, _ := r.check(src, f.Items, nil)
	if prog == nil {
		return nil
	}
	if operand == "args" {
		return argNames(prog.Program.Probes[0].Site)
	}
	return memberNames(typeAt(prog.Program, len(before), len(operand)))
}

// typeInStmts returns the type of an operand behind statements.
func (r *repl) typeInStmts(before, operand string, depth int) *types.Type {
	src := source.New(inputName, before+operand+";"+strings.Repeat("}", max(depth, 0)))
	block, list := syntax.ParseStmts(src)
	if list.HasErrors() {
		return nil
	}
	in := &stmtsInput{r: r, src: src, block: block}
	in.keepVars()
	prog, _ := in.check(nil)
	if prog == nil {
		return nil
	}
	return typeAt(prog.Program, len(before), len(operand))
}

// argNames returns the arguments of a probe that have names.
func argNames(s *hir.Site) []string {
	var out []string
	for _, a := range s.Args {
		if a.Name != "" {
			out = append(out, a.Name)
		}
	}
	return out
}

// memberNames returns the members of a record or of what a pointer points to.
func memberNames(t *types.Type) []string {
	if t != nil && t.Kind == types.Pointer {
		t = t.Elem
	}
	if t == nil || t.Kind != types.Record {
		return nil
	}
	var out []string
	for i, f := range t.Struct.Fields() {
		switch {
		case f.Name != "":
			out = append(out, f.Name)
		case t.Struct.Flavour == types.Tuple:
			out = append(out, strconv.Itoa(i))
		}
	}
	return out
}

// typeAt returns the type of the expression statement that stands at size bytes
// from an offset of the program's text; nil if there is none. Its place may
// begin later, behind parentheses.
func typeAt(p *hir.Script, offset, size int) *types.Type {
	at := source.Span{File: p.Source, Start: offset, End: offset + size}
	for _, pr := range p.Probes {
		if t := findEval(reflect.ValueOf(pr.Body), at); t != nil {
			return t
		}
	}
	return nil
}

// findEval looks for the statement in a part of the tree. It skips fields such
// as types and variables, which are shared and not part of the tree.
func findEval(v reflect.Value, within source.Span) *types.Type {
	switch v.Kind() {
	case reflect.Interface:
		return findEval(v.Elem(), within)
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		switch n := v.Interface().(type) {
		case *types.Type, *types.Signature, *types.Field, *hir.Map, *hir.Var, *source.File:
			return nil
		case *hir.Eval:
			if at := n.X.Span(); at.File == within.File && at.Start >= within.Start && at.End <= within.End {
				return n.X.Type()
			}
		}
		return findEval(v.Elem(), within)
	case reflect.Slice:
		for i := range v.Len() {
			if t := findEval(v.Index(i), within); t != nil {
				return t
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if t := findEval(v.Field(i), within); t != nil {
				return t
			}
		}
	}
	return nil
}
