// Package syntax turns the text of a script into a tree, and a tree back into
// text. It is the only package that knows the parser library.
//
// In: a source.File. Out: a *File with everything that could be understood and
// a diag.List with everything that could not; a script with errors still gives
// a tree with Bad… nodes in the places that were skipped. It knows nothing of
// types, of kernels, or of which probe kinds and functions exist.
//
// The way of a script:
//
//	lexer.go, items.go    cut into items, and each item into tokens
//	grammar.go            the heads of items, as participle grammar structs
//	parse.go, node.go     one item after the other, made into nodes
//	stmt.go, for.go, expr.go, primary.go, typeexpr.go, literal.go
//	                      everything inside braces, by recursive descent
//	attach.go             the parts and alternatives of an attach point
//	expected.go, hint.go  what was expected, in words a user knows
//	order.go              the order of items
//	c_*.go                the C section: preprocessor and declarations
//	format*.go, layout.go the canonical text
//	repl.go               single expressions and statements, unfinished input
//	walk.go, clone.go, equal.go, dump.go
//	                      what others do with trees
//
// Entry points: Parse, ParseExpr, ParseStmts, ParseMacroBody, ParseCSection,
// ParseCHeader, NewAttachPoint, ParseInteger, Format, Inspect.
package syntax
