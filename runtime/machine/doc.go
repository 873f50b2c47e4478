// Package machine defines the interface through which all other packages ask
// about a machine: which probes it has, what its types look like, what the
// functions of the language want to know while a script is checked, and what
// programs may use on it.
//
// There are three machines:
//
//   - live.Machine is the running kernel. Programs are loaded into it.
//   - recording.Machine is a recording of call trees. It answers with what was
//     recorded, and runs programs in an interpreter.
//   - files.Machine is another kernel, described by a file with its types and a
//     list of its functions. Scripts can be checked against it and not run.
//
// A Machine may serve any number of scripts at the same time, and a process may
// have several machines. What was found out about a machine is cached in its
// value, and is found out when it is first needed. A View is a machine as one
// script sees it; it collects what the machine could not answer for that
// script.
//
// Package engine takes a script through check, compilation and run against any
// of them.
package machine
