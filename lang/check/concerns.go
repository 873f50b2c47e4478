package check

// concerns are the parts of the work on a body. Each is the body itself under
// another name, with the methods of one subject; they call each other through
// the fields here, which shows where one subject needs another.
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
	// idents finds out what a bare word means.
	idents struct{ *body }
	// ops types operators and folds literals.
	ops struct{ *body }
	// places types what has an address: members, elements, what a pointer
	// points to.
	places struct{ *body }
	// convs types casts and writes down the implicit conversions.
	convs struct{ *body }
	// stmts types statements, loops and blocks.
	stmts struct{ *body }
	// mapUses types the reading and writing of maps.
	mapUses struct{ *body }
	// calls types calls of the library: which parameter an argument goes to and
	// what it may be.
	calls struct{ *body }
	// forms types the functions that the checker computes itself, the script's
	// parameters among them.
	forms struct{ *body }
	// macros chooses and expands macros, of the language and of C.
	macros struct{ *body }
	// siteVals types what the site gives: args, argN, retval, duration.
	siteVals struct{ *body }
	// typeExprs resolves types as written.
	typeExprs struct{ *body }
)

// newConcerns gives a body its parts.
func newConcerns(b *body) concerns {
	return concerns{exprs{b}, idents{b}, ops{b}, places{b}, convs{b}, stmts{b}, mapUses{b}, calls{b}, forms{b}, macros{b}, siteVals{b}, typeExprs{b}}
}
