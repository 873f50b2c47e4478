package syntax

import "probe/lang/source"

// CSection is the C part of a script after preprocessing: what its live pieces
// define. It holds no sizes and offsets: the checker computes the layout.
type CSection struct {
	Structs  []*CStruct  // with a tag or without, inner ones before outer ones
	Enums    []*CEnum    // likewise
	Typedefs []*CTypedef // in order
	Includes []*CInclude // in order, those in dead branches too
	Defines  map[string]*CDefine
}

// CInclude is one #include line.
type CInclude struct {
	At
	Path   string
	System bool // written with < >
	Live   bool // not in a branch excluded by conditionals
}

// CDefine is one #define that is in force at the end of the section. Predefined
// macros have no place.
type CDefine struct {
	At
	Name     string
	NameAt   source.Span
	Body     string      // the replacement without trailing comments and blanks
	BodyAt   source.Span // its place; the zero Span for predefined ones
	Function bool        // a function-like macro: not usable in scripts
}

// CStruct is the definition of a struct or union.
type CStruct struct {
	At
	Union  bool
	Tag    string // "" if anonymous
	TagAt  source.Span
	Fields []*CField
	Packed bool
	Align  int64 // bytes, from aligned(n); 0 if not given
}

// CField is one member. A member without a name is an anonymous struct or
// union, whose fields belong to the outer one, or an unnamed bit-field.
type CField struct {
	At
	Name   string
	NameAt source.Span
	Type   *CType
	Bits   int // width in bits, -1 if it is not a bit-field
	Packed bool
	Align  int64
}

// CEnum is the definition of an enum.
type CEnum struct {
	At
	Tag    string
	TagAt  source.Span
	Items  []*CEnumerator
	Packed bool
}

// CEnumerator is one constant of an enum.
type CEnumerator struct {
	At
	Name  string
	Value int64 // the bit pattern if Big
	Big   bool  // above 2^63-1
}

// CTypedef is typedef T name;
type CTypedef struct {
	At
	Name string
	Type *CType
}

// CKind is the kind of a C type.
type CKind uint8

// The kinds of C types.
const (
	CBase      CKind = iota // a type of the language; Name is canonical ("unsigned long")
	CNamed                  // a typedef name
	CStructRef              // struct or union: Name is its tag, Struct its definition if given here
	CEnumRef                // enum: Name is its tag, Enum its definition if given here
	CPointer                // pointer to Elem
	CArray                  // Len elements of Elem
	CFunction               // a function; only ever behind a pointer
)

// CType is a type as written in the C section.
type CType struct {
	At
	Kind   CKind
	Name   string
	Union  bool // of a CStructRef
	Struct *CStruct
	Enum   *CEnum
	Elem   *CType
	Len    int64 // of a CArray; -1 for []
	User   bool  // marked __user: it lies in user space
}
