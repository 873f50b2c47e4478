package recording

import (
	"encoding/json"
	"fmt"

	"probe/runtime/sink"
)

// Missing is what makes the recording itself incomplete, for the receipt.
func (r *Machine) Missing() []sink.ReceiptItem {
	var out []sink.ReceiptItem
	if d := r.rec.Damage; d != nil {
		out = append(out, sink.ReceiptItem{Kind: sink.Damaged, Where: r.name, Count: 1, Detail: fmt.Sprintf("from line %d on: %v", d.Line, d.Err)})
	}
	if e := r.rec.End; e != nil {
		if e.Lost > 0 {
			out = append(out, sink.ReceiptItem{Kind: sink.LostEvents, Count: e.Lost, Detail: "while it was recorded"})
		}
		if e.MissedReturns > 0 {
			out = append(out, sink.ReceiptItem{Kind: sink.MissedReturns, Count: e.MissedReturns, Detail: "while it was recorded"})
		}
	}
	for i := range r.rec.Events {
		if e := &r.rec.Events[i]; e.Incomplete() {
			out = append(out, recordedReceipt(e.JSON)...)
		}
	}
	return out
}

// recordedReceipt takes from the receipt of a recorded script what says that
// calls or trees may be missing. The rest is about what it printed.
func recordedReceipt(text []byte) []sink.ReceiptItem {
	var r struct {
		Data []struct {
			Kind  sink.ReceiptKind `json:"kind"`
			Where string           `json:"where"`
			Count uint64           `json:"count"`
		} `json:"data"`
	}
	if json.Unmarshal(text, &r) != nil {
		return nil // the caller has parsed it
	}
	var out []sink.ReceiptItem
	for _, it := range r.Data {
		switch it.Kind {
		case sink.LostEvents, sink.LostGraphs, sink.MissedReturns, sink.Recursion, sink.NotAttached:
			out = append(out, sink.ReceiptItem{Kind: it.Kind, Where: it.Where, Count: it.Count, Detail: "while it was recorded"})
		}
	}
	return out
}
