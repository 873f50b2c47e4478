package kernel

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"probe/compiler/target"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/feature"
)

// initialPIDNamespace is the inode of the initial PID namespace
// (PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h).
const initialPIDNamespace = 0xEFFFFFFC

// question is a feature that only some scripts make use of: those whose text
// contains one of the words.
type question struct {
	feature feature.Feature
	words   []string // none: every script
	set     func(t *target.Target)
}

// questions lists what a Target is made of. Asking costs a system call or a
// few, so that a script of one line should not pay for all.
var questions = []question{
	{feature.TaskBTF, []string{"curtask", "ppid", "comm", "leader", "tgid"}, func(t *target.Target) { t.TaskBTF = true }},
	{feature.AttachCookie, []string{"*"}, func(t *target.Target) { t.AttachCookie = true }},
	{feature.ForEachMapElem, []string{"for", "len"}, func(t *target.Target) { t.ForEachMapElem = true }},
	{feature.Loop, []string{"for", "while", "str", "join", "unroll"}, func(t *target.Target) { t.Loop = true }},
	{feature.MayGoto, []string{"for", "while", "str", "join", "unroll"}, func(t *target.Target) { t.MayGoto = true }},
	{feature.PerCPULookup, []string{"@"}, func(t *target.Target) { t.PerCPULookup = true }},
	{feature.FuncIP, []string{"func"}, func(t *target.Target) { t.FuncIP = true }},
	{feature.BootTime, []string{"nsecs", "elapsed", "strftime", "tseries"}, func(t *target.Target) { t.BootNS = true }},
	{feature.TaiTime, []string{"tai", "tseries"}, func(t *target.Target) { t.TaiNS = true }},
	{feature.SignedMove, nil, func(t *target.Target) { t.SignedV4 = true }},
	{feature.AtomicFetch, []string{"@"}, func(t *target.Target) { t.AtomicFetch = true }},
	{feature.NoPrealloc, []string{"@"}, func(t *target.Target) { t.NoPrealloc = true }},
	{feature.GetStack, []string{"stack"}, func(t *target.Target) { t.StackTrace = true }},
}

// signedV4 are the features that together make up Target.SignedV4.
var signedV4 = []feature.Feature{feature.SignedDiv, feature.SignedLoad, feature.SignedMove}

// Target is what the running kernel can do for a script. text is the script
// with everything it imports; "" asks every question. It never causes the BTF
// to be read for a script that has not needed it so far.
func (k *Kernel) Target(text string) (*target.Target, error) {
	n, err := bpf.PossibleCPUs()
	if err != nil {
		return nil, err
	}
	t := &target.Target{NCPU: n, TypeID: k.TypeID, BTFIDs: map[string]uint32{}}
	t.PtRegs, t.PtRegsSize = target.AMD64Regs()
	set := k.opts.Features
	all := text == "" || strings.Contains(text, "import")
	for _, q := range questions {
		if (all || mentions(text, q.words)) && has(set, q.feature) {
			q.set(t)
		}
	}
	if k.loaded.Load() && set.Has(feature.RdonlyCast) {
		t.RdonlyCast = kfunc(set, "bpf_rdonly_cast")
	}
	if strings.Contains(text, "fgraph") || all {
		if set.Has(feature.SessionReturn) {
			t.SessionReturn = kfunc(set, "bpf_session_is_return")
		}
	}
	if t.TaskBTF && (all || strings.Contains(text, "comm")) {
		t.CommOff, _ = set.CommOffset()
	}
	if err := pidNamespace(t); err != nil {
		return nil, err
	}
	return t, nil
}

func has(set *feature.Set, f feature.Feature) bool {
	if f != feature.SignedMove {
		return set.Has(f)
	}
	for _, f := range signedV4 {
		if !set.Has(f) {
			return false
		}
	}
	return true
}

func mentions(text string, words []string) bool {
	if words == nil {
		return true
	}
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

func kfunc(set *feature.Set, name string) uint32 {
	id, _ := set.Kfunc(name)
	return uint32(id)
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
