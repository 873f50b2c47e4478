package stdlib

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// control are functions on whole maps and on the run itself.
func control() []*builtin.Func {
	return []*builtin.Func{
		{Sig: resets(types.DeletesKeys, async("clear", "F-CLEAR", "clear(@map)", "Deletes every key.", param("map", types.MapParam))), UserHalf: &builtin.UserHalf{Handle: func(env builtin.Env, r *builtin.Record) error {
			env.ClearMap(r.Call.Map)
			return nil
		}}},
		{Sig: deleteSig(), Lower: lowerDelete},
		{Sig: exitSig(), UserHalf: &builtin.UserHalf{Wake: true, Handle: handleExit, After: func(l builtin.Lowerer, _ *hir.Call) { l.Return() }}},
		{Sig: shapes(effects(types.Writes, call("find", "F-FIND", "find(@map, key, $value)", types.BoolType, "Copies the value of a key into a variable; true if the key is there.",
			param("map", types.MapParam), param("key", types.KeyParam), param("value", types.LValueParam))), "@e$"), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.Find(c.Args[0].(*hir.MapArg).Map, c.Args[1], c.Args[2].(*hir.VarAddr).Var))
		}},
		{Sig: shapes(call("has_key", "F-HASKEY", "has_key(@map, key)", types.BoolType, "Whether a key is in the map.", param("map", types.MapParam), param("key", types.KeyParam)), "@e"), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.HasKey(c.Args[0].(*hir.MapArg).Map, c.Args[1]))
		}},
		{Sig: shapes(lenSig(), "@", "e"), Prefers: []target.Feature{target.ForEachMapElem}, Lower: lowerLen},
		{Sig: signalSig("signal", "Sends a signal to the current process."), Lower: lowerSignal(ir.HelperSendSignal)},
		{Sig: signalSig("signal_thread", "Sends a signal to the current thread."), Lower: lowerSignal(ir.HelperSendSignalTID)},
		{Sig: resets(types.ZeroesValues, async("zero", "F-ZERO", "zero(@map)", "Sets every value to zero.", param("map", types.MapParam))), UserHalf: &builtin.UserHalf{Handle: func(env builtin.Env, r *builtin.Record) error {
			env.ZeroMap(r.Call.Map)
			return nil
		}}},
		later("filter", "X-FN"),
	}
}

func resets(r types.Reset, s *types.Signature) *types.Signature {
	s.Resets = r
	return s
}

func deleteSig() *types.Signature {
	s := shapes(effects(types.Deletes, call("delete", "F-DELETE", "delete(@map, key) or delete(@map)", types.BoolType, "Deletes a key; true if it was there.",
		param("map", types.MapElemParam), opt(param("key", types.KeyParam)))), "@$", "@e", "@", "e")
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		switch a := &c.Args[0]; {
		case a.Map == nil && a.Type != nil:
			return nil, worded(problem("map-expected", 0, "delete() takes a map and a key"), "delete() expects a map argument")
		case a.Map != nil && !a.Keyed && len(c.Args) == 1 && a.Map.Key != nil && !a.Map.Scalar:
			p := problem("map-key", 0, "delete() of a map with keys needs a key")
			p.Help = "clear(@" + a.Map.Name + ") deletes all of them"
			return nil, worded(p, "call to delete() with a single argument expects a map without explicit keys (scalar map)")
		}
		return types.BoolType, nil
	}
	return s
}

func lenSig() *types.Signature {
	s := call("len", "F-LEN", "len(@map) or len(stack)", types.Int64, "Number of entries, or of frames.", param("map", types.MapElemParam))
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		switch a := &c.Args[0]; {
		case a.Map != nil && !a.Keyed:
			if a.Map.Scalar {
				return nil, worded(problem("bad-argument", 0, "len() takes a map with keys or a stack; @"+a.Map.Name+" has no keys"), "call to len() expects a map with explicit keys (non-scalar map)")
			}
		case a.Type != nil && a.Type.Kind != types.KStack && a.Type.Kind != types.UStack:
			return nil, worded(problem("bad-argument", 0, "len() takes a map with keys or a stack (`"+a.Type.Plain()+"` provided)"), "call to len() expects a map, ustack, or kstack")
		}
		return types.Int64, nil
	}
	return s
}

// signalSig returns the signature of a function that takes a signal as a
// number, or as a name with or without SIG.
func signalSig(name, doc string) *types.Signature {
	s := unsafe(effects(types.Acts, call(name, "F-SIGNAL", name+"(n) or "+name+`("NAME")`, types.VoidType, doc+" n is a number, or a name such as \"SIGTERM\" or \"term\".", param("signal", types.AnyParam))))
	s.Probes = []string{"kprobe", "kretprobe", "uprobe", "uretprobe", "usdt", "tracepoint", "profile", "fentry", "fexit", "rawtracepoint", "call", "ret"}
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		switch a := c.Args[0]; {
		case a.Type == nil:
			return nil, nil
		case a.Const != nil && a.Type.Kind == types.String:
			if signalNumber(a.Const.Str) == 0 {
				return nil, worded(problem("bad-argument", 0, "`"+a.Const.Str+"` is no signal"), "Invalid string for signal: "+a.Const.Str)
			}
		case !a.Type.IsInt():
			return nil, problem("bad-argument", 0, name+"() takes a number or the name of a signal (`"+a.Type.Plain()+"` provided)")
		case a.Const != nil && (a.Const.Int < 1 || a.Const.Int > uint64(value.MaxSignal)):
			return nil, worded(problem("bad-argument", 0, fmt.Sprintf("signals have the numbers 1 to %d", value.MaxSignal)),
				fmt.Sprintf("%s() accepts a string literal or an integer between 1 and %d (inclusive)", name, value.MaxSignal))
		}
		return types.VoidType, nil
	}
	return s
}

// signalNumber returns the number of a signal by its name, 0 if there is none.
func signalNumber(name string) int64 {
	name = strings.ToUpper(name)
	if n := unix.SignalNum(name); n != 0 {
		return int64(n)
	}
	return int64(unix.SignalNum("SIG" + name))
}

// lowerSignal sends a signal with a helper. The helper fails for numbers that
// are not signals.
func lowerSignal(h ir.Helper) func(builtin.Lowerer, *hir.Call) builtin.Operand {
	return func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
		var n ir.Value
		if name, ok := c.Args[0].(*hir.Bytes); ok {
			n = l.B().Const(signalNumber(strings.TrimRight(name.V, "\x00")))
		} else {
			n = l.Scalar(c.Args[0])
		}
		l.FailCode(l.B().Ext(l.B().Call(h, n), 4, true), builtin.ErrHelper, c.At, h)
		return builtin.Operand{T: types.VoidType}
	}
}

func async(name, row, usage, doc string, params ...types.Param) *types.Signature {
	s := call(name, row, usage, nil, doc, params...)
	s.Async = true
	return s
}

func exitSig() *types.Signature {
	s := async("exit", "F-EXIT", "exit([code])", "Ends the run with a status.", opt(intParam("code")))
	s.Ends = true
	return s
}

func handleExit(env builtin.Env, r *builtin.Record) error {
	code := 0
	switch {
	case len(r.Args) > 0 && len(r.Args[0].B) > 0:
		code = int(r.Args[0].B[0])
	case len(r.Call.Consts) > 0 && r.Call.Consts[0] != nil:
		code = int(uint8(r.Call.Consts[0].Int))
	}
	env.Exit(code)
	return nil
}

func lowerDelete(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	switch a := c.Args[0].(type) {
	case *hir.MapElem:
		return scalar(c, l.Delete(a.Map, a.Key))
	case *hir.MapArg:
		if len(c.Args) > 1 {
			return scalar(c, l.Delete(a.Map, c.Args[1]))
		}
		return scalar(c, l.Delete(a.Map, nil))
	}
	panic("stdlib: delete of a value")
}

// lowerLen counts the entries of a map, or returns the number of frames of a
// stack.
func lowerLen(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	if m, ok := c.Args[0].(*hir.MapArg); ok {
		return scalar(c, l.CountEntries(m.Map, c.At))
	}
	o := l.Operand(c.Args[0])
	p := l.Local(o, c.At)
	off := 8
	if o.T.Kind == types.UStack {
		off = 16
	}
	return scalar(c, l.B().Load(p.Base, p.Off+off, 8))
}
