package rights

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLockdownMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lockdown")
	for text, want := range map[string]string{
		"none [integrity] confidentiality\n": "integrity", "[none] integrity confidentiality\n": "none",
		"none integrity [confidentiality]": "confidentiality", "": "", "none": "", "[": "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lockdownMode(path); got != want {
			t.Errorf("lockdownMode(%q) = %q, want %q", text, got, want)
		}
	}
	if got := lockdownMode(path + ".missing"); got != "" {
		t.Errorf("lockdownMode of a missing file = %q", got)
	}
}

func TestLacks(t *testing.T) {
	for _, test := range []struct{ have, need, want Caps }{
		{0, Load, Load},
		{BPF, Load, Perfmon},
		{Load, Load, 0},
		{Admin, Load, 0}, // includes both
		{Admin, Load | Syslog, Syslog},
		{Load | Override, Load | Search, 0},
		{Load | Search, Load | Override, Override},
	} {
		if got := test.have.Lacks(test.need); got != test.want {
			t.Errorf("%v lacks %v of %v, want %v", test.have, got, test.need, test.want)
		}
	}
	if got := (Load | Search).String(); got != "CAP_BPF + CAP_PERFMON + CAP_DAC_READ_SEARCH" {
		t.Errorf("String() = %q", got)
	}
	if got := Load.Setcap(); got != "cap_bpf,cap_perfmon" {
		t.Errorf("Setcap() = %q", got)
	}
}

// Each cause is named where it applies, and the one that has to be removed first.
func TestWhy(t *testing.T) {
	full := State{Caps: All, Memlock: -1, Paranoid: 2, Lockdown: "none"}
	with := func(change func(s *State)) State { s := full; change(&s); return s }
	for _, test := range []struct {
		name  string
		state State
		call  Call
		want  string // in the cause
		help  string // in the first help
	}{
		{"user", State{User: 1000, Memlock: -1, Paranoid: 2}, Program, "lacks CAP_BPF + CAP_PERFMON", "run as root"},
		{"one is missing", State{User: 1000, Caps: BPF, Memlock: -1, Paranoid: 2}, Program, "this process lacks CAP_PERFMON", "run as root"},
		{"root of a container", with(func(s *State) { s.Caps = Syslog }), Program, "root without CAP_BPF", "outside of the container"},
		{"user namespace", with(func(s *State) { s.Namespaced = true }), Program, "user namespace of its own", "outside of the container"},
		{"token", with(func(s *State) { s.Namespaced, s.Token = true, true }), Program, "BPF token of this user namespace does not delegate this", "delegate_cmds"},
		{"token and events", with(func(s *State) { s.Namespaced, s.Token = true, true }), Event, "user namespace of its own", "outside of the container"},
		{"filter", with(func(s *State) { s.Filtered = true }), Program, "seccomp filter on this process refuses bpf(2)", "seccomp profile"},
		{"filter on another call", with(func(s *State) { s.Filtered = true }), Event, "none of the causes", "dmesg"},
		{"filter on events", with(func(s *State) { s.FilteredPerf = true }), Event, "refuses perf_event_open(2)", "seccomp profile"},
		{"filter and namespace", with(func(s *State) { s.Filtered, s.Namespaced = true, true }), Program, "seccomp", "seccomp"},
		{"paranoid", State{User: 1000, Caps: Load, Memlock: -1, Paranoid: 3}, Event, "perf_event_paranoid is 3", "sysctl kernel.perf_event_paranoid=2"},
		{"paranoid is no matter for programs", State{User: 1000, Memlock: 65536, Caps: Load, Paranoid: 3}, Program, "none of the causes", "dmesg"},
		{"uprobe", State{User: 1000, Caps: Load, Memlock: -1, Paranoid: 3}, AdminEvent, "leaves uprobes, and watchpoints on its own memory, to CAP_SYS_ADMIN", "run as root"},
		{"memlock", State{User: 1000, Caps: Load, Memlock: 65536, Counts: true}, Program, "locked memory is 64 KB", "ulimit -l unlimited"},
		{"memlock that probe can raise", State{Caps: All, Memlock: 65536, Counts: true}, Program, "none of the causes", "dmesg"},
		{"security module", with(func(s *State) { s.Refused = true }), Program, "security module", "dmesg"},
		{"lockdown", with(func(s *State) { s.Lockdown = "integrity" }), Program, "lockdown is in mode integrity", "probe doctor"},
		{"tracefs", State{User: 1000, Caps: Load, Memlock: -1}, Tracing, "lacks CAP_DAC_READ_SEARCH", "run as root"},
	} {
		c := test.state.Why(test.call)
		if !strings.Contains(c.Why, test.want) || len(c.Helps) == 0 || !strings.Contains(c.Helps[0], test.help) {
			t.Errorf("%s: %+v, want %q and help %q", test.name, c, test.want, test.help)
		}
	}
}

// An access that was refused once is not tried again, and the error is one of
// permission.
func TestGrants(t *testing.T) {
	g := &Grants{Unusable: os.ErrNotExist}
	for _, a := range []Access{Tracefs, Settings} {
		if err := g.Ask(a); err != os.ErrNotExist {
			t.Errorf("access %d without tracefs: %v", a, err)
		}
	}
	no := denied(Samples, Event, unix.EACCES)
	if !errors.Is(no, fs.ErrPermission) {
		t.Errorf("denied = %v", no)
	}
	for _, err := range []error{nil, unix.EINVAL, unix.EFAULT, unix.ENOENT} {
		if got := denied(Kprobes, Event, err); got != nil {
			t.Errorf("%v means %v, want that it is allowed", err, got)
		}
	}
}
