package sink

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/value"
)

// Receipt tells at the end of a run what makes its results incomplete (dialect
// row X-RUN). A complete run has an empty one.
type Receipt struct {
	Items []ReceiptItem
	// ReadsShown tells that failing reads were shown as they came (-k).
	ReadsShown bool
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
	NotRecorded      ReceiptKind = "not_recorded"
	Damaged          ReceiptKind = "damaged"
)

// receiptKinds holds the words of each kind. one and many are used by number;
// the place goes in at the @, after the word in where.
var receiptKinds = map[ReceiptKind]struct{ one, many, where, why, help string }{
	LostEvents: {"event@ was lost", "events@ were lost", " of ", "the ring buffer was full",
		"print less in the probe, or raise perf_rb_pages in the config block"},
	MapFull: {"update@ was refused", "updates@ were refused", " of ", "the map is full",
		"raise max_map_keys in the config block, or declare the map with more entries"},
	MapUpdateFailed: {"update@ failed", "updates@ failed", " of ", "the kernel had no memory for the entry, or the map was busy",
		"raise max_map_keys in the config block"},
	MissedReturns: {"return@ was missed", "returns@ were missed", " of ", "its call was not seen, or too many calls ran at once",
		"calls that were under way when tracing started are always among these"},
	Recursion: {"run@ was skipped", "runs@ were skipped", " of ", "a probe was already running on that CPU",
		"avoid probing functions that the probes themselves call"},
	TruncatedStrings: {"string@ was cut", "strings@ were cut", " in ", "longer than max_strlen",
		"raise max_strlen in the config block"},
	TruncatedStacks: {"stack@ was cut", "stacks@ were cut", " in ", "deeper than the limit of the call",
		"give a larger limit, as in kstack(127)"},
	FailedStacks: {"stack@ could not be read", "stacks@ could not be read", " in ", "the kernel gave no frames", ""},
	LostStacks: {"stack@ was not kept", "stacks@ were not kept", " in ", "there was no room for another",
		"raise max_map_keys in the config block, or lower the limit, as in kstack(10)"},
	LostGraphs: {"call graph@ was not recorded", "call graphs@ were not recorded", " of ", "the call was under way already, or another one took its place in memory", ""},
	GraphGaps: {"event@ of call graphs was lost", "events@ of call graphs were lost", " of ", "the trees have gaps",
		"record less: depth=, only=, skip="},
	FailedReads: {"read@ failed", "reads@ failed", " in ", "the memory was not present; zero was used instead",
		"run with -k to see each one"},
	LoopsCut: {"loop@ was cut short", "loops@ were cut short", " in ", "the bound on turns was reached", ""},
	NotAttached: {"function was not attached@", "functions were not attached@", ": ", "the kernel does not allow it",
		"run with -v to see the reason for each"},
	NotRecorded: {"call@ was left out", "calls@ were left out", " of ", "the recording lacks what the probe needs", ""},
	Damaged:     {"recording@ is damaged", "recordings@ are damaged", " ", "what comes after cannot be read", ""},
}

// Diagnostic is the receipt as one warning: a note for each item, and after
// them what to do, each advice once. It is nil for a complete run.
func (r *Receipt) Diagnostic() *diag.Diagnostic {
	if len(r.Items) == 0 {
		return nil
	}
	d := &diag.Diagnostic{Severity: diag.Warning, Message: "the results of this run are not complete"}
	for i := range r.Items {
		it := &r.Items[i]
		d.WithNote("%s", it.text())
		if r.ReadsShown && it.Kind == FailedReads || it.Detail != "" && it.Kind != NotAttached {
			continue // the help is to show them, or about the usual reason
		}
		if help := receiptKinds[it.Kind].help; help != "" && !slices.Contains(d.Helps, help) {
			d.WithHelp("%s", help)
		}
	}
	return d
}

// text is one item in words: place, number, what, where and why.
func (it *ReceiptItem) text() string {
	words, known := receiptKinds[it.Kind]
	if !known {
		words.one, words.many, words.where = string(it.Kind)+"@", string(it.Kind)+"@", " in "
	}
	var b strings.Builder
	if it.At.Valid() {
		b.WriteString(it.At.String() + ": ")
	}
	what := words.many
	if it.Count == 1 {
		what = words.one
	}
	where := ""
	if it.Where != "" {
		where = words.where + it.Where
	}
	fmt.Fprintf(&b, "%d %s", it.Count, strings.Replace(what, "@", where, 1))
	why := words.why
	if it.Detail != "" {
		why = it.Detail
	}
	if why != "" {
		fmt.Fprintf(&b, " (%s)", why)
	}
	return b.String()
}

func (it *ReceiptItem) appendJSON(dst []byte) []byte {
	dst = value.AppendJSONString(append(dst, `{"kind": `...), string(it.Kind))
	if it.Where != "" {
		dst = value.AppendJSONString(append(dst, `, "where": `...), it.Where)
	}
	dst = strconv.AppendUint(append(dst, `, "count": `...), it.Count, 10)
	if it.Detail != "" {
		dst = value.AppendJSONString(append(dst, `, "detail": `...), it.Detail)
	}
	if it.At.Valid() {
		dst = appendJSONPlace(dst, it.At)
	}
	return append(dst, '}')
}
