package stdlib

import (
	"probe/compiler/builtin"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// graphs: the tree of calls below the function of an fgraph: probe.
var graphs = []*builtin.Func{
	{Sig: graphSig(), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand { return l.Graph(c, keepGraph) }},
}

func graphSig() *types.Signature {
	s := bare("graph", "X-FGRAPH", types.GraphType, "The tree of the calls below the function, in fgraph: probes. As a key of a map it stands for the shape of the tree: the calls without times and results.")
	s.Context = true
	s.Effects, s.Uses = types.Loops, types.Uses{Graph: true}
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		if !c.Site.Graph {
			return nil, problem("wrong-probe", -1, "`graph` can not be used with \""+c.Site.Provider+"\" probes, only with `fgraph:`")
		}
		return types.GraphType, nil
	}
	return s
}

// keepGraph is the record that hands a graph to user space: the call it is the
// tree of, and the calls themselves where programs record them.
var keepGraph = &builtin.Func{
	Sig: &types.Signature{Name: "graph", Row: "X-FGRAPH", Format: -1, Async: true},
	Event: &builtin.Event{Handle: func(env builtin.Env, r *builtin.Record) error {
		arg := func(i int) value.Value {
			if i < len(r.Args) {
				return r.Args[i]
			}
			return value.Value{T: types.InvalidType}
		}
		g := &builtin.GraphRecord{
			ID:    value.GraphID{Time: arg(0).Uint(), TID: int32(arg(1).Uint()), Probe: uint32(arg(2).Uint())},
			Start: arg(6).Uint(),
			Ret:   arg(3).Uint(),
			PID:   int32(arg(4).Uint() >> 32),
			Comm:  string(arg(5).Str()),
		}
		if len(r.Args) > builtin.GraphData {
			used, data := int(arg(builtin.GraphUsed).Uint()), arg(builtin.GraphData).B
			g.Lost = arg(builtin.GraphLost).Uint()
			g.Events = data[:min(max(used, 0), len(data))]
		}
		env.KeepGraph(g)
		return nil
	}},
}
