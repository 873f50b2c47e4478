package main

// call calls a function with the C calling convention: six arguments in
// registers, two on the stack.
//
//go:noescape
func call(f function, args *[8]uint64) uint64
