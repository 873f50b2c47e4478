package session

import (
	"testing"

	"probe/compiler/object"
	"probe/runtime/machine/live/unwind"
)

// Programs and tables agree on the form of rows.
func TestRowsOfTables(t *testing.T) {
	for name, pair := range map[string][2]int{
		"row": {object.UnwindRow, unwind.RowSize}, "unknown": {object.UnwindUnknown, unwind.Unknown},
		"from sp": {object.UnwindFromSP, unwind.FromSP}, "from bp": {object.UnwindFromBP, unwind.FromBP},
		"at sp": {object.UnwindAtSP, unwind.AtSP}, "at bp": {object.UnwindAtBP, unwind.AtBP},
		"stub": {object.UnwindStub, unwind.Stub}, "signal": {object.UnwindSignal, unwind.Signal},
		"bp at bp":  {object.UnwindBPAtBP, unwind.BPAtBP},
		"signal bp": {object.UnwindSignalBP, unwind.SignalBP}, "signal sp": {object.UnwindSignalSP, unwind.SignalSP}, "signal pc": {object.UnwindSignalPC, unwind.SignalPC},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: programs have %d, tables %d", name, pair[0], pair[1])
		}
	}
}
