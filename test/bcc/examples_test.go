package bcc

import (
	"regexp"
	"slices"
	"strings"
)

// keep keeps the lines that match.
func keep(pattern string) func(string) string {
	re := regexp.MustCompile(`(?m)` + pattern)
	return func(s string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			if re.MatchString(line) {
				b.WriteString(line)
			}
		}
		return b.String()
	}
}

// mask replaces what matches by X, or the first group by it.
func mask(pattern string) func(string) string {
	re := regexp.MustCompile(`(?m)` + pattern)
	return func(s string) string {
		var b strings.Builder
		last := 0
		for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
			from, to := m[0], m[1]
			if len(m) > 2 {
				from, to = m[2], m[3]
			}
			b.WriteString(s[last:from] + "X")
			last = to
		}
		return b.String() + s[last:]
	}
}

// all applies one after the other.
func all(fs ...func(string) string) func(string) string {
	return func(s string) string {
		for _, f := range fs {
			s = f(s)
		}
		return s
	}
}

// sorted sorts the lines: entries with the same count have no order.
func sorted(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// last returns the last whole output of those that argdist prints with the time,
// each of which has all that the one before has. A signal can end bcc in the
// middle of one.
func last(s string) string {
	whole := ""
	for _, part := range regexp.MustCompile(clock).Split(s, -1)[1:] {
		if strings.Count(part, "\n") >= strings.Count(whole, "\n") {
			whole = part
		}
	}
	return "[TIME]" + whole
}

// daytime replaces times of day.
var daytime = mask(`\d\d:\d\d:\d\d`)

// plain removes what Python puts around the names of %U.
func plain(s string) string {
	return regexp.MustCompile(`(?m)\bb'(.*)'$`).ReplaceAllString(s, "$1")
}

// sockets and others are pieces of work.
const (
	udp   = `import socket; s = socket.socket(2, 2); s.connect(("127.0.0.1", 54)); s.send(b"x"); s = socket.socket(2, 2); s.connect(("127.0.0.1", 53)); s.send(b"x")`
	block = `f = os.open("/dev/loop0", 1); os.write(f, bytes(8192)); os.fsync(f); os.close(f)`
	join  = `import threading; h = threading.Thread(target=int); h.start(); h.join()`
)

// examples are those of the pages, by tool. Those with the same options are one
// command line with several probes, since each start of bcc compiles for long.
// Names of functions that this kernel does not have are replaced by those it has.
var examples = map[string][]example{
	"trace": {
		{
			args: []string{
				"-p", "@PID", "-T", "-I", "net/sock.h", "-I", "linux/fs_struct.h",
				`sys_read (arg3 > 20000) "read %d bytes", arg3`,
				`r:c:getenv "%s", retval`,
				`r:c:read ((int)retval < 0) "read failed: %d", retval`,
				`r:c:write ((int)retval < 0) "write failed: %d", retval`,
				`p:c:inet_pton`,
				`u:/usr/lib/x86_64-linux-gnu/libc.so.6:pthread_create "%U", arg3`,
				`p:c:open (STRCMP("test.txt", arg1)) "opening %s", arg1`,
				`p:c:creat(char *filename) "opening %s", filename`,
				`p::SyS_nanosleep(struct timespec *ts) "sleep for %lld ns", ts->tv_nsec`,
				`do_sys_openat2 "%s", arg2@user`,
				`vfs_statx+0x5`,
				`r::do_sys_openat2 "%llx", retval`,
				`c:access (arg2 == 4) "%s %d", arg1, arg2`,
				`c:malloc "size = %d", arg1`,
				`r:c:malloc (retval) "allocated = %x", retval`,
				`p:c:write (arg1 == 1) "writing %d bytes to STDOUT", arg3`,
				`udp_sendmsg(struct sock *sk) (sk->sk_dport == 13568)`,
				`vfs_open "users = %d", $task->fs->users`,
				`t:sched:sched_process_fork "%s %d 100%%", args->parent_comm, args->child_pid`,
			}, ready: header,
			work: `L.read(os.open("/dev/zero", 0), ctypes.create_string_buffer(1 << 20), 1 << 20)
				L.setenv(b"HOME", b"/root", 1); L.getenv(b"HOME"); L.read(-1, None, 0); L.write(-1, None, 0)
				L.inet_pton(2, b"127.0.0.1", ctypes.create_string_buffer(16))
				` + join + `
				touch(b"nothing"); touch(b"test.txt"); touch(b"/dev/null", 1, 1)
				os.close(L.creat(b"/new.txt", 0o600)); L.access(b"/test.txt", 4); nap(5000000); os.stat("/test.txt")
				L.free(L.malloc(4242))
				` + udp + `
				child()
				L.setenv(b"PATH", b"/usr/sbin:/usr/bin", 1); L.getenv(b"PATH")`,
			// bcc prints the events of each probe from a buffer of its own, and no string
			// near the end of a page, where the environment lies at first.
			norm: all(daytime, keep(`.`), mask(`\bSyS_nanosleep +|\b__x64_sys_nanosleep +|\b(?:__x64_)?sys_read +`), plain, sorted),
			want: []string{
				`read 1048576 bytes`, `getenv +/root\n`, `read +read failed: -1`, `write failed: -1`, `inet_pton`, `pthread_create +\S+`,
				`open +opening test.txt`, `creat +opening /new.txt`, `sleep for `, `do_sys_openat2 +/dev/null`, `vfs_statx`, `do_sys_openat2 +fffffffffffffffe`,
				`access +/test.txt 4`, `size = 4242`, `allocated = [0-9a-f]{6}`, `writing 4 bytes`, `udp_sendmsg`, `users = 1`, `sched_process_fork worker \d+ 100%`, `getenv +/usr/sbin:/usr/bin\n`,
			},
		},
		{
			args: []string{`do_sys_openat2 "%s", arg2@user`, "-UK", "-a", "-f", "test", "-n", "ork", "-C"}, ready: header,
			work: `touch(b"/none"); touch(b"/test.txt")`, norm: mask(`^(\d) +PID`), want: []string{`worker +do_sys_openat2 +/test.txt\n(?:.*\n)+ +[0-9a-f]+ .*\[libc\.so\.6\]`},
		},
		{
			args: []string{`sys_setsockopt(int fd, int level, int optname, char* optval, int optlen)(level==0 && optname == 1 && STRCMP("{0x6C, 0x00, 0x00, 0x00}", optval)) "found"`, "-U", "-M", "1", "--bin_cmp", "-L", "@PID"}, ready: header,
			work: `import socket; s = socket.socket(); s.setsockopt(0, 1, 4); s.setsockopt(0, 1, 0x6c)`, norm: mask(`\b(?:__x64_)?sys_setsockopt +`), want: []string{`found\n.*\[libc\.so\.6\]`},
		},
		{
			args: []string{"__x64_sys_getpriority", "-K", "-A", "-M", "7"}, ready: header,
			work: `for _ in range(7): L.syscall(140, 0, 0)`, want: []string{`-->COUNT 7\n`},
		},
		{
			args: []string{"-c", "/sys/fs/cgroup/workload", "-t", "-u", "-Z", "5", "__x64_sys_nanosleep", "__x64_sys_clone", `do_sys_openat2 "%s", arg2@user`}, ready: header,
			work: "nap(1000000); child(); touch(b'/test.txt')", norm: mask(`^\d+\.\d+ +`), want: []string{`(?s)worker +__x64_sys_nanosleep.*worker +__x64_sys_clone.*/test\n`},
		},
		{
			args: []string{"-t", "-b", "128", "--uid", "0", "-S", `sys_execve "%s", arg1@user`, `t:block:block_rq_complete "sectors=%d", args->nr_sector`, `r::__kmalloc_noprof (retval == 0) "kmalloc failed!"`}, ready: header,
			work: `L.execve(b"/nosuch/program", None, None)
				` + block,
			norm: all(keep(`^TIME|/nosuch|sectors`), mask(`^\d.* (?:(?:__x64_)?sys_execve +|block_rq)`)), want: []string{`/nosuch/program`, `sectors=16`},
		},
	},
}
