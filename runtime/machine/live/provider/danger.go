package provider

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"probe/lang/hir"
)

// Danger is a kernel function, or a pattern of names, that a script probes only
// on request or not at all.
type Danger struct {
	Name  string
	Where Where
	// Crash is set if such a probe can crash or hang the machine. --force does
	// not override these.
	Crash bool
	Why   string // a clause, with the function as its subject
}

// Where is the set of probes that a Danger is about.
type Where uint8

// The sets.
const (
	Anywhere     Where = iota
	OnReturn           // probes on the return of the function
	OnTrampoline       // fentry and fexit
)

// String returns the kinds of probes, for the documents.
func (w Where) String() string {
	return [...]string{"all", "`kretprobe:`, `fexit:`, `ret:`", "`fentry:`, `fexit:`"}[w]
}

// The reasons that several functions share.
const (
	itself    = "is called by trampolines before and after each program, so the probe would call itself until the stack is full"
	lock      = "is how maps and trampolines take their own locks: a program inside would wait for itself"
	retLock   = "is a lock that the kernel takes to store return addresses: it would wait for itself"
	swapped   = "begins in one thread and ends in another, and the kernel looks for the return address in the wrong one"
	contended = "runs millions of times a second on a busy machine, inside of locks that others wait for"
	idle      = "runs where the kernel is about to idle and does not protect the memory that programs use"
	never     = "never returns, so the probe never runs, and what it needs is never freed"
	ours      = "is called by programs themselves: those calls are left out by the kernel and count as missed"
	hot       = "runs in almost every other function of the kernel"
)

// dangers is the table of functions that are dangerous or hot to probe.
var dangers = []Danger{
	{"migrate_disable", OnTrampoline, true, itself},
	{"migrate_enable", OnTrampoline, true, itself},
	{"preempt_count_add", OnTrampoline, true, itself},
	{"preempt_count_sub", OnTrampoline, true, itself},
	{"__rcu_read_lock", OnTrampoline, true, itself},
	{"__rcu_read_unlock", OnTrampoline, true, itself},
	{"rcu_read_unlock_strict", OnTrampoline, true, itself},
	{"_raw_spin_lock", OnTrampoline, true, lock},
	{"_raw_spin_lock_irqsave", OnTrampoline, true, lock},
	{"_raw_spin_unlock_irqrestore", OnTrampoline, true, lock},
	{"queued_spin_lock_slowpath", OnTrampoline, true, lock},
	{"native_queued_spin_lock_slowpath", OnTrampoline, true, lock},
	{"_raw_spin_lock", OnReturn, true, retLock},
	{"_raw_spin_lock_irqsave", OnReturn, true, retLock},
	{"_raw_spin_unlock_irqrestore", OnReturn, true, retLock},
	{"queued_spin_lock_slowpath", OnReturn, true, retLock},
	{"native_queued_spin_lock_slowpath", OnReturn, true, retLock},
	{"__switch_to", OnReturn, true, swapped},
	{"__switch_to_asm", OnReturn, true, swapped},
	{"cpu_switch_to", OnReturn, true, swapped},

	{"_raw_spin_lock*", Anywhere, false, contended},
	{"_raw_spin_unlock*", Anywhere, false, contended},
	{"_raw_read_lock*", Anywhere, false, contended},
	{"_raw_write_lock*", Anywhere, false, contended},
	{"queued_spin_lock_slowpath", Anywhere, false, contended},
	{"native_queued_spin_lock_slowpath", Anywhere, false, contended},
	{"osq_lock", Anywhere, false, contended},
	{"mutex_spin_on_owner", Anywhere, false, contended},
	{"lock_acquire", Anywhere, false, hot},
	{"lock_release", Anywhere, false, hot},
	{"__rcu_read_lock", Anywhere, false, hot},
	{"__rcu_read_unlock", Anywhere, false, hot},
	{"rcu_read_unlock_strict", Anywhere, false, hot},
	{"preempt_count_add", Anywhere, false, hot},
	{"preempt_count_sub", Anywhere, false, hot},
	{"memcpy", Anywhere, false, hot},
	{"memmove", Anywhere, false, hot},
	{"memset", Anywhere, false, hot},
	{"migrate_disable", Anywhere, false, ours},
	{"migrate_enable", Anywhere, false, ours},
	{"ktime_get_mono_fast_ns", Anywhere, false, ours},
	{"ktime_get_boot_fast_ns", Anywhere, false, ours},
	{"copy_from_kernel_nofault", Anywhere, false, ours},
	{"copy_from_user_nofault", Anywhere, false, ours},
	{"trace_call_bpf", Anywhere, false, ours},
	{"__htab_*", Anywhere, false, ours},
	{"htab_*", Anywhere, false, ours},
	{"array_map_*", Anywhere, false, ours},
	{"percpu_array_*", Anywhere, false, ours},
	{"bpf_ringbuf_*", Anywhere, false, ours},
	{"__bpf_ringbuf_*", Anywhere, false, ours},
	{"__bpf_prog_enter*", Anywhere, false, ours},
	{"__bpf_prog_exit*", Anywhere, false, ours},
	{"default_idle", Anywhere, false, idle},
	{"default_idle_call", Anywhere, false, idle},
	{"arch_cpu_idle", Anywhere, false, idle},
	{"poll_idle", Anywhere, false, idle},
	{"mwait_idle", Anywhere, false, idle},
	{"intel_idle*", Anywhere, false, idle},
	{"acpi_idle_enter*", Anywhere, false, idle},
	{"acpi_safe_halt", Anywhere, false, idle},
	{"cpuidle_enter_state", Anywhere, false, idle},
	{"do_exit", OnReturn, false, never},
	{"do_group_exit", OnReturn, false, never},
	{"make_task_dead", OnReturn, false, never},
	{"rewind_stack_and_make_dead", OnReturn, false, never},
	{"kthread_exit", OnReturn, false, never},
	{"kthread_complete_and_exit", OnReturn, false, never},
	{"__module_put_and_kthread_exit", OnReturn, false, never},
	{"__kunit_abort", OnReturn, false, never},
	{"kunit_try_catch_throw", OnReturn, false, never},
	{"__x64_sys_exit", OnReturn, false, never},
	{"__x64_sys_exit_group", OnReturn, false, never},
	{"__arm64_sys_exit", OnReturn, false, never},
	{"__arm64_sys_exit_group", OnReturn, false, never},
	{"__ia32_sys_exit", OnReturn, false, never},
	{"__ia32_sys_exit_group", OnReturn, false, never},
}

// Dangers returns the table, the dangerous ones first.
func Dangers() []Danger { return slices.Clone(dangers) }

// danger returns the first record about a function, nil if there is none.
func danger(name string, ret, trampoline bool) *Danger {
	for i := range dangers {
		d := &dangers[i]
		if d.Where == OnReturn && !ret || d.Where == OnTrampoline && !trampoline || !match(d.Name, name) {
			continue
		}
		return d
	}
	return nil
}

// recursive reports whether the function's trampolines can run nested
// (P-FENTRY-07).
func recursive(name string) bool {
	d := danger(name, false, true)
	return d != nil && d.Crash
}

// refuses reports whether a function that a script names is not probed, and then
// says why.
func (r *request) refuses(at int, name string) bool {
	d := danger(name, r.p.Returns, r.p.Trampoline)
	if d == nil || r.Danger == hir.AllowDanger && !d.Crash || r.Danger == hir.WarnDanger && !d.Crash {
		return false
	}
	r.matched = true
	if r.Danger == hir.WarnDanger {
		r.warnf("dangerous", at, "%s:%s can crash or hang the machine: the function %s", r.p.Name, r.text(), d.Why)
		return false
	}
	if d.Crash {
		out := r.errorf("dangerous", at, "%s:%s can crash or hang the machine", r.p.Name, r.text()).WithLabel("never probed")
		out.WithNote("%s %s", name, d.Why)
		if r.p.Trampoline && !r.p.Returns {
			out.WithHelp("`kprobe:%s` is possible with --force", name)
		}
		return true
	}
	r.errorf("dangerous", at, "%s:%s should not be probed", r.p.Name, r.text()).WithLabel("probed with --force only").
		WithNote("%s %s", name, d.Why).WithHelp("probe a function that calls it, or give --force")
	return true
}

// leaveOut removes the functions from the matches of a pattern that are not
// probed, and says how many these are.
func (r *request) leaveOut(at int, fns []fn) []fn {
	if r.Danger == hir.WarnDanger {
		return fns
	}
	var left []string
	out := make([]fn, 0, len(fns))
	for _, f := range fns {
		if d := danger(f.name, r.p.Returns, r.p.Trampoline); d != nil && (d.Crash || r.Danger != hir.AllowDanger) {
			left = append(left, f.name)
			continue
		}
		out = append(out, f)
	}
	if len(left) == 0 {
		return fns
	}
	d := r.warnf("left-out", at, "%d of the %d functions that match %s are left out: dangerous or too hot to probe", len(left), len(fns), r.text()).WithRow("X-RUN")
	d.WithNote("%s", some(left))
	if r.Danger == hir.AllowDanger {
		d.WithNote("these can crash or hang the machine, so --force does not include them")
	} else {
		d.WithHelp("--force includes those that cannot crash the machine")
	}
	return out
}

// AttachTime estimates the time that it takes to attach to the places of a site
// and to detach from them. Links with many functions cost a fraction of the time
// for each, since they wait for the other processors once.
func AttachTime(a *hir.Attach) time.Duration {
	n := time.Duration(max(len(a.Symbols), 1))
	switch a.Kind {
	case hir.AttachKprobeMulti, hir.AttachKretprobeMulti, hir.AttachUprobeMulti, hir.AttachUretprobeMulti:
		return n * manyTime
	case hir.AttachKprobe, hir.AttachKretprobe, hir.AttachFentry, hir.AttachFexit:
		return n * singleTime
	}
	return n * otherTime
}

// The times of AttachTime for one place.
const (
	manyTime   = 30 * time.Microsecond
	singleTime = 30 * time.Millisecond
	otherTime  = time.Millisecond
)

// some lists the first of many names.
func some(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
