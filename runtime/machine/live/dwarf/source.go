package dwarf

import (
	"path"
	"strings"
)

// NamesFile reports whether a path in debugging information is meant by a name:
// the whole path or its last parts.
func NamesFile(full, name string) bool {
	full, name = path.Clean(full), path.Clean(name)
	return full == name || strings.HasSuffix(full, "/"+strings.TrimPrefix(name, "/"))
}

// UnitsOf returns the units that a source file is compiled to, and if there are
// none those that include it.
func (f *File) UnitsOf(name string) ([]*Unit, error) {
	units, err := f.Units()
	if err != nil {
		return nil, err
	}
	var out []*Unit
	for _, u := range units {
		if u.sig != 0 || u.sec != f.s.Info {
			continue
		}
		if own := u.sourceName(); own != "" && NamesFile(own, name) {
			out = append(out, u)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	for _, u := range units {
		if u.sig != 0 || u.sec != f.s.Info {
			continue
		}
		names, err := u.FileNames()
		if err != nil {
			continue
		}
		for _, n := range names {
			if NamesFile(n, name) {
				out = append(out, u)
				break
			}
		}
	}
	return out, nil
}

// sourceName returns the path of the unit's source file, "" if it has none.
func (u *Unit) sourceName() (name string) {
	u.first(func(e Entry) {
		if name = e.Str(AttrName); name != "" && !path.IsAbs(name) {
			name = path.Join(e.Str(AttrCompDir), name)
		}
	})
	return name
}
