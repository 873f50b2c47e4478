// Package program answers questions about programs and libraries from their
// debugging information: what their functions take and return, what their types
// look like, which source lines their code comes from. It is to user space what
// package kernel is to the kernel.
//
// Like there, nothing is read before a script asks for it.
package program

import (
	debugelf "debug/elf"
	"fmt"
	"sync"

	"probe/compiler/target"
	"probe/lang/types"
	"probe/runtime/machine/live/dwarf"
	"probe/runtime/machine/live/elf"
)

// Program answers the questions about one file. It is safe for concurrent use.
// It implements hir.Types with the types of the file.
type Program struct {
	path string
	file *elf.File
	arch *target.Arch
	d    *dwarf.File

	mu      sync.Mutex
	cache   map[key]*types.Type
	structs map[key]*types.Struct
	equal   map[identity]*types.Struct
	named   map[string]*types.Type // nil for names that do not exist
	near    *dwarf.Unit            // where the last function was found
}

// key identifies an entry.
type key struct {
	unit *dwarf.Unit
	off  uint64
}

// identity is what structs of several units have in common if they mean the
// same: a header that each of them includes.
type identity struct {
	tag     dwarf.Tag
	name    string
	size    int
	members uint64 // hash of the names and places
}

// Of returns the answers from the debugging information of a file, which may be
// closed afterwards. The error is an *elf.NoDebugError if there is none.
func Of(f *elf.File) (*Program, error) {
	d, err := f.DebugInfo()
	if err != nil {
		return nil, err
	}
	arch := target.AMD64()
	if f.Machine() == debugelf.EM_AARCH64 {
		arch = target.ARM64()
	}
	return &Program{
		path: f.Path(), file: f, arch: arch, d: d, cache: map[key]*types.Type{}, structs: map[key]*types.Struct{}, equal: map[identity]*types.Struct{},
		named: map[string]*types.Type{},
	}, nil
}

// tagsOf returns the tags of the types that a word introduces.
func tagsOf(kind string) []dwarf.Tag {
	switch kind {
	case "struct":
		return []dwarf.Tag{dwarf.TagStruct, dwarf.TagClass}
	case "union":
		return []dwarf.Tag{dwarf.TagUnion}
	case "enum":
		return []dwarf.Tag{dwarf.TagEnum}
	}
	return []dwarf.Tag{dwarf.TagTypedef, dwarf.TagBase}
}

// Named implements hir.Types. For C++ and Rust, name is without namespaces; the
// units are searched in the order of the file, that of the last function first.
func (p *Program) Named(kind, name string) (*types.Type, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	word := kind + " " + name
	if t, ok := p.named[word]; ok {
		return t, t != nil
	}
	t := p.find(tagsOf(kind), name)
	p.named[word] = t
	return t, t != nil
}

func (p *Program) find(tags []dwarf.Tag, name string) *types.Type {
	if name == "" {
		return nil
	}
	var found *types.Type
	err := p.d.Find(dwarf.Query{Name: name, Tags: tags, Inside: true}, p.near, func(e dwarf.Entry) bool {
		if e.Flag(dwarf.AttrDeclaration) {
			return true
		}
		found = p.convert(e, maxDepth)
		return false
	})
	if err != nil {
		return nil
	}
	return found
}

// Enumerator implements hir.Types: constants are named through their enum.
func (p *Program) Enumerator(string) (*types.Type, uint64, bool) { return nil, 0, false }

// Names implements hir.Types. No list is made: it would cost a walk over all
// units for a message.
func (p *Program) Names(string) []string { return nil }

// Available implements hir.Types.
func (p *Program) Available() (bool, string) { return true, "" }

// Path returns the path of the program.
func (p *Program) Path() string { return p.path }

// NoFuncError reports that the debugging information does not describe a
// function.
type NoFuncError struct {
	Path string
	Addr uint64
}

// Error implements error.
func (e *NoFuncError) Error() string {
	return fmt.Sprintf("the debugging information of %s does not describe the function at %#x", e.Path, e.Addr)
}
