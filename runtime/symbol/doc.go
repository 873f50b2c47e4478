// Package symbol turns addresses into names, and names into addresses, for the
// kernel and for processes.
//
// Kernel names come from /proc/kallsyms. The kernel composes that text line by
// line, which takes it some 30 ms for 120,000 names, so nothing is read before
// it is needed, AddrOf stops reading at the last name it looks for, and Kernel
// reads it once and keeps it in a compact form.
//
// User addresses go through the process's memory map to a file and an address
// in it, then through the file's symbol table (package runtime/elf). Tables are
// shared between processes that run the same file.
package symbol
