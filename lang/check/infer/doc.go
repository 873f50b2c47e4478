// Package infer implements the rules of the type system as functions of types
// and constants: which type holds the values of two others, the results of
// operators on literals, what a cell of inference can hold. It does not know
// scripts or scopes. Problems are returned as values, which package check
// reports.
package infer
