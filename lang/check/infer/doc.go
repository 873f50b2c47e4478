// Package infer has the rules of the type system as functions of types and
// constants: which type holds the values of two others, what operators on
// literals give, what a cell of inference can take. Nothing here knows scripts,
// scopes or places in them; what is wrong comes back as a value, and package
// check says it.
package infer
