package check_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
)

// fakeTypes are a few structs of a kernel.
type fakeTypes struct {
	named  map[string]*types.Type
	values map[string]fakeValue
	none   bool
}

type fakeValue struct {
	t *types.Type
	v uint64
}

func member(name string, t *types.Type, off int) types.Field {
	return types.Field{Name: name, Type: t, Offset: off}
}

func record(fl types.Flavour, name string, size, align int, fields ...types.Field) *types.Type {
	return types.RecordType(&types.Struct{Flavour: fl, Name: name, Size: size, Align: align, Members: fields})
}

// newFakeTypes lays the structs out by hand.
func newFakeTypes() *fakeTypes {
	ptr := func(t *types.Type) *types.Type { return types.PointerTo(t, types.SpaceNone) }
	f := &fakeTypes{named: map[string]*types.Type{}, values: map[string]fakeValue{}}
	family := types.Uint16
	in6 := record(types.CStruct, "in6_addr", 16, 4,
		types.Field{Name: "in6_u", Offset: 0, Type: record(types.CUnion, "", 16, 4,
			member("u6_addr8", types.StringType(16), 0),
			member("u6_addr32", types.ArrayOf(types.Uint32, 4), 0))})
	common := record(types.CStruct, "sock_common", 24, 8,
		types.Field{Name: "", Offset: 0, Type: record(types.CUnion, "", 8, 8, member("skc_addrpair", types.Uint64, 0))},
		types.Field{Name: "skc_addrpair", Type: types.Uint64, Promoted: true},
		types.Field{Name: "skc_daddr", Type: types.Uint32, Promoted: true},
		types.Field{Name: "skc_rcv_saddr", Type: types.Uint32, Offset: 4, Promoted: true},
		member("skc_family", family, 8),
		types.Field{Name: "skc_reuse", Type: types.Uint8, Offset: 10, BitOff: 0, BitSize: 4},
		types.Field{Name: "skc_state", Type: types.Int8, Offset: 11, BitOff: 2, BitSize: 3},
		member("skc_v6_daddr", in6, 12))
	sock := record(types.CStruct, "sock", 64, 8,
		member("__sk_common", common, 0),
		member("sk_err", types.Int32, 24),
		member("sk_next", nil, 32),
		member("sk_user", types.PointerTo(types.Int8, types.User), 40))
	sock.Struct.Members[2].Type = ptr(sock)
	task := record(types.CStruct, "task_struct", 128, 8,
		member("pid", types.Int32, 0),
		member("comm", types.StringType(16), 4),
		member("real_parent", nil, 24),
		member("flags", types.Uint32, 32),
		member("counts", types.ArrayOf(types.Uint64, 4), 40),
		member("name", ptr(types.Int8), 72),
		member("weird", types.InvalidType, 80),
		member("stackp", ptr(types.VoidType), 88))
	task.Struct.Members[2].Type = ptr(task)
	state := &types.Type{Kind: types.Enum, Size: 4, Enum: &types.EnumTable{Name: "tcp_state",
		Values: []types.EnumValue{{Name: "TCP_ESTABLISHED", Value: 1}, {Name: "TCP_CLOSE", Value: 7}}}}
	for k, t := range map[string]*types.Type{
		"struct in6_addr": in6, "struct sock_common": common, "struct sock": sock, "struct task_struct": task,
		"enum tcp_state": state, "pid_t": types.Int32, "sk_buff_data_t": types.Uint32,
	} {
		f.named[k] = t
	}
	for _, v := range state.Enum.Values {
		f.values[v.Name] = fakeValue{state, v.Value}
	}
	return f
}

func (f *fakeTypes) Named(kind, name string) (*types.Type, bool) {
	t, ok := f.named[strings.TrimSpace(kind+" "+name)]
	return t, ok
}

func (f *fakeTypes) Enumerator(name string) (*types.Type, uint64, bool) {
	v, ok := f.values[name]
	return v.t, v.v, ok
}

func (f *fakeTypes) Names(kind string) []string {
	var out []string
	for k := range f.named {
		if n, ok := strings.CutPrefix(k, kind+" "); ok {
			out = append(out, n)
		}
	}
	return out
}

func (f *fakeTypes) Available() (bool, string) {
	if f.none {
		return false, "this kernel has no BTF"
	}
	return true, ""
}

// fakeProbes knows a handful of attach points.
type fakeProbes struct {
	types *fakeTypes
	last  *hir.ExpandRequest
}

func (p *fakeProbes) Kinds() []hir.ProbeKind { return nil }

// regs are arg0 … arg5.
func regs(sp types.Space) []hir.Arg {
	var out []hir.Arg
	for i := range 6 {
		out = append(out, hir.Arg{Name: fmt.Sprintf("arg%d", i), Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocReg, Off: 8 * i, Size: 8}})
	}
	return out
}

func (p *fakeProbes) args() []hir.Arg {
	sock := types.PointerTo(p.types.named["struct sock"], types.SpaceNone)
	return []hir.Arg{
		{Name: "sk", Type: sock, Loc: hir.Loc{Kind: hir.LocSlot, Size: 8}, Trusted: true},
		{Name: "size", Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocSlot, Off: 1, Size: 8}},
		{Name: "flags", Type: types.Int32, Loc: hir.Loc{Kind: hir.LocSlot, Off: 2, Size: 4}},
	}
}

func (p *fakeProbes) Expand(req *hir.ExpandRequest, out *diag.List) []*hir.Site {
	p.last = req
	for _, parts := range append([][]hir.Part{req.Parts}, req.Alts...) {
		if sites, ok := p.one(req, parts, out); ok {
			return sites
		}
	}
	d := out.Errorf("no-match", req.At, "no matches for %s", req.Raw)
	switch req.Missing {
	case "warn":
		d.Severity = diag.Warning
	case "ignore":
		out.All = out.All[:len(out.All)-1]
	}
	return nil
}

// one answers for one alternative; false means that there is no such target.
func (p *fakeProbes) one(req *hir.ExpandRequest, parts []hir.Part, out *diag.List) ([]*hir.Site, bool) {
	text := make([]string, len(parts))
	for i := range parts {
		text[i] = parts[i].Text
	}
	name := strings.Join(text, ":")
	last := text[len(text)-1]
	switch last {
	case "missing":
		return nil, false
	case "none_*":
		return nil, true // a wildcard without matches is no error by itself
	}
	ret := &hir.Arg{Name: "retval", Type: types.Int32, Loc: hir.Loc{Kind: hir.LocSlot, Off: 3, Size: 4}}
	s := &hir.Site{Provider: text[0], Type: text[0], Name: name, Func: last, Space: types.Kernel}
	switch strings.ToLower(text[0]) {
	case "begin", "end":
		s.Provider, s.Type, s.Space, s.Prog, s.Func = strings.ToLower(text[0]), "special", types.SpaceNone, hir.ProgRawTP, ""
		s.Name = s.Provider
	case "interval", "profile":
		s.Space, s.Prog, s.Func = types.SpaceNone, hir.ProgRawTP, ""
		if text[0] == "profile" {
			s.Prog, s.Regs = hir.ProgPerf, true
		}
	case "kprobe", "k":
		s.Provider, s.Type, s.Args, s.Regs = "kprobe", "kprobe", regs(types.Kernel), true
		if strings.Contains(last, "*") {
			var sites []*hir.Site
			for _, fn := range []string{"vfs_read", "vfs_write"} {
				c := *s
				c.Kind = provider.KindOf(text[0])
				c.Name, c.Func = "kprobe:"+fn, fn
				sites = append(sites, &c)
			}
			return sites, true
		}
	case "kretprobe":
		s.Ret, s.Regs = &hir.Arg{Name: "retval", Type: types.Uint64, Loc: hir.Loc{Kind: hir.LocReg, Off: 80, Size: 8}}, true
	case "uprobe":
		s.Args, s.Regs, s.Space = regs(types.User), true, types.User
		if last == "optimised" {
			s.Args[5].Unreadable = "the compiler left it out"
		}
	case "uretprobe":
		s.Ret, s.Regs, s.Space = &hir.Arg{Name: "retval", Type: types.Uint64}, true, types.User
	case "tracepoint":
		s.Prog, s.Func = hir.ProgTracepoint, ""
		s.Args = []hir.Arg{
			{Name: "fd", Type: types.Uint64, Field: &types.Field{Offset: 16}},
			{Name: "filename", Type: types.PointerTo(types.Int8, types.User), Field: &types.Field{Offset: 24}},
			{Name: "comm", Type: types.StringType(16), Field: &types.Field{Offset: 32}},
			{Name: "ret", Type: types.Int64, Field: &types.Field{Offset: 48}},
		}
		if last == "untyped" {
			s.Args, s.Untyped = nil, true
		}
		if last == "sys_enter_*" {
			var sites []*hir.Site
			for _, event := range []string{"bind", "chdir", "close", "pread64", "preadv", "prctl", "read", "readlink", "readv", "write", "writev"} {
				c := *s
				c.Kind = provider.KindOf(text[0])
				c.Name = "tracepoint:syscalls:sys_enter_" + event
				if slices.Contains([]string{"bind", "chdir", "prctl", "readlink"}, event) {
					c.Args = s.Args[1:] // no fd
				}
				sites = append(sites, &c)
			}
			return sites, true
		}
	case "fentry", "call":
		s.Prog, s.Args = hir.ProgTracing, p.args()
	case "fexit", "ret":
		s.Prog, s.Args, s.Ret = hir.ProgTracing, p.args(), ret
		switch last {
		case "sk_lookup":
			s.Ret = &hir.Arg{Name: "retval", Type: types.PointerTo(p.types.named["struct sock"], types.SpaceNone)}
		case "void_fn":
			s.Ret = &hir.Arg{Name: "retval", Type: types.VoidType}
		}
	default:
		out.Errorf("bad-probe", req.At, "invalid probe type: `%s`", text[0])
		return nil, true
	}
	s.Kind = provider.KindOf(text[0])
	return []*hir.Site{s}, true
}

// fakeEnv is a machine.
type fakeEnv struct{ options map[string]string }

func (e *fakeEnv) ConfigInt(string) int64     { panic("the checker answers this") }
func (e *fakeEnv) ConfigString(string) string { panic("the checker answers this") }
func (e *fakeEnv) Symbol(name string) (uint64, bool) {
	return 0xffffffff81000000, name == "jiffies"
}
func (e *fakeEnv) KernelFunc(name string) bool { return strings.HasPrefix(name, "bpf_") }
func (e *fakeEnv) EnumOf(name string) (*types.EnumTable, bool) {
	values := []types.EnumValue{{Name: "RTN_UNSPEC"}, {Name: "RTN_UNICAST", Value: 1}, {Name: "__RTN_MAX", Value: 12}}
	return &types.EnumTable{Values: values}, name == "RTN_UNICAST"
}
func (e *fakeEnv) CgroupID(path string) (uint64, error) {
	if path == "/sys/fs/cgroup/x" {
		return 42, nil
	}
	return 0, errors.New("no such directory")
}
func (e *fakeEnv) NamedType(string, string) (*types.Type, bool) { panic("the checker answers this") }
func (e *fakeEnv) Option(name string) (string, bool)            { v, ok := e.options[name]; return v, ok }
func (e *fakeEnv) NCPU() int                                    { return 4 }
func (e *fakeEnv) ChildPID() int                                { return 0 }

// newInput parses a script for a fake machine.
func newInput(t testing.TB, script string) (*check.Input, diag.List) {
	t.Helper()
	f, ds := syntax.Parse(source.New("test.pr", script))
	ft := newFakeTypes()
	return &check.Input{File: f, Builtins: stdlib.Signatures(), Probes: &fakeProbes{types: ft}, Types: ft, Env: &fakeEnv{}}, ds
}

// run checks a script; parse errors count as well.
func run(t testing.TB, script string) (*hir.Script, diag.List) {
	t.Helper()
	in, ds := newInput(t, script)
	if ds.HasErrors() {
		return nil, ds
	}
	p, _, ds := check.Check(in)
	if p != nil {
		for _, bad := range verify(p) {
			t.Errorf("%s\n%s", script, bad)
		}
	}
	return p, ds
}

// render returns a list of messages, one a line.
func render(l diag.List) string {
	var sb strings.Builder
	for _, d := range l.All {
		fmt.Fprintln(&sb, d.Error())
		if d.Label != "" {
			fmt.Fprintf(&sb, "    %s\n", d.Label)
		}
	}
	return sb.String()
}
