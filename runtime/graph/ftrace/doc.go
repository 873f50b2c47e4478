// Package ftrace records call trees with the kernel's function_graph tracer. It
// takes the names of functions and delivers events for graph.Builder.
//
// The tracer is controlled by files in the tracing directory, which the whole
// machine shares. Open therefore takes a lock, checks whether somebody else is
// tracing (BusyError), writes what it is going to change and the old values to
// a journal, and only then changes anything. Close restores everything. After a
// kill -9 the journal still exists, and Cleanup or the next Open restores the
// settings.
//
// Since kernel 6.11 function_graph works in a tracing instance, with buffers
// and most settings separate from everybody else's. Older kernels have it at
// the top level only, which probe uses only when nothing else does. A few files
// are global in either case: set_graph_function, set_graph_notrace,
// max_graph_depth and tracing_thresh.
//
// The records are read in binary, page by page, from trace_pipe_raw. Their
// layout comes from the kernel's format files, since it differs by version.
//
// The package knows nothing of the language, and prints nothing.
package ftrace
