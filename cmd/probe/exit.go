package main

import "probe/cmd/front/cli"

// Exit codes (O-EXIT-01 and the rows behind it).
const (
	exitOK       = 0
	exitUsage    = 1   // usage, compile errors, privileges, parameters
	exitInternal = 2   // a bug in the compiler
	exitStrict   = 3   // an incomplete result with --strict
	exitBCCUsage = 2   // a wrong command line of a tool of bcc
	exitRun      = 255 // loading or attaching failed
)

// Exit codes of "probe diff" and "probe lab --compare", those of diff(1).
const (
	diffSame    = 0
	diffDiffer  = 1
	diffTrouble = 2
)

// statuses describes the exit codes for the reference and the manual pages.
var statuses = []cli.Status{
	{Code: "0", About: "The command did what it was asked to, or a signal ended it in order. For a comparison: both sides have the same call trees."},
	{Code: "N", Commands: "run record repl", About: "The script called exit(N)."},
	{Code: "1", Except: "diff", About: "The command line, the script or its parameters are wrong, a file cannot be read, or privileges are missing. Nothing ran."},
	{Code: "1", Commands: "diff lab", About: "The compared call trees differ (lab: with --compare)."},
	{Code: "2", Commands: "diff lab", About: "The two sides cannot be compared: a file cannot be read or has no call trees, a case cannot be recorded (lab: with --compare), or the command line of diff is wrong."},
	{Code: "2", Commands: "run record check dump repl", About: "The compiler made a mistake: this is a bug of probe, and the message says what to report."},
	{Code: "2", Commands: "trace count argdist stack latency slower tplist", About: "The command line is wrong."},
	{Code: "3", Commands: "run record graph show", About: "With --strict: the result is incomplete."},
	{Code: "255", Except: "diff", About: "The kernel refused to load or attach a program, the machine failed during the run, or the output cannot be written."},
}
