package stdlib

import (
	"probe/compiler/builtin"
	"probe/lang/types"
	"probe/stdlib/fgraph"
)

// graphs has the tree of calls below the function of an fgraph: probe.
func graphs() []*builtin.Func {
	return []*builtin.Func{{Sig: graphSig(), Part: fgraph.Programs, PartNeeds: fgraph.Needs}}
}

func graphSig() *types.Signature {
	s := bare("graph", "X-FGRAPH", types.GraphType, "The tree of the calls below the function, in fgraph: probes. As a key of a map it stands for the shape of the tree: the calls without times and results.")
	s.Context = true
	s.Effects, s.Uses = types.Loops, types.Uses{Graph: true}
	s.Probes = []string{"fgraph"}
	return s
}
