package rights

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
)

// Call is what the kernel refused.
type Call uint8

// The calls with rules of their own.
const (
	Program    Call = iota // bpf(2): loading a program, creating a map
	Event                  // perf_event_open(2)
	AdminEvent             // perf_event_open(2) for a uprobe or an address of the kernel
	Tracing                // a file of tracefs
)

// Cause is why something is refused.
type Cause struct {
	// Why completes the sentence "the kernel refuses this: …".
	Why string
	// Helps is what the user can do, the best first.
	Helps []string
}

// State is what Find looks at. Its zero value is a process without rights on a
// machine without restrictions.
type State struct {
	Caps       Caps // as Effective returns them
	Namespaced bool
	User       int // the effective user
	// Token is set if the process has a BPF token.
	Token bool
	// Filtered and Loads are about bpf(2), FilteredPerf about
	// perf_event_open(2): whether a seccomp filter refuses the call, and
	// whether the kernel takes the smallest map.
	Filtered, FilteredPerf bool
	// Refused is set if something other than a filter refuses every bpf(2).
	Refused bool
	// Paranoid is kernel.perf_event_paranoid, and Memlock the limit on locked
	// memory in bytes; -1 for unknown or unlimited.
	Paranoid int
	Memlock  int64
	// Counts is set if the kernel counts maps and programs against Memlock
	// (before 5.11).
	Counts bool
	// Lockdown is the mode, "" if it is not known.
	Lockdown string
}

// Read reads the state of this process.
func Read() State {
	s := State{User: os.Geteuid(), Namespaced: Namespaced(), Paranoid: Paranoid(), Memlock: memlock(), Counts: countsMemlock(), Lockdown: Lockdown()}
	var token int
	if token, s.Token = bpf.Token(); s.Token {
		unix.Close(token)
	}
	// Without capabilities, which a kernel that cannot be asked must not hide.
	s.Caps, _ = Effective()
	// Before 6.4 a kernel that refuses bpf(2) to users gives EPERM for every
	// command, so the answer means something only to a process that may use it.
	asked := s.counted().Lacks(BPF) == 0 && refuses(askBPF())
	if filtered() {
		s.Filtered, s.FilteredPerf = asked, refuses(askPerf())
	} else {
		s.Refused = asked
	}
	return s
}

func (s *State) counted() Caps {
	if s.Namespaced {
		return 0
	}
	return s.Caps
}

// Why returns the cause for a refusal of a call to this process.
func Why(call Call) Cause { s := Read(); return s.Why(call) }

// Why returns the cause for a refusal of a call.
func (s *State) Why(call Call) Cause {
	sudo := "run as root: sudo probe …"
	event := call == Event || call == AdminEvent
	switch {
	case call == Program && s.Filtered, event && s.FilteredPerf:
		name := "bpf(2)"
		if event {
			name = "perf_event_open(2)"
		}
		return Cause{"a seccomp filter on this process refuses " + name + ", as those of containers and sandboxes do",
			[]string{"run probe outside of the container or sandbox, or with a seccomp profile that allows bpf and perf_event_open (docker: --security-opt seccomp=FILE, systemd: SystemCallFilter=)"}}
	case s.Namespaced && s.Token && call == Program:
		return Cause{"the BPF token of this user namespace does not delegate this", []string{"mount the BPF file system with more: delegate_cmds, delegate_maps, delegate_progs and delegate_attachs"}}
	case s.Namespaced:
		return Cause{"this process is in a user namespace of its own (a container without privileges), and its rights there do not count for tracing",
			[]string{"run probe as root outside of the container, or mount a BPF file system there that delegates to it (a BPF token, since Linux 6.9)"}}
	}
	need := Load
	if call == Tracing {
		need = Search
	}
	if call == AdminEvent || call == Event && s.Paranoid > 2 {
		need |= Admin
	}
	lacks := s.Caps.Lacks(need)
	switch {
	case call == Event && lacks == Admin:
		return Cause{fmt.Sprintf("kernel.perf_event_paranoid is %d, which leaves perf events to CAP_SYS_ADMIN", s.Paranoid),
			[]string{"as root: sysctl kernel.perf_event_paranoid=2, with which CAP_PERFMON is enough", "or " + sudo}}
	case call == AdminEvent && lacks == Admin && s.User != 0:
		return Cause{"the kernel leaves uprobes, and watchpoints on its own memory, to CAP_SYS_ADMIN, which this process lacks", []string{sudo}}
	case lacks != 0 && s.User == 0:
		return Cause{"this process is root without " + lacks.String() + ", as in a container",
			[]string{"run probe outside of the container, or start it with these capabilities (docker: --privileged, or --cap-add)"}}
	case lacks != 0:
		return Cause{"this process lacks " + lacks.String(),
			[]string{sudo, fmt.Sprintf("or give the program what it lacks, for everybody who may run it: setcap %s+ep PROBE", (Load | need).Setcap())}}
	case call == Program && s.Refused:
		return Cause{"a security module of this machine refuses bpf(2), or a container or sandbox does",
			[]string{"look into its log: `dmesg`, `ausearch -m avc`, /var/log/audit/audit.log"}}
	case call == Program && s.Counts && s.Memlock >= 0 && s.Caps&Resource == 0:
		return Cause{fmt.Sprintf("the limit on locked memory is %d KB, and kernels before 5.11 count maps and programs against it", s.Memlock>>10),
			[]string{"raise it: `ulimit -l unlimited` (systemd: LimitMEMLOCK=infinity), or give the process CAP_SYS_RESOURCE, with which probe raises it"}}
	case s.Lockdown != "" && s.Lockdown != "none":
		return Cause{"the kernel's lockdown is in mode " + s.Lockdown, []string{"see which probes work under it: `probe doctor`"}}
	}
	return Cause{"this process has the capabilities for it, and none of the causes that probe knows of applies: a security module may refuse it",
		[]string{"look into its log: `dmesg`, `ausearch -m avc`, /var/log/audit/audit.log"}}
}

// Paranoid returns kernel.perf_event_paranoid, -1 if it cannot be read.
func Paranoid() int {
	b, err := os.ReadFile("/proc/sys/kernel/perf_event_paranoid")
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return -1
	}
	return n
}

// Events reports whether this process may open perf events that are not about
// itself, which kprobes, uprobes and samples are.
func Events() bool {
	c, err := Counted()
	if err != nil {
		return true // the kernel answers
	}
	need := Perfmon
	if Paranoid() > 2 {
		need = Admin
	}
	return c.Lacks(need) == 0
}

// memlock returns the limit on locked memory, -1 for none.
func memlock() int64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &r) != nil || r.Cur == unix.RLIM_INFINITY {
		return -1
	}
	return int64(r.Cur)
}

// countsMemlock reports whether the kernel is older than 5.11. There is no
// question to ask it: a map that is too large is refused for other reasons, too.
func countsMemlock() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var major, minor int
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); n != 2 {
		return false
	}
	return major < 5 || major == 5 && minor < 11
}

// Lockdown returns the mode of the kernel's lockdown: "none", "integrity" or
// "confidentiality"; empty when the kernel has none or does not show it.
func Lockdown() string { return lockdownMode("/sys/kernel/security/lockdown") }

// lockdownMode returns the word in brackets of a file such as "none [integrity]
// confidentiality".
func lockdownMode(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(b, []byte{'['})
	mode, _, ok := bytes.Cut(rest, []byte{']'})
	if !ok {
		return ""
	}
	return string(mode)
}

// filtered reports whether a seccomp filter is in force. The question itself may
// be refused by one; a strict process (mode 1) could not ask it.
func filtered() bool {
	mode, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_GET_SECCOMP, 0, 0, 0, 0, 0)
	return errno != 0 && errno != unix.EINVAL || mode == unix.SECCOMP_MODE_FILTER
}

// refuses reports whether an answer is that of somebody who refuses the call as
// a whole.
func refuses(errno unix.Errno) bool {
	return errno == unix.EPERM || errno == unix.EACCES || errno == unix.ENOSYS
}

// askBPF makes a call of bpf(2) with a command that no kernel has: EINVAL says
// that the call itself is allowed.
func askBPF() unix.Errno {
	var attr [8]byte
	_, _, errno := unix.RawSyscall(unix.SYS_BPF, 1<<20, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	return errno
}

// askPerf makes a call of perf_event_open(2) without attributes, which gives
// EFAULT or EINVAL.
func askPerf() unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_PERF_EVENT_OPEN, 0, 0, ^uintptr(0), ^uintptr(0), 1<<30, 0)
	return errno
}

// IsRefusal reports whether err is the kernel's word for a lack of rights.
func IsRefusal(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) }
