package check

import (
	"fmt"
	"slices"
	"strings"

	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// declarations processes everything outside probe bodies: configuration,
// imports, C section, macros, named probes, maps.
func (c *checker) declarations() {
	var configs []*syntax.Config
	for _, it := range c.in.File.Items {
		if k, ok := it.(*syntax.Config); ok {
			configs = append(configs, k)
		}
	}
	c.configBlock(configs)
	if c.in.File.Source != nil {
		c.imported[c.in.File.Source.Name] = true
	}
	c.files = append(c.files, c.in.File)
	items := c.withImports(c.in.File, nil)
	c.csection().Read(append(c.forced(), items...))
	for name, d := range c.csection().Defines {
		c.cmacros[name] = &cmacroDef{def: d}
	}
	for _, it := range items {
		switch it := it.(type) {
		case *syntax.Macro:
			c.addMacro(it)
		case *syntax.Fn:
			c.out.Errorf("not-supported", it.NameAt, "not supported yet: subprograms (`fn`)").
				WithLabel("not implemented yet").WithRow("L-FN-01").
				WithHelp("a macro does the same here: `macro %s(…) { … }`", it.Name)
		case *syntax.NamedProbe:
			if old := c.named[it.Name]; old != nil {
				c.out.Errorf("duplicate-probe", it.NameAt, "the probe name `%s` is defined twice", it.Name).
					WithLabel("defined again here").At(old.NameAt, "first defined here").WithRow("X-LIB")
				continue
			}
			c.named[it.Name] = it
		case *syntax.MapDecl:
			c.declareMap(it)
		case *syntax.Probe:
			c.probes = append(c.probes, it)
		}
	}
}

// forced returns the lines that include the headers of the command line
// (L-PRE-11).
func (c *checker) forced() []syntax.Item {
	if len(c.in.Includes) == 0 {
		return nil
	}
	var text strings.Builder
	for _, path := range c.in.Includes {
		fmt.Fprintf(&text, "#include \"%s\"\n", path)
	}
	f, ds := syntax.Parse(source.New("command line", text.String()))
	c.out.All = append(c.out.All, ds.All...)
	return f.Items
}

// withImports puts the items of imported files before those of the file that
// imports them (L-IMP-03, L-IMP-07).
func (c *checker) withImports(f *syntax.File, items []syntax.Item) []syntax.Item {
	for _, it := range f.Items {
		if imp, ok := it.(*syntax.Import); ok {
			items = c.importFile(f, imp, items)
		}
	}
	for _, it := range f.Items {
		if _, ok := it.(*syntax.Import); !ok {
			items = append(items, it)
		}
	}
	return items
}

func (c *checker) importFile(from *syntax.File, imp *syntax.Import, items []syntax.Item) []syntax.Item {
	if imp.Path == nil {
		return items
	}
	path := imp.Path.Value
	if c.in.Import == nil {
		c.out.Errorf("bad-import", imp.At.At, "unable to find a suitable path for import \"%s\"", path).
			WithLabel("imports are not possible here").WithRow("L-IMP-02")
		return items
	}
	src, err := c.in.Import(from.Source, path)
	if err != nil {
		c.out.Errorf("bad-import", imp.Path.At.At, "unable to find a suitable path for import \"%s\"", path).
			WithCompat("Unable to find suitable path for import").CompatAt(withoutSemicolon(imp.At.At)).CompatHint("checked: %s", path).
			WithLabel("%v", err).WithRow("L-IMP-02")
		return items
	}
	if c.imported[src.Name] {
		return items
	}
	c.imported[src.Name] = true
	if isHeader(src.Name) {
		c.csection().ReadHeader(src)
		return items
	}
	f, ds := syntax.Parse(src)
	c.files = append(c.files, f)
	c.out.All = append(c.out.All, ds.All...)
	for _, it := range f.Items {
		if k, ok := it.(*syntax.Config); ok {
			c.out.Errorf("bad-import", k.At.At, "invalid `config` within import").
				WithLabel("only the main script configures").At(imp.At.At, "imported here").WithRow("L-IMP-05")
		}
	}
	return c.withImports(f, items)
}

func isHeader(name string) bool { return len(name) > 2 && name[len(name)-2:] == ".h" }

// mapKinds are the kinds a map can be declared with (L-MAPD-02).
var mapKinds = []string{"hash", "lruhash", "percpuhash", "percpulruhash"}

// MapKinds returns the kinds of maps that a script can declare.
func MapKinds() []string { return slices.Clone(mapKinds) }

// declareMap enters let @m = kind(entries);
func (c *checker) declareMap(d *syntax.MapDecl) {
	if !slices.Contains(mapKinds, d.Kind) {
		e := c.out.Errorf("bad-map-kind", d.KindAt, "invalid bpf map type: `%s`", d.Kind).
			WithCompat("Invalid bpf map type: %s", d.Kind).CompatAt(withoutSemicolon(d.At.At)).CompatHint("Valid map types: percpulruhash, percpuhash, lruhash, hash").
			WithLabel("no such kind of map").WithRow("L-MAPD-02").WithHelp("valid kinds: hash, lruhash, percpuhash, percpulruhash")
		if n := nearest(d.Kind, mapKinds); n != "" {
			e.WithHelp("a kind with a similar name exists: `%s`", n)
		}
		return
	}
	n, ok := d.Entries.(*syntax.IntLit)
	if !ok || n.Value == 0 || n.Value > 1<<31 {
		at := d.At.At
		if d.Entries != nil {
			at = d.Entries.Span()
		}
		c.out.Errorf("bad-map-kind", at, "the number of entries of a map must be a positive integer literal").
			WithLabel("not one").WithRow("L-MAPD-01")
		return
	}
	m := c.mapCell(d.Name, d.NameAt)
	if m.declAt.Valid() {
		c.out.Errorf("duplicate-map", d.NameAt, "%s is declared twice", m.label()).
			WithLabel("declared again here").At(m.declAt, "first declared here").WithRow("L-MAPD-01")
		return
	}
	m.declAt, m.kindAt, m.declared = d.NameAt, d.KindAt, withoutSemicolon(d.At.At)
	m.hm.Kind, m.hm.Entries = d.Kind, int(n.Value)
}

// checkMaps checks maps as a whole, after all bodies are typed.
func (c *checker) checkMaps() {
	var orphans []string
	for _, m := range c.mapList {
		switch {
		case !m.used && m.declAt.Valid() && len(c.leftOut) > 0:
		case !m.used && m.declAt.Valid():
			c.out.Warnf("unused-map", m.declAt, "unused map: %s", m.label()).
				WithCompat("Unused map: %s", m.label()).CompatAt(m.declared).
				WithLabel("declared but never used").WithRow("L-MAPD-04").WithHelp("remove the declaration")
		case !m.used:
		case !m.written && len(c.leftOut) > 0:
			orphans = append(orphans, m.label())
		case !m.written:
			c.undefinedMap(m)
		case m.value.Typ == nil && !c.out.HasErrors():
			if slices.ContainsFunc(c.bodies, func(b *body) bool { return b.site.Untyped }) {
				continue // what is assigned may be an argument of unknown type
			}
			c.out.Errorf("unknown-map-type", m.at, "the type of %s cannot be found", m.label()).
				WithLabel("everything assigned to it depends on itself").WithRow("T-PROM-01")
		case m.value.Typ != nil && m.hm.Kind != "":
			c.checkMapKind(m)
		}
	}
	if len(orphans) > 0 {
		c.orphanMaps(orphans)
	}
}

// orphanMaps reports, once, all maps that are only set in probes without sites:
// the rest of the script cannot work without them.
func (c *checker) orphanMaps(names []string) {
	const most = 4
	list := strings.Join(names[:min(len(names), most)], ", ")
	if n := len(names) - most; n > 0 {
		list += fmt.Sprintf(" and %d more", n)
	}
	d := c.out.Errorf("probes-missing", c.leftOut[0], "the script needs probes that this kernel does not have: %s", list).
		WithLabel("left out").WithRow("P-COM-09").WithNote("no remaining probe assigns to %s; the warnings say why each probe was left out", list)
	for _, at := range c.leftOut[1:min(len(c.leftOut), 4)] {
		d.At(at, "left out too")
	}
	d.WithHelp("`probe ls` lists the probes that this kernel has")
}

func (c *checker) undefinedMap(m *mapCell) {
	d := c.out.Errorf("undefined-map", m.at, "undefined map: %s", m.label()).
		WithCompat("Undefined map: %s", m.label()).
		WithLabel("used, but nothing is ever assigned to it").WithRow("T-MAP-05")
	var names []string
	for _, o := range c.mapList {
		if o.written && o.name != "" {
			names = append(names, o.name)
		}
	}
	if n := nearest(m.name, names); n != "" {
		d.WithHelp("a map with a similar name exists: `@%s`", n)
	}
}

// isPerCPU reports whether values of t are kept in one cell per CPU.
func isPerCPU(t *types.Type) bool { return t.IsAgg() }

// checkMapKind checks that the declared kind fits the map's values (L-MAPD-03).
func (c *checker) checkMapKind(m *mapCell) {
	perCPU := m.hm.Kind == "percpuhash" || m.hm.Kind == "percpulruhash"
	if perCPU == isPerCPU(m.value.Typ) {
		return
	}
	want := "hash or lruhash"
	if !perCPU {
		want = "percpuhash or percpulruhash"
	}
	c.out.Errorf("map-kind-mismatch", m.kindAt, "incompatible map types: %s is declared as `%s` but holds values of type `%s`",
		m.label(), m.hm.Kind, m.value.Typ).
		WithCompat("Incompatible map types. Type from declaration: %s. Type from value/key type: %s", m.hm.Kind, map[bool]string{true: "percpuhash", false: "hash"}[isPerCPU(m.value.Typ)]).CompatAt(m.at).WithLabel("such values need %s", want).At(m.value.First, "assigned here").WithRow("L-MAPD-03")
}

// finishMap fills in the parts of a hir.Map that are known after typing.
func (c *checker) finishMap(m *mapCell) {
	hm := m.hm
	hm.Value = m.value.Typ
	if m.mode == modeKeyed {
		hm.Key = m.key.Typ
	}
	hm.At = m.at
	if m.live != nil {
		hm.Kind, hm.Entries, hm.Key, hm.Value = m.live.Kind, m.live.Entries, m.live.Key, m.live.Value
		return
	}
	if hm.Entries == 0 {
		hm.Entries = int(c.cfg.int("max_map_keys"))
		if hm.Key == nil && !hm.Value.IsMultiBucket() {
			hm.Entries = 1
		}
	}
}

func (b *body) undefinedVar(e *syntax.Var) {
	d := b.errorf("undefined-variable", e.At.At, "undefined or undeclared variable: $%s", e.Name).
		WithCompat("Undefined or undeclared variable: $%s", e.Name).
		WithLabel("nothing was assigned to it in this block or an outer one").WithRow("T-VAR-02")
	for _, v := range b.live {
		if v.name == e.Name {
			d.At(v.hv.At, "only visible in the block where it is created").
				WithHelp("declare it before that block: `let $%s;`", e.Name)
			return
		}
	}
	var names []string
	for s := b.scope; s != nil; s = s.parent {
		for _, v := range s.vars {
			names = append(names, v.name)
		}
	}
	if n := nearest(e.Name, names); n != "" {
		d.WithHelp("a variable with a similar name exists: `$%s`", n)
	}
}
