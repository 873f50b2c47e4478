package check

import (
	"maps"
	"slices"
)

// WordNames returns the names that the checker itself defines.
func WordNames() []string { return slices.Sorted(maps.Keys(words)) }

// Narrower is narrower.
var Narrower = narrower

// OneMachine is oneMachine.
var OneMachine = oneMachine
