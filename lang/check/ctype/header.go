package ctype

import (
	_ "embed"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"probe/lang/value"
)

// headerTable has a line for each header of the kernel: its name, then the
// constants that it defines with #define, each with its value. Where arm64 has
// another value than x86-64 it follows after a "|". internal/headergen writes
// it. Looking a word up is a search of the text: a script asks for a few, and
// most for none.
//
//go:embed headers.txt
var headerTable string

// userHeaders are headers of the C library. What scripts take from them is in
// the kernel's headers or in its type information too.
var userHeaders = strings.Fields(`
	arpa/inet.h assert.h byteswap.h ctype.h dirent.h dlfcn.h elf.h endian.h err.h errno.h fcntl.h features.h float.h fts.h getopt.h
	grp.h ifaddrs.h inttypes.h iso646.h libgen.h search.h sys/acct.h sys/cdefs.h
	limits.h link.h locale.h malloc.h math.h memory.h mntent.h mqueue.h net/ethernet.h net/if.h net/if_arp.h net/if_packet.h net/route.h
	netdb.h netinet/ether.h netinet/icmp6.h netinet/if_ether.h netinet/in.h netinet/ip.h netinet/ip6.h netinet/ip_icmp.h netinet/tcp.h
	netinet/udp.h netpacket/packet.h poll.h pthread.h pwd.h resolv.h sched.h semaphore.h setjmp.h signal.h stdarg.h stdbool.h stddef.h
	stdint.h stdio.h stdlib.h string.h strings.h sys/epoll.h sys/errno.h sys/eventfd.h sys/fcntl.h sys/file.h sys/inotify.h sys/ioctl.h
	sys/ipc.h sys/mman.h sys/mount.h sys/msg.h sys/param.h sys/poll.h sys/prctl.h sys/ptrace.h sys/queue.h sys/resource.h sys/select.h
	sys/sem.h sys/shm.h sys/signal.h sys/signalfd.h sys/socket.h sys/stat.h sys/statfs.h sys/statvfs.h sys/syscall.h sys/sysinfo.h
	sys/sysmacros.h sys/time.h sys/timerfd.h sys/times.h sys/types.h sys/ucontext.h sys/uio.h sys/un.h sys/user.h sys/utsname.h
	sys/vfs.h sys/wait.h sys/xattr.h syscall.h syslog.h termios.h time.h ucontext.h uchar.h unistd.h utime.h wchar.h wctype.h`)

// HeaderConstant is one constant of a header.
type HeaderConstant struct {
	Value  uint64
	Neg    bool   // Value is a negative int64
	Header string // that a script includes for it
}

// FindConstant returns the constant that the headers of the kernel define under
// a name, for the architecture that probe runs on.
func FindConstant(name string) (HeaderConstant, bool) {
	for _, prefix := range []string{"__NR_", "SYS_"} {
		if call, ok := strings.CutPrefix(name, prefix); ok {
			if n := slices.Index(value.SyscallNames(runtime.GOARCH), call); n >= 0 && call != "" {
				return HeaderConstant{Value: uint64(n), Header: map[string]string{"__NR_": "asm/unistd.h", "SYS_": "sys/syscall.h"}[prefix]}, true
			}
		}
	}
	at := strings.Index(headerTable, " "+name+" ")
	if at < 0 || name == "" || name[0] >= '0' && name[0] <= '9' {
		return HeaderConstant{}, false
	}
	header := headerTable[strings.LastIndexByte(headerTable[:at], '\n')+1:]
	header = header[:strings.IndexByte(header, ' ')]
	rest := headerTable[at+len(name)+2:]
	number := rest[:strings.IndexAny(rest, " \n")]
	if amd64, arm64, differ := strings.Cut(number, "|"); differ {
		number = amd64
		if runtime.GOARCH == "arm64" {
			number = arm64
		}
	}
	k := HeaderConstant{Header: header, Neg: number[0] == '-'}
	var err error
	if k.Neg {
		var v int64
		v, err = strconv.ParseInt(number, 10, 64)
		k.Value = uint64(v)
	} else {
		k.Value, err = strconv.ParseUint(number, 10, 64)
	}
	if err != nil {
		panic("ctype: constant " + name + ": " + err.Error())
	}
	return k, true
}

// KernelHeader reports whether the kernel has a header of this name: what it
// defines comes from the kernel's type information and the table of constants.
func KernelHeader(path string) bool {
	path = strings.TrimPrefix(path, "uapi/")
	if path == "" || strings.ContainsAny(path, " |\n") {
		return false
	}
	for start := 0; ; {
		at := strings.Index(headerTable[start:], path)
		if at < 0 {
			return false
		}
		at += start
		end := at + len(path)
		if (at == 0 || headerTable[at-1] == '\n') && (headerTable[end] == ' ' || headerTable[end] == '\n') {
			return true
		}
		start = end
	}
}

// UserHeader reports whether a header belongs to the C library.
func UserHeader(path string) bool { return slices.Contains(userHeaders, path) }
