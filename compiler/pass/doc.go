// Package pass rewrites functions in the intermediate form. In: a function that
// ir.Verify accepts. Out: the same function, which does the same and costs
// less. The passes and their order are one list, Table, with the reasons for
// the order beside it; each pass is one file. Nothing here knows registers or
// instructions, except that constants fit into 32 bits or do not.
//
// What the kernel's verifier knows limits what may be rewritten: a mask that
// seems superfluous stays if only a division or a byte swap bounds its operand,
// because old verifiers do not follow those; a lookup is never merged with
// another one, because each result has its own null check; a value that was
// compared stays the value that is used afterwards.
package pass
