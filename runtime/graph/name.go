package graph

import "strings"

// BaseName returns a function's name without what compilers and kernel builds
// add to it: the numbered copies .isra.N, .constprop.N, .part.N and .cold, and
// the suffix _noprof of the allocators since 6.10. Recordings of different
// kernels are compared by base names.
func BaseName(name string) string {
	for {
		dot := strings.LastIndexByte(name, '.')
		if dot <= 0 {
			break
		}
		switch last := name[dot+1:]; {
		case last == "isra", last == "constprop", last == "part", last == "cold", last == "llvm", isDigits(last):
			name = name[:dot]
			continue
		}
		break
	}
	return strings.TrimSuffix(name, "_noprof")
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// MatchName matches a name against a pattern in which * stands for any
// characters and ? for one.
func MatchName(pattern, name string) bool {
	// Greedy matching with one point to return to: on a mismatch the last star
	// matches one more character. That is linear in practice and never
	// exponential.
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// IsPattern reports whether a name has wildcards.
func IsPattern(name string) bool { return strings.ContainsAny(name, "*?") }
