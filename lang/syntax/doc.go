// Package syntax turns the text of a script into a tree, and a tree back into
// text. It is the only package that knows the parser library.
//
// Parse takes a source.File and returns a *File with everything it understood
// and a diag.List with everything it did not. A script with errors still yields
// a tree, with Bad… nodes in place of what was skipped. The package knows
// nothing about types, kernels, or which probe kinds and functions exist.
//
// How a script passes through the package:
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
