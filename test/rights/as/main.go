// Command as runs a command with less than the rights of root, for tests in
// guests:
//
//	as [-user N] [-caps LIST] [-bound LIST] [-deny LIST] [-memlock BYTES] [-userns] COMMAND…
//
// Lists are separated by commas; names of capabilities lack the prefix cap_. It
// needs no library in the guest, where there is no setpriv.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// All of it happens on the first thread, which becomes the command.
func init() { runtime.LockOSThread() }

func main() {
	var o options
	flag.IntVar(&o.user, "user", 0, "user and group")
	flag.StringVar(&o.caps, "caps", "-", "the capabilities to have; - for those that the user has anyway")
	flag.StringVar(&o.bound, "bound", "-", "the capabilities that root can have at all, as in a container; - for all")
	flag.StringVar(&o.deny, "deny", "", "system calls that seccomp refuses with EPERM")
	flag.Uint64Var(&o.memlock, "memlock", 0, "the limit on locked memory in bytes")
	flag.BoolVar(&o.userns, "userns", false, "root of a new user namespace")
	flag.StringVar(&o.token, "token", "", "a folder where a BPF file system that delegates to the command is mounted")
	flag.Parse()
	if err := o.run(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "as:", err)
		os.Exit(126)
	}
}

type options struct {
	user              int
	caps, bound, deny string
	memlock           uint64
	userns            bool
	token             string
}

func (o *options) run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command")
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	if o.token != "" {
		return delegate(o.token, args)
	}
	if o.userns {
		return inNamespace(args)
	}
	if o.memlock > 0 {
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: o.memlock, Max: o.memlock}); err != nil {
			return fmt.Errorf("memlock: %w", err)
		}
	}
	if err := o.rights(); err != nil {
		return err
	}
	if o.deny != "" {
		if err := seccomp(o.deny); err != nil {
			return fmt.Errorf("seccomp: %w", err)
		}
	}
	return syscall.Exec(path, args, os.Environ())
}

// inNamespace runs the command as root of a user namespace of its own.
func inNamespace(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return finish(cmd.Run())
}

// finish ends with the status of a command that has ended.
func finish(err error) error {
	if e, ok := err.(*exec.ExitError); ok {
		os.Exit(e.ExitCode())
	}
	return err
}

func (o *options) rights() error {
	if o.bound != "-" {
		keep, err := set(o.bound)
		if err != nil {
			return err
		}
		for bit := range uint64(unix.CAP_LAST_CAP + 1) {
			// A kernel without the capability says EINVAL.
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(bit), 0, 0, 0); keep>>bit&1 == 0 && err != nil && err != unix.EINVAL {
				return fmt.Errorf("bounding set: %w", err)
			}
		}
	}
	bits := uintptr(0)
	if o.caps != "-" && o.user == 0 {
		bits = 1 << 0 // SECBIT_NOROOT: being user 0 gives nothing
	}
	if o.user != 0 {
		bits |= 1 << 4 // SECBIT_KEEP_CAPS
	}
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, bits, 0, 0, 0); err != nil {
		return fmt.Errorf("securebits: %w", err)
	}
	id := uintptr(o.user)
	if o.user != 0 {
		for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, id, id, id}, {unix.SYS_SETRESUID, id, id, id}} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				return fmt.Errorf("become user %d: %w", o.user, errno)
			}
		}
	}
	if o.caps == "-" && o.user == 0 {
		return nil
	}
	have := uint64(0)
	if o.caps != "-" {
		var err error
		if have, err = set(o.caps); err != nil {
			return err
		}
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		word := uint32(have >> (32 * i))
		data[i] = unix.CapUserData{Effective: word, Permitted: word, Inheritable: word}
	}
	if err := unix.Capset(&head, &data[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	for bit := range uint64(unix.CAP_LAST_CAP + 1) {
		if have>>bit&1 != 0 {
			if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(bit), 0, 0); err != nil {
				return fmt.Errorf("ambient capability %d: %w", bit, err)
			}
		}
	}
	return nil
}

// capabilities that tests name.
var capabilities = map[string]uint64{
	"chown": unix.CAP_CHOWN, "dac_override": unix.CAP_DAC_OVERRIDE, "dac_read_search": unix.CAP_DAC_READ_SEARCH,
	"net_admin": unix.CAP_NET_ADMIN, "net_raw": unix.CAP_NET_RAW, "ipc_lock": unix.CAP_IPC_LOCK, "sys_ptrace": unix.CAP_SYS_PTRACE,
	"sys_admin": unix.CAP_SYS_ADMIN, "sys_resource": unix.CAP_SYS_RESOURCE, "syslog": unix.CAP_SYSLOG,
	"perfmon": unix.CAP_PERFMON, "bpf": unix.CAP_BPF, "kill": unix.CAP_KILL, "setuid": unix.CAP_SETUID, "setgid": unix.CAP_SETGID,
}

// set reads a list of names.
func set(list string) (bits uint64, err error) {
	for name := range strings.SplitSeq(list, ",") {
		if name == "" {
			continue
		}
		bit, ok := capabilities[name]
		if !ok {
			return 0, fmt.Errorf("no capability %q in the list of this program", name)
		}
		bits |= 1 << bit
	}
	return bits, nil
}

// calls that tests refuse, by name.
var calls = map[string]uint32{"bpf": unix.SYS_BPF, "perf_event_open": unix.SYS_PERF_EVENT_OPEN}

// seccomp makes the kernel refuse calls from here on.
func seccomp(list string) error {
	// The number of the call is the first word of struct seccomp_data.
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}}
	for name := range strings.SplitSeq(list, ",") {
		name, errno, other := strings.Cut(name, "=")
		code := uint64(unix.EPERM)
		if other {
			var err error
			if code, err = strconv.ParseUint(errno, 10, 16); err != nil {
				return err
			}
		}
		nr, ok := calls[name]
		if !ok {
			return fmt.Errorf("no system call %q in the list of this program", name)
		}
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: nr},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(code)})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}
