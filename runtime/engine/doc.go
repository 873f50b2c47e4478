// Package engine runs scripts: it is the one place that joins the language, the
// library, the compiler and the runtime, and the door to all of it for Go
// programs.
//
// There are three steps, each a function:
//
//	checked, list := engine.Check(script, machine, engine.CheckOptions{})
//	compiled, list := engine.Compile(checked, engine.CompileOptions{})
//	result, err := engine.Run(ctx, compiled, engine.RunOptions{Sink: s})
//
// A Script is a text with what it is called with. A machine.Machine is what it is
// checked against and runs on: live.New is the running kernel, recording.New a
// recording, files.New another kernel that is described by files. A sink is what
// is shown: sink.New makes those for text and JSON, and any type with the methods
// of sink.Printer will do.
//
// Messages about a script are a diag.List, with places, causes and cures;
// diag.Render shows them. Check and Compile return nil where there is an error
// among them. The error of Run is a *LoadError with such a message, or that of
// the context.
//
// An interactive session adds and removes scripts while it runs: see Session.
//
// The package prints nothing and reads no environment, flags or terminals.
package engine
