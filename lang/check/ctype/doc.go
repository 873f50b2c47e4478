// Package ctype implements the C side of a script: the structs, unions, enums
// and typedefs of its C section and of imported headers, laid out by the C ABI
// for LP64, the constants of kernel headers, and the names of types that need
// no definition. It resolves a type name in the language, the script and the
// kernel, in this order.
package ctype
