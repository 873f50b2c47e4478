package session

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/value"
)

// kept holds the script maps of an interactive session, which outlive the
// clauses that created them. It is a Clause without programs, so that reading
// and clearing maps works as for any clause. obj is the object added last,
// whose interned strings include those of all objects before it
// (compiler.Config.Strings). Only maps in hashes of their own can be kept
// (compiler.Config.HashOnly).
type kept struct {
	Clause
	list []*object.Map
}

// Hidden is the first character of the names of maps that are not printed at
// the end: the maps in which an interactive session keeps what its user sees as
// variables.
const Hidden = "$"

// keep adds the maps of a clause that are not there yet.
func (s *Session) keep(c *Clause) {
	s.kept.obj = c.obj
	for _, m := range c.obj.Maps {
		if s.keepMap(c, m.Spec, "@"+m.Name) {
			s.kept.list = append(s.kept.list, m)
		}
	}
	for name, m := range c.maps {
		if strings.HasPrefix(name, object.StackMap) && s.keepMap(c, name, "of stacks") {
			s.opts.Resolver.addStacks(m)
		}
	}
}

// keepMap keeps one kernel map of a clause; it returns false if the map is kept
// already or cannot be kept.
func (s *Session) keepMap(c *Clause, spec, name string) bool {
	km := c.maps[spec]
	if km == nil || s.kept.maps[spec] != nil {
		return false
	}
	clone, err := km.Clone()
	if err != nil {
		s.log(diag.Error, fmt.Sprintf("keep map %s: %v", name, err))
		return false
	}
	if s.kept.maps == nil {
		s.kept.maps = map[string]*ebpf.Map{}
	}
	s.kept.maps[spec] = clone
	return true
}

// Data reads a map that the session keeps.
func (s *Session) Data(m *object.Map) (data *value.MapData, err error) {
	s.Do(func() { data, err = s.kept.mapData(m) })
	return data, err
}

// Clear deletes all keys of a map that the session keeps.
func (s *Session) Clear(m *object.Map) (err error) {
	s.Do(func() { err = s.kept.clearMap(m) })
	return err
}

// Forget drops a map that the session keeps. Clauses that use it keep it;
// objects added later get a new one.
func (s *Session) Forget(m *object.Map) {
	s.Do(func() {
		if km := s.kept.maps[m.Spec]; km != nil {
			km.Close()
			delete(s.kept.maps, m.Spec)
		}
		s.kept.list = slices.DeleteFunc(s.kept.list, func(k *object.Map) bool { return k.Spec == m.Spec })
	})
}

// eachKept calls f with the data of each kept map, in the order of their names.
func (s *Session) eachKept(f func(data *value.MapData, err error)) {
	if s.kept.obj != nil {
		s.opts.Resolver.use(s.kept.obj)
	}
	slices.SortFunc(s.kept.list, func(a, b *object.Map) int { return strings.Compare(a.Name, b.Name) })
	for _, m := range s.kept.list {
		if !strings.HasPrefix(m.Name, Hidden) {
			f(s.kept.mapData(m))
		}
	}
}
