// Package event is the stream of what a run of a script produces: typed values
// in the order in which they happened. A session (or a replay) sends events, a
// Sink takes them. Printers, the recorder and exporters are sinks; none of them
// depends on how a script is compiled or run.
//
// Events carry values with their types, and what formats them, instead of text.
// A sink chooses the form:
//
//   - text: [value.AppendFormat], [value.AppendText], [value.AppendMapValue];
//   - JSON: [value.AppendJSON] and its relatives;
//   - rows of typed columns: [Map.Table] and [Value.Table].
//
// Each event with values has a Resolver, which turns the numbers that only the
// traced machine can explain (addresses, user ids, clocks) into names.
//
// Maps arrive as snapshots. A run pushes one for each print(@m) and for each map
// at its end; a sink that is a [Puller] also asks for snapshots whenever it likes.
//
// # Versions
//
// [Version] is the version of the stream. Within a version, types and fields may
// be added: a sink ignores events whose type it does not know. A change of what
// an existing field means raises the version. The JSON form of the stream is
// described in docs/output.schema.json, which has the same version.
package event

// Version is the version of the stream and of its JSON form.
const Version = 1
