// Package symbol turns addresses into names, and names into addresses, for the
// kernel and for processes.
//
// Kernel names come from /proc/kallsyms. The kernel composes that text line by
// line, which takes it some 30 ms for 120,000 names, so it is the last resort:
// AddrOf and Names ask the kernel for single names and addresses, and read the
// text where the kernel cannot be asked. Kernel reads it whole, once, and keeps
// it in a compact form.
//
// User addresses go through the process's memory map to a file and an address
// in it, then through the file's symbol table (package runtime/machine/live/elf). Tables are
// shared between processes that run the same file.
package symbol
