package main

import (
	"fmt"
	"slices"

	"probe/internal/inittrace"
)

// goalInit is the goal for the initialisation of all packages, in
// microseconds.
const goalInit = 1000

// inits measures on this machine what the packages do before main. Of several
// runs the fastest counts: other programs can only make one slower.
func (b *bench) inits() ([]*table, error) {
	var runs []inittrace.Init
	for range 4 * max(b.repeat, 1) {
		list, err := inittrace.Run(b.binary, "version")
		if err != nil {
			return nil, err
		}
		runs = append(runs, inittrace.Sum(list))
	}
	slices.SortFunc(runs, func(a, b inittrace.Init) int { return int(a.Time - b.Time) })
	m := runs[0]
	return []*table{{
		title: "Initialisation of packages", command: "go run ./test/bench -only init", alone: true,
		unit:    fmt.Sprintf("What every command does before it begins (`GODEBUG=inittrace=1 bin/probe version`), on the machine that ran this, the fastest of %d runs", len(runs)),
		columns: []string{"µs", "bytes", "allocations"},
		rows:    []row{{name: "all packages", goal: goalInit, figures: []float64{float64(m.Time.Microseconds()), float64(m.Bytes), float64(m.Allocs)}}},
	}}, nil
}
