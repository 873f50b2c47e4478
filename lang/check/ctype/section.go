package ctype

import (
	"fmt"
	"runtime"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// Section holds the definitions of the C section of a script and of the headers
// it imports. Its names take precedence over the kernel's (L-PRE-10).
type Section struct {
	// Defines are the object-like macros, by name.
	Defines map[string]*syntax.CDefine
	// Includes is set when there is a live #include: the constants of kernel
	// headers are known then.
	Includes bool
	// Find returns the header that an #include in a file names; nil without an
	// error if there is none. A header in < > is looked for where the user says
	// that headers are, one in quotes also beside the file. installed looks
	// among the headers that are installed for compilers instead. A nil Find
	// finds nothing.
	Find func(from *source.File, path string, system, installed bool) (*source.File, error)

	out      *diag.List
	kernel   hir.Types
	records  map[string]*types.Type // "struct x", "union x"
	enums    map[string]*types.Type
	typedefs map[string]*syntax.CTypedef
	values   map[string]enumerator
	defs     map[*syntax.CStruct]*types.Type
	enumDefs map[*syntax.CEnum]*types.Type
	tags     map[string]*syntax.CStruct
	laid     map[*syntax.CStruct]bool // laid out or being laid out
	busy     map[*syntax.CStruct]bool // being laid out
	found    map[string]found         // what Constant has been asked for
	refs     []Reference
	depth    int
}

type found struct {
	c  HeaderConstant
	ok bool
}

type enumerator struct {
	t *types.Type
	v uint64
}

// New returns an empty section. Messages go to out; kernel are the kernel's
// types, nil if there are none.
func New(out *diag.List, kernel hir.Types) *Section {
	return &Section{out: out, kernel: kernel, Defines: map[string]*syntax.CDefine{}, records: map[string]*types.Type{},
		enums: map[string]*types.Type{}, typedefs: map[string]*syntax.CTypedef{}, values: map[string]enumerator{},
		defs: map[*syntax.CStruct]*types.Type{}, enumDefs: map[*syntax.CEnum]*types.Type{},
		tags: map[string]*syntax.CStruct{}, laid: map[*syntax.CStruct]bool{}, busy: map[*syntax.CStruct]bool{},
		found: map[string]found{}}
}

// KernelTypes reports whether types of the kernel are known, and the reason if
// not.
func (ct *Section) KernelTypes() (known bool, why string) {
	if ct.kernel == nil {
		return false, "no kernel type information was given"
	}
	return ct.kernel.Available()
}

// input returns what the C reader needs: the macros that are there from the
// start (L-PRE-04), headers, and the constants of those that are not read.
func (ct *Section) input() syntax.CInput {
	in := syntax.CInput{Include: ct.include, Constant: func(name string) (uint64, bool, bool) {
		k, ok := ct.Constant(name)
		return k.Value, !k.Neg && k.Value > 1<<63-1, ok
	}}
	in.Predefined = compilerMacros()
	if ok, _ := ct.KernelTypes(); ok {
		in.Predefined["BPFTRACE_HAVE_BTF"] = "1"
	}
	return in
}

// compilerMacros are what headers ask a C compiler for Linux: the processor,
// and the order of bytes and bits.
func compilerMacros() map[string]string {
	m := map[string]string{
		"__linux__": "1", "__LP64__": "1", "_LP64": "1", "__STDC__": "1", "__SIZEOF_POINTER__": "8", "__SIZEOF_LONG__": "8", "__CHAR_BIT__": "8",
		"__BYTE_ORDER__": "1234", "__ORDER_LITTLE_ENDIAN__": "1234", "__ORDER_BIG_ENDIAN__": "4321",
		"__BYTE_ORDER": "1234", "__LITTLE_ENDIAN": "1234", "__LITTLE_ENDIAN_BITFIELD": "1",
	}
	if runtime.GOARCH == "arm64" {
		m["__aarch64__"] = "1"
	} else {
		m["__x86_64__"] = "1"
	}
	return m
}

// Constant returns a constant of the kernel's headers. There are none as long
// as the script includes no header.
func (ct *Section) Constant(name string) (HeaderConstant, bool) {
	if !ct.Includes {
		return HeaderConstant{}, false
	}
	k, ok := ct.found[name]
	if !ok {
		k.c, k.ok = FindConstant(name)
		ct.found[name] = k
	}
	return k.c, k.ok
}

// Read enters the preprocessor lines and C definitions among the items of a
// script.
func (ct *Section) Read(items []syntax.Item) {
	for _, it := range items {
		switch it.(type) {
		case *syntax.Preproc, *syntax.CDef:
			sec, ds := syntax.ParseCSection(items, ct.input())
			ct.out.All = append(ct.out.All, ds.All...)
			ct.add(sec)
			return
		}
	}
}

// ReadHeader enters the definitions of a header file.
func (ct *Section) ReadHeader(src *source.File) {
	sec, ds := syntax.ParseCHeader(src, ct.input())
	ct.out.All = append(ct.out.All, ds.All...)
	ct.add(sec)
}

// add enters the definitions of a section.
func (ct *Section) add(sec *syntax.CSection) {
	for _, d := range sec.Defines {
		if !d.Function && d.At.At.Valid() {
			ct.Defines[d.Name] = d
		}
	}
	for _, td := range sec.Typedefs {
		ct.typedefs[td.Name] = td
	}
	for _, e := range sec.Enums {
		ct.enum(e)
	}
	for _, s := range sec.Structs {
		if s.Tag != "" {
			ct.tags[recordKey(s.Union, s.Tag)] = s
		}
	}
	for _, s := range sec.Structs {
		ct.record(s)
	}
}

// include handles a live #include (L-PRE-07). A header that the user provides is
// read. Those of the kernel are not: the kernel's type information and the table
// of constants have what they define.
func (ct *Section) include(inc *syntax.CInclude) *source.File {
	find := ct.Find
	if find == nil {
		find = func(*source.File, string, bool, bool) (*source.File, error) { return nil, nil }
	}
	kernel := KernelHeader(inc.Path)
	var f *source.File
	var err error
	// In brackets it is the kernel's, whose own files use more of C than is
	// read here, also where -I names them.
	if known, _ := ct.KernelTypes(); !kernel || !known || !inc.System {
		f, err = find(inc.At.At.File, inc.Path, inc.System, false)
	}
	if f == nil && err == nil && !kernel && !UserHeader(inc.Path) {
		f, err = find(inc.At.At.File, inc.Path, inc.System, true)
	}
	switch known, why := ct.KernelTypes(); {
	case f != nil:
		return f
	case err != nil:
		ct.out.Errorf("bad-include", inc.At.At, "cannot read the header \"%s\"", inc.Path).
			WithLabel("%v", err).WithRow("L-PRE-07")
	case kernel && !known:
		ct.out.Errorf("not-supported", inc.At.At, "not supported yet: reading the header \"%s\"", inc.Path).
			WithLabel("its definitions would have to come from the kernel's types").WithRow("L-PRE-07").
			WithNote("types of the kernel are not known here: %s", why).
			WithHelp("write the structs that the script uses into its C section")
	case kernel || UserHeader(inc.Path):
		ct.Includes = true
	default:
		d := ct.out.Errorf("bad-include", inc.At.At, "header not found: \"%s\"", inc.Path).
			WithCompat("'%s' file not found", inc.Path).CompatClang("%sfatal error: '%s' file not found", clangAt(inc.At.At, inc.Path), inc.Path).WithRow("L-PRE-07")
		if inc.System {
			d.WithLabel("it is no header of the kernel, and not in a folder given by -I")
		} else {
			d.WithLabel("it is not beside the script, not in a folder given by -I, and no header of the kernel")
		}
		d.WithHelp("name the folder that it is in: `-I DIR`")
	}
	return nil
}

func recordKey(union bool, tag string) string { return structWord(union) + " " + tag }

func structWord(union bool) string {
	if union {
		return "union"
	}
	return "struct"
}

// enum enters an enum and its constants (L-PRE-09).
func (ct *Section) enum(e *syntax.CEnum) *types.Type {
	if t := ct.enumDefs[e]; t != nil {
		return t
	}
	tab := &types.EnumTable{Name: e.Tag}
	size, signed := 4, false
	for _, it := range e.Items {
		tab.Values = append(tab.Values, types.EnumValue{Name: it.Name, Value: uint64(it.Value)})
		if it.Big || it.Value > 1<<32-1 || it.Value < -1<<31 {
			size = 8
		}
		signed = signed || it.Value < 0 && !it.Big
	}
	if e.Packed && size == 4 {
		size = packedEnumSize(e)
	}
	t := &types.Type{Kind: types.Enum, Size: size, Signed: signed, Enum: tab}
	ct.enumDefs[e] = t
	lit := infer.Clone(t)
	lit.Size, lit.Signed = 8, false
	for _, it := range e.Items {
		ct.values[it.Name] = enumerator{lit, uint64(it.Value)}
	}
	if e.Tag != "" {
		ct.enums[e.Tag] = t
	}
	return t
}

// packedEnumSize returns the smallest size in bytes that holds all constants of
// a packed enum, as signed numbers if one is negative.
func packedEnumSize(e *syntax.CEnum) int {
	least, most := int64(0), int64(0)
	for _, it := range e.Items {
		least, most = min(least, it.Value), max(most, it.Value)
	}
	for _, size := range []int{1, 2} {
		limit := int64(1) << (8 * size)
		if least < 0 {
			limit /= 2
		}
		if least >= -limit && most < limit {
			return size
		}
	}
	return 4
}

// ctype resolves a type of the C section. If it returns nil, an error has been
// reported.
func (ct *Section) ctype(t *syntax.CType, at source.Span) *types.Type {
	ct.depth++
	defer func() { ct.depth-- }()
	if ct.depth > 100 {
		ct.out.Errorf("bad-type", at, "this type is nested too deeply").WithLabel("more than 100 levels").WithRow("L-PRE-08")
		return nil
	}
	switch t.Kind {
	case syntax.CBase:
		if b, ok := baseTypes[t.Name]; ok && b.Size > 0 {
			return b
		}
		if t.Name == "void" {
			return types.VoidType
		}
		return ct.bad(at, "", t.Name)
	case syntax.CNamed:
		ct.refer(t, "")
		if nt, ok := ct.Named("", t.Name); ok {
			return nt
		}
		return ct.bad(at, "", t.Name)
	case syntax.CStructRef:
		return ct.structRef(t, at)
	case syntax.CEnumRef:
		if t.Enum != nil {
			return ct.enum(t.Enum)
		}
		ct.refer(t, "enum")
		if nt, ok := ct.Named("enum", t.Name); ok {
			return nt
		}
		return types.Uint32
	case syntax.CPointer:
		return ct.pointer(t, at)
	case syntax.CArray:
		elem := ct.ctype(t.Elem, at)
		if elem == nil {
			return nil
		}
		n := max(t.Len, 0)
		if elem.Size > 0 && n > maxCSize/int64(elem.Size) {
			ct.out.Errorf("bad-type", at, "this array is too large").WithLabel("the limit is %d bytes", maxCSize).WithRow("L-PRE-08")
			return nil
		}
		if elem.Kind == types.Int && elem.Size == 1 && n > 0 {
			return types.CharArray(int(n)) // A-BT-06
		}
		return types.ArrayOf(elem, int(n))
	}
	return types.VoidType // a function: only occurs behind a pointer
}

// pointer resolves a pointer type. The pointee may be incomplete.
func (ct *Section) pointer(t *syntax.CType, at source.Span) *types.Type {
	sp := types.SpaceNone
	if t.User || t.Elem.User {
		sp = types.User
	}
	if t.Elem.Kind == syntax.CFunction {
		return types.PointerTo(types.VoidType, sp)
	}
	// The pointee can be defined later or not at all, and can be the struct that
	// is being defined.
	if td := ct.typedefs[t.Elem.Name]; t.Elem.Kind == syntax.CNamed && td != nil && td.Type.Kind == syntax.CStructRef && Language[t.Elem.Name] == nil {
		ct.refer(t.Elem, "")
		named := *t
		named.Elem = td.Type
		return ct.pointer(&named, at)
	}
	if t.Elem.Kind == syntax.CStructRef && t.Elem.Struct == nil {
		ct.refer(t.Elem, structWord(t.Elem.Union))
		if _, ok := ct.tags[recordKey(t.Elem.Union, t.Elem.Name)]; !ok {
			if nt, ok := ct.Named(structWord(t.Elem.Union), t.Elem.Name); ok {
				return types.PointerTo(nt, sp)
			}
			return types.PointerTo(ct.opaque(t.Elem.Union, t.Elem.Name), sp)
		}
	}
	if t.Elem.Kind == syntax.CStructRef {
		s := t.Elem.Struct
		if s == nil {
			s = ct.tags[recordKey(t.Elem.Union, t.Elem.Name)]
		}
		return types.PointerTo(ct.declare(s), sp)
	}
	elem := ct.ctype(t.Elem, at)
	if elem == nil {
		return nil
	}
	return types.PointerTo(elem, sp)
}

// opaque returns a struct of which only the name is known.
func (ct *Section) opaque(union bool, tag string) *types.Type {
	k := recordKey(union, tag)
	t := ct.records[k]
	if t == nil {
		st := &types.Struct{Name: tag, Flavour: types.CStruct}
		if union {
			st.Flavour = types.CUnion
		}
		t = types.RecordType(st)
		ct.records[k] = t
	}
	return t
}

// structRef resolves a struct or union used by value, which needs its layout. A
// struct that contains itself is reported.
func (ct *Section) structRef(t *syntax.CType, at source.Span) *types.Type {
	s := t.Struct
	if s == nil {
		ct.refer(t, structWord(t.Union))
		s = ct.tags[recordKey(t.Union, t.Name)]
	}
	if s != nil {
		r := ct.record(s)
		if ct.busy[s] {
			ct.out.Errorf("bad-type", at, "`%s` contains itself", r).
				WithLabel("its size would be infinite").WithRow("L-PRE-08").WithHelp("use a pointer: `%s *`", r)
			return nil
		}
		return r
	}
	kind := structWord(t.Union)
	if nt, ok := ct.Named(kind, t.Name); ok {
		return nt
	}
	return ct.bad(at, kind, t.Name)
}

func (ct *Section) bad(at source.Span, kind, name string) *types.Type {
	ct.out.Errorf("unknown-type", at, "cannot resolve unknown type `%s`", strings.TrimSpace(kind+" "+name)).
		CompatClang("%serror: unknown type name '%s'\nERROR: Include headers with missing type definitions or install BTF information to your system.", clangAt(at, name), name).
		WithLabel("no such type").WithRow("L-PRE-08")
	return nil
}

// clangAt is where bpftrace's reader of C sees a word of the C section: in a file
// made of the section, whose first line is its own. It is empty where the section
// comes from the command line.
func clangAt(at source.Span, word string) string {
	line, col := at.File.Position(at.Start)
	if i := strings.Index(at.Text(), word); i > 0 {
		col += i
		if c := at.Text()[i-1]; c == '"' || c == '<' {
			col--
		}
	}
	if at.File.Name == "command line" {
		return ""
	}
	return fmt.Sprintf("definitions.h:%d:%d: ", line+1, col)
}
