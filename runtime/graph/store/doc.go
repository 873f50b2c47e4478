// Package store has the call graphs of fgraph: probes while a script runs.
//
// A Keeper serves the probes of one object. In go the records by which programs say that they want the graph of a call
// (fgraph.Record) and, from the tracer, all trees of the functions that are
// watched, or those of a recording; out come the trees that were wanted, by the value of `graph` in
// the script (value.GraphID), and their shapes for keys of maps.
//
// Programs that record the calls themselves send them with the record. The
// tracer's trees come by another way, some milliseconds apart: a Tracer holds
// them for a while, and Find waits until the one that is asked for must have
// come.
package store
