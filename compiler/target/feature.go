package target

import (
	"maps"
	"slices"
)

// Feature is a kernel feature that compiled programs can use. A helper function
// is the feature with its number (include/uapi/linux/bpf.h); the others are
// defined here.
type Feature int32

// Helpers that the compiler can replace or do without.
const (
	OverrideReturn Feature = 58  // override_return, with CONFIG_BPF_KPROBE_OVERRIDE
	TaskBTF        Feature = 158 // get_current_task_btf (5.11)
	ForEachMapElem Feature = 164 // for_each_map_elem (5.13)
	FuncIP         Feature = 173 // get_func_ip (5.15)
	TaskPtRegs     Feature = 175 // task_pt_regs (5.15)
	Loop           Feature = 181 // loop (5.17)
	GetFuncArg     Feature = 183 // get_func_arg (5.17)
	GetFuncRet     Feature = 184 // get_func_ret (5.17)
	PerCPULookup   Feature = 195 // map_lookup_percpu_elem (5.19)
	TaiTime        Feature = 208 // ktime_get_tai_ns (6.1)
)

// Features that are not helpers.
const (
	NoPrealloc    Feature = 1000 + iota // hash maps without preallocation are safe in every program type (6.1)
	MayGoto                             // instruction may_goto (6.9)
	RdonlyCast                          // kernel function bpf_rdonly_cast (6.2)
	SessionReturn                       // kernel function bpf_session_is_return (6.10)
	Overlap                             // tasks can run a program of uprobes on a CPU while others are in the middle of it (6.0)
	CommOffset                          // the offset of comm in struct task_struct is known
)

// oldHelpers is the number of the last helper in the oldest supported kernel.
// Helpers up to it are always available.
const oldHelpers = 155

// IsHelper reports whether f is a helper function.
func (f Feature) IsHelper() bool { return f < NoPrealloc }

// Always reports whether every supported kernel has the feature.
func (f Feature) Always() bool { return f <= oldHelpers && f != OverrideReturn }

// Set is a set of features.
type Set map[Feature]bool

// NewSet makes a set.
func NewSet(features ...Feature) Set {
	s := Set{}
	s.Add(features...)
	return s
}

// Add adds features, except those that every kernel has.
func (s Set) Add(features ...Feature) {
	for _, f := range features {
		if !f.Always() {
			s[f] = true
		}
	}
}

// Sorted lists the features in the order of their numbers.
func (s Set) Sorted() []Feature { return slices.Sorted(maps.Keys(s)) }
