package btf

// Type is one decoded type. The concrete types are *Void, *Int, *Ptr, *Array,
// *Struct, *Enum, *Fwd, *Typedef, *Qualifier, *TypeTag, *Func, *FuncProto,
// *Var, *DataSec, *Float and *DeclTag. References to other types are numbers,
// which Spec.Type decodes.
type Type interface {
	// Kind is the kind the format gives the type.
	Kind() Kind
	// TypeName is the name, empty for types that have none.
	TypeName() string
}

// Void is type number 0.
type Void struct{}

// Int is an integer, a character or a boolean. Size is in bytes; Bits is its
// width, less than 8*Size only in the bit-fields of old compilers, which then
// start Offset bits into the storage.
type Int struct {
	Name   string
	Size   uint32
	Bits   uint8
	Offset uint8
	Signed bool
	Char   bool
	Bool   bool
}

// Ptr is a pointer.
type Ptr struct{ Elem ID }

// Array is an array of Len elements; a flexible array has length 0.
type Array struct {
	Elem  ID
	Index ID
	Len   uint32
}

// Struct is a struct or a union. Size is in bytes.
type Struct struct {
	Name    string
	Size    uint32
	Union   bool
	Members []Member
}

// Member is one member of a struct or union. An anonymous struct or union
// inside has no name; its members are reached through Type, see Spec.Field.
type Member struct {
	Name string
	Type ID
	// Offset is in bits from the start of the struct.
	Offset uint32
	// BitSize is the width of a bit-field, 0 for ordinary members.
	BitSize uint8
}

// Enum is an enumeration of 1 to 8 bytes. Wide is set for the 64-bit kind of
// the format.
type Enum struct {
	Name   string
	Size   uint32
	Signed bool
	Wide   bool
	Values []Enumerator
}

// Enumerator is one named value. When the enum is not signed, Value holds the
// bits of the unsigned value.
type Enumerator struct {
	Name  string
	Value int64
}

// Fwd is a struct or union that is declared but not described.
type Fwd struct {
	Name  string
	Union bool
}

// Typedef is another name for a type.
type Typedef struct {
	Name string
	Type ID
}

// Qualifier is const, volatile or restrict; Which has the kind.
type Qualifier struct {
	Which Kind
	Type  ID
}

// TypeTag is a tag on the target of a pointer, such as "user", "percpu" or
// "rcu" for the kernel's __user, __percpu and __rcu.
type TypeTag struct {
	Name string
	Type ID
}

// Linkage says how a function or variable is visible.
type Linkage uint8

// The linkages of the format.
const (
	Static Linkage = iota
	Global
	Extern
)

// Func is a function; Proto is the number of its *FuncProto.
type Func struct {
	Name    string
	Linkage Linkage
	Proto   ID
}

// FuncProto is a function's parameters and result. Return 0 is void.
type FuncProto struct {
	Params   []Param
	Return   ID
	Variadic bool
}

// Param is one parameter of a function; Name may be empty.
type Param struct {
	Name string
	Type ID
}

// Var is a variable: in a kernel, those of the per-CPU section, and all global
// ones from 6.16 on where the build asked for them.
type Var struct {
	Name    string
	Type    ID
	Linkage Linkage
}

// DataSec is a section of variables. Size is in bytes, and 0 until linked.
type DataSec struct {
	Name string
	Size uint32
	Vars []SecVar
}

// SecVar places a variable in its section; Offset and Size are in bytes.
type SecVar struct {
	Var    ID
	Offset uint32
	Size   uint32
}

// Float is a floating-point type of Size bytes.
type Float struct {
	Name string
	Size uint32
}

// DeclTag is a tag on a declaration, such as "bpf_kfunc". Component is the
// index of the parameter or member it belongs to, -1 for the whole type.
type DeclTag struct {
	Name      string
	Type      ID
	Component int32
}

// Kind implements Type.
func (*Void) Kind() Kind { return KindVoid }

// TypeName implements Type.
func (*Void) TypeName() string { return "void" }

// Kind implements Type.
func (*Int) Kind() Kind { return KindInt }

// TypeName implements Type.
func (t *Int) TypeName() string { return t.Name }

// Kind implements Type.
func (*Ptr) Kind() Kind { return KindPtr }

// TypeName implements Type.
func (*Ptr) TypeName() string { return "" }

// Kind implements Type.
func (*Array) Kind() Kind { return KindArray }

// TypeName implements Type.
func (*Array) TypeName() string { return "" }

// Kind implements Type.
func (t *Struct) Kind() Kind {
	if t.Union {
		return KindUnion
	}
	return KindStruct
}

// TypeName implements Type.
func (t *Struct) TypeName() string { return t.Name }

// Kind implements Type.
func (t *Enum) Kind() Kind {
	if t.Wide {
		return KindEnum64
	}
	return KindEnum
}

// TypeName implements Type.
func (t *Enum) TypeName() string { return t.Name }

// Kind implements Type.
func (*Fwd) Kind() Kind { return KindFwd }

// TypeName implements Type.
func (t *Fwd) TypeName() string { return t.Name }

// Kind implements Type.
func (*Typedef) Kind() Kind { return KindTypedef }

// TypeName implements Type.
func (t *Typedef) TypeName() string { return t.Name }

// Kind implements Type.
func (t *Qualifier) Kind() Kind { return t.Which }

// TypeName implements Type.
func (*Qualifier) TypeName() string { return "" }

// Kind implements Type.
func (*TypeTag) Kind() Kind { return KindTypeTag }

// TypeName implements Type.
func (t *TypeTag) TypeName() string { return t.Name }

// Kind implements Type.
func (*Func) Kind() Kind { return KindFunc }

// TypeName implements Type.
func (t *Func) TypeName() string { return t.Name }

// Kind implements Type.
func (*FuncProto) Kind() Kind { return KindFuncProto }

// TypeName implements Type.
func (*FuncProto) TypeName() string { return "" }

// Kind implements Type.
func (*Var) Kind() Kind { return KindVar }

// TypeName implements Type.
func (t *Var) TypeName() string { return t.Name }

// Kind implements Type.
func (*DataSec) Kind() Kind { return KindDataSec }

// TypeName implements Type.
func (t *DataSec) TypeName() string { return t.Name }

// Kind implements Type.
func (*Float) Kind() Kind { return KindFloat }

// TypeName implements Type.
func (t *Float) TypeName() string { return t.Name }

// Kind implements Type.
func (*DeclTag) Kind() Kind { return KindDeclTag }

// TypeName implements Type.
func (t *DeclTag) TypeName() string { return t.Name }
