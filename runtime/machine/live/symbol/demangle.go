package symbol

import (
	"strings"
	"sync"

	"github.com/ianlancetaylor/demangle"
)

// maxMangled bounds the length of the names that are demangled, and of the
// results as a power of two: short names can stand for very long ones.
const (
	maxMangled   = 1 << 14
	maxDemangled = 14
)

// demangled remembers results; a name costs some microseconds.
var demangled struct {
	sync.Mutex
	names map[string]string
}

// Demangle returns the name in the source of a C++ or Rust function, with its
// parameters, and other names as they are.
func Demangle(name string) string {
	if !Mangled(name) {
		return name
	}
	demangled.Lock()
	defer demangled.Unlock()
	if out, ok := demangled.names[name]; ok {
		return out
	}
	out, err := demangle.ToString(name, demangle.MaxLength(maxDemangled))
	if err != nil {
		out = name
	}
	if demangled.names == nil || len(demangled.names) >= maxKnown {
		demangled.names = map[string]string{}
	}
	demangled.names[name] = out
	return out
}

// Mangled reports whether a name looks like one that a compiler has mangled.
func Mangled(name string) bool {
	return len(name) <= maxMangled && (strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "_R") || strings.HasPrefix(name, "__Z"))
}
