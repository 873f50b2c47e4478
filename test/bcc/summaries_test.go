package bcc

import (
	"regexp"
	"slices"
	"strings"
)

// counts compares whole outputs but for the order of equal counts.
var counts = all(daytime, sorted)

// whole leaves out the pieces that the compiler cuts off functions (f.part.0),
// which patterns of bcc match and those of probe do not.
var whole = all(mask(`^Tracing (\d+)`), keep(`^[^.\n]+( functions .*)?$`), counts)

// paragraphs keeps the paragraphs that match: other processes are at work too.
func paragraphs(pattern string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(s string) string {
		var kept []string
		for _, p := range strings.Split(s, "\n\n") {
			if re.MatchString(p) {
				kept = append(kept, p)
			}
		}
		return strings.Join(kept, "\n\n")
	}
}

func init() {
	examples["funccount"] = []example{
		{args: []string{"-p", "@PID", "vfs_*"}, ready: tracing, work: `touch(b"/test.txt", 5); os.stat("/test.txt")`, norm: whole, want: []string{`vfs_open +5\n`, `vfs_statx +1\n`}},
		{args: []string{"-p", "@PID", "-r", "c:(write|read)$"}, ready: tracing, work: `L.write(-1, None, 0); L.write(-1, None, 0)`, norm: counts, want: []string{`(?m)^write +[34]$`, `Tracing 2 functions for "b'c:\(write\|read\)\$'"`}},
		{args: []string{"-Ti", "600", "-p", "@PID", "t:sched:sched_process_*"}, ready: tracing, work: `child()`, norm: counts, want: []string{`sched:sched_process_fork +1\n`}},
		{args: []string{"-i", "1", "-d", "3", "-p", "@PID", "vfs_read"}, run: true, norm: counts, want: []string{`Tracing 1 functions for "b'vfs_read'"`, `\nFUNC`}},
		{args: []string{"-i", "600", "-c", "1", "-p", "@PID", "*tcp*send*"}, ready: tracing, work: `import socket; a = socket.create_server(("127.0.0.1", 99)); b = socket.create_connection(("127.0.0.1", 99)); os.sched_setaffinity(0, [1]); b.send(b"x"); os.sched_setaffinity(0, [0]); b.send(b"x")`, norm: whole, want: []string{`tcp_sendmsg +1\n`}},
	}
	examples["argdist"] = []example{
		{
			args: []string{
				"-p", "@PID", "-c", "-i", "2",
				"-C", "p:c:malloc(size_t size):size_t:size:size==16",
				"-C", "r:c:getenv():char*:(char*)$retval:$retval!=0",
				"-C", "r::ksys_read():u32:$PID:$latency > 1",
				"-C", "t:syscalls:sys_exit_getpriority():char*:$COMM",
				"-C", "p::__kmalloc_noprof(size_t size, gfp_t flags):gfp_t,size_t:flags,size:size>2000",
				"-C", "p:c:write():int:$PID#write per process",
				"-C", "p:c:close(int fd):int:fd",
				"-C", "p:c:fork()#fork calls",
				"-C", "r:c:getppid()",
				"-C", "p::vfs_read(void *f, void *b, size_t n):size_t,char*,u32:n,$COMM,$PID:n>4999",
				"-H", "p:c:pread(int fd, void *buf, size_t len):size_t:len",
				"-H", "p:c:pwrite(int fd, void *buf, size_t len):size_t:len:fd==77",
				"-H", "p::ksys_lseek(int fd, long off):long:off",
				"-H", "r:c:read()",
				"-H", "r:c:valloc(size_t size):u64:$latency/$entry(size)#ns per byte",
				"-H", "r::ksys_pread64(int fd, void *buf, size_t count):size_t:$entry(count):$latency > 1",
				"-H", "p:c:sleep(u32 seconds):u32:seconds", "-H", "p:c:nanosleep(struct __kernel_timespec *req):long:req->tv_nsec",
			}, ready: clock,
			work: `for _ in range(3): L.free(L.malloc(16))
				L.setenv(b"HOME", b"/root", 1); L.getenv(b"HOME"); L.getenv(b"NOTHERE"); L.syscall(140, 0, 0); L.poll(ctypes.create_string_buffer(4000), 500, 0)
				L.write(-1, None, 10); L.pwrite(77, None, 100, 0); L.pwrite(76, None, 10, 0); L.valloc(64); L.syscall(8, 0, 1500, 0)
				L.close(77); L.close(-3); L.close(-3); child(); L.getppid()
				f = L.open(b"/test.txt", 0); L.read(f, ctypes.create_string_buffer(5000), 5000); L.pread(f, ctypes.create_string_buffer(5000), 5000, 0)
				L.sleep(1); L.nanosleep(ctypes.byref(Timespec(0, 1000)), None)`,
			// bcc counts more returns of read than the process makes.
			norm: all(last, latencies("ns per byte"), latencies("retval"), sorted),
			want: []string{
				`size = 16\n`, `1 +\(char\*\)\$retval = b'/root'\n`, `\$PID = PID`, `\t1 +\$COMM = b'worker'`, `flags = \d+, size = 3776`, `write per process\n`, `\t2 +fd = -3\n`,
				`fork calls\n`, `1 +total calls`, `retval = \d+`, `n = 5000, \$COMM = b'worker', \$PID = PID`, `\n +64 -> 127 +: 1`, `1024 -> 2047`, `retval +: count`,
				`ns per byte +: count`, `4096 -> 8191 +: 1`, `seconds +: count`, `512 -> 1023 +: 1`,
			},
		},
		{
			args: []string{
				"-c", "-i", "2",
				"-C", "t:net:net_dev_start_xmit():u16:args->protocol",
				"-C", "p:c:puts(char *str):char*:str",
				"-C", `p:c:creat(char *file):char*:file:STRCMP("sample.txt",file)#sample`,
				"-H", `r:c:open(char *file):u64:$latency/1000:STRCMP("test.txt",$entry(file))`,
				"-H", "t:block:block_rq_complete():u32:args->nr_sector",
			}, ready: clock,
			work: block + `
				L.puts(b"Press ENTER to start."); L.puts(b"it's \xff"); os.close(L.creat(b"sample.txt", 0o600)); os.close(L.creat(b"other.txt", 0o600)); touch(b"test.txt", 3); touch(b"none")
				` + udp,
			norm: all(last, latencies("$latency/1000"), sorted),
			want: []string{`args->protocol = 2048`, `str = b'Press ENTER to start.'`, `1 +file = b'sample.txt'`, `\$latency/1000 +: count`, `16 -> 31 +: 1`},
		},
		{
			args: []string{"-p", "@PID", "-t", "@PID", "-z", "8", "-T", "2", "-c", "-d", "600", "-C", "p:c:write(int fd, char* buf, size_t len):char*:buf:fd==77", "-C", "p::ksys_lseek(int fd):int:fd"}, ready: clock,
			work: `L.write(77, b"a long line of text", 19)
				for n in (1, 2, 3): [L.syscall(8, 70 + n, 0, 0) for _ in range(n)]`,
			norm: last, want: []string{`buf = b'a long`, `2 +fd = 72\n\t3 +fd = 73\n`},
		},
		{args: []string{"-C", "t:irq:irq_handler_entry():int:args->irq", "-n", "2"}, run: true, norm: all(daytime, keep(`^[^\t]|COUNT`)), want: []string{`t:irq:`}},
	}
	stacks := all(daytime, sorted)
	examples["stackcount"] = []example{
		{args: []string{"-P", "-d", "-s", "-v", "udp_sendmsg"}, ready: tracing, work: udp, norm: stacks, want: []string{`\n    --\n`, `\n  [0-9a-f]+ +udp_sendmsg\+0x`, `\n    b'worker' \[PID\]`}},
		{args: []string{"-Kr", "-p", "@PID", "^udp_send(msg|page)$"}, ready: tracing, work: udp, norm: stacks, want: []string{`entry_SYSCALL_64`}},
		{args: []string{"-p", "@PID", "c:malloc"}, ready: tracing, work: `for _ in range(11): L.free(L.malloc(4242))`, norm: stacks, want: []string{`\n  malloc\n`}},
		{args: []string{"-P", "-U", "-p", "@PID", "c:pthread_create"}, ready: tracing, work: join, norm: stacks, want: []string{`pthread_create`}},
		{args: []string{"-PTdi", "600", "t:sched:sched_process_fork"}, ready: tracing, work: `child()`, norm: all(daytime, paragraphs(`worker`)), want: []string{`(?s)kernel_clone.*    --\n.*worker.*    1\n`}},
		{args: []string{"-P", "-df", "udp_sendmsg"}, work: udp, norm: stacks, want: []string{`worker;.*-;.*udp_sendmsg 2\n`}},
		{args: []string{"-D", "2", "-p", "@PID", "udp_send*"}, run: true, want: []string{`Detaching`}},
	}
	structure := all(daytime, mask(`(?:^ +\d+ -> .*\n)+`), mask(`avg = (\d+)`), mask(`total: (\d+)`))
	const nap = `nap(20000000); nap(20000000); nap(20000000)`
	examples["funclatency"] = []example{
		{args: []string{"-p", "@PID", "do_sys_openat2"}, ready: tracing, work: `touch(b"/test.txt", 5)`, norm: structure, want: []string{`\n     nsecs               : count     distribution\n`, `count: 5`}},
		{args: []string{"c:str*dup", "-F", "-p", "@PID"}, ready: tracing, work: `L.strdup(b"a"); L.strdup(b"b")`, norm: structure, want: []string{`Function = .*strdup`}},
		{args: []string{"-mTi", "600", "-p", "@PID", "do_nanosleep"}, ready: tracing, work: nap, norm: structure, want: []string{`msecs`, `count: 3`}},
		{args: []string{"-uF", "-p", "@PID", "vfs_op*"}, ready: tracing, work: `touch(b"/test.txt", 5)`, norm: all(structure, sorted), want: []string{`Function = .*vfs_open`}},
		{args: []string{"c:usleep", "-u"}, ready: tracing, work: `L.usleep(9); L.usleep(9)`, norm: structure, want: []string{`Function = .*usleep`}},
		{args: []string{"-d", "2", "-p", "@PID", "vfs_open"}, run: true, want: []string{`Detaching`}},
	}
	late := all(keep(`^Tracing|^COMM|^TIME|worker`), mask(`PID( +\d+\.\d\d)`))
	const columns = `COMM.*FUNC`
	examples["funcslower"] = []example{
		{args: []string{"-p", "@PID", "c:open", "__kmalloc_noprof", "-a", "2", "-u", "0.1"}, ready: columns, work: `touch(b"/test.txt", 2); touch(b"/none"); L.poll(ctypes.create_string_buffer(4000), 500, 0)`, norm: late, want: []string{`f{8} c:open 0x`, ` 0xec0 0x`}},
		{args: []string{"-UK", "-m", "10", "-T", "-p", "@PID", "do_nanosleep"}, ready: columns, work: `L.usleep(20000); nap(20000000)`, norm: all(daytime, mask(`PID( +\d+\.\d\d)`)), want: []string{`worker(?:.*\n)+ +do_nanosleep`}},
		{args: []string{"-Kf", "-m", "10", "-p", "@PID", "do_nanosleep"}, work: nap, norm: all(keep(`worker`), once), want: []string{`worker;.*do_nanosleep`}},
		{args: []string{"-t", "-m", "10", "do_nanosleep", "vfs_fsync_range"}, ready: columns, work: nap, norm: all(late, mask(`^\d+\.\d+ +`)), want: []string{`worker`}},
	}
	examples["tplist"] = []example{
		{args: []string{"block*"}, run: true, norm: sorted, want: []string{`block:block_rq_complete\n`}},
		{args: []string{"-v", "block:block_rq_complete"}, run: true, want: []string{`    dev_t dev;\n`}},
		{args: []string{"-v", "s*:*"}, run: true, norm: sorted, want: []string{`sched:sched_switch\n`}},
		{args: []string{"-l", "c"}, run: true, norm: sorted, want: []string{`libc:memory_heap_new\n`}},
		{args: []string{"*start", "-l", "c", "-v"}, run: true, norm: sorted, want: []string{`start \[sema 0x0\]\n`}},
		{args: []string{"-vv", "-l", "c", "*alloc*"}, run: true, norm: sorted, want: []string{`location #`}},
		{args: []string{"-p", "@PID"}, run: true, norm: sorted, want: []string{`libc:memory_heap_new\n`}},
		{args: []string{"nosuch*"}, run: true},
	}
}

// latencies leaves out the rows of a histogram of times.
func latencies(label string) func(string) string {
	return mask(`^ +` + regexp.QuoteMeta(label) + ` +: .*\n((?: +\d+ -> .*\n)+)`)
}

// once leaves out lines that repeat the one before: a Ctrl-C that comes while bcc shows
// a stack makes it lose that one.
func once(s string) string {
	return strings.Join(slices.Compact(strings.Split(s, "\n")), "\n")
}
