package value

// hider is a Resolver that can require kernel addresses to be hidden.
type hider interface {
	// HidesKernel reports whether addresses of the kernel are shown as zero.
	HidesKernel() bool
}

// kernelHalf is the lowest address of the kernel.
const kernelHalf = 1 << 63

// visibleAddr returns the address that is shown for addr: zero for kernel
// addresses if r hides them, as the kernel itself does.
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
	case frameArrays:
		return hidesKernel(r.Resolver)
	case hider:
		return r.HidesKernel()
	}
	return false
}
