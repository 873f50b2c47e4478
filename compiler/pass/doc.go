// Package pass rewrites functions in the intermediate form. Run takes a
// function that ir.Verify accepts and turns it into a cheaper one with the same
// behaviour. The passes and their order are one list, Table, with the reasons
// for the order next to it; each pass is one file. The passes know nothing
// about registers and instructions except which constants fit into 32 bits.
//
// The knowledge of the kernel's verifier limits the rewrites. A redundant mask
// stays if only a division or a byte swap bounds its operand, because old
// verifiers do not track those. A lookup is never merged with another one,
// because each result needs its own null check. After a comparison the compared
// value itself must be used, because the verifier only learns about that one.
package pass
