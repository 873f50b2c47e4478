package manual

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/reference"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
)

// definition is a macro or a named probe of a module of the library.
type definition struct {
	module, name, usage, doc string
}

// library returns what each module defines, by the module's name.
var library = sync.OnceValue(func() map[string][]definition {
	out := map[string][]definition{}
	for _, m := range stdlib.Modules() {
		out[m] = definitions(m)
	}
	return out
})

// definitions returns what a module defines, in its order. The comment above a
// definition describes it, and those directly below it that have no comment of
// their own.
func definitions(module string) []definition {
	text, _ := stdlib.Module(module)
	tree, _ := syntax.Parse(source.New(module, text))
	var out []definition
	doc, end := "", 0
	for _, it := range tree.Items {
		d := definition{module: module}
		own := ""
		switch it := it.(type) {
		case *syntax.Macro:
			d.name, own = it.Name, it.Doc
			head, _, _ := strings.Cut(strings.TrimPrefix(it.Span().Text(), "macro "), "{")
			d.usage = strings.TrimSpace(head)
		case *syntax.NamedProbe:
			d.name, own = it.Name, it.Doc
			d.usage = d.name + " { … }"
		default:
			continue
		}
		at := it.Span()
		if own != "" || strings.Count(text[end:at.Start], "\n") > 1 {
			doc = own
		}
		d.doc, end = strings.TrimSpace(doc), at.End
		out = append(out, d)
	}
	return out
}

// ofLibrary returns the entries of a module, or of what modules define.
func ofLibrary(name string) []*Entry {
	var out []*Entry
	for _, m := range stdlib.Modules() {
		defs := library()[m]
		if m == name {
			text, _ := stdlib.Module(m)
			about, _, _ := strings.Cut(strings.TrimPrefix(text, "// "+m+": "), "\n\n")
			about = strings.ReplaceAll(about, "\n// ", " ")
			var b strings.Builder
			b.WriteString(strings.ToUpper(about[:1]) + about[1:] + "\n\n")
			for _, d := range defs {
				first, _, _ := strings.Cut(d.doc, "\n")
				fmt.Fprintf(&b, "  %-24s %s\n", d.name, first)
			}
			out = append(out, &Entry{Word: m, Kind: Module, Usage: fmt.Sprintf("import \"%s\"", m), Text: b.String(), Example: examples()["import."+m]})
		}
		for _, d := range defs {
			if d.name == name {
				out = append(out, &Entry{Word: name, Kind: Defined, Usage: fmt.Sprintf("%s, from import \"%s\"", d.usage, m), Text: d.doc, Example: d.example()})
			}
		}
	}
	return out
}

// example returns a script that uses a definition: the one that examples.txt has.
func (d *definition) example() string {
	if s := examples()[d.module+"."+d.name]; s != "" {
		with := fmt.Sprintf("import \"%s\"; ", d.module)
		if strings.Contains(s, "IMPORT ") { // behind the configuration
			return strings.Replace(s, "IMPORT ", with, 1)
		}
		return with + s
	}
	return ""
}

// Topic is a word that Lookup explains, with a line about it.
type Topic struct{ Word, About string }

// Topics returns every word of the language that Lookup explains, sorted. The
// rows of the reference are left out: there are hundreds.
func Topics() []Topic {
	about := map[string]string{}
	add := func(word, text string) {
		if about[word] == "" {
			first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
			about[word] = first
		}
	}
	for name, f := range stdlib.Table() {
		add(name, ofSignature(f.Sig).Text)
	}
	for _, k := range provider.Kinds() {
		add(k.Name, k.Doc)
		for _, a := range k.Aliases {
			add(a, k.Doc)
		}
	}
	for word, e := range grammar() {
		add(word, e.Text)
	}
	for _, v := range hir.ConfigVars() {
		add(v.Name, ofConfig(v.Name).Text)
	}
	for _, m := range stdlib.Modules() {
		add(m, string(Module))
		for _, d := range library()[m] {
			add(d.name, d.doc)
		}
	}
	for _, c := range diag.Codes() {
		add(string(c.Code), c.Cause)
	}
	out := make([]Topic, 0, len(about))
	for w, a := range about {
		out = append(out, Topic{w, a})
	}
	slices.SortFunc(out, func(a, b Topic) int { return strings.Compare(a.Word, b.Word) })
	return out
}

// Similar returns the words that Lookup explains, or of more that the caller
// explains, that are most like a word without a meaning.
func Similar(word string, more []string) []string {
	names := slices.Concat(more, reference.IDs())
	for _, t := range Topics() {
		names = append(names, t.Word)
	}
	slices.Sort(names)
	return diag.NearestN(word, slices.Compact(names), 3)
}
