package main

import (
	"os"
	"path/filepath"

	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/sink"
)

// liveSink returns the sink of --live, or s where the output is no terminal.
func (o *options) liveSink(s event.Sink, f *source.File, std stdio, c sink.Config) event.Sink {
	term, ok := std.out.(*os.File)
	if !ok || !o.live || !isTerminal(term) {
		return s
	}
	title := o.pictureTitle()
	if o.program == nil && len(o.words) > 0 {
		title = filepath.Base(o.words[0])
	}
	return sink.NewLive(s, sink.Live{
		Terminal: term, Size: func() (rows, cols int) { return terminalSize(term) },
		Title: value.Visible(title, false), Keys: keyNames(f), Config: c,
	})
}

// keyNames returns names for the parts of the keys of a script's maps, by the
// name of the map: what is written in the first place where the map has keys.
// Parts that have no short name have "".
func keyNames(f *source.File) map[string][]string {
	out := map[string][]string{}
	tree, list := syntax.Parse(f)
	if list.HasErrors() {
		return out // the check reports them
	}
	syntax.Walk(tree, func(n syntax.Node) {
		m, ok := n.(*syntax.Map)
		if !ok || len(m.Keys) == 0 || out[m.Name] != nil {
			return
		}
		keys := m.Keys
		if t, ok := keys[0].(*syntax.Tuple); ok && len(keys) == 1 {
			keys = t.Elems
		}
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = shortName(k)
		}
		out[m.Name] = names
	})
	return out
}

// shortName returns a word for an expression: a builtin's name, that of a field,
// or that of what a function is applied to.
func shortName(x syntax.Expr) string {
	switch x := x.(type) {
	case *syntax.Ident:
		return x.Name
	case *syntax.Var:
		return x.Name
	case *syntax.Field:
		return x.Name
	case *syntax.Paren:
		return shortName(x.X)
	case *syntax.Cast:
		return shortName(x.X)
	case *syntax.Binary:
		return shortName(x.X)
	case *syntax.Call:
		if len(x.Args) > 0 {
			if name := shortName(x.Args[0]); name != "" {
				return name
			}
		}
		return x.Name
	}
	return ""
}
