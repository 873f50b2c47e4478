package bcc

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// known is a command line over a process whose work is known, and what must come
// of it. The process is a dd that copies 77 bytes five times.
type known struct {
	line  string // PID is the process
	ready string // see example
	// live says that the output comes while the tool runs: the end of want is
	// waited for.
	live bool
	keep string // lines that count; "" for all
	want string // with numbers that differ masked: see masked
}

// The output is compared as a whole: the process is PID, times are TIME, and
// numbers behind "=" in averages are N.
var masked = all(mask2(`\d\d:\d\d:\d\d`, "TIME"), mask2(`avg = \d+`, "avg = N"), mask2(`total: \d+`, "total: N"), mask2(`PID +\d+\.\d\d`, "PID N"))

func mask2(pattern, by string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(s string) string { return re.ReplaceAllString(s, by) }
}

var knownLines = []known{
	{
		line: `trace -p PID -C -T 'vfs_read(struct file *f, char *buf, size_t n) (n == 77) "%d bytes of %s", n, f->f_path.dentry->d_name.name'`,
		live: true, ready: header, want: `
TIME     CPU PID     TID     COMM            FUNC             -
TIME X   PID     PID     dd              vfs_read         77 bytes of zero
TIME X   PID     PID     dd              vfs_read         77 bytes of zero
TIME X   PID     PID     dd              vfs_read         77 bytes of zero
TIME X   PID     PID     dd              vfs_read         77 bytes of zero
TIME X   PID     PID     dd              vfs_read         77 bytes of zero
`,
	},
	{
		line: `trace -p PID -A -M 5 'r::vfs_write (retval == 77) "%llx", retval'`,
		live: true, ready: header, want: `
PID     TID     COMM            FUNC             -
PID     PID     dd              vfs_write        4d
-->COUNT 5

`,
	},
	{line: `trace -p PID -f zero 'do_sys_openat2 "%s", arg2@user' 'p:c:write (arg3 == 77) "%d to zero", arg1'`, ready: header, live: true, want: `
PID     TID     COMM            FUNC             -
PID     PID     dd              do_sys_openat2   /dev/zero
PID     PID     dd              write            1 to zero
PID     PID     dd              write            1 to zero
PID     PID     dd              write            1 to zero
PID     PID     dd              write            1 to zero
PID     PID     dd              write            1 to zero
`},
	{line: `funccount -p PID 'vfs_wri*e'`, ready: tracing, want: `
Tracing 1 functions for "b'vfs_wri*e'"... Hit Ctrl-C to end.

FUNC                                    COUNT
vfs_write                                   5
Detaching...
`},
	{line: `funccount -T -i 600 -p PID t:syscalls:sys_enter_write`, ready: tracing, want: `
Tracing 1 functions for "b't:syscalls:sys_enter_write'"... Hit Ctrl-C to end.

TIME
FUNC                                    COUNT
syscalls:sys_enter_write                    5
Detaching...
`},
	{line: `argdist -p PID -c -i 1 -C 'p::vfs_write(void *f, void *b, size_t n):size_t,char*:n,$COMM' -H 'r::vfs_write(void *f, void *b, size_t n):size_t:$entry(n):$latency > 0#sizes' -T 2`,
		ready: clock, live: true, want: `
[TIME]
p::vfs_write(void *f, void *b, size_t n):size_t,char*:n,$COMM
	COUNT      EVENT
	5          n = 77, $COMM = b'dd'
     sizes               : count     distribution
         0 -> 1          : 0        |                                        |
         2 -> 3          : 0        |                                        |
         4 -> 7          : 0        |                                        |
         8 -> 15         : 0        |                                        |
        16 -> 31         : 0        |                                        |
        32 -> 63         : 0        |                                        |
        64 -> 127        : 5        |****************************************|
`},
	{line: `stackcount -p PID -P -K vfs_write`, ready: tracing, keep: `^Tracing|^  vfs_write$|^    .|Detaching`, want: `
Tracing 1 functions for "vfs_write"... Hit Ctrl-C to end.
  vfs_write
    5
Detaching...
`},
	{line: `stackcount -P -K -f t:sched:sched_process_exit`, keep: `^dd;`, want: `
dd;X
`},
	{line: `funclatency -u -p PID vfs_write`, ready: tracing, keep: `^[^ \n]|usecs`, want: `
Tracing 1 functions for "vfs_write"... Hit Ctrl-C to end.
     usecs               : count     distribution
avg = N usecs, total: N usecs, count: 5
Detaching...
`},
	{line: `funclatency -F -p PID 'vfs_wri*e'`, ready: tracing, keep: `^Func|^ *nsecs|^avg`, want: `
Function = vfs_write
     nsecs               : count     distribution
avg = N nsecs, total: N nsecs, count: 5
`},
	{line: `funcslower -p PID -u 0.001 -a 3 vfs_write`, ready: `COMM.*FUNC`, live: true, keep: `^[^d]|0x4d`, want: `
Tracing function calls slower than 0.001 us... Ctrl+C to quit.
COMM           PID    LAT(us)             RVAL FUNC ARGS
dd             PID N               4d vfs_write X X 0x4d
dd             PID N               4d vfs_write X X 0x4d
dd             PID N               4d vfs_write X X 0x4d
dd             PID N               4d vfs_write X X 0x4d
dd             PID N               4d vfs_write X X 0x4d
`},
	{line: `tplist -v sched:sched_kthread_stop_ret`, want: `
sched:sched_kthread_stop_ret
    int ret;
`},
	{line: `tplist 'nosuch*'`, want: ""},
	{line: `tplist 'sched:sched_kthread_stop*'`, want: `
sched:sched_kthread_stop
sched:sched_kthread_stop_ret
`},
}

// The tools print what bcc prints, on each kernel. TestExamples compares the two.
func TestKnown(t *testing.T) {
	s := guesttest.Setup{Programs: []string{"bash"}, Parallel: true}
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		guesttest.Sh(t, g, `mkdir -p /pb; for t in trace funccount argdist stackcount funclatency funcslower tplist; do ln -sf /bin/probe /pb/$t; done`)
		for _, k := range knownLines {
			t.Run(k.line, func(t *testing.T) { k.run(t, g) })
		}
	})
}

func (k *known) run(t *testing.T, g *guest.Guest) {
	want := strings.TrimPrefix(k.want, "\n")
	norm := all(masked, mask(`^TIME (\d+) +PID`), mask(`^dd;(.* 1)$`), mask2(`0x[0-9a-f]{8,}`, "X"))
	if k.keep != "" {
		norm = all(norm, keep(k.keep))
	}
	if k.ready == clock {
		norm = all(last, norm)
	}
	// The process waits for a line, so that its id is known before it works.
	w, err := g.Start(t.Context(), guest.Cmd{Input: true, Args: []string{"bash", "-c", `read; exec dd if=/dev/zero of=/dev/null bs=77 count=5 status=none`}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Kill()
	pid := fmt.Sprint(w.Pid)
	p, err := g.Start(t.Context(), guest.Cmd{Args: []string{"bash", "-c", "exec /pb/" + strings.ReplaceAll(k.line, "PID", pid)}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	got := func() string {
		out, _ := p.Output()
		return norm(column(out, pid))
	}
	if !strings.HasPrefix(k.line, "tplist") {
		if !within(patience, func() bool { return attached(t, g, p, k.ready) || !alive(t, g, p) }) {
			t.Fatal("the tool does not start")
		}
		if err := w.Send("\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k.live {
			within(2*time.Minute, func() bool { return strings.HasSuffix(got(), want) || !alive(t, g, p) })
		}
		p.Signal(syscall.SIGINT) // it may have ended
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := p.Wait(ctx)
	if err != nil || !r.OK() || got() != want {
		t.Errorf("status %d, error %v\nwant\n%s\ngot\n%s\nof\n%s%s", r.Code, err, want, got(), r.Stdout, r.Stderr)
	}
}

// column replaces an id by PID, in a column of the same width.
func column(out, pid string) string {
	return regexp.MustCompile(`\b`+pid+`\b *`).ReplaceAllStringFunc(out, func(s string) string {
		if len(s) == len(pid) {
			return "PID"
		}
		return fmt.Sprintf("%-*s", len(s), "PID")
	})
}

func TestColumn(t *testing.T) {
	for _, pid := range []string{"98", "223", "1700"} {
		in := fmt.Sprintf("%-7s %-7s dd\nfoo [%s]\n123 %s\n", pid, pid, pid, pid)
		if got, want := column(in, pid), "PID     PID     dd\nfoo [PID]\n123 PID\n"; got != want {
			t.Errorf("%s: %q, want %q", pid, got, want)
		}
	}
}
