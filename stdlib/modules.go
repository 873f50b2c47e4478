package stdlib

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed prelude/*.pr
var prelude embed.FS

// Module returns the text of a module of the library by the name a script
// imports it by ("route"), and whether there is one.
func Module(name string) (string, bool) {
	b, err := prelude.ReadFile("prelude/" + strings.TrimSuffix(name, ".pr") + ".pr")
	return string(b), err == nil
}

// Modules lists the names of the library's modules.
func Modules() []string {
	var out []string
	names, _ := fs.Glob(prelude, "prelude/*.pr")
	for _, n := range names {
		out = append(out, strings.TrimSuffix(strings.TrimPrefix(n, "prelude/"), ".pr"))
	}
	return out
}
