package check

import "slices"

// Words lists the names that the checker itself defines. Names that need
// arguments end in an opening parenthesis.
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
