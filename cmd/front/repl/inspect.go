package repl

import (
	"context"
	"fmt"
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/machine"
)

// maxNested is the maximum depth of structs that :struct shows within structs.
const maxNested = 8

// showStruct shows the members of a type of the kernel or of a definition.
func (r *repl) showStruct(_ context.Context, arg string) *diag.Diagnostic {
	words := strings.Fields(arg)
	nested := len(words) > 0 && words[len(words)-1] == "nested"
	if nested {
		words = words[:len(words)-1]
	}
	if len(words) == 0 || len(words) > 2 {
		return mistake("`:struct` needs the name of a struct").WithHelp("for example: `:struct sock`, or `:struct sock nested` with the members of the structs in it")
	}
	kinds := []string{"struct", "union", "enum"}
	name := words[len(words)-1]
	if len(words) == 2 {
		kinds = words[:1]
	}
	for _, kind := range kinds {
		t := r.namedType(kind, name)
		if t == nil {
			continue
		}
		switch {
		case t.Kind == types.Record:
			var b strings.Builder
			fmt.Fprintf(&b, "%s: %s\n", t, count(t.Size, "byte"))
			layout(&b, t.Struct, 0, nested, 1)
			fmt.Fprint(r.out, b.String())
		case t.Kind == types.Enum && t.Enum != nil:
			fmt.Fprintf(r.out, "%s: %s\n", t, count(t.Size, "byte"))
			for _, v := range t.Enum.Values {
				fmt.Fprintf(r.out, "  %s = %d\n", v.Name, v.Value)
			}
		}
		return nil
	}
	d := mistake("no struct, union or enum is named %s", name)
	for _, kind := range kinds {
		if near, ok := diag.Nearest(name, r.view.Types().Names(kind)); ok {
			d.WithHelp("a %s with a similar name exists: `:struct %s`", kind, near)
			break
		}
	}
	return d
}

// namedType returns a struct, union or enum: one that was typed, or of the
// kernel; nil if there is none.
func (r *repl) namedType(kind, name string) *types.Type {
	if kind != "enum" {
		if t := r.typeOfText(fmt.Sprintf("(%s %s *)0", kind, name)); t != nil && t.Kind == types.Pointer && t.Elem != nil && t.Elem.Kind == types.Record && t.Elem.Size > 0 {
			return t.Elem
		}
		return nil
	}
	if t, ok := r.view.Types().Named(kind, name); ok {
		return t
	}
	return nil
}

// typeOfText returns the type of an expression; nil if it has none.
func (r *repl) typeOfText(text string) *types.Type { return r.typeInStmts("", text, 0) }

// layout writes the members of a struct, one a line: offset, size, type, name.
func layout(b *strings.Builder, s *types.Struct, base int, nested bool, depth int) {
	for _, f := range s.Fields() {
		if f.Name == "" || f.Promoted && depth == 0 {
			continue
		}
		size := fmt.Sprint(f.Type.Size)
		named := f.Type.String()
		if f.Type.Kind == types.Record && f.Type.Struct.Name == "" {
			named, _, _ = strings.Cut(named, " {") // the members of an anonymous struct follow
		}
		if f.BitSize > 0 {
			size = fmt.Sprintf(":%d", f.BitSize)
		}
		fmt.Fprintf(b, "%s%6d %5s  %s %s\n", strings.Repeat("  ", depth-1), base+f.Offset, size, named, f.Name)
		if t := f.Type; nested && depth < maxNested && t.Kind == types.Record {
			layout(b, t.Struct, base+f.Offset, nested, depth+1)
		}
	}
}

// showProto shows the parameters and the result of a function, or the fields of
// another probe.
func (r *repl) showProto(_ context.Context, arg string) *diag.Diagnostic {
	if arg == "" || strings.ContainsAny(arg, " *?") {
		return mistake("`:proto` needs the name of a function of the kernel or of a probe").
			WithHelp("for example: `:proto vfs_read`, `:proto tracepoint:sched:sched_switch`")
	}
	patterns := []string{arg}
	if !strings.Contains(arg, ":") {
		patterns = []string{"fentry:" + arg, "kprobe:" + arg}
	}
	for _, pattern := range patterns {
		var params []string
		found, err := false, error(nil)
		listErr := r.cfg.Machine.List(pattern, func(l machine.Listed) bool {
			found = true
			if l.Params != nil {
				params, err = l.Params()
			}
			return false
		})
		switch {
		case err != nil:
			return mistake("%v", err)
		case listErr != nil, !found:
			continue
		case len(params) == 0 && pattern != patterns[len(patterns)-1]:
			continue
		}
		r.printProto(arg, params)
		return nil
	}
	d := mistake("nothing that can be probed is named %s, or its parameters are not known", arg)
	if near, ok := diag.Nearest(arg, r.names.matching(functionList, arg[:min(3, len(arg))]+"*")); ok {
		d.WithHelp("a function with a similar name exists: `:proto %s`", near)
	}
	return d
}

func (r *repl) printProto(name string, params []string) {
	if strings.Contains(name, ":") {
		fmt.Fprintln(r.out, name)
		for _, p := range params {
			fmt.Fprintln(r.out, "  "+p)
		}
		return
	}
	result := "void"
	var args []string
	for _, p := range params {
		if t, ok := strings.CutSuffix(p, " retval"); ok {
			result = t
			continue
		}
		args = append(args, p)
	}
	if !strings.HasSuffix(result, "*") {
		result += " "
	}
	fmt.Fprintf(r.out, "%s%s(%s)\n", result, name, strings.Join(args, ", "))
}

// typeText answers :type for the name of a type; "" if it names none.
func (r *repl) typeText(arg string) string {
	f := strings.Fields(arg)
	if len(f) == 0 {
		return ""
	}
	switch {
	case f[0] == "struct" || f[0] == "union" || f[0] == "enum" || strings.HasSuffix(arg, "*"):
	case len(f) == 1 && lastWord(arg) == arg && r.builtins[arg] == nil:
	default:
		return ""
	}
	t := r.typeOfText("*(" + arg + " *)0")
	if t == nil {
		return ""
	}
	src := source.New(inputName, "sizeof("+arg+")")
	size, ok := r.constantOf(src)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s, %s", t, count(int(size.Int()), "byte"))
}

// constantOf returns the value of a constant expression.
func (r *repl) constantOf(src *source.File) (value.Value, bool) {
	block, list := syntax.ParseStmts(src)
	if list.HasErrors() {
		return value.Value{}, false
	}
	in := &stmtsInput{r: r, src: src, block: block}
	in.keepVars()
	p, _, ok := in.typed()
	if !ok {
		return value.Value{}, false
	}
	return constant(p.Program)
}

// structArgs completes the name of a struct, union or enum.
func (r *repl) structArgs(word string) []string {
	kind, name, ok := strings.Cut(word, " ")
	if ok && (kind == "struct" || kind == "union" || kind == "enum") {
		var out []string
		for _, n := range r.typeNames(kind, name) {
			out = append(out, kind+" "+n)
		}
		return out
	}
	return append(r.typeNames("struct", word), append(r.typeNames("union", word), r.typeNames("enum", word)...)...)
}

// protoArgs completes the name of a function.
func (r *repl) protoArgs(word string) []string {
	k := r.kind(functionList)
	if k == nil {
		return nil
	}
	return r.names.starting(k, word)
}
