// Package stdlib defines what scripts can call: functions, builtin values and
// aggregations, one record each in the file of its subject. Table lists them by
// name; the checker, the lowering, the runtime, completion and the reference
// page all read it. Modules written in the language itself are in prelude/.
package stdlib

import (
	"sync"

	"probe/compiler/builtin"
	"probe/lang/types"
)

// rows lists every record, grouped by subject. They are made when they are first
// needed, since every command pays for what packages make at their start.
var rows = []func() []*builtin.Func{
	act, aggregations, bytes_, control, graphs, memory, network, output, process, stacks, strings_, symbols, times, trusted, variables,
}

// records indexes every row by name, including those of functions that are not
// implemented yet.
var records = sync.OnceValue(func() map[string]*builtin.Func {
	m, words := map[string]*builtin.Func{}, says()
	for _, group := range rows {
		for _, f := range group() {
			if m[f.Sig.Name] != nil {
				panic("stdlib: " + f.Sig.Name + " is listed twice")
			}
			m[f.Sig.Name], f.Sig.Says = f, words[f.Sig.Name]
		}
	}
	return m
})

var table = sync.OnceValue(func() map[string]*builtin.Func {
	m := map[string]*builtin.Func{}
	for name, f := range records() {
		if !f.Sig.Missing {
			m[name] = f
		}
	}
	return m
})

// Table returns every builtin by name. It is shared and must not be changed.
func Table() map[string]*builtin.Func { return table() }

// Signatures returns the signatures of the table, and those of functions that
// are not implemented yet (types.Signature.Missing).
func Signatures() map[string]*types.Signature {
	m := make(map[string]*types.Signature, len(table()))
	for name, f := range records() {
		m[name] = f.Sig
	}
	return m
}

// later returns a placeholder for a function of the language that is not
// implemented yet. A real record replaces it.
func later(name, row string) *builtin.Func {
	return &builtin.Func{Sig: &types.Signature{Name: name, Row: row, Format: -1, Missing: true}}
}

// known sets how early a value is known in a probe at a return.
func known(k types.Known, s *types.Signature) *types.Signature { s.Known = k; return s }

// effects sets the side effects of a call.
func effects(e types.Effect, s *types.Signature) *types.Signature { s.Effects = e; return s }

// noReplay sets the reason why a recording cannot answer.
func noReplay(why string, s *types.Signature) *types.Signature { s.NoReplay = why; return s }

// shapes sets the argument lists that no macro of plain words hides.
func shapes(s *types.Signature, lists ...string) *types.Signature { s.Shapes = lists; return s }

// uses sets what a body that mentions the name needs of its site.
func uses(u types.Uses, s *types.Signature) *types.Signature { s.Uses = u; return s }

// reserved keeps macros from redefining a name.
func reserved(s *types.Signature) *types.Signature { s.Reserved = true; return s }

// bare returns a builtin value: a name that may also be called without
// arguments.
func bare(name, row string, t *types.Type, doc string) *types.Signature {
	return &types.Signature{Name: name, Row: row, Usage: name, Doc: doc, Bare: true, Result: t, Format: -1}
}

// call returns a function with a result that does not depend on the call.
func call(name, row, usage string, t *types.Type, doc string, params ...types.Param) *types.Signature {
	return &types.Signature{Name: name, Row: row, Usage: usage, Doc: doc, Result: t, Params: params, Format: -1}
}

// opt makes a parameter optional.
func opt(p types.Param) types.Param { p.Optional = true; return p }

func param(name string, k types.ParamKind) types.Param { return types.Param{Name: name, Kind: k} }

func intParam(name string) types.Param {
	return types.Param{Name: name, Kind: types.IntParam}
}

// problem returns a Problem with one argument.
func problem(code string, arg int, msg string) *types.Problem {
	return &types.Problem{Code: code, Arg: arg, Message: msg}
}

// worded sets bpftrace's words for a problem.
func worded(p *types.Problem, compat string) *types.Problem { p.Compat = compat; return p }

// litInt reads a literal integer argument.
func litInt(c *types.Call, i int) (int64, bool) {
	if i >= len(c.Args) || c.Args[i].Const == nil {
		return 0, false
	}
	return int64(c.Args[i].Const.Int), true
}
