package stdlib

import (
	"slices"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// trusted has the functions over helpers that take nothing but pointers whose type
// the verifier knows.
func trusted() []*builtin.Func {
	return []*builtin.Func{
		{Sig: pathSig(), Prefers: []target.Feature{target.ForEachMapElem}, Lower: lowerPath},
		{Sig: cookieSig(), Prefers: []target.Feature{target.ForEachMapElem}, Lower: lowerCookie},
	}
}

// pathFuncs are the functions to which the kernel allows a program that calls d_path
// to be attached (btf_allowlist_d_path); iterators may call it, too.
var pathFuncs = []string{
	"dentry_open", "filp_close", "security_file_open", "security_file_permission", "security_inode_getattr",
	"security_path_truncate", "vfs_fallocate", "vfs_getattr", "vfs_truncate",
}

func pathSig() *types.Signature {
	return &types.Signature{Name: "path", Row: "F-PATH", Usage: "path(path, [length])", Format: -1,
		Doc:    "The full path of a `struct path`, or of a pointer to one. With a length, at most so many bytes.",
		Params: []types.Param{param("path", types.AnyParam), opt(param("length", types.LitInt))},
		Probes: []string{"fentry", "fexit", "call", "ret", "iter"}, Context: true,
		NoReplay: "the kernel's data about files is not in it",
		Infer: func(c *types.Call) (*types.Type, *types.Problem) {
			size := int(c.Env.ConfigInt("max_strlen"))
			if len(c.Args) > 1 {
				n, ok := litInt(c, 1)
				switch {
				case !ok:
					return nil, nil
				case n <= 0:
					return nil, worded(problem("bad-argument", 1, "path() expects a positive length"),
						"path: invalid size value, need non-negative literal")
				}
				size = min(size, int(n))
			}
			t := c.Args[0].Type
			if t == nil {
				return nil, nil
			}
			of := t
			if t.Kind == types.Pointer {
				of = t.Elem
			}
			switch {
			case t.Kind != types.Pointer && t.Kind != types.Record:
				return nil, worded(problem("bad-argument", 0, "path() takes a `struct path` or a pointer to one (`"+t.Plain()+"` provided)"),
					"path() only supports pointer or C type argument ("+word(t)+" provided)")
			case of.Kind != types.Record || of.Struct.Name != "path":
				return nil, worded(problem("bad-argument", 0, "path() takes a `struct path` or a pointer to one (`"+t.Plain()+"` provided)"),
					"path() only supports 'struct path' or a pointer to it ('"+t.String()+"' provided)")
			}
			return types.StringType(size), nil
		}}
}

// lowerPath lets the helper write to memory of its own: it leaves bytes behind the
// NUL, by which equal paths would be different keys.
func lowerPath(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	s, n, b := l.Site(), c.T.Size, l.B()
	switch {
	case s.Prog == hir.ProgIter && !l.Target().Has(target.ForEachMapElem):
		l.Refuse("missing-kernel-feature", c.At, "this kernel has no paths in iterators", "its programs may call d_path since Linux 5.12", "use path() at a function, such as `fentry:filp_close`")
		return l.Zeroed(c.T)
	case s.Prog != hir.ProgIter && (s.Prog != hir.ProgTracing || !slices.Contains(pathFuncs, s.Func)):
		l.Refuse("missing-kernel-feature", c.At, "the kernel does not allow path() in "+s.Name,
			"it allows the helper d_path in iterators, and at functions where finding a path takes no lock that is held already", "it is allowed at fentry and fexit of "+list(pathFuncs))
		return l.Zeroed(c.T)
	}
	p, ok := l.Trusted(c.Args[0])
	if !ok {
		untrusted(l, c, "path")
		return l.Zeroed(c.T)
	}
	tmp := l.Scratch(n, "path")
	l.Zero(tmp, n)
	r := b.Call(ir.HelperDPath, p, l.Addr(tmp), b.Const(int64(n)))
	// -ENAMETOOLONG leaves the end of the path. Who gives a size has asked for that much.
	if len(c.Args) == 1 {
		l.FailIf(ir.SLT, b.Ext(r, 4, true), b.Const(0), builtin.ErrTruncated, c.At, ir.HelperDPath)
	}
	dst, _ := l.Dest(n, "path")
	l.Zero(dst, n)
	l.ReadStr(dst, b.Const(int64(n)), l.Addr(tmp), types.Kernel, c.At)
	return builtin.Operand{T: c.T, Mem: &dst}
}

func cookieSig() *types.Signature {
	return &types.Signature{Name: "socket_cookie", Row: "F-SOCKCOOKIE", Usage: "socket_cookie(sock)", Format: -1,
		Doc:    "The number that the kernel gives a socket for its whole life; the argument is a `struct sock *`.",
		Params: []types.Param{param("sock", types.AnyParam)}, Context: true,
		Probes:   []string{"fentry", "fexit", "call", "ret", "rawtracepoint", "iter"},
		NoReplay: "the kernel's data about sockets is not in it",
		Infer: func(c *types.Call) (*types.Type, *types.Problem) {
			t := c.Args[0].Type
			switch {
			case t == nil:
				return nil, nil
			case t.Kind != types.Pointer:
				return nil, worded(problem("bad-argument", 0, "socket_cookie() takes a `struct sock *` (`"+t.Plain()+"` provided)"),
					"socket_cookie() only supports pointer arguments ("+word(t)+" provided)")
			case !t.IsPtrToRecord() || t.Elem.Struct.Name != "sock":
				return nil, worded(problem("bad-argument", 0, "socket_cookie() takes a `struct sock *` (`"+t.Plain()+"` provided)"),
					"socket_cookie() only supports 'struct sock *' as the argument ('"+t.String()+"' provided)")
			}
			return types.Uint64, nil
		}}
}

func lowerCookie(l builtin.Lowerer, c *hir.Call) builtin.Operand {
	if !l.Target().Has(target.ForEachMapElem) {
		l.Refuse("missing-kernel-feature", c.At, "this kernel has no socket_cookie() for tracing", "programs that trace may call the helper get_socket_cookie since Linux 5.12", "use the socket's address, which is unique while it exists")
		return scalar(c, l.B().Const(0))
	}
	p, ok := l.Trusted(c.Args[0])
	if !ok {
		untrusted(l, c, "socket_cookie")
		return scalar(c, l.B().Const(0))
	}
	return scalar(c, l.B().Call(ir.HelperSocketCookie, p))
}

// untrusted refuses an argument whose type the verifier does not know.
func untrusted(l builtin.Lowerer, c *hir.Call, name string) {
	l.Refuse("missing-kernel-feature", c.Args[0].Span(), name+"() cannot be given this value",
		"the kernel takes only what is reached from an argument of the function by its members, such as `args.file->f_path`: not numbers, casts, variables and maps",
		"write the members of the argument into the call")
}

// word names the kind of a type as messages of bpftrace do.
func word(t *types.Type) string {
	switch {
	case t.IsInt():
		return "int"
	case t.Kind == types.String:
		return "string"
	}
	return t.String()
}

// list joins names as in a sentence.
func list(names []string) string {
	out := ""
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			out += " and "
		default:
			out += ", "
		}
		out += n
	}
	return out
}
