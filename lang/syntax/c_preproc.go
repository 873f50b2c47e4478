package syntax

import (
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
)

// Bounds on macro expansion in one C section. Macros that double each other
// would otherwise expand to exponentially many tokens.
const (
	maxExpanded = 100_000 // tokens in all
	maxCNesting = 100     // macros inside macros
)

// cBranch is one open #if.
type cBranch struct {
	at     source.Span
	live   bool // this branch is live
	taken  bool // this or an earlier branch was live
	outer  bool // the code around the #if is live
	inElse bool
}

// preproc is the C preprocessor: directives in, live tokens out.
type preproc struct {
	in       CInput
	sec      *CSection
	diags    *diag.List
	branches []cBranch
	outer    int // branches that are open around the file being read
	toks     []cTok
	header   bool // the text is a header
	words    int  // tokens of the text itself, without those of headers, which are bounded in bytes
	expanded int  // tokens that macros made
	full     bool // a bound was reached and reported

	from     map[*source.File]source.Span // the #include of each header that was read
	once     map[string]bool              // names of headers that are read only once
	nested   int                          // headers being read
	included int                          // bytes of headers so far
}

// ParseCSection preprocesses and parses the C section of a script: its Preproc
// and CDef items in order; other items are ignored. The section is never nil.
func ParseCSection(items []Item, in CInput) (*CSection, diag.List) {
	var diags diag.List
	pp := newPreproc(&diags, in)
	for _, item := range items {
		switch item.(type) {
		case *Preproc, *CDef:
			span := item.Span()
			pp.text(span.File, span.Start, span.End)
		}
	}
	return pp.finish(false), diags
}

// ParseCHeader preprocesses and parses a whole file of C declarations, for
// imports of headers. Declarations of functions and variables are skipped.
func ParseCHeader(f *source.File, in CInput) (*CSection, diag.List) {
	var diags diag.List
	pp := newPreproc(&diags, in)
	switch {
	case len(f.Text) > maxIncluded:
		pp.diags.Errorf("too-long", source.Span{File: f}, "the header is larger than %d bytes", maxIncluded).
			WithHelp("include the headers that have the definitions you need")
	case !reportBinary(f, &diags):
		pp.header = true
		pp.text(f, 0, len(f.Text))
	}
	return pp.finish(true), diags
}

func newPreproc(diags *diag.List, in CInput) *preproc {
	pp := &preproc{in: in, sec: &CSection{Defines: map[string]*CDefine{}}, diags: diags,
		from: map[*source.File]source.Span{}, once: map[string]bool{}}
	for name, body := range in.Predefined {
		pp.sec.Defines[name] = &CDefine{Name: name, Body: body}
	}
	return pp
}

// finish parses the live tokens.
func (pp *preproc) finish(header bool) *CSection {
	if n := len(pp.branches); n > 0 {
		pp.diags.Errorf("c-conditional", pp.branches[n-1].at, "this conditional is never closed").
			WithRow("L-PRE-03").
			WithHelp("close it with `#endif`")
	}
	p := &cParser{sec: pp.sec, diags: pp.diags, toks: pp.toks, header: header, from: pp.from, constantOf: pp.in.Constant,
		structs: map[string]*CStruct{}, enums: map[string]*CEnum{}, consts: map[string]cValue{}}
	p.run()
	pp.showIncludes()
	pp.diags.Sort()
	return pp.sec
}

// live reports whether the current text is in a live branch of every open #if.
func (pp *preproc) live() bool {
	n := len(pp.branches)
	return n == 0 || pp.branches[n-1].live
}

// text preprocesses a piece of C text: each directive takes its own line,
// everything else is tokens.
func (pp *preproc) text(f *source.File, pos, limit int) {
	fresh := true // only blanks so far on this line
	for pos < limit && !pp.full {
		switch c := f.Text[pos]; {
		case c == '\n':
			fresh = true
			pos++
		case isLayout(c):
			pos++
		case c == '#' && fresh:
			end := logicalLine(f.Text, pos, limit)
			pp.directive(f, pos, end)
			pos = end
		case c == '/' && skipLayout(f.Text[:limit], pos) > pos:
			next := skipLayout(f.Text[:limit], pos)
			fresh = fresh || strings.IndexByte(f.Text[pos:next], '\n') >= 0
			pos = next
		default:
			fresh = false
			t := cToken(f, pos, limit)
			if pp.live() && pp.count(1, t.at) {
				pp.emit(t, nil)
			}
			pos = t.at.End
		}
	}
}

// count reports whether the C section may have n more tokens, of which the last is at a
// place. It has the limit of a script (maxWords).
func (pp *preproc) count(n int, at source.Span) bool {
	if (pp.header || pp.nested > 0) && n <= maxWords {
		return true
	}
	if pp.words += n; pp.words > maxWords && !pp.full {
		pp.full = true
		pp.diags.Errorf("too-long", at, "the C section has more than %d words", maxWords).
			WithLabel("the rest is not read").
			WithHelp("include the definitions from a header, or use the types of the kernel, which need none")
	}
	return !pp.full
}

// emit adds a token, with object-like macros replaced. active are the macros
// being replaced, which are not replaced again inside themselves.
func (pp *preproc) emit(t cTok, active []string) {
	if len(active) > 0 {
		pp.expanded++
	}
	if pp.expanded > maxExpanded || len(active) > maxCNesting {
		if !pp.full {
			pp.full = true
			pp.diags.Errorf("c-preprocessor", t.at, "the macros of the C section expand too far").
				WithNote("the limits are %d nested macros and %d tokens in total", maxCNesting, maxExpanded)
		}
		return
	}
	d := pp.sec.Defines[t.text]
	if t.kind != cWord || d == nil || d.Function || contains(active, t.text) {
		pp.toks = append(pp.toks, t)
		return
	}
	active = append(active, t.text)
	for _, body := range macroTokens(d) {
		if pp.full {
			return
		}
		body.at = t.at // errors show the place of use
		pp.emit(body, active)
	}
}

// macroTokens returns the tokens of a macro's body.
func macroTokens(d *CDefine) []cTok {
	if d.BodyAt.Valid() {
		return cLine(d.BodyAt.File, d.BodyAt.Start, d.BodyAt.End)
	}
	return cLine(source.New("", d.Body), 0, len(d.Body))
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// directive handles one line that starts with '#'.
func (pp *preproc) directive(f *source.File, pos, end int) {
	toks := cLine(f, pos+1, end)
	line := source.Span{File: f, Start: pos, End: end}
	if len(toks) == 0 || !pp.count(len(toks), toks[len(toks)-1].at) {
		return // a lone '#', or too long
	}
	word, rest := toks[0], toks[1:]
	switch word.text {
	case "if", "ifdef", "ifndef":
		b := cBranch{at: line, outer: pp.live()}
		if b.outer {
			b.live = pp.condition(word, rest)
			b.taken = b.live
		}
		pp.branches = append(pp.branches, b)
		return
	case "elif", "else", "endif":
		pp.elseOrEnd(line, word, rest)
		return
	case "include":
		pp.include(line, rest, word)
		return
	}
	if !pp.live() {
		return
	}
	switch word.text {
	case "define":
		pp.define(line, rest)
	case "undef":
		if len(rest) == 0 || rest[0].kind != cWord {
			pp.bad(line, "expected the name of a macro after `#undef`")
			return
		}
		delete(pp.sec.Defines, rest[0].text)
	case "error":
		pp.diags.Errorf("c-error", line, "#error %s", tokenText(rest)).WithRow("L-PRE-03")
	case "warning":
		pp.diags.Warnf("c-error", line, "#warning %s", tokenText(rest)).WithRow("L-PRE-03")
	case "pragma":
		if len(rest) > 0 && rest[0].text == "once" {
			pp.once[f.Name] = true
		}
	case "line", "ident":
	default:
		pp.bad(word.at, "unknown preprocessor directive `#%s`", word.text)
	}
}

// tokenText returns the source text that tokens of one line cover.
func tokenText(toks []cTok) string {
	if len(toks) == 0 {
		return ""
	}
	return toks[0].at.To(toks[len(toks)-1].at).Text()
}

func (pp *preproc) bad(at source.Span, format string, args ...any) {
	pp.diags.Errorf("c-preprocessor", at, format, args...).WithRow("L-PRE-01")
}

// elseOrEnd handles #elif, #else and #endif.
func (pp *preproc) elseOrEnd(line source.Span, word cTok, rest []cTok) {
	n := len(pp.branches)
	if n == pp.outer {
		pp.diags.Errorf("c-conditional", line, "`#%s` without `#if`", word.text).
			WithRow("L-PRE-03").
			WithLabel("no conditional is open here")
		return
	}
	b := &pp.branches[n-1]
	if word.text == "endif" {
		pp.branches = pp.branches[:n-1]
		return
	}
	if b.inElse {
		pp.diags.Errorf("c-conditional", line, "`#%s` after `#else`", word.text).
			WithRow("L-PRE-03").
			At(b.at, "the conditional starts here")
		return
	}
	b.live = false
	if word.text == "else" {
		b.inElse = true
		b.live = b.outer && !b.taken
	} else if b.outer && !b.taken {
		b.live = pp.condition(cTok{text: "if", at: word.at}, rest)
	}
	b.taken = b.taken || b.live
}

// condition evaluates the condition of #if, #ifdef or #ifndef.
func (pp *preproc) condition(word cTok, rest []cTok) bool {
	if word.text != "if" {
		if len(rest) == 0 || rest[0].kind != cWord {
			pp.bad(word.at, "expected the name of a macro after `#%s`", word.text)
			return false
		}
		return pp.defined(rest[0].text) == (word.text == "ifdef")
	}
	saved := pp.toks
	pp.toks = nil
	for i := 0; i < len(rest); i++ {
		t := rest[i]
		if t.kind != cWord || t.text != "defined" {
			pp.emit(t, nil)
			continue
		}
		open := i+1 < len(rest) && rest[i+1].text == "("
		if open {
			i++
		}
		if i++; i >= len(rest) || rest[i].kind != cWord {
			pp.bad(t.at, "expected the name of a macro after `defined`")
			pp.toks = saved
			return false
		}
		value := "0"
		if pp.defined(rest[i].text) {
			value = "1"
		}
		pp.toks = append(pp.toks, cTok{value, t.at, cNumber})
		if open && i+1 < len(rest) && rest[i+1].text == ")" {
			i++
		}
	}
	e := constExpr{toks: pp.toks, at: word.at, names: func(t cTok) (cValue, bool) {
		v, _ := pp.in.constant(t.text)
		return v, true // a name without a value counts as 0
	}}
	pp.toks = saved
	v := e.whole()
	if e.err != "" {
		pp.diags.Errorf("c-conditional", e.errAt, "%s", e.err).WithRow("L-PRE-03")
		return false
	}
	return v.bits != 0
}

// define handles #define.
func (pp *preproc) define(line source.Span, rest []cTok) {
	if len(rest) == 0 || rest[0].kind != cWord {
		pp.bad(line, "expected the name of a macro after `#define`")
		return
	}
	name := rest[0]
	d := &CDefine{At: At{line}, Name: name.text, NameAt: name.at}
	// A parenthesis directly after the name makes it function-like.
	d.Function = len(rest) > 1 && rest[1].text == "(" && rest[1].at.Start == name.at.End
	if len(rest) > 1 {
		d.BodyAt = rest[1].at.To(rest[len(rest)-1].at)
		d.Body = d.BodyAt.Text()
	} else {
		d.BodyAt = source.Span{File: line.File, Start: name.at.End, End: name.at.End}
	}
	pp.sec.Defines[d.Name] = d
}
