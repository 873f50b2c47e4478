package repl

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// objects is a sink that shows a struct that was typed for over several lines,
// and passes everything else on.
type objects struct {
	event.Sink
	r *repl
}

// Take implements event.Sink.
func (o *objects) Take(e event.Event) {
	v, ok := e.(*event.Value)
	form := o.r.form.Load()
	if !ok || form == nil || v.Value.T == nil {
		o.Sink.Take(e)
		return
	}
	p := objectPrinter{hex: form.hex, resolver: v.Resolver}
	p.b.WriteString(form.label)
	switch t := v.Value.T; {
	case t.Kind == types.Record && t.Struct != nil && (t.Struct.Flavour == types.CStruct || t.Struct.Flavour == types.CUnion):
		p.b.WriteString(t.String() + " ")
		p.record(v.Value, 0)
		if form.pointers != nil {
			*form.pointers = pointersIn(v.Value, "")
		}
	case form.hex:
		p.b.WriteString(p.line(v.Value))
	default:
		o.Sink.Take(e)
		return
	}
	fmt.Fprintln(o.r.out, p.b.String())
}

// form says how the values of the input that runs are shown.
type form struct {
	hex   bool
	label string // what stands before a struct
	// pointers, if set, is where the pointers to structs in a struct are
	// noted.
	pointers *[]pointer
}

// pointer is a member that points to a struct.
type pointer struct {
	name string
	to   string // "struct dentry"
	addr uint64
}

// maxFollowed is the maximum number of pointers that :deep follows.
const maxFollowed = 64

// pointersIn returns the pointers to structs in a struct and in the structs
// within it.
func pointersIn(v value.Value, prefix string) []pointer {
	var out []pointer
	for i, f := range v.T.Struct.Fields() {
		m := v.Field(i)
		if f.Name == "" || f.Promoted || m.T == nil {
			continue
		}
		switch t := m.T; {
		case t.Kind == types.Record:
			out = append(out, pointersIn(m, prefix+f.Name+".")...)
		case t.Kind == types.Pointer && m.Uint() != 0 && t.Elem != nil && t.Elem.Kind == types.Record && t.Elem.Struct.Name != "":
			out = append(out, pointer{prefix + f.Name, t.Elem.String(), m.Uint()})
		}
	}
	return out
}

// maxObjectLine is the maximum length of a struct within a struct that is shown
// on one line.
const maxObjectLine = 60

type objectPrinter struct {
	b        strings.Builder
	hex      bool
	resolver value.Resolver
}

// record writes a struct, one member a line, with the types of what is no
// number.
func (p *objectPrinter) record(v value.Value, depth int) {
	p.b.WriteString("{\n")
	indent := strings.Repeat("  ", depth+1)
	for i, f := range v.T.Struct.Fields() {
		if f.Name == "" {
			continue
		}
		m := v.Field(i)
		p.b.WriteString(indent + "." + f.Name + " = ")
		if m.T != nil && m.T.Kind == types.Record && depth < maxNested {
			if text := p.line(m); utf8.RuneCountInString(text) > maxObjectLine {
				if m.T.Struct.Name != "" {
					p.b.WriteString("(" + m.T.String() + ") ")
				}
				p.record(m, depth+1)
				p.b.WriteString(",\n")
				continue
			}
		}
		p.b.WriteString(p.typed(m) + ",\n")
	}
	p.b.WriteString(strings.Repeat("  ", depth) + "}")
}

// typed returns a member's value with its type, if the value alone does not say
// what it is.
func (p *objectPrinter) typed(v value.Value) string {
	text := p.line(v)
	if v.T == nil {
		return text
	}
	switch {
	case v.T.Kind == types.Pointer && v.Uint() == 0:
		return "NULL"
	case v.T.Kind == types.Pointer, v.T.Kind == types.Enum:
		return "(" + v.T.String() + ") " + text
	case v.T.Kind == types.Record && v.T.Struct.Name != "":
		return "(" + v.T.String() + ") " + text
	case v.T.Kind == types.String:
		return `"` + text + `"`
	}
	return text
}

// line returns a value on one line.
func (p *objectPrinter) line(v value.Value) string {
	if v.T != nil && p.hex {
		switch v.T.Kind {
		case types.Int:
			n := v.Uint()
			if v.T.Size < 8 {
				n &= 1<<(8*v.T.Size) - 1
			}
			return fmt.Sprintf("%#x", n)
		case types.Record:
			var parts []string
			for i, f := range v.T.Struct.Fields() {
				if f.Name != "" {
					parts = append(parts, "."+f.Name+" = "+p.line(v.Field(i)))
				}
			}
			return "{ " + strings.Join(parts, ", ") + " }"
		}
	}
	return string(value.AppendText(nil, v, p.resolver))
}

// showHex runs an input and shows the numbers of its value as hexadecimal
// ones.
func (r *repl) showHex(ctx context.Context, arg string) *diag.Diagnostic {
	if arg == "" {
		return mistake("`:x` needs an expression").WithHelp("for example: `:x *curtask->fs`")
	}
	r.evalAs(ctx, source.New(inputName, arg), form{hex: true})
	return nil
}

// showDeep shows a struct and the structs that its members point to.
func (r *repl) showDeep(ctx context.Context, arg string) *diag.Diagnostic {
	if arg == "" {
		return mistake("`:deep` needs an expression whose value is a struct").WithHelp("for example: `:deep *curtask->fs`")
	}
	var pointers []pointer
	r.evalAs(ctx, source.New(inputName, arg), form{pointers: &pointers})
	for i, p := range pointers {
		if ctx.Err() != nil {
			return nil
		}
		if i == maxFollowed {
			fmt.Fprintf(r.out, "… and %s not followed\n", count(len(pointers)-i, "pointer"))
			break
		}
		r.evalAs(ctx, source.New(inputName, fmt.Sprintf("*(%s *)%#x", p.to, p.addr)), form{label: p.name + " -> "})
	}
	return nil
}
