package check

import (
	"cmp"
	"slices"

	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// DefKind is the kind of a definition.
type DefKind uint8

// The kinds of definitions.
const (
	Variable   DefKind = iota // $x
	Map                       // @m
	Macro                     // macro m(…)
	Param                     // a parameter of a macro
	Function                  // a function of the library or the language
	Value                     // a builtin value: pid, args, arg0
	Argument                  // args.NAME
	Member                    // a member of a struct or union
	TypeName                  // struct s, enum e, a typedef
	Enumerator                // a constant of an enum or a header
	CMacro                    // #define NAME
	Option                    // getopt("NAME")
	Setting                   // a configuration variable
	ProbeName                 // probe NAME = …
)

var defKinds = [...]string{"variable", "map", "macro", "parameter", "function", "value", "argument", "member", "type", "enumerator",
	"C macro", "option", "setting", "named probe"}

// String returns the name of the kind.
func (k DefKind) String() string { return defKinds[k] }

// Def is a definition: what a name means.
type Def struct {
	Kind DefKind
	// Name is the name as written in scripts, with its $ or @.
	Name string
	// Of is the struct of a member, the probe of an argument, the kind of a
	// type ("struct").
	Of string
	// At is the place of the name in its definition. It is not valid if the
	// definition is not in the script.
	At source.Span
	// Types are its types; for a map, those of its values.
	Types []*types.Type
	// Key is the type of a map's keys, nil if it has none.
	Key *types.Type
	// Sig describes functions and values of the library.
	Sig *types.Signature
	// Doc is the help text, or the comment above the definition.
	Doc string

	uses   []Use
	placed map[source.Span]int // of uses
	same   *Def                // the definition this one was joined to
}

// Use is a place where a definition is named.
type Use struct {
	Node syntax.Node // nil in the C section
	// At is the name itself, with the $ or @ in front of it.
	At source.Span
	// Write is set where the name is assigned to.
	Write bool
}

// root returns the definition that d has been joined to, d itself if none.
func (d *Def) root() *Def {
	for d.same != nil {
		d = d.same
	}
	return d
}

// join merges definition o into d, because a name that means both can only be
// renamed together with both.
func (d *Def) join(o *Def) {
	d, o = d.root(), o.root()
	if d == o {
		return
	}
	if o.At.Valid() && d.At.Valid() && compareSpans(o.At, d.At) < 0 {
		d, o = o, d
	}
	o.same = d
	for _, u := range o.uses {
		d.use(u)
	}
	for _, t := range o.Types {
		d.addType(t)
	}
	o.uses, o.placed = nil, nil
}

func (d *Def) addType(t *types.Type) { d.Types = addType(d.Types, t) }

// use records a use.
func (d *Def) use(u Use) {
	d = d.root()
	if k, ok := d.placed[u.At]; ok {
		d.uses[k].Write = d.uses[k].Write || u.Write
		return
	}
	if d.placed == nil {
		d.placed = map[source.Span]int{}
	}
	d.placed[u.At] = len(d.uses)
	d.uses = append(d.uses, u)
}

func (d *Def) sortUses() {
	slices.SortFunc(d.uses, func(a, b Use) int { return compareSpans(a.At, b.At) })
}

// compareSpans orders places by file and offset.
func compareSpans(a, b source.Span) int {
	return cmp.Or(cmp.Compare(fileName(a), fileName(b)), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
}

func fileName(s source.Span) string {
	if s.File == nil {
		return ""
	}
	return s.File.Name
}
