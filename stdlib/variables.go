package stdlib

import (
	"errors"
	"regexp"
	"sync"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// variables has the addresses of variables of the kernel and of programs.
func variables() []*builtin.Func {
	return []*builtin.Func{
		{Sig: &types.Signature{Name: "percpu_kaddr", Row: "F-PERCPUKADDR", Usage: `percpu_kaddr("variable", [cpu])`, Format: -1, KernelTypes: true,
			Doc:      "Address of a per-CPU variable of the kernel, for this CPU or for another; 0 if there is no such CPU.",
			Params:   []types.Param{param("variable", types.LitString), opt(intParam("cpu"))},
			NoReplay: "the kernel's data is not in it", Infer: perCPUType}, Lower: lowerPerCPU},
		{Sig: &types.Signature{Name: "uaddr", Row: "F-UADDR", Usage: `uaddr("symbol")`, Format: -1, Context: true, Registers: true, Uses: types.Uses{Place: true, Reg: true},
			Doc:    "Address of a symbol of the probed program or library, as a pointer to an unsigned integer of the symbol's size.",
			Params: []types.Param{param("symbol", types.LitString)}, Probes: []string{"uprobe", "uretprobe", "usdt"},
			NoReplay: "there is no process to look into", Infer: uaddrType}, Prefers: []target.Feature{target.FuncIP}, Lower: lowerUaddr},
	}
}

// perCPUType finds the variable. Its facts are its address and that of the table
// of the CPUs' offsets.
func perCPUType(c *types.Call) (*types.Type, *types.Problem) {
	v, ok := c.Env.(types.Variables)
	if !ok {
		return nil, problem("unknown-symbol", 0, "the variables of the kernel are not known here")
	}
	name := c.Args[0].Const.Str
	addr, offsets, err := v.PerCPU(name)
	var none *types.NoVariableError
	switch {
	case errors.As(err, &none):
		p := worded(problem("unknown-symbol", 0, "the kernel has no per-CPU variable `"+name+"`: "+err.Error()), "Could not resolve variable \""+name+"\" from BTF")
		p.Help = "variables that exist once have their address from kaddr()"
		return nil, p
	case err != nil:
		return nil, problem("unknown-symbol", 0, "the address of the per-CPU variable `"+name+"` cannot be seen: "+err.Error())
	}
	c.Facts = []uint64{addr, offsets}
	return types.Uint64, nil
}

// lowerPerCPU adds the offset of the CPU to the variable's address, as the kernel
// does.
func lowerPerCPU(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	addr, offsets := c.Facts[0], c.Facts[1]
	of := func(cpu ir.Value) ir.Value {
		at := b.Bin(ir.OpAdd, b.Const(int64(offsets)), b.BinI(ir.OpMul, cpu, 8))
		tmp := l.Scratch(8, "offset")
		l.Read(tmp, b.Const(8), at, types.Kernel, c.At)
		return b.Bin(ir.OpAdd, b.Load(tmp.Base, tmp.Off, 8), b.Const(int64(addr)))
	}
	if len(c.Args) == 1 {
		return scalar(c, of(l.CPU()))
	}
	cpu := l.Scalar(c.Args[1])
	return scalar(c, l.IfElse(ir.ULT, cpu, b.Const(int64(l.Target().NCPU)),
		func() ir.Value { return of(cpu) }, func() ir.Value { return b.Const(0) }))
}

// symbolName is what the names of symbols of uaddr consist of.
var symbolName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9./_-]+$`) })

// uaddrType finds the symbol. Its facts are the address that it is linked for,
// the distance from the probe, and whether the file can be loaded anywhere.
func uaddrType(c *types.Call) (*types.Type, *types.Problem) {
	v, ok := c.Env.(types.Variables)
	if !ok {
		return nil, problem("unknown-symbol", 0, "the symbols of programs are not known here")
	}
	name := c.Args[0].Const.Str
	if !symbolName().MatchString(name) {
		return nil, worded(problem("bad-argument", 0, "`"+name+"` cannot be the name of a symbol"), "__builtin_uaddr() expects a string that is a valid symbol (^[a-zA-Z0-9./_-]+$) as input (\""+name+"\" provided)")
	}
	sym, err := v.UserVariable(c.Site.Path, c.Site.Offset, name)
	var none *types.NoVariableError
	switch {
	case errors.As(err, &none):
		return nil, worded(problem("unknown-symbol", 0, "`"+c.Site.Path+"` has no symbol `"+name+"`"), "Could not resolve symbol: "+c.Site.Path+":"+name)
	case err != nil:
		return nil, problem("unknown-symbol", 0, "the symbols of `"+c.Site.Path+"` cannot be read: "+err.Error())
	}
	moves := uint64(0)
	if sym.Moves {
		moves = 1
	}
	c.Facts = []uint64{sym.Addr, sym.Distance, moves}
	size := int(sym.Size)
	if size != 1 && size != 2 && size != 4 {
		size = 8
	}
	return types.PointerTo(types.IntType(size, false), types.User), nil
}

// lowerUaddr takes the place where the file was loaded from the address of the
// probed instruction, which is known as well.
func lowerUaddr(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	addr, distance, moves := c.Facts[0], c.Facts[1], c.Facts[2] == 1
	var at ir.Value
	switch {
	case !moves:
		return scalar(c, b.Const(int64(addr)))
	case !l.Site().Attach.Kind.Returned():
		at = b.Load(l.Ctx(), l.Target().Arch.Regs[l.Target().Arch.IP], 8)
	case l.Target().Has(target.FuncIP):
		// At the return the registers are those of the caller. Kernels before 6.6
		// do not know where a user function begins, and say 0.
		at = b.Call(ir.HelperFuncIP, l.Ctx())
		l.FailIf(ir.EQ, at, b.Const(0), builtin.ErrHelper, c.At, ir.HelperFuncIP)
		return scalar(c, l.Select(ir.EQ, at, b.Const(0), b.Const(0), b.Bin(ir.OpAdd, at, b.Const(int64(distance)))))
	default:
		l.Refuse("missing-kernel-feature", c.At, "this kernel does not tell at the return of a user function where the file is loaded",
			"the helper get_func_ip does so since Linux 6.6", "call uaddr() at the entry of the function")
		return l.Zeroed(c.T)
	}
	return scalar(c, b.Bin(ir.OpAdd, at, b.Const(int64(distance))))
}
