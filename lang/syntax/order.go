package syntax

import (
	"probe/lang/diag"
	"probe/lang/source"
)

// order checks the order of a script's items: C section, then config and
// imports, then everything else (rows L-PROG-02 to L-PROG-05).
type order struct {
	p      *parser
	config source.Span // the first config block
	middle source.Span // the first config or import
	main   source.Span // the first item of the main part
}

// check checks the place of the next item. A wrong place is reported and does
// not stop the parse.
func (o *order) check(kind itemKind, item Item) {
	span := firstLine(item.Span())
	switch kind {
	case itemPreproc, itemCDef:
		first := o.middle
		if !first.Valid() {
			first = o.main
		}
		if first.Valid() {
			o.p.report("c-definitions-order", span, "C definitions must appear before probes and functions").
				SameCompat().
				WithRow("L-PROG-02").
				WithLabel("this comes too late").
				At(first, "the C section ends here").
				WithHelp("move it to the top of the script")
		}
		return
	case itemConfig:
		if o.config.Valid() {
			o.p.report("duplicate-config", span, "duplicate config block").
				SameCompat().CompatAt(firstWord(span)).
				WithRow("L-PROG-03").
				WithLabel("a script has one config block").
				At(o.config, "the first one").
				WithHelp("put all settings into one block")
		} else {
			o.config = span
			o.late("config-order", "config must appear before probes and functions", span)
		}
	case itemImport:
		o.late("import-order", "root imports must appear before probes and functions", span)
	default:
		if !o.main.Valid() {
			o.main = span
		}
		return
	}
	if !o.middle.Valid() {
		o.middle = span
	}
}

// late reports a config block or an import that follows the main part.
func (o *order) late(code diag.Code, message string, span source.Span) {
	if !o.main.Valid() {
		return
	}
	d := o.p.report(code, span, "%s", message).
		SameCompat().CompatAt(firstWord(span)).WithRow("L-PROG-03")
	d.WithLabel("this comes too late").
		At(o.main, "the main part starts here").
		WithHelp("move it to the top of the script, after the C definitions")
}

// firstLine returns the part of a place on its first line.
func firstLine(s source.Span) source.Span {
	s.End = min(s.End, max(s.Start, lineEnd(s.File.Text, s.Start)))
	return s
}
