// Package rights finds out what the kernel lets this process do, and why it
// refuses the rest: capabilities, user namespaces, limits, seccomp filters,
// settings and the lockdown. Every cause is established by reading or by asking
// the kernel a harmless question, and never assumed.
package rights

import (
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
)

// Caps is a set of capabilities: bit n is capability number n.
type Caps uint64

// The capabilities that tracing can need.
const (
	BPF      Caps = 1 << unix.CAP_BPF
	Perfmon  Caps = 1 << unix.CAP_PERFMON
	Admin    Caps = 1 << unix.CAP_SYS_ADMIN
	Syslog   Caps = 1 << unix.CAP_SYSLOG
	Ptrace   Caps = 1 << unix.CAP_SYS_PTRACE
	Search   Caps = 1 << unix.CAP_DAC_READ_SEARCH
	Override Caps = 1 << unix.CAP_DAC_OVERRIDE
	Resource Caps = 1 << unix.CAP_SYS_RESOURCE
)

// Load is what loading any program needs.
const Load = BPF | Perfmon

// All is what probe can need, with everything it does.
const All = BPF | Perfmon | Admin | Search | Override | Syslog | Ptrace | Resource

// names lists the capabilities in the order in which messages name them.
var names = []struct {
	bit  Caps
	name string
}{
	{BPF, "CAP_BPF"}, {Perfmon, "CAP_PERFMON"}, {Admin, "CAP_SYS_ADMIN"}, {Search, "CAP_DAC_READ_SEARCH"},
	{Override, "CAP_DAC_OVERRIDE"}, {Syslog, "CAP_SYSLOG"}, {Ptrace, "CAP_SYS_PTRACE"}, {Resource, "CAP_SYS_RESOURCE"},
}

// String lists the names, joined by " + "; "none" for the empty set. Other
// capabilities than those above are left out.
func (c Caps) String() string { return c.join(" + ") }

// Setcap lists the names as setcap(8) takes them.
func (c Caps) Setcap() string { return strings.ToLower(c.join(",")) }

func (c Caps) join(by string) string {
	var out []string
	for _, n := range names {
		if c&n.bit != 0 {
			out = append(out, n.name)
		}
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, by)
}

// Lacks returns the capabilities of need that are not in c. CAP_SYS_ADMIN
// includes CAP_BPF and CAP_PERFMON, CAP_DAC_OVERRIDE includes
// CAP_DAC_READ_SEARCH.
func (c Caps) Lacks(need Caps) Caps {
	if c&Admin != 0 {
		c |= BPF | Perfmon
	}
	if c&Override != 0 {
		c |= Search
	}
	return need &^ c
}

// Effective returns the effective capabilities of the calling thread, counted in
// its own user namespace; see Counted.
func Effective() (Caps, error) {
	data, err := get()
	return Caps(data[1].Effective)<<32 | Caps(data[0].Effective), err
}

func get() (data [2]unix.CapUserData, err error) {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&head, &data[0]); err != nil {
		return data, fmt.Errorf("read capabilities: %w", err)
	}
	return data, nil
}

// Counted returns the effective capabilities that the kernel counts for tracing:
// none in a user namespace other than the initial one.
func Counted() (Caps, error) {
	c, err := Effective()
	if err == nil && Namespaced() {
		c = 0
	}
	return c, err
}

// Namespaced reports whether this process is in a user namespace other than the
// initial one.
func Namespaced() bool { return bpf.Namespaced() }

// needed is what a run needs once everything is attached: symbols of the kernel
// and of other users' processes, files of tracefs to put back, output in folders
// of others, the end of the command of -c.
const needed = Syslog | Ptrace | Search | Override | 1<<unix.CAP_KILL

// Drop gives up, for good and on all threads, the capabilities that a run does
// not need once everything is attached, and returns those it gave up. Maps are
// read and programs detached through descriptors, for which most kernels want no
// capability; CAP_BPF is kept where this one does. A program that root starts
// afterwards has the rights of root all the same, since it gets them anew.
//
// Those in aside remain permitted and are not effective, so that nothing uses
// them but With.
func Drop(aside Caps) (Caps, error) {
	keep := needed
	if !descriptorsSuffice() {
		keep |= BPF
	}
	return limit(keep, aside)
}

// Restrict gives up, for good and on all threads, the capabilities that no probe
// needs, for a session that goes on attaching. It returns those it gave up.
func Restrict() (Caps, error) { return limit(All|1<<unix.CAP_KILL, 0) }

// limit gives up all capabilities other than keep and aside.
func limit(keep, aside Caps) (Caps, error) {
	data, err := get()
	if err != nil {
		return 0, err
	}
	had := Caps(data[1].Permitted)<<32 | Caps(data[0].Permitted)
	if had&^keep == 0 {
		return 0, nil
	}
	for i := range data {
		word, permitted := uint32(keep>>(32*i)), uint32((keep|aside)>>(32*i))
		data[i].Effective &= word
		data[i].Permitted &= permitted
		data[i].Inheritable &= word
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return had &^ (keep | aside), allThreads(&head, &data)
}

// With calls f with capabilities that Drop has put aside, on one thread. Without
// them it just calls f. f must not start goroutines.
func With(aside Caps, f func()) {
	runtime.LockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data, err := get()
	more := data
	for i := range more {
		more[i].Effective |= uint32(aside>>(32*i)) & more[i].Permitted
	}
	if err != nil || more == data || unix.Capset(&head, &more[0]) != nil {
		runtime.UnlockOSThread()
		f()
		return
	}
	f()
	if unix.Capset(&head, &data[0]) == nil {
		runtime.UnlockOSThread()
	} // else the thread ends with its goroutine, and nothing else runs on it
}

// descriptorsSuffice reports whether bpf(2) works on the maps and programs that a
// process has when it lacks CAP_BPF (since 5.19, or where users may use BPF). It
// asks with a thread that does without for a moment.
func descriptorsSuffice() bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	data, err := get()
	if err != nil {
		return false
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	less := data
	less[0].Effective &^= uint32(Admin)
	less[1].Effective &^= uint32(BPF >> 32)
	if unix.Capset(&head, &less[0]) != nil {
		return false
	}
	ok := !refuses(askBPF())
	if err := unix.Capset(&head, &data[0]); err != nil {
		return false // cannot fail: the capability is still permitted
	}
	return ok
}
