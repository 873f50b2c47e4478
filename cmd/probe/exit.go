package main

import "probe/cmd/front/cli"

// Exit codes (O-EXIT-01 and the rows behind it).
const (
	exitOK       = 0
	exitUsage    = 1   // usage, compile errors, privileges, parameters
	exitInternal = 2   // a fault of the compiler
	exitStrict   = 3   // --strict and an incomplete result
	exitRun      = 255 // loading or attaching failed
)

// Exit codes of "probe diff" and "probe lab --compare", those of diff(1).
const (
	diffSame    = 0
	diffDiffer  = 1
	diffTrouble = 2
)

// statuses are the exit codes as the reference and the manual pages list them.
var statuses = []cli.Status{
	{Code: "0", About: "The command did what it was asked to, or a signal ended it in order."},
	{Code: "N", Commands: "run record repl", About: "The script called exit(N)."},
	{Code: "0", Commands: "diff lab", About: "The compared recordings, or the two cases of --compare, have the same call trees."},
	{Code: "1", Commands: "diff lab", About: "They differ."},
	{Code: "2", Commands: "diff lab", About: "They cannot be compared: a file cannot be read, has no call trees, or a case cannot be recorded."},
	{Code: "1", About: "The command line, the script or its parameters are wrong, a file cannot be read, or privileges are missing. Nothing ran."},
	{Code: "2", Commands: "run record check dump repl", About: "The compiler made a mistake: this is a bug of probe, and the message says what to report."},
	{Code: "3", Commands: "run record graph show", About: "With --strict: the result is incomplete."},
	{Code: "255", Commands: "run record graph show export lab repl", About: "The kernel refused to load or attach a program, the machine failed during the run, or the output cannot be written."},
}
