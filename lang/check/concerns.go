package check

// concerns groups the methods of body by subject. Each field is the body itself
// under another type. Methods call another subject through these fields, which
// makes the dependencies visible.
type concerns struct {
	exprs     exprs
	idents    idents
	ops       ops
	places    places
	convs     convs
	stmts     stmts
	mapUses   mapUses
	calls     calls
	forms     forms
	macros    macros
	siteVals  siteVals
	typeExprs typeExprs
}

type (
	// exprs types expressions by their kind: literals, tuples, branches.
	exprs struct{ *body }
	// idents resolves bare words.
	idents struct{ *body }
	// ops types operators and folds literals.
	ops struct{ *body }
	// places types expressions with an address: members, elements,
	// dereferences.
	places struct{ *body }
	// convs types casts and inserts implicit conversions.
	convs struct{ *body }
	// stmts types statements, loops and blocks.
	stmts struct{ *body }
	// mapUses types the reading and writing of maps.
	mapUses struct{ *body }
	// calls types calls of the library: it matches arguments to parameters and
	// checks them.
	calls struct{ *body }
	// forms types the functions that the checker evaluates itself, including
	// access to the script's parameters.
	forms struct{ *body }
	// macros chooses and expands macros, of the language and of C.
	macros struct{ *body }
	// siteVals types the values of the site: args, argN, retval, duration.
	siteVals struct{ *body }
	// typeExprs resolves types as written.
	typeExprs struct{ *body }
)

// newConcerns returns the parts of a body.
func newConcerns(b *body) concerns {
	return concerns{exprs{b}, idents{b}, ops{b}, places{b}, convs{b}, stmts{b}, mapUses{b}, calls{b}, forms{b}, macros{b}, siteVals{b}, typeExprs{b}}
}
