// Package store keeps the call graphs of fgraph: probes while a script runs.
//
// A Keeper serves the probes of one object. It takes the records with which
// programs request the graph of a call (fgraph.Record) and, from the tracer or
// from a recording, the trees of all watched functions. It returns the
// requested trees by the value of `graph` in the script (value.GraphID), and
// their shapes for keys of maps.
//
// Programs that record the calls themselves send them with the record. The
// tracer's trees arrive separately, some milliseconds earlier or later: a
// Tracer holds them for a while, and Find waits until the requested one must
// have arrived.
package store
