package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"probe/cmd/front/cli"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/feature"
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
	missing, err := feature.MissingCapabilities()
	switch {
	case err != nil:
		fmt.Fprintf(w, "privileges   unknown: %v\n", err)
	case len(missing) > 0:
		var names []string
		for _, c := range missing {
			names = append(names, c.Name+" ("+c.For+")")
		}
		fmt.Fprintf(w, "privileges   missing %s: run as root, or grant them with setcap\n", strings.Join(names, ", "))
	default:
		fmt.Fprintf(w, "privileges   enough (user %d)\n", os.Geteuid())
	}
	if mode := feature.Lockdown(); mode == "none" {
		fmt.Fprintln(w, "lockdown     none")
	} else if mode != "" {
		fmt.Fprintf(w, "lockdown     %s: %s\n", mode, lockdownMeans(mode))
	}
	if _, err := m.Tracefs(); err != nil {
		fmt.Fprintf(w, "tracefs      %v\n", err)
	} else {
		fmt.Fprintf(w, "tracefs      mounted\n")
	}
	fmt.Fprintln(w)
	for _, g := range doctorGroups {
		why, have := "", false
		var cause error
		for _, f := range g.features {
			if set.Has(f) {
				have = true
			} else if why == "" {
				why, cause = oneLine(set.Why(f)), set.Err(f)
			}
		}
		if g.title == "load programs" {
			have = why == ""
		}
		if have {
			fmt.Fprintf(w, "yes  %s\n", g.title)
			continue
		}
		so := g.without
		if errors.Is(cause, fs.ErrPermission) && len(missing) > 0 {
			so = "run as root, or with the privileges named above"
		}
		fmt.Fprintf(w, "no   %s\n     why: %s\n     so:  %s\n", g.title, why, so)
	}
	fmt.Fprintln(w, "\nevery feature, as the kernel answered when asked:")
	for _, info := range feature.All() {
		if set.Has(info.Feature) {
			fmt.Fprintf(w, "  yes  %-18s %s\n", info.Name, info.About)
			continue
		}
		since := ""
		if info.Since != "" {
			since = " (upstream since " + info.Since + ")"
		}
		fmt.Fprintf(w, "  no   %-18s %s%s: %s\n", info.Name, info.About, since, oneLine(set.Why(info.Feature)))
	}
}

// lockdownMeans says what a mode of the kernel's lockdown forbids to tracing.
func lockdownMeans(mode string) string {
	if mode == "confidentiality" {
		return "no kprobes, no tracefs, no reads of kernel memory by address; counts, stacks, typed arguments, user programs and profiles work"
	}
	return "programs may not write to user memory; everything else works"
}

// oneLine returns the first line of a reason: the lines of joined errors mostly
// repeat it.
func oneLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
