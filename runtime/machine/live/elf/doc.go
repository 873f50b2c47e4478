// Package elf finds programs and libraries and reads what probes need from
// them: symbols, where in the file a symbol's code is, and which symbol an
// address lies in.
//
// The standard debug/elf reads headers and sections; the symbol tables are kept
// in their raw form, with an index of 24 bytes a symbol, and read on first use.
// Files are not trusted: sizes are bounded, and nothing here panics on a
// damaged file.
//
// Names are looked up as the dynamic loader and the shell do: PATH, the
// loader's cache, the usual directories; for a process in another mount
// namespace, all of them below its root.
package elf
