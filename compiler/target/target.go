// Package target describes the features of the kernel that a program is
// compiled for. A Target is plain data obtained by probing features, never by
// comparing versions: distributions backport features. A unit test can compile
// for any kernel without running it.
package target

// Target describes one kernel. The zero Target is the oldest kernel the
// compiler knows: 5.8, BTF, no later helpers. Programs that read registers need
// an Arch.
type Target struct {
	NCPU int // possible CPUs, at least 1
	Arch *Arch

	// Features are the features that were probed and found (see Has).
	Features Set
	// BTFIDs are the BTF numbers of the kernel functions among Features.
	BTFIDs  map[Feature]uint32
	CommOff int // byte offset of comm, which is padded with zeros, in struct task_struct; 0 if unknown

	// NoKernelReads reports that programs may not read the kernel's memory by address,
	// which its lockdown forbids. Loads of typed arguments are allowed.
	NoKernelReads bool

	NsPid        bool // pid namespace helper wanted and usable: Dev and Ino are set
	NsDev, NsIno uint64

	// Asked, if set, is called for each query of Has. Tests use it to find out
	// what the compiler queries.
	Asked func(Feature)
}

// Has reports whether the kernel has a feature. A Target only has the features
// that the script needs (lower.Needs), since probing takes time; for every
// other feature Has reports false.
func (t *Target) Has(f Feature) bool {
	if t.Asked != nil {
		t.Asked(f)
	}
	return f.Always() || t.Features[f]
}

// ID returns the BTF number of a kernel function, 0 if the kernel lacks it.
func (t *Target) ID(f Feature) uint32 {
	if !t.Has(f) {
		return 0
	}
	return t.BTFIDs[f]
}

// Full returns a kernel of x86-64 with all features that the compiler knows and
// the given number of possible CPUs. Its kfuncs have no BTF numbers.
func Full(cpus int) *Target {
	return &Target{NCPU: cpus, Arch: AMD64(), Features: NewSet(TaskBTF, TaskPtRegs, ForEachMapElem, FuncIP, Loop, GetFuncArg, GetFuncRet, PerCPULookup, TaiTime, NoPrealloc, MayGoto, Overlap)}
}

// CPUMask returns the mask applied to the CPU number before it indexes per-CPU
// slots: a power of two minus one, so that every verifier sees the bound.
func (t *Target) CPUMask() int {
	n := 1
	for n < t.NCPU {
		n *= 2
	}
	return n - 1
}
