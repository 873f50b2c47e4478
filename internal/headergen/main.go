// Command headergen writes lang/check/ctype/headers.txt: the constants that the
// headers of the kernel define with #define, and the names of all headers. The
// kernel's type information has neither. It needs a C compiler for x86-64 and
// the headers as distributions package them for building modules, in two trees:
//
//	go run ./internal/headergen COMMON BUILD > lang/check/ctype/headers.txt
//
// COMMON is the tree with include/ and arch/, BUILD the one with what the build
// of the kernel generates (on Debian linux-headers-VERSION-common and
// linux-headers-VERSION-amd64).
//
// The preprocessor says which macros there are and where they are defined, the
// compiler what they are worth: macros that are no constants of integers are
// errors there, and are left out. Values of arm64 come from a second run over
// the headers that user programs see.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// roots are the headers whose constants go into the table, with those of all
// headers that they include and that listed accepts.
var roots = []string{
	"linux/fs.h", "linux/stat.h", "linux/fcntl.h", "linux/icmp.h", "linux/icmpv6.h", "linux/socket.h", "linux/sched.h",
	"linux/net.h", "linux/tcp.h", "linux/udp.h", "linux/sctp.h", "linux/blkdev.h", "linux/blk-mq.h", "linux/bio.h", "linux/mm.h",
	"linux/skbuff.h", "linux/mount.h", "linux/signal.h", "linux/errno.h", "linux/mman.h", "linux/if_ether.h", "linux/if_arp.h",
	"linux/if_packet.h", "linux/if_tun.h", "linux/if_vlan.h", "linux/if_bridge.h", "linux/if_link.h", "linux/if_addr.h", "linux/if.h",
	"linux/in.h", "linux/in6.h", "linux/ip.h", "linux/ipv6.h", "linux/netdevice.h", "linux/cred.h", "linux/ptrace.h", "linux/bpf.h",
	"linux/filter.h", "linux/perf_event.h", "linux/nsproxy.h", "linux/pid_namespace.h", "linux/cgroup.h", "linux/kthread.h",
	"linux/dcache.h", "linux/namei.h", "linux/oom.h", "linux/swap.h", "linux/vmstat.h", "linux/slab.h", "linux/gfp.h", "linux/futex.h",
	"linux/eventpoll.h", "linux/poll.h", "linux/prctl.h", "linux/seccomp.h", "linux/capability.h", "linux/securebits.h",
	"linux/resource.h", "linux/sysctl.h", "linux/reboot.h", "linux/inotify.h", "linux/fanotify.h", "linux/fsnotify_backend.h",
	"linux/netlink.h", "linux/rtnetlink.h", "linux/genetlink.h", "linux/neighbour.h", "linux/fib_rules.h", "linux/netfilter.h",
	"linux/netfilter_ipv4.h", "linux/netfilter_ipv6.h", "linux/un.h", "linux/vm_sockets.h", "linux/ethtool.h", "linux/sockios.h",
	"linux/time.h", "linux/timex.h", "linux/times.h", "linux/timerfd.h", "linux/eventfd.h", "linux/signalfd.h", "linux/utsname.h",
	"linux/wait.h", "linux/ioprio.h", "linux/memfd.h", "linux/mempolicy.h", "linux/userfaultfd.h", "linux/io_uring.h", "linux/aio_abi.h",
	"linux/kdev_t.h", "linux/major.h", "linux/magic.h", "linux/limits.h", "linux/binfmts.h", "linux/elf.h", "linux/audit.h",
	"linux/keyctl.h", "linux/ipc.h", "linux/sem.h", "linux/shm.h", "linux/msg.h", "linux/mqueue.h", "linux/interrupt.h", "linux/irq.h",
	"linux/hrtimer.h", "linux/workqueue.h", "linux/rwsem.h", "linux/kvm.h", "linux/tty.h", "linux/serial.h", "linux/input.h",
	"linux/usb.h", "linux/pci.h", "linux/nvme.h", "linux/quota.h", "linux/xattr.h", "linux/openat2.h", "linux/close_range.h", "linux/pidfd.h",
	"linux/loop.h", "linux/dm-ioctl.h", "linux/nfs.h", "linux/nfs_fs.h", "linux/sunrpc/clnt.h", "linux/virtio_ids.h", "linux/fscrypt.h",
	"linux/const.h", "linux/falloc.h", "linux/fiemap.h", "linux/hdreg.h", "linux/pkt_sched.h", "linux/pkt_cls.h", "linux/xfrm.h",
	"linux/tls.h", "linux/mpls.h", "linux/ip_vs.h", "linux/can.h", "linux/wireless.h", "linux/nl80211.h", "linux/rseq.h", "linux/membarrier.h",
	"net/sock.h", "net/tcp.h", "net/tcp_states.h", "net/inet_sock.h", "net/ip.h", "net/ipv6.h", "net/route.h", "net/ip_fib.h", "net/dst.h",
	"net/neighbour.h", "net/sch_generic.h", "net/af_unix.h", "net/netfilter/nf_conntrack.h", "net/dropreason.h", "net/xfrm.h",
	"scsi/scsi.h", "scsi/scsi_cmnd.h", "scsi/scsi_proto.h", "scsi/scsi_device.h", "target/target_core_base.h", "uapi/linux/mount.h",
}

// extra are constants that the rules leave out: enumerators that older kernels
// define as macros, and macros of the processor.
var extra = []constant{
	{name: "TASK_COMM_LEN", header: "linux/sched.h"},
	{name: "PAGE_SIZE", header: "linux/mm.h"}, {name: "PAGE_SHIFT", header: "linux/mm.h"}, {name: "PAGE_MASK", header: "linux/mm.h"},
	{name: "REQ_OP_READ", header: "linux/blk_types.h"}, {name: "REQ_OP_WRITE", header: "linux/blk_types.h"},
	{name: "REQ_OP_FLUSH", header: "linux/blk_types.h"}, {name: "REQ_OP_DISCARD", header: "linux/blk_types.h"},
}

// differing are the headers with constants that are not the same on arm64.
var differing = []string{
	"linux/errno.h", "linux/fcntl.h", "linux/mman.h", "linux/poll.h", "linux/resource.h", "linux/signal.h", "linux/stat.h", "linux/statfs.h",
	"linux/socket.h", "linux/auxvec.h",
}

// listed reports whether a header's constants are kept: not those of drivers,
// compilers and processors, which are thousands.
func listed(header string) bool {
	for _, p := range []string{"asm/", "linux/compiler", "linux/input-event-codes", "linux/mod_devicetable", "linux/pci_ids", "linux/mfd/", "linux/usb",
		"linux/mmc/", "linux/phy", "linux/mdio", "linux/mii", "linux/ethtool", "linux/nl80211", "linux/export", "linux/init", "vdso/", "acpi/", "xen/",
		"linux/pci", "linux/nvme", "linux/serial", "linux/kbuild", "linux/kconfig", "generated/", "linux/linkage", "linux/instrument",
		"linux/input", "linux/tty", "linux/ieee80211", "linux/hdlc", "linux/atomic/", "linux/lockdep", "linux/kvm", "linux/efi", "linux/acpi",
		"linux/nfs", "linux/wireless", "linux/virtio", "linux/pfkeyv2", "linux/netdev_features", "target/", "linux/dm-ioctl", "linux/fscrypt", "linux/sunrpc", "linux/thread_info"} {
		if strings.HasPrefix(header, p) {
			return false
		}
	}
	return true
}

// wanted are the names of macros that may be constants: those in capitals. The
// build's configuration, guards and what belongs to the compiler are not.
var wanted = regexp.MustCompile(`^_{0,2}[A-Z][A-Za-z0-9_]*$`)

type constant struct {
	name, header string
	value        string // as the table has it
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: headergen COMMON BUILD")
		os.Exit(2)
	}
	out := bufio.NewWriter(os.Stdout)
	err := generate(out, os.Args[1], os.Args[2])
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "headergen:", err)
		os.Exit(1)
	}
}

// generate writes the table: a line of constants for each header, then the
// names of the headers that have none.
func generate(out *bufio.Writer, common, build string) error {
	dir, err := os.MkdirTemp("", "headergen")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	headers, err := headerNames(common)
	if err != nil {
		return err
	}
	amd64 := &source{headers: headers, roots: roots, extra: extra, flags: kernelFlags(common, build)}
	consts, err := amd64.constants()
	if err != nil {
		return err
	}
	if err := installed(dir, common); err != nil {
		return err
	}
	arm64 := &source{headers: headers, roots: differing, flags: append(userFlags(common, build), "-I", dir)}
	other, err := arm64.constants()
	if err != nil {
		return err
	}
	theirs := map[string]string{}
	for _, c := range other {
		theirs[c.name] = c.value
	}
	byHeader := map[string][]constant{}
	for _, c := range consts {
		if v, ok := theirs[c.name]; ok && v != c.value {
			c.value += "|" + v
		}
		byHeader[c.header] = append(byHeader[c.header], c)
	}
	for _, h := range headers {
		out.WriteString(h)
		list := byHeader[h]
		slices.SortFunc(list, func(a, b constant) int { return cmp.Compare(a.name, b.name) })
		for _, c := range list {
			fmt.Fprintf(out, " %s %s", c.name, c.value)
		}
		out.WriteByte('\n')
	}
	return nil
}

// headerNames returns the names by which programs include the headers of the
// kernel, sorted: those for parts of the kernel that scripts look at.
func headerNames(common string) ([]string, error) {
	have := map[string]bool{}
	for _, root := range []string{"include", "include/uapi", "arch/x86/include", "arch/x86/include/uapi", "arch/arm64/include", "arch/arm64/include/uapi"} {
		base := filepath.Join(common, root)
		err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".h" {
				return err
			}
			name, err := filepath.Rel(base, path)
			switch top, _, _ := strings.Cut(name, "/"); top {
			case "dt-bindings", "soc", "sound", "drm", "media", "video", "xen", "clocksource", "math-emu", "pcmcia", "kunit", "uapi":
			default:
				have[name] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	// The build makes these from others.
	for _, name := range []string{"errno.h", "fcntl.h", "ioctl.h", "ioctls.h", "ipcbuf.h", "param.h", "poll.h", "resource.h", "socket.h",
		"sockios.h", "termbits.h", "termios.h", "types.h", "unistd.h", "unistd_64.h", "unistd_32.h"} {
		have["asm/"+name] = true
	}
	have["linux/version.h"] = true
	var names []string
	for n := range have {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

// kernelFlags are the compiler's for code of the kernel.
func kernelFlags(common, build string) []string {
	flags := []string{"-O2", "-D__KERNEL__", "-DKBUILD_MODNAME=\"x\"", "-pg", "-mfentry", "-DCC_USING_FENTRY", "-fno-pie", "-mcmodel=kernel"}
	for _, d := range []string{common + "/arch/x86/include", build + "/arch/x86/include/generated", common + "/include", build + "/include",
		common + "/arch/x86/include/uapi", build + "/arch/x86/include/generated/uapi", common + "/include/uapi", build + "/include/generated/uapi"} {
		flags = append(flags, "-I", d)
	}
	for _, h := range []string{"compiler-version.h", "kconfig.h", "compiler_types.h"} {
		flags = append(flags, "-include", common+"/include/linux/"+h)
	}
	return flags
}

// userFlags are the compiler's for user programs on arm64. The files that the
// build generates hold only names of generic headers, so those for x86-64 serve.
func userFlags(common, build string) []string {
	flags := []string{"-U__x86_64__", "-D__aarch64__", "-D__user=", "-D__force="}
	for _, d := range []string{common + "/arch/arm64/include/uapi", build + "/arch/x86/include/generated/uapi", common + "/include/uapi", build + "/include/generated/uapi"} {
		flags = append(flags, "-I", d)
	}
	return flags
}

// installed makes in a folder what installing the headers for user programs
// changes: the kernel's own headers that they include are empty, and where a
// processor has no header of its own, the generic one stands for it.
func installed(dir, common string) error {
	files := map[string]string{"linux/compiler_types.h": "", "linux/compiler.h": ""}
	generic, err := filepath.Glob(filepath.Join(common, "include/uapi/asm-generic/*.h"))
	if err != nil {
		return err
	}
	for _, g := range generic {
		files["asm/"+filepath.Base(g)] = "#include <asm-generic/" + filepath.Base(g) + ">\n"
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// source is a set of headers and how they are compiled.
type source struct {
	headers []string // the names of all headers, sorted
	roots   []string
	extra   []constant
	flags   []string
}

// cc runs the compiler over a text in a language.
func (s *source) cc(text, language string, args ...string) (stdout, stderr []byte, err error) {
	lib, err := exec.Command("cc", "-print-file-name=include").Output()
	if err != nil {
		return nil, nil, err
	}
	all := append([]string{"-std=gnu11", "-w", "-fmax-errors=0", "-nostdinc", "-isystem", strings.TrimSpace(string(lib))}, s.flags...)
	cmd := exec.Command("cc", append(append(all, args...), "-x", language, "-o", "-", "-")...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = strings.NewReader(text)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.Bytes(), e.Bytes(), err
}

// constants returns the constants of the roots.
func (s *source) constants() ([]constant, error) {
	var text strings.Builder
	for _, r := range s.roots {
		fmt.Fprintf(&text, "#if __has_include(<%s>)\n#include <%s>\n#endif\n", r, r)
	}
	pre, msg, err := s.cc(text.String(), "c", "-E", "-dD")
	if err != nil {
		return nil, fmt.Errorf("preprocess: %w\n%s", err, msg)
	}
	return s.evaluate(text.String(), s.macros(pre))
}

// macros finds the macros without parameters that may be constants, and the
// headers that define them.
func (s *source) macros(pre []byte) []constant {
	found := map[string]constant{}
	header := ""
	for line := range strings.Lines(string(pre)) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			if q := strings.SplitN(rest, `"`, 3); len(q) == 3 {
				header = s.name(q[1])
			}
			continue
		}
		if name, ok := strings.CutPrefix(line, "#undef "); ok {
			delete(found, name)
		}
		rest, ok := strings.CutPrefix(line, "#define ")
		name, body, has := strings.Cut(rest, " ")
		if !ok || !has || strings.TrimSpace(body) == "" || header == "" || !wanted.MatchString(name) || strings.HasPrefix(name, "CONFIG_") || strings.HasPrefix(name, "__NR") {
			continue
		}
		found[name] = constant{name: name, header: header}
	}
	list := slices.Clone(s.extra)
	for _, c := range found {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b constant) int { return cmp.Compare(a.name, b.name) })
	return list
}

// name returns the name by which programs include a file, "" for files whose
// constants are left out. Generic headers and those of a processor have one in
// linux/ that stands for them.
func (s *source) name(path string) string {
	if strings.Contains(path, "/asm/") && !strings.Contains(path, "/uapi/") {
		return ""
	}
	for _, cut := range []string{"/include/generated/uapi/", "/include/generated/", "/include/uapi/", "/include/"} {
		if _, rest, ok := strings.Cut(path, cut); ok {
			path = rest
			break
		}
	}
	dir, base := filepath.Split(path)
	if dir == "asm-generic/" || dir == "asm/" {
		for _, n := range []string{base, strings.TrimSuffix(base, "-base.h") + ".h", strings.TrimSuffix(base, "-common.h") + ".h", strings.TrimSuffix(base, "-defs.h") + ".h"} {
			if _, ok := slices.BinarySearch(s.headers, "linux/"+n); ok {
				path = "linux/" + n
				break
			}
		}
	}
	if _, ok := slices.BinarySearch(s.headers, path); !ok || !listed(path) {
		return ""
	}
	return path
}

var badLine = regexp.MustCompile(`(?m)^constants:(\d+):\d+: (?:fatal )?error`)

// evaluate has the compiler work out the macros, after the text that defines
// them, and returns those that are integers. A macro that is no constant is an
// error on its line; without it the compiler is asked again.
func (s *source) evaluate(text string, list []constant) ([]constant, error) {
	for range 20 {
		var b strings.Builder
		b.WriteString(text)
		b.WriteString("#line 1 \"constants\"\n")
		for i, c := range list {
			// The second number says whether the type is unsigned.
			fmt.Fprintf(&b, "const long long headergen_%d[2] = { (long long)(%s), (__typeof__((%s) + 0))-1 > 0 };\n", i, c.name, c.name)
		}
		// Preprocessed first, so that errors name the line and not the place in
		// the macro.
		pre, msg, err := s.cc(b.String(), "c", "-E")
		if err != nil {
			return nil, fmt.Errorf("preprocess: %w\n%s", err, msg)
		}
		asm, msg, err := s.cc(string(pre), "cpp-output", "-S")
		if err == nil {
			return read(asm, list)
		}
		bad := map[int]bool{}
		for _, m := range badLine.FindAllSubmatch(msg, -1) {
			n, _ := strconv.Atoi(string(m[1]))
			bad[n-1] = true
		}
		if len(bad) == 0 {
			return nil, fmt.Errorf("compile: %w\n%s", err, msg[:min(len(msg), 4000)])
		}
		kept := list[:0]
		for i, c := range list {
			if !bad[i] {
				kept = append(kept, c)
			}
		}
		list = kept
	}
	return nil, fmt.Errorf("the compiler finds ever more errors")
}

// read takes the values out of the compiler's assembly.
func read(asm []byte, list []constant) ([]constant, error) {
	var out []constant
	var words []int64
	i := -1
	done := func() {
		if i >= 0 && len(words) == 2 {
			c := list[i]
			c.value = strconv.FormatInt(words[0], 10)
			if words[1] == 1 && words[0] < 0 {
				c.value = strconv.FormatUint(uint64(words[0]), 10)
			}
			out = append(out, c)
		}
		i, words = -1, nil
	}
	for line := range strings.Lines(string(asm)) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if label, ok := strings.CutSuffix(f[0], ":"); ok {
			done()
			if n, ok := strings.CutPrefix(label, "headergen_"); ok {
				v, err := strconv.Atoi(n)
				if err != nil {
					return nil, err
				}
				i = v
			}
			continue
		}
		if i < 0 || len(f) < 2 {
			continue
		}
		switch f[0] {
		case ".quad":
			v, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil { // the address of a string
				i = -1
				continue
			}
			words = append(words, v)
		case ".zero":
			n, err := strconv.Atoi(f[1])
			if err != nil {
				return nil, err
			}
			words = append(words, make([]int64, n/8)...)
		}
	}
	done()
	return out, nil
}
