package stdlib

import (
	"net/netip"
	"strings"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
)

// Address families (include/linux/socket.h).
const (
	afInet  = 2
	afInet6 = 10
)

// network has functions on network addresses.
func network() []*builtin.Func {
	return []*builtin.Func{
		{Sig: &types.Signature{Name: "macaddr", Row: "F-MACADDR", Usage: "macaddr(address)", Format: -1, Doc: "A hardware address.", Result: types.MacType,
			Params: []types.Param{param("address", types.BytesParam)}, Infer: func(c *types.Call) (*types.Type, *types.Problem) {
				t := c.Args[0].Type
				if c.Args[0].Const != nil && t != nil && t.Kind == types.String {
					return nil, worded(problem("bad-argument", 0, "macaddr() does not take a string literal"), "macaddr() does not support literal string arguments")
				}
				if t != nil && !t.IsScalar() && t.Size < 6 {
					return nil, worded(problem("bad-argument", 0, "macaddr() needs at least 6 bytes"), "macaddr() argument must be at least 6 bytes in size")
				}
				return types.MacType, nil
			}}, Lower: func(l builtin.Lowerer, c *hir.Call) builtin.Operand {
			place, addr, space := source(l, c.Args[0])
			dst, _ := l.Dest(6, "mac")
			if place != nil {
				l.Copy(dst, *place, 6, c.At)
			} else {
				l.Read(dst, l.B().Const(6), addr, space, c.At)
			}
			return builtin.Operand{T: c.T, Mem: &dst}
		}},
		{Sig: &types.Signature{Name: "ntop", Row: "F-NTOP", Usage: "ntop([af,] address)", Format: -1, Doc: "An IPv4 or IPv6 address.",
			Params: []types.Param{param("address", types.AnyParam), opt(param("address", types.AnyParam))}, Infer: ntopType}, Lower: lowerNtop},
		{Sig: &types.Signature{Name: "pton", Row: "F-PTON", Usage: `pton("address")`, Format: -1, Doc: "The bytes of an IPv4 or IPv6 address.",
			Params: []types.Param{param("address", types.LitString)}, Infer: func(c *types.Call) (*types.Type, *types.Problem) {
				k, p := pton(c)
				if k == nil {
					return nil, p
				}
				return k.Type, nil
			}, Fold: pton}},
		{Sig: &types.Signature{Name: "endpoint", Row: "X-FN", Usage: "endpoint(address, port)", Format: -1,
			Doc:    "An address of ntop() with a port, as `10.0.0.1:80` or `[fd00::1]:80`. The port is in the order of the machine.",
			Result: types.InetType, Params: []types.Param{param("address", types.AnyParam), param("port", types.IntParam)}, Infer: endpointType}, Lower: lowerEndpoint},
		later("ip", "X-FN"), later("ip4", "X-FN"), later("ip6", "X-FN"), later("netns", "X-FN"), later("sock", "X-FN"),
	}
}

func pton(c *types.Call) (*types.Const, *types.Problem) {
	if c.Args[0].Const == nil {
		return nil, nil
	}
	s := c.Args[0].Const.Str
	a, err := netip.ParseAddr(s)
	if err != nil || strings.Contains(s, "%") {
		return nil, worded(problem("bad-address", 0, "`"+s+"` is not an IPv4 or IPv6 address"), badAddress(s))
	}
	b := a.AsSlice()
	if strings.Contains(s, ":") {
		full := a.As16()
		b = full[:]
	}
	return &types.Const{Type: types.ArrayOf(types.Uint8, len(b)), Str: string(b)}, nil
}

func ntopType(c *types.Call) (*types.Type, *types.Problem) {
	i := len(c.Args) - 1
	t := c.Args[i].Type
	if t == nil {
		return nil, nil
	}
	if i == 1 && c.Args[0].Type != nil && !c.Args[0].Type.IsInt() {
		return nil, problem("bad-argument", 0, "ntop() takes the address family as an integer")
	}
	switch {
	case t.IsInt(), t.Kind == types.Bool:
		return types.InetType, nil
	case (t.Kind == types.Array || t.Kind == types.String || t.Kind == types.Record) && (t.Size == 4 || t.Size == 16):
		return types.InetType, nil
	}
	return nil, worded(problem("bad-argument", i, "ntop() takes an integer, 4 bytes or 16 bytes (`"+t.Plain()+"` provided)"), "ntop() argument must be 4 or 16 bytes in size")
}

func endpointType(c *types.Call) (*types.Type, *types.Problem) {
	if t := c.Args[0].Type; t != nil && t.Kind != types.Inet {
		return nil, problem("bad-argument", 0, "endpoint() takes an address as ntop() gives it (`"+t.Plain()+"` provided)")
	}
	return types.InetType, nil
}

// lowerEndpoint adds a port to an inet value.
func lowerEndpoint(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	port := l.Scalar(c.Args[1])
	o := l.Operand(c.Args[0])
	dst, _ := l.Dest(24, "endpoint")
	l.Copy(dst, *o.Mem, 24, c.At)
	b.Store(dst.Base, dst.Off+4, 4, b.BinI(ir.OpOr, b.BinI(ir.OpAnd, port, 0xffff), types.InetHasPort))
	return builtin.Operand{T: c.T, Mem: &dst}
}

// lowerNtop builds an inet value: 4 bytes of family, 4 of a port, which it leaves
// out, and 16 of address.
func lowerNtop(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	b := l.B()
	x := c.Args[len(c.Args)-1]
	size := x.Type().Size
	var family ir.Value
	switch {
	case len(c.Args) == 2:
		family = l.Scalar(c.Args[0])
	case !x.Type().IsScalar() && size == 16:
		family = b.Const(afInet6)
	default:
		family = b.Const(afInet)
	}
	if x.Type().IsScalar() {
		v := l.Scalar(x)
		dst, _ := l.Dest(24, "inet")
		l.Zero(dst.At(8), 16)
		b.Store(dst.Base, dst.Off, 8, family)
		b.Store(dst.Base, dst.Off+8, 4, v)
		return builtin.Operand{T: c.T, Mem: &dst}
	}
	o := l.Operand(x)
	dst, _ := l.Dest(24, "inet")
	l.Zero(dst.At(8), 16)
	b.Store(dst.Base, dst.Off, 8, family)
	l.Copy(dst.At(8), *o.Mem, size, c.At)
	return builtin.Operand{T: c.T, Mem: &dst}
}
