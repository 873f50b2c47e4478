package stdlib

import (
	"strings"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// act: what changes the traced system, and what leaves its traces elsewhere than
// in the output.
func act() []*builtin.Func {
	return []*builtin.Func{
		{Sig: assertSig(), UserHalf: &builtin.UserHalf{
			Wake:    true,
			Only:    func(l builtin.Lowerer, c *hir.Call) ir.Value { return l.B().BinI(ir.OpXor, l.Scalar(c.Args[0]), 1) },
			Prepare: func(l builtin.Lowerer, c *hir.Call) []builtin.Operand { return nil },
			Handle: func(env builtin.Env, r *builtin.Record) error {
				specs, err := value.ParseFormat("assert failed: " + strings.ReplaceAll(r.Call.Consts[1].Str, "%", "%%"))
				if err != nil {
					return err
				}
				env.Message("error", r.Call.At, specs, nil)
				env.Exit(1)
				return nil
			},
			After: func(l builtin.Lowerer, _ *hir.Call) { l.Return() },
		}},
		{Sig: overrideSig(), Needs: []target.Feature{target.OverrideReturn}, Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			l.B().Call(ir.HelperOverrideReturn, l.Ctx(), l.Scalar(c.Args[0]))
			return builtin.Operand{T: types.VoidType}
		}},
		{Sig: writeUserSig(), Lower: lowerWriteUser},
	}
}

func assertSig() *types.Signature {
	s := async("assert", "F-ASSERT", `assert(condition, "text")`, "Ends the run with status 1 and an error that says the text, if the condition is false.",
		param("condition", types.AnyParam), param("text", types.LitString))
	s.Params[0].Kind = types.IntParam
	s.Params[0].Cast = types.BoolType
	return s
}

func overrideSig() *types.Signature {
	s := unsafe(effects(types.Acts, call("override", "F-OVERRIDE", "override(value)", types.VoidType,
		"Makes the probed function return a value without running. The kernel allows it for functions that are marked for error injection.", intParam("value"))))
	s.Probes, s.Context, s.Registers = []string{"kprobe"}, true, true
	s.NoReplay = "nothing runs there that could return"
	return s
}

func writeUserSig() *types.Signature {
	s := unsafe(effects(types.Acts, call("write_user", "F-WRITEUSER", "write_user(pointer, value, length)", types.BoolType,
		"Writes the first bytes of a value to memory of the current process; true if that worked.",
		param("pointer", types.PtrParam), param("value", types.AnyParam), param("length", types.LitInt))))
	s.NoReplay = "there is no process to write to"
	s.Infer = func(c *types.Call) (*types.Type, *types.Problem) {
		t := c.Args[1].Type
		if t == nil || c.Args[2].Const == nil {
			return nil, nil
		}
		if !t.IsInt() && !inMemory(t) {
			return nil, problem("bad-argument", 1, "write_user() writes numbers, strings, arrays, tuples and structs (`"+t.Plain()+"` provided)")
		}
		if n, ok := litInt(c, 2); !ok || n < 1 || int(n) > t.Size {
			return nil, problem("bad-argument", 2, "write_user() cannot write more bytes than the value has, and at least 1")
		}
		return types.BoolType, nil
	}
	return s
}

func lowerWriteUser(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	to := l.Scalar(c.Args[0])
	var from builtin.Place
	if t := c.Args[1].Type(); t.IsScalar() {
		from = l.Scratch(8, "written")
		b.Store(from.Base, from.Off, 8, l.Scalar(c.Args[1]))
	} else {
		from = l.Local(l.Operand(c.Args[1]), c.At)
	}
	r := b.Call(ir.HelperWriteUser, to, l.Addr(from), b.Const(int64(c.Args[2].(*hir.Int).V)))
	return scalar(c, l.Select(ir.EQ, b.Ext(r, 4, true), b.Const(0), b.Const(1), b.Const(0)))
}
