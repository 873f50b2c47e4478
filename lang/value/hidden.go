package value

// hider is a Resolver that may have to hide where the kernel's memory lies.
type hider interface {
	// HidesKernel reports whether addresses of the kernel are shown as zero.
	HidesKernel() bool
}

// kernelHalf is the lowest address of the kernel.
const kernelHalf = 1 << 63

// visibleAddr returns an address as it is shown: those of the kernel as zero where r hides
// them, which is what the kernel itself prints instead.
func visibleAddr(addr uint64, r Resolver) uint64 {
	if addr >= kernelHalf && hidesKernel(r) {
		return 0
	}
	return addr
}

func hidesKernel(r Resolver) bool {
	switch r := r.(type) {
	case *escaped:
		return hidesKernel(r.Resolver)
	case shapes:
		return hidesKernel(r.Resolver)
	case hider:
		return r.HidesKernel()
	}
	return false
}
