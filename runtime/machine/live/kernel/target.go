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

// rows maps target features to kernel features: those that are not helpers, and
// helpers with a row of their own because not all types of programs need them.
var rows = map[target.Feature]feature.Feature{
	target.NoPrealloc:    feature.NoPrealloc,
	target.MayGoto:       feature.MayGoto,
	target.RdonlyCast:    feature.RdonlyCast,
	target.SessionReturn: feature.SessionReturn,
	target.FuncIP:        feature.FuncIP,
	target.Overlap:       feature.UprobeSleep,
	target.GetFuncArg:    feature.FuncArgs,
	target.GetFuncRet:    feature.FuncArgs,
}

// kfuncs maps the features that are kernel functions to the functions' names.
var kfuncs = map[target.Feature]string{
	target.RdonlyCast: "bpf_rdonly_cast", target.SessionReturn: "bpf_session_is_return",
}

// KfuncName returns the name of a feature that is a kernel function, "" for
// others.
func KfuncName(f target.Feature) string { return kfuncs[f] }

// Target returns what the running kernel can do for a script, which needs the
// features in needs and no others (compiler.Needs). Each test costs a few
// system calls; they run in parallel.
func (k *Kernel) Target(needs target.Set) (*target.Target, error) {
	n, err := bpf.PossibleCPUs()
	if err != nil {
		return nil, err
	}
	t := &target.Target{NCPU: n, Arch: target.Native(), Features: target.Set{}, BTFIDs: map[target.Feature]uint32{}}
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

// Has reports whether a set of kernel features includes the target feature f.
func Has(set *feature.Set, f target.Feature) bool {
	if name := kfuncs[f]; name != "" {
		_, ok := set.Kfunc(name)
		return ok
	}
	return hasFeature(set, f)
}

// hasFeature is Has for features that are not helpers.
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

// pidNamespace sets the PID namespace of the target if the tracer is not in the
// initial one: pid and tid are then those in the tracer's namespace
// (R-LIFE-10).
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
