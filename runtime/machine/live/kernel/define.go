package kernel

import (
	"fmt"
	"slices"

	"probe/runtime/machine/live/btf"
)

// Definitions calls yield with the names of the kernel's types of a kind,
// "struct", "union" or "enum", in their order, for which want returns true, and
// with a function that writes the definition in C.
func (k *Kernel) Definitions(kind string, want func(name string) bool, yield func(name string, text func() string) bool) error {
	kinds := kindsOf[kind]
	if kinds == nil {
		return fmt.Errorf("there is no kind of types called %s", kind)
	}
	spec, err := k.load()
	if err != nil {
		return err
	}
	ids := map[string]btf.ID{}
	var names []string
	for _, bk := range kinds {
		spec.Each(bk, func(name string, id btf.ID) bool {
			if _, twice := ids[name]; name != "" && !twice && want(name) {
				ids[name] = id
				names = append(names, name)
			}
			return true
		})
	}
	slices.Sort(names)
	for _, n := range names {
		if !yield(n, func() string { return spec.Define(ids[n]) }) {
			break
		}
	}
	return nil
}
