package kernel

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"probe/compiler/target"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/feature"
)

// initialPIDNamespace is the inode of the initial PID namespace
// (PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h).
const initialPIDNamespace = 0xEFFFFFFC

// rows are the features that are no helpers, and helpers that have a row of
// their own among the features because not all types of programs need them.
var rows = map[target.Feature]feature.Feature{
	target.NoPrealloc:    feature.NoPrealloc,
	target.MayGoto:       feature.MayGoto,
	target.RdonlyCast:    feature.RdonlyCast,
	target.SessionReturn: feature.SessionReturn,
	target.FuncIP:        feature.FuncIP,
	target.GetFuncArg:    feature.FuncArgs,
	target.GetFuncRet:    feature.FuncArgs,
}

// kfuncs are the features that are kernel functions, by their names.
var kfuncs = map[target.Feature]string{
	target.RdonlyCast: "bpf_rdonly_cast", target.SessionReturn: "bpf_session_is_return",
}

// KfuncName returns the name of a feature that is a kernel function, "" for
// others.
func KfuncName(f target.Feature) string { return kfuncs[f] }

// Target returns what the running kernel can do for a script, which needs the
// features of a set and nothing else (compiler.Needs). Each question costs a
// few system calls; they are asked at the same time.
func (k *Kernel) Target(needs target.Set) (*target.Target, error) {
	n, err := bpf.PossibleCPUs()
	if err != nil {
		return nil, err
	}
	t := &target.Target{NCPU: n, Features: target.Set{}, BTFIDs: map[target.Feature]uint32{}}
	t.PtRegs, t.PtRegsSize = target.AMD64Regs()
	set := k.opts.Features
	t.NoKernelReads = set.Locked()
	asked := needs.Sorted()
	has := make([]bool, len(asked))
	var wg sync.WaitGroup
	for i, f := range asked {
		if i < len(asked)-1 {
			wg.Go(func() { has[i] = hasFeature(set, f) })
		} else {
			has[i] = hasFeature(set, f)
		}
	}
	wg.Wait()
	for i, f := range asked {
		if !has[i] {
			continue
		}
		t.Features.Add(f)
		if name := kfuncs[f]; name != "" {
			id, _ := set.Kfunc(name)
			t.BTFIDs[f] = uint32(id)
		}
	}
	if t.Features[target.CommOffset] {
		t.CommOff, _ = set.CommOffset()
	}
	if err := pidNamespace(t); err != nil {
		return nil, err
	}
	return t, nil
}

// Has asks a set of features for one that programs use.
func Has(set *feature.Set, f target.Feature) bool {
	if name := kfuncs[f]; name != "" {
		_, ok := set.Kfunc(name)
		return ok
	}
	return hasFeature(set, f)
}

// hasFeature asks for one feature.
func hasFeature(set *feature.Set, f target.Feature) bool {
	if row, ok := rows[f]; ok {
		return set.Has(row)
	}
	if f == target.CommOffset {
		if !hasFeature(set, target.TaskBTF) {
			return false
		}
		off, ok := set.CommOffset()
		return ok && off > 0
	}
	if f == target.OverrideReturn { // in kprobes alone, and only there can it be called
		return set.Helper(feature.KprobeProg, feature.Helper(f))
	}
	return set.HelperInTracing(feature.Helper(f))
}

// pidNamespace makes pid and tid those of the tracer's own namespace when it
// is not the initial one (R-LIFE-10).
func pidNamespace(t *target.Target) error {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		if os.IsNotExist(err) {
			return fmt.Errorf("/proc is not mounted: %w", err)
		}
		return fmt.Errorf("look up the PID namespace: %w", err)
	}
	if st.Ino != initialPIDNamespace {
		t.NsPid, t.NsDev, t.NsIno = true, st.Dev, st.Ino
	}
	return nil
}
