// Package machine is the interface through which everything asks about a
// machine: which probes it has, what its types look like, what the functions
// of the language want to know while a script is checked, and what programs
// may use on it.
//
// There are three machines:
//
//   - live.Machine is the running kernel. Programs are loaded into it.
//   - recording.Machine is a recording of call trees. It answers with what was
//     recorded, and runs programs in an interpreter.
//   - files.Machine is another kernel, described by a file with its types and a
//     list of its functions. Scripts can be checked against it and not run.
//
// A Machine belongs to nobody: it may serve any number of scripts at the same
// time, and a process may have several. Everything that was found out hangs on
// the value, and is found out when it is first asked for. A View is what one
// script sees of a machine; it collects what the machine could not answer that
// script.
//
// Package engine takes a script through check, compilation and run against any
// of them.
package machine
