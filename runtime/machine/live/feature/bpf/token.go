package bpf

import (
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	cmdTokenCreate = 36
	// TokenFlag is the flag of programs and maps that are made with a token
	// (BPF_F_TOKEN_FD).
	TokenFlag = 1 << 16
)

// initialUserNS is the inode number of the initial user namespace
// (PROC_USER_INIT_INO in include/linux/proc_ns.h).
const initialUserNS = 0xEFFFFFFD

// Namespaced reports whether this process is in a user namespace other than the
// initial one, false if /proc does not say. Tokens exist only there, and
// capabilities count for nothing.
func Namespaced() bool {
	st, err := os.Stat("/proc/self/ns/user")
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && sys.Ino != initialUserNS
}

// Token returns a BPF token: what a BPF file system delegates to the user
// namespace of this process (Linux 6.9). It holds in place of capabilities. ok
// is false if no file system delegates anything. The caller closes it; what was
// made with it remains.
func Token() (fd int, ok bool) {
	if !Namespaced() {
		return 0, false
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "bpf" || !strings.Contains(f[3], "delegate_cmds=") {
			continue
		}
		dir, err := unix.Open(strings.ReplaceAll(f[1], `\040`, " "), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		attr := struct{ flags, dir uint32 }{0, uint32(dir)}
		fd, err := call(cmdTokenCreate, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
		unix.Close(dir)
		if err == nil {
			return fd, true
		}
	}
	return 0, false
}
