package scripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// tool is a ready script with something for it to see. provoke runs while it
// traces; want are patterns that its output must match. A script of which a
// kernel lacks what it needs has missing: a pattern of the message.
type tool struct {
	script  string
	provoke string
	want    []string
	missing string
	// partial is set where something is cut on any machine, such as deep stacks.
	partial bool
}

// disk has a block device whose requests go through the block layer.
const disk = `dd if=/dev/zero of=/dev/loop0 bs=4096 count=8 conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/loop0 of=/dev/null bs=4096 count=8 2>/dev/null; `

// serve answers connections on a port with a line, until it is killed.
const connect = `busybox nc -l -p 7 -e echo hello >/dev/null 2>&1 & n=$!; until busybox netstat -ltn | grep -q ':7 '; do sleep 0.1; done; bash -c 'exec 3<>/dev/tcp/127.0.0.1/7; echo hi >&3; cat <&3 >/dev/null'; wait $n; `

var tools = []tool{
	{script: "opensnoop", provoke: `cat /tmp/shelf.txt /tmp/nothing >/dev/null 2>&1`, want: []string{
		`(?m)^[\d:.]{15} +\d+ cat +\d+ +\d+ /tmp/shelf\.txt$`, `(?m)^[\d:.]{15} +\d+ cat +-ENOENT +\d+ /tmp/nothing$`}},
	{script: "opensnoop -- --failed --name=noth", provoke: `cat /tmp/shelf.txt /tmp/nothing 2>/dev/null`, want: []string{`cat +-ENOENT +\d+ /tmp/nothing\n`, `!shelf\.txt`}},
	{script: "execsnoop", provoke: `env A=1 busybox true one two; /tmp/shelf.txt 2>/dev/null`, want: []string{
		`(?m)^[\d:.]{15} +\d+ +\d+ \S+ +\S+ +ok +busybox true one two *$`, `-EACCES +/tmp/shelf\.txt\n`}},
	{script: "exitsnoop", provoke: `bash -c 'exit 3'; bash -c 'kill -9 $$'`, want: []string{
		`(?m)^[\d:.]{15} +\d+ +\d+ +\d+ bash +0\.\d{6} 3$`, `bash +0\.\d{6} killed by signal 9 \(Killed\)\n`}},
	{script: "killsnoop", provoke: `sleep 100 & sleep 0.3; kill -15 $!`, want: []string{`kill +15 Terminated +\d+ sleep +DELIVERED\n`, `kernel +17 Child exited +`}},
	{script: "statsnoop", provoke: `busybox stat /tmp/shelf.txt /tmp/nothing >/dev/null 2>&1`, want: []string{`busybox +0 +/tmp/shelf\.txt\n`, `busybox +-ENOENT +/tmp/nothing\n`}},
	{script: "syscount", provoke: `dd if=/dev/zero of=/dev/null bs=1 count=500 2>/dev/null`, want: []string{
		`(?m)^@ns\[write\]: \{ \.count = (5\d\d|[6-9]\d\d|\d{4,}), \.average = \d+, \.total = \d+ \}$`}},
	{script: "syscount -- --failed", provoke: `cat /tmp/nothing 2>/dev/null`, want: []string{`(?m)^@failed\[openat, -ENOENT\]: \d+$`, `!@ns`}},
	{script: "biolatency -- --kinds", provoke: disk, want: []string{`(?m)^@us\[W\w*\]:\n`, `(?m)^@us\[R\w*\]:\n`}},
	{script: "biosnoop", provoke: disk, want: []string{`(?m)^[\d:.]{15} +\d+ \S+ +7:0 +W\w* +\d+ +\d+ \d+\.\d{3}$`, ` 7:0 +R\w* +0 +\d+ \d+\.\d{3}\n`}},
	{script: "biotop", provoke: disk + `sleep 1.5`, want: []string{`(?m)^@bytes\[dd, \d+, 7, 0, W\w*\]: 32768$`, `(?m)^@requests\[dd, \d+, 7, 0, R\w*\]: \d+$`}},
	{script: "bitesize", provoke: disk, want: []string{`(?m)^@bytes\[dd\]:\n(.*\n)*\[\d+K, \d+K\) +\d+ \|`}},
	{script: "runqlat", provoke: `sleep 0.2`, want: []string{`(?m)^@us\[all\]:\n`}},
	{script: "runqlen", provoke: `for i in 1 2 3; do timeout 1 bash -c 'while :; do :; done' & done; sleep 1.2`, want: []string{`(?m)^@waiting\[0\]:\n(.*\n)*\[[1-9]\] +[1-9]`}},
	{script: "runqslower -- --min=500", provoke: `for i in 1 2 3 4; do timeout 1 bash -c 'while :; do :; done' & done; sleep 1.2`, want: []string{`(?m)^[\d:.]{15} +\d+ +\d+ \S+ +\d{3,} \S+\[\d+\]$`}},
	{script: "offcputime", partial: true, provoke: `sleep 1`, want: []string{`(?s)@us\[sleep, \n.*do_nanosleep.*\]: (9[5-9]|1\d\d)\d{4}\n`}},
	{script: "profile", partial: true, provoke: `timeout 1 dd if=/dev/zero of=/dev/null bs=1M`, want: []string{`(?m)^@samples\[dd, $`}},
	{script: "wakeuptime", provoke: `sleep 0.5`, want: []string{`(?s)@us\[sleep, [^\n]+, \n.*hrtimer_wakeup.*\]: \d{6}\n`}},
	{script: "cpudist -- --comms", provoke: `timeout 0.5 bash -c 'while :; do :; done'`, want: []string{`(?m)^@us\[bash\]:\n`}},
	{script: "cpudist -- --off --comms", provoke: `sleep 0.5`, want: []string{`(?m)^@us\[sleep\]:\n(.*\n)*\[(256K|512K), `}},
	{script: "hardirqs", provoke: disk + `sleep 0.5; echo; echo >/dev/console`, want: []string{`(?m)^@ns\[\S+\]: \{ \.count = \d+, \.average = \d+, \.total = \d+ \}$`}},
	{script: "softirqs", provoke: `sleep 0.5`, want: []string{`(?m)^@ns\[TIMER_SOFTIRQ\]: \{ \.count = \d+, `}},
	{script: "softirqs -- --hist", provoke: `sleep 0.5`, want: []string{`(?m)^@dist\[TIMER_SOFTIRQ\]:\n`}},
	{script: "tcpconnect", provoke: connect, want: []string{`(?m)^[\d:.]{15} +\d+ bash +127\.0\.0\.1 +127\.0\.0\.1:7$`}},
	{script: "tcpaccept", provoke: connect, want: []string{`(?m)^[\d:.]{15} +\d+ (nc|busybox) +127\.0\.0\.1:\d+ +127\.0\.0\.1:7 +\d+/\d+$`}},
	{script: "tcpconnlat", provoke: connect + `bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>/dev/null`, want: []string{
		`bash +127\.0\.0\.1 +127\.0\.0\.1:7 +\d+\.\d{3} established\n`, `bash +127\.0\.0\.1 +127\.0\.0\.1:9 +\d+\.\d{3} failed\n`}},
	{script: "tcplife", provoke: connect, want: []string{`(?m)^[\d:.]{15} +\d+ bash +127\.0\.0\.1:\d+ +127\.0\.0\.1:7 +[34] +6 +0 +\d+\.\d{3}$`}},
	{script: "tcptop", provoke: connect + `sleep 1.2`, want: []string{`(?m)^@sent\[bash, \d+, 127\.0\.0\.1:\d+, 127\.0\.0\.1:7\]: 3$`, `(?m)^@received\[cat, \d+, 127\.0\.0\.1:[1-9]\d*, 127\.0\.0\.1:7\]: 6$`}},
	{script: "tcptracer", provoke: connect, want: []string{`connect +\d+ bash +127\.0\.0\.1:\d+ +127\.0\.0\.1:7\n`, `accept +\d+ (nc|busybox) +127\.0\.0\.1:7 +127\.0\.0\.1:\d+\n`, `close +\d+ \S+ +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+\n`}},
	{script: "tcpretrans", provoke: `ip link add d0 type dummy; ip addr add 192.0.2.1/24 dev d0; ip link set d0 up; ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev d0; timeout 2.5 bash -c 'exec 3<>/dev/tcp/192.0.2.9/80' 2>/dev/null; ip link del d0`,
		want: []string{`(?m)^[\d:.]{15} again 192\.0\.2\.1:\d+ +-> 192\.0\.2\.9:80 +SYN_SENT$`, `(?m)^@retransmits\[192\.0\.2\.1:\d+, 192\.0\.2\.9:80, SYN_SENT\]: [1-9]`}},
	{script: "tcpdrop", provoke: `bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>/dev/null`, want: []string{`(?m)^[\d:.]{15} (NO_SOCKET|NOT_SPECIFIED|-) +\S+ +127\.0\.0\.1:\d+ -> 127\.0\.0\.1:9$`, `tcp_v4_rcv`}},
	{script: "tcpstates", provoke: connect, want: []string{`bash +127\.0\.0\.1:0 +127\.0\.0\.1:7 +CLOSE +SYN_SENT +0\.000\n`, `SYN_SENT +ESTABLISHED +\d+\.\d{3}\n`, `(?m)^@us\[SYN_SENT\]:$`}},
	{script: "tcprtt -- --remote", provoke: connect, want: []string{`(?m)^@us\[127\.0\.0\.1\]:\n`}},
	{script: "tcpsynbl", provoke: connect, want: []string{`(?m)^@waiting\[\d+\]:\n\[0\] +[1-9]`}},
	{script: "udpsnoop -- --port=77", provoke: `bash -c 'exec 3<>/dev/udp/127.0.0.1/77; echo hello >&3'`, want: []string{`(?m)^[\d:.]{15} +\d+ bash +sent +6 127\.0\.0\.1:\d+ +127\.0\.0\.1:77$`}},
	{script: "gethostlatency", provoke: `ping -c 1 no.such.name.invalid >/dev/null 2>&1; ping -c 1 localhost >/dev/null 2>&1`, want: []string{`(?m)^[\d:.]{15} +\d+ ping +\d+\.\d{3} -\d+ +no\.such\.name\.invalid$`}},
	{script: "sslsniff", provoke: `work ssl`, want: []string{`(?m)^[\d:.]{15} +\d+ work +write +11 GET /secret$`, `work +read +6 200 OK\n`, `work +write +4 more\n`, `work +read +1 !\n`}},
	{script: "bashreadline", provoke: `work prompt`, want: []string{`(?m)^[\d:.]{15} +\d+ root +echo from the prompt$`}},
	{script: "oomkill", provoke: `mkdir -p /tmp/cg; mount -t cgroup2 none /tmp/cg; echo +memory >/tmp/cg/cgroup.subtree_control; mkdir /tmp/cg/small; echo 20M >/tmp/cg/small/memory.max; bash -c 'echo $$ >/tmp/cg/small/cgroup.procs; dd if=/dev/zero of=/dev/null bs=60M count=1' 2>/dev/null; sleep 0.5; rmdir /tmp/cg/small; umount /tmp/cg`,
		want: []string{`(?m)^[\d:.]{15} dd +\d+ dd +\d+ +\d+ cgroup$`, `(?m)^ +loadavg: \d+\.\d\d \d+\.\d\d`}},
	{script: "memleak -- --interval=1", provoke: `work leak`, want: []string{`(?s)kept\+\d+.{0,400}\]: 21000\n`}},
	{script: "capable", provoke: `ip link set lo up; busybox su -s /bin/sh nobody -c 'echo x >/proc/sys/kernel/hostname' 2>/dev/null; busybox chroot / busybox true`, want: []string{`(?m)^[\d:.]{15} +0 +\d+ busybox +CAP_SYS_CHROOT +yes$`}},
	{script: "vfsstat -- --comms", provoke: `dd if=/dev/zero of=/tmp/new bs=1 count=300 2>/dev/null; rm /tmp/new; sleep 1.2`, want: []string{`(?m)^@calls\[write, dd\]: 30\d$`, `(?m)^@calls\[unlink, \w+\]: 1$`, `(?m)^@calls\[create, dd\]: 1$`}},
	{script: "filetop", provoke: `dd if=/dev/zero of=/tmp/new bs=1000 count=30 2>/dev/null; rm /tmp/new; sleep 1.2`, want: []string{`(?m)^@written\[dd, \d+, new\]: 30000$`, `!zero`}},
	{script: "fileslower -- --min=0", provoke: `dd if=/dev/zero of=/tmp/new bs=1000 count=2 2>/dev/null; rm /tmp/new`, want: []string{`(?m)^[\d:.]{15} +\d+ dd +write +1000 +1000 +\d+\.\d{3} new$`}},
	{script: "filelife", provoke: `echo x >/tmp/short; sleep 0.2; rm /tmp/short; rm -f /tmp/never`, want: []string{`(?m)^[\d:.]{15} +\d+ \w+ +0\.\d{6} short$`}},
	{script: "fsslower -- --min=0", provoke: `mkdir -p /tmp/t; mount -t tmpfs t /tmp/t; echo hi >/tmp/t/slow; dd if=/tmp/t/slow of=/dev/null bs=100 2>/dev/null; umount /tmp/t`, want: []string{`(?m)^[\d:.]{15} +\d+ dd +shmem_file_read_iter +3 +\d+\.\d{3} slow$`}},
	{script: "cachestat", provoke: disk + `sleep 1.5`, want: []string{`(?m)^[\d:.]{15} +\d+ +\d+ +\d+ +\d+%$`}},
	{script: "dcstat", provoke: `for i in 1 2 3 4 5; do cat /tmp/none$i; done 2>/dev/null; sleep 1.2`, want: []string{`(?m)^[\d:.]{15} +[1-9]\d* +\d+ +[1-9]\d* +\d+%$`}},
	{script: "slabratetop", provoke: `for i in 1 2 3 4 5; do cat /tmp/shelf.txt; done >/dev/null; sleep 1.2`, want: []string{`(?m)^@allocations\[(task_struct|mm_struct|filp|vm_area_struct|names_cache)\]: \d+$`, `(?m)^@bytes\[\w+\]: \d+$`}},
	{script: "drsnoop", provoke: `mkdir -p /tmp/cg; mount -t cgroup2 none /tmp/cg; echo +memory >/tmp/cg/cgroup.subtree_control; mkdir /tmp/cg/small; echo 20M >/tmp/cg/small/memory.max; bash -c 'echo $$ >/tmp/cg/small/cgroup.procs; dd if=/dev/zero of=/tmp/big bs=1M count=30' 2>/dev/null; rm -f /tmp/big; rmdir /tmp/cg/small; umount /tmp/cg`,
		want: []string{`(?m)^[\d:.]{15} +\d+ dd +\d+\.\d{3} +\d+ \d+$`}},
	{script: "swapin", provoke: `dd if=/dev/zero of=/tmp/swap bs=1M count=64 2>/dev/null; losetup /dev/loop1 /tmp/swap; mkswap /dev/loop1 >/dev/null; swapon /dev/loop1; mkdir -p /tmp/cg; mount -t cgroup2 none /tmp/cg; echo +memory >/tmp/cg/cgroup.subtree_control; mkdir /tmp/cg/small; echo 16M >/tmp/cg/small/memory.max; bash -c 'echo $$ >/tmp/cg/small/cgroup.procs; dd if=/dev/zero of=/dev/null bs=24M count=3' 2>/dev/null; sleep 1.2; rmdir /tmp/cg/small; umount /tmp/cg; swapoff /dev/loop1; losetup -d /dev/loop1; rm /tmp/swap`,
		want: []string{`(?m)^@pages\[dd, \d+\]: \d+$`}},
	{script: "syncsnoop", provoke: `sync; dd if=/dev/zero of=/tmp/new bs=1000 count=1 conv=fsync 2>/dev/null; rm /tmp/new`, want: []string{`(?m)^[\d:.]{15} +\d+ sync +sync +\d+\.\d{3} 0$`, `dd +fsync +\d+\.\d{3} 0\n`}},
	{script: "mountsnoop", provoke: `mkdir -p /tmp/t; mount -t tmpfs shelf /tmp/t; umount /tmp/t; mount -t nofs shelf /tmp/t 2>/dev/null; rmdir /tmp/t`, want: []string{
		`mount +\d{10} mount +ok +shelf on /tmp/t type tmpfs\n`, `umount +\d{10} umount +ok +/tmp/t\n`, `mount +-ENODEV +shelf on /tmp/t type nofs\n`}},
	{script: "threadsnoop", provoke: `work threads`, want: []string{`(?m)^[\d:.]{15} +\d+ work +begins_here(\+0)?\n(.*\n)*.*begins_here`}},
	{script: "naptime", provoke: `sleep 0.25`, want: []string{`(?m)^[\d:.]{15} +\d+ sleep +\d+ \S+ +0\.250$`}},
	{script: "klockstat -- --min=0", partial: true, provoke: `cat /tmp/shelf.txt /proc/self/maps >/dev/null`, want: []string{`(?m)^@waited_us\[(mutex_lock|down_read|down_write), $`}},
	{script: "criticalstat", missing: `no matches for tracepoint:preemptirq:irq_disable`},
	{script: "llcstat", missing: `hardware:cache-(references|misses)`},
}

// native builds the programs that scripts about libraries look at.
func native(t *testing.T) (work, ssl string) {
	t.Helper()
	dir := t.TempDir()
	work, ssl = filepath.Join(dir, "work"), filepath.Join(dir, "libssl.so.3")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	libc := "/lib/x86_64-linux-gnu/libc.so.6"
	for _, args := range [][]string{
		{"-shared", "-fPIC", "-Wl,-soname,libssl.so.3", "-o", ssl, "native/ssl.c"},
		{"-fno-builtin", "-o", work, "native/work.c", libc, ssl, "-Wl,-dynamic-linker,/lib64/ld-linux-x86-64.so.2"},
	} {
		out, err := exec.Command("gcc", append([]string{"-O1", "-g", "-nostdlib", "-fno-omit-frame-pointer", "-fno-stack-protector", "-ffile-prefix-map=" + here + "/native=/src"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("gcc %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return work, ssl
}

// TestTools runs each ready script of the shelf while something happens that it
// has to see. With PROBE_PAGES=write it writes what they print into their pages.
func TestTools(t *testing.T) {
	s, _ := setup(t)
	s.Modules = append(s.Modules, "loop")
	work, ssl := native(t)
	s.Files = map[string]string{"/bin/work": work, "/lib/x86_64-linux-gnu/libssl.so.3": ssl}
	s.SMP = 2
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		prepare := `echo content >/tmp/shelf.txt; chmod 644 /tmp/shelf.txt; dd if=/dev/zero of=/tmp/disk bs=1M count=4 2>/dev/null; losetup /dev/loop0 /tmp/disk; ip link set lo up`
		if r, err := g.Run(t.Context(), guest.Cmd{Args: []string{"bash", "-uc", prepare}, Timeout: time.Minute}); err != nil || !r.OK() {
			t.Fatalf("status %d, error %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
		}
		for _, c := range tools {
			t.Run(strings.ReplaceAll(c.script, " ", "_"), func(t *testing.T) { c.run(t, g) })
		}
	})
}

func (c tool) run(t *testing.T, g *guest.Guest) {
	text := fmt.Sprintf(`: >/tmp/out; probe run --budget off %s >/tmp/out 2>&1 & p=$!
		i=0; until grep -q '^Attached' /tmp/out; do
			i=$((i+1)); if [ $i -ge 600 ] || ! kill -0 $p 2>/dev/null; then break; fi; sleep 0.05
		done
		if kill -0 $p 2>/dev/null; then
			%s
			sleep 0.2; kill -INT $p
		fi
		s=0; wait $p || s=$?
		cat /tmp/out; echo "status $s"`, c.script, c.provoke)
	if c.provoke == "" {
		text = strings.Replace(text, "\n\t\t\t\n", "\n:\n", 1)
	}
	r, err := g.Run(t.Context(), guest.Cmd{Args: []string{"bash", "-uc", text}, Timeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if c.missing != "" {
		if !regexp.MustCompile(c.missing).MatchString(r.Stdout) || strings.Contains(r.Stdout, "status 0") {
			t.Errorf("the output has no match for %s:\n%s", c.missing, r.Stdout)
		}
		return
	}
	var want, absent []string
	for _, w := range c.want {
		if not, ok := strings.CutPrefix(w, "!"); ok {
			absent = append(absent, not)
		} else {
			want = append(want, w)
		}
	}
	// That a program met another one on its processor is no fault of the script.
	skipped := regexp.MustCompile(`warning: (the results of this run are not complete\nnote: \d+ runs? of \S+ (was|were) skipped)`)
	r.Stdout = skipped.ReplaceAllString(r.Stdout, "$1")
	if c.partial {
		r.Stdout = strings.ReplaceAll(r.Stdout, "warning: the results of this run are not complete\n", "")
	}
	expect(t, r, want, absent)
	if os.Getenv("PROBE_PAGES") == "write" && !t.Failed() {
		c.write(t, r.Stdout)
	}
}

// sampleLines is how many lines of an output a page has: the first and the last,
// with a mark between them where some are left out.
const sampleLines = 24

// ofTest matches lines about what the test itself runs, and about the linker of
// programs, which pages do without.
var ofTest = regexp.MustCompile(`^[\d:.]{15} .* (grep|probe) |^bash: line |^cat: |^Terminated$|[ /](x86_64-linux-gnu|ld\.so\.cache|libc\.so\.6|libresolv\.so\.2|ld-linux-x86-64\.so\.2)`)

// write puts the output into the page of the script, in place of what is there.
// The first case of a script is that of its page.
func (c tool) write(t *testing.T, output string) {
	name := strings.Fields(c.script)[0]
	if i := slices.IndexFunc(tools, func(o tool) bool { return strings.Fields(o.script)[0] == name }); tools[i].script != c.script {
		return
	}
	var lines []string
	some := ""
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, " \n")
		if ofTest.MatchString(line) {
			some = ", some lines left out"
			continue
		}
		if !strings.HasPrefix(line, "Attached ") && !strings.HasPrefix(line, "status ") && (line != "" || len(lines) > 0 && lines[len(lines)-1] != "") {
			lines = append(lines, line)
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) > sampleLines {
		lines = slices.Concat(lines[:sampleLines/2], []string{"…"}, lines[len(lines)-sampleLines/2:])
	}
	file := "../../docs/scripts/" + name + ".md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), "in a virtual machine")
	_, after, end := strings.Cut(rest, "\n```\n")
	if !ok || !end {
		t.Fatalf("%s has no place for an output", file)
	}
	text := before + "in a virtual machine" + some + ":\n\n```\n" + strings.Join(lines, "\n") + "\n```\n" + after
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every ready script has a case.
func TestEachHasCase(t *testing.T) {
	files, err := filepath.Glob("../../scripts/*.pr")
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{"route_loss": true, "route_graph": true} // in test/lab and test/graph
	for _, c := range cases {
		has[strings.Fields(c.script)[0]] = true
	}
	for _, c := range tools {
		has[strings.Fields(c.script)[0]] = true
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".pr"); !has[name] {
			t.Errorf("%s has no case", name)
		}
		if _, err := os.Stat("../../docs/scripts/" + strings.TrimSuffix(filepath.Base(f), ".pr") + ".md"); err != nil {
			t.Errorf("%s has no page: %v", f, err)
		}
	}
}
