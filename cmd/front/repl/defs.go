package repl

import (
	"slices"
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
)

// isDefinition reports whether an item is a definition, which later inputs can
// use, and not a probe.
func isDefinition(it syntax.Item) bool {
	switch it.(type) {
	case *syntax.Probe, *syntax.BadItem:
		return false
	}
	return true
}

var cHead = pattern(`^\s*(?:typedef\s+)?((?:struct|union|enum)\s+\w+)`)
var cTail = pattern(`\}\s*(\w+)\s*;?\s*$`)
var cDefine = pattern(`^#\s*define\s+(\w+)`)

// definitionKey returns a key for what an item defines: a later item with the
// same key replaces an earlier one. An item with the key "" replaces nothing.
func definitionKey(it syntax.Item) string {
	switch it := it.(type) {
	case *syntax.Macro:
		return "macro " + it.Name
	case *syntax.Fn:
		return "macro " + it.Name
	case *syntax.NamedProbe:
		return "probe " + it.Name
	case *syntax.MapDecl:
		return "map @" + it.Name
	case *syntax.Import:
		if it.Path != nil {
			return "import " + it.Path.Value
		}
	case *syntax.CDef:
		if m := cHead().FindStringSubmatch(it.Text); m != nil {
			return strings.Join(strings.Fields(m[1]), " ")
		}
		if m := cTail().FindStringSubmatch(it.Text); m != nil {
			return "typedef " + m[1]
		}
	case *syntax.Preproc:
		if m := cDefine().FindStringSubmatch(it.Text); m != nil {
			return "define " + m[1]
		}
	}
	return ""
}

// define stores definitions for later inputs.
func (r *repl) define(items []syntax.Item) {
	r.defs = append(others(r.defs, items), items...)
}

// parseItems parses an input of top-level items and separates its definitions
// from its probes.
func (r *repl) parseItems(src *source.File) (defs, probes []syntax.Item, ok bool) {
	f, list := syntax.Parse(src)
	if list.HasErrors() {
		r.wrong(list)
		return nil, nil, false
	}
	for _, it := range f.Items {
		if isDefinition(it) {
			defs = append(defs, it)
		} else {
			probes = append(probes, it)
		}
	}
	// A clause that is edited or loaded again may declare its maps again.
	defs = slices.DeleteFunc(defs, func(it syntax.Item) bool { return r.lives(it) && r.sameDefinition(it) })
	if i := slices.IndexFunc(defs, func(it syntax.Item) bool { return r.lives(it) }); i >= 0 {
		d := defs[i].(*syntax.MapDecl)
		list.Errorf("duplicate-map", d.NameAt, "@%s exists already", d.Name).
			WithLabel("its kind and size are settled").WithHelp("`:drop @%s` gives it up with what it holds", d.Name)
		r.wrong(list)
		return nil, nil, false
	}
	r.show(list)
	return defs, probes, true
}

// lives reports whether an item declares a map that exists already.
func (r *repl) lives(it syntax.Item) bool {
	d, ok := it.(*syntax.MapDecl)
	return ok && r.maps[d.Name] != nil
}

// sameDefinition reports whether an item defines what an earlier one defined in
// the same words.
func (r *repl) sameDefinition(it syntax.Item) bool {
	return slices.ContainsFunc(r.defs, func(d syntax.Item) bool {
		return definitionKey(d) == definitionKey(it) && d.Span().Text() == it.Span().Text()
	})
}

// wrong shows why an input was not run.
func (r *repl) wrong(list diag.List) {
	list.Sort()
	r.show(list)
	r.failed = true
}
