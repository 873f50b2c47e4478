package ctype

import (
	"strings"

	"probe/lang/source"
	"probe/lang/syntax"
)

// Reference is a place in the C section where a type of a given name is used.
type Reference struct {
	Kind, Name string // "struct", "foo"; Kind is empty for a typedef
	At         source.Span
}

// References lists the places where the C section names types.
func (ct *Section) References() []Reference { return ct.refs }

// refer records a type that is named in the C section.
func (ct *Section) refer(t *syntax.CType, kind string) {
	text := t.At.At.Text()
	k := strings.LastIndex(text, t.Name)
	if k < 0 || t.Name == "" {
		return
	}
	at := t.At.At
	at.Start += k
	at.End = at.Start + len(t.Name)
	ct.refs = append(ct.refs, Reference{kind, t.Name, at})
}

// TypeAt returns the place of a type's name in its definition in the script.
func (ct *Section) TypeAt(kind, name string) (source.Span, bool) {
	switch kind {
	case "struct", "union":
		if s := ct.tags[kind+" "+name]; s != nil {
			return s.TagAt, true
		}
	case "enum":
		for e := range ct.enumDefs {
			if e.Tag == name {
				return e.TagAt, true
			}
		}
	case "":
		if td := ct.typedefs[name]; td != nil {
			return lastWord(td.At.At, name)
		}
	}
	return source.Span{}, false
}

// MemberAt returns where the script defines a member of a struct or union,
// which is given as in "struct foo".
func (ct *Section) MemberAt(of, name string) (source.Span, bool) {
	s := ct.tags[of]
	if s == nil {
		return source.Span{}, false
	}
	return memberAt(s, name, 0)
}

func memberAt(s *syntax.CStruct, name string, depth int) (source.Span, bool) {
	for _, f := range s.Fields {
		if f.Name == name && name != "" {
			return f.NameAt, true
		}
		if f.Name == "" && f.Type.Struct != nil && depth < 100 {
			if at, ok := memberAt(f.Type.Struct, name, depth+1); ok {
				return at, true
			}
		}
	}
	return source.Span{}, false
}

// ConstantAt returns where the script defines a constant of an enum.
func (ct *Section) ConstantAt(name string) (source.Span, bool) {
	for e := range ct.enumDefs {
		for _, it := range e.Items {
			if it.Name == name {
				at := it.At.At
				at.End = at.Start + len(name)
				return at, at.Text() == name
			}
		}
	}
	return source.Span{}, false
}

// lastWord returns the last place of a word in a span.
func lastWord(at source.Span, word string) (source.Span, bool) {
	k := strings.LastIndex(at.Text(), word)
	if k < 0 {
		return source.Span{}, false
	}
	at.Start += k
	at.End = at.Start + len(word)
	return at, true
}
