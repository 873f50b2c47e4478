// Package dwarf reads the debugging information of programs and libraries, as
// the DWARF standard describes it (versions 2 to 5, with the GNU extensions for
// split and shared debug information).
//
// Debug files are large, and a script asks about a few functions and types of
// them. So nothing is read ahead: a unit (the part that belongs to one source
// file) is found by the table of addresses or by a scan that looks at numbers
// only, and only its bytes are read. The standard library's debug/dwarf decodes
// the abbreviations of all units when it is opened and makes an object of each
// entry that it passes, so here it decodes line programs alone.
//
// The files are not trusted: all functions return errors or false for damaged
// input, and no work grows beyond the size of the file.
package dwarf

// Tag is the kind of an entry.
type Tag uint16

// The tags that callers ask for.
const (
	TagArray       Tag = 0x01
	TagClass       Tag = 0x02
	TagEnum        Tag = 0x04
	TagParameter   Tag = 0x05
	TagLexical     Tag = 0x0b
	TagMember      Tag = 0x0d
	TagPointer     Tag = 0x0f
	TagReference   Tag = 0x10
	TagCompileUnit Tag = 0x11
	TagStruct      Tag = 0x13
	TagSubroutine  Tag = 0x15
	TagTypedef     Tag = 0x16
	TagUnion       Tag = 0x17
	TagVarargs     Tag = 0x18
	TagInheritance Tag = 0x1c
	TagInlined     Tag = 0x1d
	TagModule      Tag = 0x1e
	TagMemberPtr   Tag = 0x1f
	TagSubrange    Tag = 0x21
	TagBase        Tag = 0x24
	TagConst       Tag = 0x26
	TagEnumerator  Tag = 0x28
	TagSubprogram  Tag = 0x2e
	TagVolatile    Tag = 0x35
	TagRestrict    Tag = 0x37
	TagNamespace   Tag = 0x39
	TagUnspecified Tag = 0x3b
	TagPartial     Tag = 0x3c
	TagImported    Tag = 0x3d
	TagRvalueRef   Tag = 0x42
	TagAtomic      Tag = 0x47
	TagImmutable   Tag = 0x4b
	TagSkeleton    Tag = 0x4a
)

// Attr is the name of an attribute.
type Attr uint16

// The attributes that callers ask for.
const (
	AttrSibling        Attr = 0x01
	AttrLocation       Attr = 0x02
	AttrName           Attr = 0x03
	AttrByteSize       Attr = 0x0b
	AttrBitOffset      Attr = 0x0c
	AttrBitSize        Attr = 0x0d
	AttrStmtList       Attr = 0x10
	AttrLowPC          Attr = 0x11
	AttrHighPC         Attr = 0x12
	AttrLanguage       Attr = 0x13
	AttrCompDir        Attr = 0x1b
	AttrConstValue     Attr = 0x1c
	AttrInline         Attr = 0x20
	AttrUpperBound     Attr = 0x2f
	AttrProducer       Attr = 0x25
	AttrAbstractOrigin Attr = 0x31
	AttrArtificial     Attr = 0x34
	AttrCount          Attr = 0x37
	AttrMemberLoc      Attr = 0x38
	AttrCallingConv    Attr = 0x36
	AttrDeclaration    Attr = 0x3c
	AttrDeclFile       Attr = 0x3a
	AttrDeclLine       Attr = 0x3b
	AttrEncoding       Attr = 0x3e
	AttrExternal       Attr = 0x3f
	AttrFrameBase      Attr = 0x40
	AttrSpecification  Attr = 0x47
	AttrType           Attr = 0x49
	AttrVariableParam  Attr = 0x4b
	AttrRanges         Attr = 0x55
	AttrCallFile       Attr = 0x58
	AttrCallLine       Attr = 0x59
	AttrSignature      Attr = 0x69
	AttrDataBitOffset  Attr = 0x6b
	AttrLinkageName    Attr = 0x6e
	AttrStrOffsetsBase Attr = 0x72
	AttrAddrBase       Attr = 0x73
	AttrRnglistsBase   Attr = 0x74
	AttrDwoName        Attr = 0x76
	AttrLoclistsBase   Attr = 0x8c
	AttrMIPSLinkage    Attr = 0x2007
	AttrGNUDwoName     Attr = 0x2130
	AttrGNUDwoID       Attr = 0x2131
	AttrGNURangesBase  Attr = 0x2132
	AttrGNUAddrBase    Attr = 0x2133
)

// form is the encoding of an attribute's value.
type form uint16

const (
	formAddr          form = 0x01
	formBlock2        form = 0x03
	formBlock4        form = 0x04
	formData2         form = 0x05
	formData4         form = 0x06
	formData8         form = 0x07
	formString        form = 0x08
	formBlock         form = 0x09
	formBlock1        form = 0x0a
	formData1         form = 0x0b
	formFlag          form = 0x0c
	formSdata         form = 0x0d
	formStrp          form = 0x0e
	formUdata         form = 0x0f
	formRefAddr       form = 0x10
	formRef1          form = 0x11
	formRef2          form = 0x12
	formRef4          form = 0x13
	formRef8          form = 0x14
	formRefUdata      form = 0x15
	formIndirect      form = 0x16
	formSecOffset     form = 0x17
	formExprloc       form = 0x18
	formFlagPresent   form = 0x19
	formStrx          form = 0x1a
	formAddrx         form = 0x1b
	formRefSup4       form = 0x1c
	formStrpSup       form = 0x1d
	formData16        form = 0x1e
	formLineStrp      form = 0x1f
	formRefSig8       form = 0x20
	formImplicitConst form = 0x21
	formLoclistx      form = 0x22
	formRnglistx      form = 0x23
	formRefSup8       form = 0x24
	formStrx1         form = 0x25
	formStrx2         form = 0x26
	formStrx3         form = 0x27
	formStrx4         form = 0x28
	formAddrx1        form = 0x29
	formAddrx2        form = 0x2a
	formAddrx3        form = 0x2b
	formAddrx4        form = 0x2c
	formGNUAddrIndex  form = 0x1f01
	formGNUStrIndex   form = 0x1f02
	formGNURefAlt     form = 0x1f20
	formGNUStrpAlt    form = 0x1f21
)
