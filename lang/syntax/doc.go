// Package syntax turns the text of a script into a tree, and a tree back into
// text. It is the only package that knows the parser library.
//
// In: a source.File. Out: a *File with everything that could be understood and
// a diag.List with everything that could not; a script with errors still gives
// a tree with Bad… nodes in the places that were skipped. It knows nothing of
// types, of kernels, or of which probe kinds and functions exist.
package syntax
