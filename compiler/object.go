package compiler

import "probe/compiler/object"

// The parts of a compiled script; see package object.
type (
	Object       = object.Object
	Program      = object.Program
	Role         = object.Role
	Map          = object.Map
	StorageKind  = object.StorageKind
	RecordLayout = object.RecordLayout
	RecordField  = object.RecordField
	ErrorSite    = object.ErrorSite
)

// The constants of package object.
const (
	Main            = object.Main
	Entry           = object.Entry
	StoreGlobal     = object.StoreGlobal
	StorePerCPU     = object.StorePerCPU
	StoreHash       = object.StoreHash
	StorePerCPUHash = object.StorePerCPUHash
)
