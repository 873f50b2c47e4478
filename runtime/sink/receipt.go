package sink

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/event"
)

// receiptKinds holds the texts for each kind of item. one and many are the
// singular and the plural; the place, with the word in where before it,
// replaces the @.
var receiptKinds = map[event.ReceiptKind]struct{ one, many, where, why, help string }{
	event.LostEvents: {"event@ was lost", "events@ were lost", " of ", "the ring buffer was full",
		"print less in the probe, or raise perf_rb_pages in the config block"},
	event.MapFull: {"update@ was refused", "updates@ were refused", " of ", "the map is full",
		"raise max_map_keys in the config block, or declare the map with more entries"},
	event.MapUpdateFailed: {"update@ failed", "updates@ failed", " of ", "the kernel had no memory for the entry, or the map was busy",
		"raise max_map_keys in the config block"},
	event.MissedReturns: {"return@ was missed", "returns@ were missed", " of ", "its call was not seen, or too many calls ran at once",
		"calls that were under way when tracing started are always among these"},
	event.Recursion: {"run@ was skipped", "runs@ were skipped", " of ", "a probe was already running on that CPU",
		"avoid probing functions that the probes themselves call"},
	event.TruncatedStrings: {"string@ was cut", "strings@ were cut", " in ", "longer than max_strlen",
		"raise max_strlen in the config block"},
	event.TruncatedStacks: {"stack@ was cut", "stacks@ were cut", " in ", "deeper than the limit of the call",
		"give a limit, as in kstack(100), or raise max_stack_frames; the kernel gives at most kernel.perf_event_max_stack"},
	event.FailedStacks: {"stack@ could not be read", "stacks@ could not be read", " in ", "the kernel gave no frames", ""},
	event.LostStacks: {"stack@ was not kept", "stacks@ were not kept", " in ", "there was no room for another",
		"raise max_map_keys in the config block, or lower the limit, as in kstack(10)"},
	event.LostGraphs: {"call graph@ was not recorded", "call graphs@ were not recorded", " of ", "the call was under way already, or another one took its place in memory", ""},
	event.GraphGaps: {"event@ of call graphs was lost", "events@ of call graphs were lost", " of ", "the trees have gaps",
		"record less: depth=, only=, skip="},
	event.FailedReads: {"read@ failed", "reads@ failed", " in ", "the memory was not present; zero was used instead",
		"run with -k to see each one"},
	event.LoopsCut: {"loop@ was cut short", "loops@ were cut short", " in ", "the bound on turns was reached", ""},
	event.NotAttached: {"function was not attached@", "functions were not attached@", ": ", "the kernel does not allow it",
		"run with -v to see the reason for each"},
	event.SwitchedOff: {"probe@ did not run", "probes@ did not run", " ", "what it needs is switched off", ""},
	event.Sampled:     {"probe@ was sampled", "probes@ were sampled", " ", "it took too much time", ""},
	event.Shed:        {"probe@ was detached", "probes@ were detached", " ", "it took too much time", ""},
	event.NotRecorded: {"call@ was left out", "calls@ were left out", " of ", "the recording lacks what the probe needs", ""},
	event.Untold:      {"something was not counted@", "something was not counted@", " of ", "this kernel does not tell it", ""},
	event.Damaged:     {"recording@ is damaged", "recordings@ are damaged", " ", "what comes after cannot be read", ""},
	event.Throttled: {"pause@", "pauses@", " in the samples of ", "the kernel allows no more samples in one tick of its clock",
		"sample less often, or raise kernel.perf_event_max_sample_rate"},
	event.Unresolved: {"address was shown as a number@", "addresses were shown as numbers@", " in ", "no symbol is known for it",
		"install debug symbols, or read /proc/kallsyms as root"},
	event.CommandsLeft: {"command was not run", "commands were not run", "", "the run was over for a second and they still waited", "call system() less often"},
	event.FilesLeft:    {"file of cat() was not shown", "files of cat() were not shown", "", "the run was over", "call cat() less often"},
}

// receiptDiagnostic returns a receipt as one warning, with a note for each item
// and after these the advice, each piece of advice once. It is nil for a
// complete run and, unless r.Strict is set, for one in which only Untold and
// Unresolved items stand against it.
func receiptDiagnostic(r *event.Receipt) *diag.Diagnostic {
	if !slices.ContainsFunc(r.Items, func(it event.ReceiptItem) bool {
		return r.Strict || it.Kind != event.Untold && it.Kind != event.Unresolved
	}) {
		return nil
	}
	d := &diag.Diagnostic{Severity: diag.Warning, Message: "the results of this run are not complete"}
	for i := range r.Items {
		it := &r.Items[i]
		d.WithNote("%s", itemText(it))
		if r.ReadsShown && it.Kind == event.FailedReads || it.Detail != "" && it.Kind != event.NotAttached {
			continue // the advice does not apply: the reads were shown, or the reason is another one
		}
		if help := receiptKinds[it.Kind].help; help != "" && !slices.Contains(d.Helps, help) {
			d.WithHelp("%s", help)
		}
	}
	return d
}

// itemText returns the text of an item: place, number, what, where and why.
func itemText(it *event.ReceiptItem) string {
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
	if it.Kind != event.Untold {
		fmt.Fprintf(&b, "%d ", it.Count)
	}
	b.WriteString(strings.Replace(what, "@", where, 1))
	why := words.why
	if it.Detail != "" {
		why = it.Detail
	}
	if why != "" {
		fmt.Fprintf(&b, " (%s)", why)
	}
	return b.String()
}

func appendItemJSON(dst []byte, it *event.ReceiptItem) []byte {
	dst = value.AppendJSONString(append(dst, `{"kind": `...), string(it.Kind))
	if it.Where != "" {
		dst = value.AppendJSONString(append(dst, `, "where": `...), it.Where)
	}
	if it.Kind != event.Untold {
		dst = strconv.AppendUint(append(dst, `, "count": `...), it.Count, 10)
	}
	if it.Detail != "" {
		dst = value.AppendJSONString(append(dst, `, "detail": `...), it.Detail)
	}
	if it.At.Valid() {
		dst = appendJSONPlace(dst, it.At)
	}
	return append(dst, '}')
}
