package check

import "slices"

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
