package recording

import (
	"encoding/json"
	"fmt"

	"probe/runtime/event"
)

// Missing returns what makes the recording itself incomplete, for the receipt.
func (r *Machine) Missing() []event.ReceiptItem {
	var out []event.ReceiptItem
	if d := r.rec.Damage; d != nil {
		out = append(out, event.ReceiptItem{Kind: event.Damaged, Where: r.name, Count: 1, Detail: fmt.Sprintf("from line %d on: %v", d.Line, d.Err)})
	}
	if e := r.rec.End; e != nil {
		if e.Lost > 0 {
			out = append(out, event.ReceiptItem{Kind: event.LostEvents, Count: e.Lost, Detail: "while it was recorded"})
		}
		if e.MissedReturns > 0 {
			out = append(out, event.ReceiptItem{Kind: event.MissedReturns, Count: e.MissedReturns, Detail: "while it was recorded"})
		}
	}
	for i := range r.rec.Events {
		if e := &r.rec.Events[i]; e.Incomplete() {
			out = append(out, recordedReceipt(e.JSON)...)
		}
	}
	return out
}

// recordedReceipt returns those items of a recorded script's receipt that say
// that calls or trees may be missing. The other items are about what the script
// printed.
func recordedReceipt(text []byte) []event.ReceiptItem {
	var r struct {
		Data []struct {
			Kind  event.ReceiptKind `json:"kind"`
			Where string            `json:"where"`
			Count uint64            `json:"count"`
		} `json:"data"`
	}
	if json.Unmarshal(text, &r) != nil {
		return nil // cannot happen: the caller has parsed it
	}
	var out []event.ReceiptItem
	for _, it := range r.Data {
		switch it.Kind {
		case event.LostEvents, event.LostGraphs, event.MissedReturns, event.Recursion, event.NotAttached:
			out = append(out, event.ReceiptItem{Kind: it.Kind, Where: it.Where, Count: it.Count, Detail: "while it was recorded"})
		}
	}
	return out
}
