// Package load loads many scripts on a kernel and looks at what its verifier
// makes of them: accepted or not, how many instructions it walked, how long it
// took. The scripts are generated from fixed seeds, and all that a kernel ever
// refused are kept in testdata.
//
// The program test/load/drive compiles and loads them on the machine it runs
// on, so that a guest is booted once for thousands of scripts.
package load

import "time"

// Job is one script for the driver: a line of JSON.
type Job struct {
	Name string
	Text string
}

// Result is what became of a script: a line of JSON.
type Result struct {
	Name string
	// Error is why there are no programs: what the checker or the compiler says.
	// Code is the code of that message.
	Error, Code string
	// Told is the code of what refuses the script where the kernel is only
	// described (probe check --kernel), "" for none.
	Told     string
	Programs []Program
	// Compile is what parsing, checking and compiling took.
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
	// Slow tells that the load was given up after the driver's limit.
	Slow bool
}
