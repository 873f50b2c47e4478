// Package engine runs scripts: it is the only package that joins the language,
// the library, the compiler and the runtime, and the one that Go programs
// import.
//
// There are three steps, each a function:
//
//	checked, list := engine.Check(script, machine, engine.CheckOptions{})
//	compiled, list := engine.Compile(checked, engine.CompileOptions{})
//	result, err := engine.Run(ctx, compiled, engine.RunOptions{Sink: s})
//
// A Script is a text and its parameters. A machine.Machine is the machine that
// it is checked against and runs on: live.New is the running kernel,
// recording.New a recording, files.New another kernel, described by files. A
// sink receives the events of the run: sink.New returns the sinks for text,
// JSON and so on, and any implementation of event.Sink will do.
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
