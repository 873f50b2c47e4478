package session

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/provider"
)

// raiseLimits raises the limits on locked memory and on open files for an
// object (R-LIFE-08). It ignores failures: if the limit matters, the kernel
// rejects what does not fit, and that error is reported.
func raiseLimits(obj *object.Object) {
	// Before 5.11 the kernel counts the memory of maps and programs as locked
	// memory.
	_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	need := uint64(3*len(obj.Programs) + len(obj.Spec.Maps) + 50)
	cpus, err := bpf.OnlineCPUs()
	if err != nil {
		cpus = []int{0}
	}
	for _, p := range obj.Programs {
		switch p.Site.Attach.Kind {
		case hir.AttachProfile, hir.AttachSoftware, hir.AttachHardware:
			need += 2 * uint64(len(cpus))
		default:
			need += 2 * uint64(len(p.Site.Attach.Symbols))
		}
	}
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil || lim.Cur >= need {
		return
	}
	lim.Cur = need
	if lim.Max < need {
		lim.Max = need
	}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &lim)
}

// Places returns the number of places that an object attaches to, and an
// estimate of the time that it takes to attach to them and to detach.
func Places(obj *object.Object) (n int, took time.Duration) {
	for _, p := range obj.Programs {
		if p.Role == object.Main {
			n += max(len(p.Site.Attach.Symbols), 1)
		}
		took += provider.AttachTime(&p.Site.Attach)
	}
	return n, took
}

// checkProbes compares the number of places with the limit (P-COM-08).
func checkProbes(obj *object.Object) error {
	limit := int(obj.HIR.ConfigInt("max_probes"))
	n, _ := Places(obj)
	if n <= limit {
		return nil
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "too-many-probes", Row: "P-COM-08",
		Message: fmt.Sprintf("can't attach to %d probes because it exceeds the current limit of %d probes", n, limit)}
	d.WithCompat("Can't attach to %d probes because it exceeds the current limit of %d probes.\nYou can increase the limit through the BPFTRACE_MAX_PROBES environment variable, "+
		"but BE CAREFUL since a high number of probes attached can cause your system to crash.", n, limit)
	d.WithHelp("narrow the patterns, or raise the limit: `config = { max_probes = %d }`", n)
	return &LoadError{Diag: d, Early: true}
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }
