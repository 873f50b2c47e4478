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

// testedKernels reads the table: the names of the kernels in their order, and
// which features each has.
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

// Tested answers as a kernel did in the tests. The error names those that there
// are.
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

// LargeKeys reports whether a tested kernel takes keys of maps of more than 512
// bytes (5.11), which is no feature since it is seen by making such a map.
func LargeKeys(kernel string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(kernel, "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major > 5 || major == 5 && minor >= 11
}
