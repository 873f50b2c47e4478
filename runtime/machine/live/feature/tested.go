package feature

import (
	_ "embed"
	"fmt"
	"strings"
)

// kernelTable is what the kernels that the tests run on answer; the tests compare it
// with the kernels.
//
//go:embed kernels.txt
var kernelTable string

// testedKernels parses the table into the names of the kernels, in order, and
// the features of each.
func testedKernels() ([]string, map[string]map[string]bool) {
	var names []string
	has := map[string]map[string]bool{}
	for line := range strings.Lines(kernelTable) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0][0] == '#':
		case names == nil:
			names = f[1:]
			for _, k := range names {
				has[k] = map[string]bool{}
			}
		default:
			for i, k := range names {
				has[k][f[0]] = i+1 < len(f) && f[i+1] == "y"
			}
		}
	}
	return names, has
}

// Tested returns a Set with the features that a kernel had in the tests. The
// error for an unknown name lists the known ones.
func Tested(kernel string) (*Set, error) {
	names, has := testedKernels()
	if has[kernel] == nil {
		return nil, fmt.Errorf("kernel %q was not tested: %s", kernel, strings.Join(names, ", "))
	}
	have := map[Feature]bool{}
	for f := range featureCount {
		have[f] = has[kernel][f.String()]
	}
	s := Fake(have)
	s.lacks = fmt.Errorf("the kernel %s that Debian distributes lacks it", kernel)
	return s, nil
}

// LargeKeys reports whether a tested kernel accepts map keys of more than 512
// bytes (5.11). It is not in the table of features, since a live kernel is
// tested for it only when a script has such a key.
func LargeKeys(kernel string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(kernel, "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major > 5 || major == 5 && minor >= 11
}
