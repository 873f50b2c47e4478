package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"probe/cmd/front/cli"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/tracefs"
)

var doctorCommand = &command{
	Command: cli.Command{
		Name: "doctor", Usage: []string{""}, Summary: "what this kernel, these privileges and this lockdown state allow, and what to do",
		About:    "Prints one page: the kernel, the privileges, the lockdown state, what works, what does not, why, and what to do about it.",
		Examples: []cli.Example{{Command: "probe doctor"}},
		SeeAlso:  []string{"ls", "version"},
	},
	run: func(_ *options, std stdio) int {
		doctor(std.out, live.New(live.Options{}))
		return exitOK
	},
}

// doctorGroups lists the features that matter to users, grouped by what they
// make possible.
var doctorGroups = []struct {
	title    string
	features []feature.Feature
	without  string // what probe does without the feature, or what the user can do
}{
	{"load programs", []feature.Feature{feature.RingBuf, feature.MmapArray, feature.BTF}, "use a kernel from 5.10 on with BTF (CONFIG_DEBUG_INFO_BTF)"},
	{"function probes (kprobe:, kretprobe:)", []feature.Feature{feature.Kprobes}, "use tracepoint: and rawtracepoint: probes, or fentry: and fexit:"},
	{"cheap function probes (fentry:, fexit:, call:, ret:)", []feature.Feature{feature.Fentry}, "call: and ret: use kprobes instead"},
	{"wildcards in one link", []feature.Feature{feature.KprobeMulti}, "functions are attached one by one, which is slow for more than a few hundred"},
	{"loops over maps", []feature.Feature{feature.ForEachMapElem}, "print the map instead of looping over it"},
	{"long loops", []feature.Feature{feature.MayGoto, feature.Loop}, "loops are cut after a fixed number of turns, and that is counted"},
	{"aggregations read as numbers", []feature.Feature{feature.PerCPULookup}, "print the map instead"},
}

// doctor prints a page about the kernel's features and the privileges of the
// process.
func doctor(w io.Writer, m *live.Machine) {
	set := m.Features()
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		fmt.Fprintf(w, "kernel       %s %s\n", unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:]))
	}
	state := rights.Read()
	fmt.Fprintf(w, "privileges   %s\n", privileges(&state))
	if mode := state.Lockdown; mode == "none" {
		fmt.Fprintln(w, "lockdown     none")
	} else if mode != "" {
		fmt.Fprintf(w, "lockdown     %s: %s\n", mode, lockdownMeans(mode))
	} else {
		fmt.Fprintln(w, "lockdown     not shown: /sys/kernel/security/lockdown cannot be read (no lockdown in this kernel, or securityfs is not mounted)")
	}
	if t, err := m.Tracefs(); err != nil {
		// The messages name tracefs, as the line does.
		fmt.Fprintf(w, "tracefs      %s\n", strings.TrimPrefix(strings.TrimPrefix(err.Error(), "tracefs "), "is "))
	} else {
		fmt.Fprintf(w, "tracefs      mounted at %s\n", t.Dir())
	}
	if state.Paranoid > 2 {
		fmt.Fprintf(w, "perf events  kernel.perf_event_paranoid is %d: only CAP_SYS_ADMIN may open them\n", state.Paranoid)
	}
	if m.HidesKernel() {
		fmt.Fprintln(w, "addresses    hidden: kernel.kptr_restrict is not 0, and this process lacks CAP_SYSLOG")
	}
	fmt.Fprintln(w, "\nwhat this process may use:")
	doctorRights(w, m)
	fmt.Fprintln(w, "\nwhat this kernel has, for those who may use it (?: this process could not ask):")
	var unknown reasons
	for _, g := range doctorGroups {
		var cause error
		have := false
		for _, f := range g.features {
			if err := set.Err(f); err == nil {
				have = true
			} else if cause == nil {
				cause = err
			}
		}
		if g.title == "load programs" {
			have = cause == nil
		}
		switch {
		case have:
			fmt.Fprintf(w, "yes  %s\n", g.title)
		case notAsked(cause):
			unknown.add(g.title, cause)
		default:
			fmt.Fprintf(w, "no   %s\n     why: %s\n     so:  %s\n", g.title, reason(cause), g.without)
		}
	}
	for _, r := range unknown {
		fmt.Fprintf(w, "?    %s\n     why: %s\n", strings.Join(r.names, ", "), r.why)
	}
	fmt.Fprintln(w, "\nevery feature, as the kernel answered when asked (?: it could not be asked):")
	unknown = nil
	for _, info := range feature.All() {
		err := set.Err(info.Feature)
		switch {
		case err == nil:
			fmt.Fprintf(w, "  yes  %-18s %s\n", info.Name, info.About)
		case notAsked(err):
			unknown.add(info.Name, err)
		default:
			since := ""
			if info.Since != "" {
				since = " (upstream since " + info.Since + ")"
			}
			fmt.Fprintf(w, "  no   %-18s %s%s: %s\n", info.Name, info.About, since, reason(err))
		}
	}
	for _, r := range unknown {
		fmt.Fprintf(w, "  ?    %s: %s\n", strings.Join(r.names, ", "), r.why)
	}
}

// reasons lists things by the reason that they share.
type reasons []struct {
	names []string
	why   string
}

// add adds a name to those with the same reason.
func (r *reasons) add(name string, err error) {
	why := reason(err)
	// What was tried differs, the cause behind the semicolon does not.
	if i := strings.LastIndex(why, "; "); i >= 0 && errors.Is(err, fs.ErrPermission) {
		why = why[i+2:]
	}
	for i := range *r {
		if (*r)[i].why == why {
			(*r)[i].names = append((*r)[i].names, name)
			return
		}
	}
	*r = append(*r, struct {
		names []string
		why   string
	}{[]string{name}, why})
}

// notAsked reports whether an error says nothing about what the kernel has: the
// process could not ask it.
func notAsked(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, tracefs.ErrNotMounted)
}

// reason returns the first line of the reason for which a feature is missing:
// the lines of joined errors mostly repeat it.
func reason(err error) string {
	var m *feature.MissingError
	if errors.As(err, &m) {
		err = m.Reason
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// privileges describes the rights of the process in one line.
func privileges(s *rights.State) string {
	who := fmt.Sprintf("user %d", s.User)
	if s.User == 0 {
		who = "root"
	}
	switch {
	case s.Namespaced && s.Token:
		return who + " of a user namespace to which a BPF file system delegates (a BPF token)"
	case s.Namespaced:
		return who + " of a user namespace, which counts for nothing in tracing"
	case s.Caps.Lacks(rights.All) == 0:
		return who + " with everything that probe can need"
	case s.Caps&rights.All == 0:
		return who + " without capabilities"
	case s.User == 0:
		return who + " without " + s.Caps.Lacks(rights.All).String()
	}
	return who + " with " + s.Caps.String()
}

// doctorRights prints which kinds of probes this process has the rights for,
// those with the same answer together.
func doctorRights(w io.Writer, m *live.Machine) {
	var yes []string
	var no reasons
	helps := map[string][]string{} // by reason
	add := func(kind string, err error) {
		if err == nil {
			yes = append(yes, kind)
			return
		}
		no.add(kind, err)
		var denied *rights.Denied
		if errors.As(err, &denied) {
			helps[reason(err)] = denied.Cause.Helps
		}
	}
	var kprobes error
	for _, r := range m.Rights() {
		add(r.Name+":", r.Err)
		if r.Name == "kprobe" {
			kprobes = r.Err
		}
	}
	grants := m.Grants()
	patterns := grants.Ask(rights.Tracefs)
	if kprobes != nil {
		patterns = kprobes
	}
	add("patterns of functions", patterns)
	add("probe graph", errors.Join(grants.Ask(rights.Tracefs), grants.Ask(rights.Settings)))
	if yes != nil {
		fmt.Fprintf(w, "yes  %s\n", strings.Join(yes, ", "))
	}
	for _, r := range no {
		fmt.Fprintf(w, "no   %s\n     why: %s\n", strings.Join(r.names, ", "), r.why)
		if h := helps[r.why]; h != nil {
			fmt.Fprintf(w, "     so:  %s\n", strings.Join(h, "\n          "))
		}
	}
}

// lockdownMeans says what a mode of the kernel's lockdown forbids to tracing.
func lockdownMeans(mode string) string {
	if mode == "confidentiality" {
		return "no kprobes, no tracefs, no reads of kernel memory by address; counts, stacks, typed arguments, user programs and profiles work"
	}
	return "programs may not write to user memory; everything else works"
}
