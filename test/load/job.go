// Package load loads many scripts on a kernel and measures its verifier:
// whether it accepts each program, how many instructions it walks, how long it
// takes. The scripts are generated from fixed seeds. Every script that a kernel
// ever rejected is kept in testdata.
//
// The program test/load/drive compiles and loads them on the machine it runs
// on, so that a guest is booted once for thousands of scripts.
package load

import "time"

// Job is one script for the driver: a line of JSON.
type Job struct {
	Name string
	Text string
	// Struct, if it is set, makes the job all members of the struct of this name,
	// those of inner structs and the first ones behind pointers too: in Text, READS
	// is replaced by statements that read some of them through the pointer Expr, until
	// there are scripts for all.
	Struct, Expr string
	// Described asks for Result.Told.
	Described bool
}

// Result is the outcome of a script: a line of JSON.
type Result struct {
	Name string
	// Error is the message of the checker or the compiler if there are no
	// programs. Code is its code.
	Error, Code string
	// Told is the code of what refuses the script where the kernel is only
	// described (probe check --kernel), "" for none.
	Told     string
	Programs []Program
	// Compile is the time that parsing, checking and compiling took.
	Compile time.Duration
}

// Program is one program of a script.
type Program struct {
	Name string
	// Insns is the length in slots of 8 bytes, Verified how many instructions
	// the verifier walked, Estimate how many the compiler expected.
	Insns, Verified, Estimate int
	Time                      time.Duration
	// Refused is the errno and the verifier's reason, "" when it was loaded.
	Refused string
	// Slow is set if the load was aborted after the driver's time limit.
	Slow bool
}

// Function is the outcome of fentry or fexit at one function of the kernel: a line of
// JSON.
type Function struct {
	Name string
	Exit bool
	// Shape says what is special about its types, "" for nothing.
	Shape string
	// Told is the reason for which probe refuses it, Refused the kernel's error, ""
	// for none. Attached is set if the program was attached and not only loaded.
	Told, Refused string
	Attached      bool
}
