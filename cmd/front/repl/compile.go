package repl

import (
	"maps"
	"slices"
	"strings"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/runtime/engine"
)

// liveMap is a map that outlives the input that made it.
type liveMap struct {
	hir *hir.Map
	obj *object.Map
}

// scratchMap returns the map behind the scratch variable $name of statements.
func scratchMap(name string) string { return engine.Hidden + name }

// check types items beside the definitions so far. fresh lists maps that are
// created again even if maps with their names exist.
func (r *repl) check(src *source.File, items []syntax.Item, fresh map[string]bool) (*engine.Checked, diag.List) {
	tree := &syntax.File{Source: src, Items: append(r.definitions(items), items...)}
	script := engine.Script{Name: src.Name, Text: src.Text, Tree: tree, Import: r.cfg.Import}
	opts := r.cfg.Check
	opts.Maps, opts.Empty = nil, true
	for _, name := range slices.Sorted(maps.Keys(r.maps)) {
		if !fresh[name] {
			opts.Maps = append(opts.Maps, r.maps[name].hir)
		}
	}
	c, out := engine.Check(script, r.cfg.Machine, opts)
	if c == nil {
		return nil, r.ours(src, out)
	}
	// The types of maps are inferred from this input alone, in which @n = 1
	// gives an 8-bit map. Later inputs will store other values, so integers get
	// all 64 bits and strings wideString bytes, and the input is typed again
	// with these types.
	wide := false
	for _, m := range c.Program.Maps {
		if r.maps[m.Name] != nil && !fresh[m.Name] {
			continue
		}
		w := *m
		w.Key, w.Value = widen(m.Key), widen(m.Value)
		if w.Key != m.Key || w.Value != m.Value {
			wide = true
			opts.Maps = append(opts.Maps, &w)
		}
	}
	if wide {
		if again, more := engine.Check(script, r.cfg.Machine, opts); again != nil {
			c, out = again, more
		}
	}
	return c, r.ours(src, out)
}

// definitions returns the items of earlier inputs that an input sees: all
// except those that it redefines, and declarations of maps that exist already.
func (r *repl) definitions(own []syntax.Item) []syntax.Item {
	return slices.DeleteFunc(others(r.defs, own), r.lives)
}

// others returns the definitions that an input does not redefine.
func others(defs, own []syntax.Item) []syntax.Item {
	redefined := map[string]bool{}
	for _, it := range own {
		redefined[definitionKey(it)] = true
	}
	redefined[""] = false
	var out []syntax.Item
	for _, d := range defs {
		if !redefined[definitionKey(d)] {
			out = append(out, d)
		}
	}
	return out
}

// ours returns list without the warnings about earlier inputs.
func (r *repl) ours(src *source.File, list diag.List) diag.List {
	list.All = slices.DeleteFunc(list.All, func(d *diag.Diagnostic) bool {
		return d.Severity != diag.Error && d.Span.Valid() && d.Span.File != src
	})
	for _, d := range list.All {
		unhide(d)
	}
	return list
}

// unhide replaces the names of hidden maps in a message by those of the
// variables that the user typed.
func unhide(d *diag.Diagnostic) {
	plain := func(s string) string { return strings.ReplaceAll(s, "@"+engine.Hidden, "$") }
	d.Message, d.Label = plain(d.Message), plain(d.Label)
	for i := range d.Labels {
		d.Labels[i].Text = plain(d.Labels[i].Text)
	}
	for i := range d.Notes {
		d.Notes[i] = plain(d.Notes[i])
	}
	for i := range d.Helps {
		d.Helps[i] = plain(d.Helps[i])
	}
}

// wideString is the minimum size in bytes of strings in the maps of an
// interactive session, including the NUL.
const wideString = 64

// widen returns a type with room for the values of later inputs; the type
// itself if it has it.
func widen(t *types.Type) *types.Type {
	if t == nil {
		return nil
	}
	switch t.Kind {
	case types.Int:
		if t.Size < 8 {
			w := *types.IntType(8, t.Signed)
			w.Space = t.Space
			return &w
		}
	case types.String:
		if t.Len < wideString {
			return types.StringType(wideString)
		}
	case types.Record:
		if t.Struct.Flavour != types.Tuple && t.Struct.Flavour != types.RecordLit {
			return t
		}
		var names []string
		var elems []*types.Type
		wider := false
		for _, f := range t.Struct.Fields() {
			w := widen(f.Type)
			wider = wider || w != f.Type
			names, elems = append(names, f.Name), append(elems, w)
		}
		switch {
		case !wider:
		case t.Struct.Flavour == types.Tuple:
			return types.TupleType(elems...)
		default:
			return types.RecordLitType(names, elems)
		}
	}
	return t
}

// compile compiles an input that shares the existing maps.
func (r *repl) compile(c *engine.Checked, fresh map[string]bool) (*engine.Compiled, diag.List) {
	live := map[string]*object.Map{}
	for name, m := range r.maps {
		if fresh[name] {
			name += " before" // another name, since the new map must not share its storage
		}
		live[name] = m.obj
	}
	return engine.Compile(c, engine.CompileOptions{Lookups: r.cfg.AllErrors, Live: &engine.Live{Maps: live, Strings: r.strings}})
}

// adopt keeps the maps and strings of an object for later inputs.
func (r *repl) adopt(obj *object.Object, fresh map[string]bool) {
	r.strings = obj.Strings
	for i, m := range obj.Maps {
		old := r.maps[m.Name]
		if old != nil && !fresh[m.Name] {
			continue
		}
		if old != nil {
			r.tracer.Forget(old.obj)
		}
		r.maps[m.Name] = &liveMap{obj.HIR.Maps[i], m}
	}
}
