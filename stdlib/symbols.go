package stdlib

import (
	"fmt"
	"strconv"
	"strings"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// symbols has addresses, errors and control groups by name.
func symbols() []*builtin.Func {
	return []*builtin.Func{
		{Sig: &types.Signature{Name: "cgroupid", Row: "F-CGROUPID", Usage: `cgroupid("path")`, Format: -1, Doc: "Id of a cgroup v2 directory.", Result: types.Uint64,
			Params: []types.Param{param("path", types.LitString)}, Fold: func(c *types.Call) (*types.Const, *types.Problem) {
				if c.Args[0].Const == nil {
					return nil, nil
				}
				id, err := c.Env.CgroupID(c.Args[0].Const.Str)
				if err != nil {
					return nil, problem("no-cgroup", 0, fmt.Sprintf("cannot read the cgroup id of `%s`: %v", c.Args[0].Const.Str, err))
				}
				return typedConst(types.Uint64, id), nil
			}}},
		{Sig: noReplay("a recording does not hold control groups", call("cgroup_path", "F-CGROUPPATH", `cgroup_path(id, ["filter"])`, types.CgroupType, "Path of a cgroup, resolved when printed.", intParam("id"), opt(param("filter", types.LitString)))),
			Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
				filter := ""
				if len(c.Args) > 1 {
					filter = c.Args[1].(*hir.Bytes).V
				}
				p, _ := l.Dest(16, "cgroup")
				l.B().Store(p.Base, p.Off, 8, l.B().Const(int64(l.Intern(filter))))
				l.B().Store(p.Base, p.Off+8, 8, l.Scalar(c.Args[0]))
				return builtin.Operand{T: c.T, Mem: &p}
			}},
		{Sig: &types.Signature{Name: "enumname", Row: "X-FN", Usage: `enumname(n, "ENUMERATOR", ["PREFIX"])`, Format: -1, KernelTypes: true, Doc: "Name of a number in the kernel's enum that has this enumerator, without the prefix.",
			Params: []types.Param{intParam("n"), param("enumerator", types.LitString), opt(param("prefix", types.LitString))}, Infer: enumnameType}, Lower: lowerSame},
		{Sig: call("errname", "X-FN", "errname(n)", types.ErrNameType, "Name of the errno in a negative number or an error pointer.", param("n", types.PtrParam)), Lower: lowerErrname},
		{Sig: &types.Signature{Name: "func", Row: "B-FUNC", Usage: "func", Bare: true, Format: -1, Context: true, Uses: types.Uses{Func: true}, Doc: "The traced function.",
			Probes: []string{"kprobe", "kretprobe", "uprobe", "uretprobe", "fentry", "fexit", "call", "ret"}, Infer: func(c *types.Call) (*types.Type, *types.Problem) {
				if c.Site.Space == types.User {
					return types.USymType, nil
				}
				return types.KSymType, nil
			}}, Prefers: []target.Feature{target.FuncIP}, Lower: lowerFunc},
		{Sig: call("is_err", "F-ISERR", "is_err(pointer)", types.BoolType, "Whether a pointer is an error code (the top 4095 values).", param("pointer", types.PtrParam)), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			v := signed64(l, c.Args[0])
			return scalar(c, l.Select(ir.UGE, v, l.B().Const(-4095), l.B().Const(1), l.B().Const(0)))
		}},
		{Sig: &types.Signature{Name: "kaddr", Row: "F-KADDR", Usage: `kaddr("symbol")`, Format: -1, Doc: "Address of a kernel symbol.", Result: types.Uint64,
			Params: []types.Param{param("symbol", types.LitString)}, Fold: func(c *types.Call) (*types.Const, *types.Problem) {
				if c.Args[0].Const == nil {
					return nil, nil
				}
				a, ok := c.Env.Symbol(c.Args[0].Const.Str)
				if h, hides := c.Env.(types.Hiding); !ok && hides && h.SymbolsHidden() != nil {
					return nil, &types.Problem{Code: "unknown-symbol", Message: "the address of kernel symbol `" + c.Args[0].Const.Str + "` cannot be seen: " + h.SymbolsHidden().Error()}
				}
				if !ok {
					return nil, worded(problem("unknown-symbol", 0, "failed to resolve kernel symbol `"+c.Args[0].Const.Str+"`"), "Failed to resolve kernel symbol: "+c.Args[0].Const.Str)
				}
				return typedConst(types.Uint64, a), nil
			}}},
		{Sig: kfuncSig("kfunc_exist", "Whether BTF has a kernel function.")},
		{Sig: call("ksym", "F-KSYM", "ksym(address)", types.KSymType, "The kernel symbol at an address.", param("address", types.PtrParam)), Lower: lowerSame},
		{Sig: noReplay("a recording does not hold symbols of processes", call("usym", "F-USYM", "usym(address)", types.USymType, "The symbol at an address of the current process.", param("address", types.PtrParam))), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return usym(l, c, l.Scalar(c.Args[0]))
		}},
		{Sig: noReplay("settings of this machine say nothing about the recorded one", call("sysctl", "X-FN", `sysctl("name")`, types.SysctlType, "The value of a kernel setting, read when it is printed.", param("name", types.LitString))), Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			return scalar(c, l.B().Const(int64(l.Intern(c.Args[0].(*hir.Bytes).V))))
		}},
		{Sig: kfuncSig("kfunc_allowed", "Whether programs may call a kernel function, as far as BTF says.")},
	}
}

// kfuncSig returns the signature of a question about a kernel function.
func kfuncSig(name, doc string) *types.Signature {
	return &types.Signature{Name: name, Row: "F-KFUNC", Usage: name + `("function")`, Format: -1, KernelTypes: true, Doc: doc, Result: types.BoolType,
		Params: []types.Param{param("function", types.LitString)}, Fold: func(c *types.Call) (*types.Const, *types.Problem) {
			if c.Args[0].Const == nil {
				return nil, nil
			}
			return types.BoolConst(c.Env.KernelFunc(c.Args[0].Const.Str)), nil
		}}
}

// signed64 returns a number or pointer with its own sign in 64 bits.
func signed64(l builtin.Lowerer, x hir.Expr) ir.Value {
	v := l.Scalar(x)
	// An errno returned as an unsigned 32-bit number is meant as signed.
	if t := x.Type(); t.Size == 4 && !t.Signed {
		return l.B().Ext(v, 4, true)
	}
	return v
}

func lowerErrname(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	return scalar(c, signed64(l, c.Args[0]))
}

// usym builds a value of 8 bytes of address, 4 of process id and 4 of probe id.
func usym(l builtin.Lowerer, c *hir.Call, addr ir.Value) builtin.Operand {
	p, _ := l.Dest(16, "usym")
	l.B().Store(p.Base, p.Off, 8, addr)
	l.B().Store(p.Base, p.Off+8, 8, l.B().BinI(ir.OpShr, l.B().Call(ir.HelperPidTgid), 32))
	return builtin.Operand{T: types.USymType, Mem: &p}
}

func lowerFunc(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	s := l.Site()
	entry := s.Attach.Kind == hir.AttachKprobe || s.Attach.Kind == hir.AttachUprobe || s.Attach.Kind == hir.AttachUprobeMulti || s.Attach.Kind == hir.AttachKprobeMulti
	var ip ir.Value
	switch {
	case s.Regs && entry && s.Attach.Kind != hir.AttachKprobeMulti:
		ip = l.B().Load(l.Ctx(), l.Target().Arch.Regs[l.Target().Arch.IP], 8)
	case l.Target().Has(target.FuncIP):
		ip = l.B().Call(ir.HelperFuncIP, l.Ctx())
	case s.Attach.Func != 0:
		ip = l.B().Const(int64(s.Attach.Func))
	default:
		// At a return the instruction pointer is no longer in the function, and
		// trampolines save no registers.
		l.Refuse("missing-kernel-feature", c.At, "this kernel does not tell a program which function "+s.Name+" is about",
			"the helper get_func_ip exists since Linux 5.15", "use `probe`, which is the name of the probe, or `func` at the entry of the function")
		ip = l.B().Const(0)
	}
	if c.T.Kind == types.USym {
		return usym(l, c, ip)
	}
	return scalar(c, ip)
}

// enumnameType returns a new enum with the names as they are shown. Its name
// must differ from that of the kernel's type and from those for other prefixes,
// because types with the same name count as the same.
func enumnameType(c *types.Call) (*types.Type, *types.Problem) {
	if c.Args[1].Const == nil {
		return nil, nil
	}
	member, prefix := c.Args[1].Const.Str, ""
	if len(c.Args) > 2 && c.Args[2].Const != nil {
		prefix = c.Args[2].Const.Str
	}
	found, ok := c.Env.EnumOf(member)
	if !ok {
		return nil, problem("unknown-name", 1, "no enum has the enumerator `"+member+"`")
	}
	tab := &types.EnumTable{Name: strings.TrimSpace(member + " " + prefix), Words: true}
	for _, v := range found.Values {
		tab.Values = append(tab.Values, types.EnumValue{Name: strings.TrimPrefix(v.Name, prefix), Value: v.Value})
	}
	return &types.Type{Kind: types.Enum, Size: 8, Signed: true, Enum: tab}, nil
}
