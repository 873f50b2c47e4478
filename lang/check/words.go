package check

import (
	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// word is a name that the checker itself defines, because its arguments are
// types, its result is known at compile time, or it refers to the site.
type word struct {
	call     func(b forms, e *syntax.Call) hir.Expr    // name(…), nil if it cannot be called
	word     func(b siteVals, at source.Span) hir.Expr // the bare name, nil if it is a function
	uses     types.Uses                                // what a body that uses it needs of its site
	reserved bool                                      // no macro can redefine it (L-LEX-10); only with word
}

// words holds every such name. It is filled by init, since its functions refer
// to words themselves, which would be an initialization cycle.
var words map[string]*word

func init() {
	words = map[string]*word{
		"args":      {word: siteVals.argsWhole, uses: types.Uses{Args: true}, reserved: true},
		"config":    {call: wordCall, word: siteVals.configRecord},
		"duration":  {call: wordCall, word: siteVals.duration, uses: types.Uses{Duration: true}},
		"probe":     {call: wordCall, word: func(b siteVals, at source.Span) hir.Expr { return infer.Str(at, b.site.Name) }, uses: types.Uses{Probe: true}},
		"probetype": {call: wordCall, word: func(b siteVals, at source.Span) hir.Expr { return infer.Str(at, b.site.Type) }},
		"retval":    {call: wordCall, word: siteVals.retval, uses: types.Uses{Retval: true}},

		"container_of":        {call: forms.containerOf},
		"fail":                {call: forms.fail},
		"getopt":              {call: forms.getopt},
		"is_array":            {call: isForm(func(t *types.Type) bool { return t.Kind == types.Array })},
		"is_integer":          {call: isForm((*types.Type).IsInt)},
		"is_literal":          {call: forms.isLiteralForm},
		"is_ptr":              {call: isForm(func(t *types.Type) bool { return t.Kind == types.Pointer })},
		"is_scalar":           {call: forms.isScalar},
		"is_str":              {call: isForm(func(t *types.Type) bool { return t.Kind == types.String })},
		"is_unsigned_integer": {call: isForm(func(t *types.Type) bool { return t.IsInt() && !t.Signed })},
		"static_assert":       {call: forms.staticAssert},
		"str":                 {call: forms.str},
	}
}

// form returns the form of a call of a name, nil if the checker does not define
// it.
func form(name string) func(b forms, e *syntax.Call) hir.Expr {
	if w := words[name]; w != nil {
		return w.call
	}
	return nil
}

// wordForm returns the form of a bare name, nil if the checker does not define
// it.
func wordForm(name string) func(b siteVals, at source.Span) hir.Expr {
	if w := words[name]; w != nil {
		return w.word
	}
	return nil
}

// builtin returns the signature of a library function, nil if there is none or
// it is not implemented yet.
func (c *checker) builtin(name string) *types.Signature {
	if sig := c.in.Builtins[name]; sig != nil && !sig.Missing {
		return sig
	}
	return nil
}

// reserved reports whether macros cannot redefine a name (L-LEX-10).
func (c *checker) reserved(name string) bool {
	if w := words[name]; w != nil && w.reserved {
		return true
	}
	sig := c.builtin(name)
	return sig != nil && sig.Reserved
}

// usesOf returns what a body that mentions a name needs of its site.
func (c *checker) usesOf(name string) types.Uses {
	var u types.Uses
	if w := words[name]; w != nil {
		u.Add(w.uses)
	}
	if sig := c.in.Builtins[name]; sig != nil {
		u.Add(sig.Uses)
	}
	_, u.ArgN = argNumber(name)
	return u
}
