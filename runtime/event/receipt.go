package event

import "probe/lang/source"

// Receipt is the last event of a run. It lists what makes the results
// incomplete (dialect row X-RUN); the receipt of a complete run is empty.
type Receipt struct {
	Items []ReceiptItem
	// ReadsShown is set when failing reads were shown as they occurred.
	ReadsShown bool
	// Strict says that Untold items alone are worth a warning.
	Strict bool
}

// ReceiptItem is one thing that is missing.
type ReceiptItem struct {
	Kind  ReceiptKind
	Where string // probe, map ("@m") or function; "" if it concerns all
	Count uint64
	At    source.Span // place in the script, if there is one
	// Detail replaces the kind's usual reason when more is known ("on the
	// kernel's deny list").
	Detail string
}

// ReceiptKind names a way to be incomplete; it is the word used in JSON.
type ReceiptKind string

// The kinds.
const (
	LostEvents       ReceiptKind = "lost_events"
	MapFull          ReceiptKind = "map_full"
	MapUpdateFailed  ReceiptKind = "map_update_failed"
	MissedReturns    ReceiptKind = "missed_returns"
	Recursion        ReceiptKind = "recursion"
	TruncatedStrings ReceiptKind = "truncated_strings"
	TruncatedStacks  ReceiptKind = "truncated_stacks"
	FailedStacks     ReceiptKind = "failed_stacks"
	LostStacks       ReceiptKind = "lost_stacks"
	LostGraphs       ReceiptKind = "lost_graphs"
	GraphGaps        ReceiptKind = "graph_gaps"
	FailedReads      ReceiptKind = "failed_reads"
	LoopsCut         ReceiptKind = "loops_cut"
	NotAttached      ReceiptKind = "not_attached"
	SwitchedOff      ReceiptKind = "switched_off"
	Throttled        ReceiptKind = "throttled"
	// Unresolved counts different addresses that are shown as numbers. Who reads the
	// output sees them, so they are no reason for a warning.
	Unresolved   ReceiptKind = "unresolved_symbols"
	CommandsLeft ReceiptKind = "commands_left"
	FilesLeft    ReceiptKind = "files_left"
	Sampled      ReceiptKind = "sampled"
	Shed         ReceiptKind = "shed"
	NotRecorded  ReceiptKind = "not_recorded"
	Damaged      ReceiptKind = "damaged"
	// Untold is something that this kernel does not count. It has no number. It is
	// no reason for a warning, but a run with it is not known to be complete.
	Untold ReceiptKind = "untold"
)
