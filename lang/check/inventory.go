package check

import (
	"maps"
	"slices"
	"strings"
)

// ConfigVar describes a configuration variable, for reference pages.
type ConfigVar struct {
	Name    string
	Default string // "" when it is decided at run time
	Values  string // what it takes, in words
	Doc     string // what it does
}

// ConfigVars lists the configuration variables by name.
func ConfigVars() []ConfigVar {
	var out []ConfigVar
	for _, name := range slices.Sorted(maps.Keys(confVars)) {
		v := confVars[name]
		c := ConfigVar{Name: name, Default: v.def, Doc: v.doc}
		switch v.kind {
		case confBool:
			c.Values = "true, false"
		case confInt:
			c.Values = "a number"
		case confWord:
			c.Values = strings.Join(v.words, ", ")
		case confString:
			c.Values = "a string"
		case confSwitch:
			c.Values = "enable, warn, error"
		}
		out = append(out, c)
	}
	return out
}

// Words lists the names that the checker itself gives a meaning, those that need
// arguments with an opening parenthesis behind them.
func Words() []string {
	var out []string
	for name, w := range words {
		if w.word == nil {
			name += "("
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
