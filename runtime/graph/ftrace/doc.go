// Package ftrace records call trees with the kernel's function_graph tracer.
// In go the names of functions, out come events for graph.Builder.
//
// What the tracer needs is written to files in the tracing directory that all
// of the machine shares. Open therefore first takes a lock, looks whether
// somebody else is tracing (BusyError), notes in a journal what it is going to
// change and what was there before, and only then changes anything. Close puts
// everything back; after a kill -9 the journal is still there and Cleanup, or
// the next Open, does it.
//
// Since 6.11 function_graph works in a tracing instance of our own, with
// buffers and most settings separate from everybody else's. Before, the top
// level has to be used, and only when nothing else uses it. A few files are
// global in either case: set_graph_function, set_graph_notrace,
// max_graph_depth and tracing_thresh.
//
// The records are read in binary, page by page, from trace_pipe_raw. Their
// layout comes from the kernel's format files, since it differs by version.
//
// The package knows nothing of the language, and prints nothing.
package ftrace
