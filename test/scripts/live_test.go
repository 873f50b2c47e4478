package scripts

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// liveCases are the scripts that --live is for: what happens meanwhile, and a
// line of the screen.
var liveCases = []struct{ script, work, line string }{
	{"filetop", `dd if=/dev/zero of=/tmp/live.bin bs=4096 count=50 2>/dev/null`, `(?m)^ *- +204800  dd +\d+ +live\.bin$`},
	{"biotop", `dd if=/dev/zero of=/dev/loop0 bs=4096 count=8 conv=fsync 2>/dev/null`, `(?m)^ *32768 +\d+  dd +\d+ +7 +0 +W`},
	{"slabratetop", `cat /etc/passwd`, `(?m)^ *\d+ +\d+  filp$`},
	{"syscount -- --interval=1", `dd if=/dev/zero of=/dev/null bs=1 count=500 2>/dev/null`, `(?s)@ns count +average +total  id\n.*\d+  write\n`},
	{"tcptop", connect, `(?m)^ *\d+ +\S+  (bash|nc) +\d+ +127\.0\.0\.1:`},
	{"vfsstat -- --comms", `dd if=/dev/zero of=/tmp/live.bin bs=1 count=300 2>/dev/null`, `(?m)^ *30\d  write +dd$`},
	{"profile", `timeout 0.5 bash -c 'while :; do :; done'`, `(?ms)^@samples  comm .*^ +\d+  bash `},
	{"-e 'config = { print_maps_on_exit = true } tracepoint:syscalls:sys_enter_write /comm == \"dd\"/ { @calls[comm] = count(); @sizes = hist(args.count); }'", `dd if=/dev/zero of=/dev/null bs=64 count=50 2>/dev/null`, `(?ms)^@calls +comm$.*^ *\d+  dd$.*^@sizes:$.*^\[64, 128\)`},
}

// A screen shows what happens, within the terminal, and at the end it stays.
func TestLive(t *testing.T) {
	s, _ := setup(t)
	s.Modules = append(s.Modules, "loop")
	s.SMP = 2
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		guesttest.Sh(t, g, `[ -e /tmp/disk ] || { dd if=/dev/zero of=/tmp/disk bs=1M count=4 2>/dev/null; losetup /dev/loop0 /tmp/disk; }; ip link set lo up`)
		for _, c := range liveCases {
			t.Run(strings.Fields(c.script)[0], func(t *testing.T) {
				const rows, cols = 30, 100
				p, err := g.Start(t.Context(), guest.Cmd{
					Args: []string{"bash", "-c", "probe run --budget off --live " + c.script}, PTY: true, Rows: rows, Cols: cols, Input: true,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Kill()
				if _, err := p.Expect(t.Context(), `\d probes?`); err != nil {
					out, _ := p.Output()
					t.Fatalf("%v\n%s", err, out)
				}
				found := false
				screen := ""
				for end := time.Now().Add(2 * time.Minute); !found && time.Now().Before(end); {
					if r, err := g.Run(t.Context(), guest.Cmd{Args: []string{"bash", "-c", c.work}, Timeout: time.Minute}); err != nil {
						t.Fatalf("%v: %s", err, r.Stderr)
					}
					for wait := time.Now().Add(3 * time.Second); !found && time.Now().Before(wait); time.Sleep(50 * time.Millisecond) {
						out, _ := p.Output()
						screen = lastScreen(out)
						found = regexp.MustCompile(c.line).MatchString(screen)
					}
				}
				if !found {
					t.Errorf("no screen has %s", c.line)
				}
				lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
				if len(lines) > rows {
					t.Errorf("%d lines on a screen of %d", len(lines), rows)
				}
				for _, l := range lines {
					if utf8.RuneCountInString(l) > cols {
						t.Errorf("a line of more than %d: %s", cols, l)
					}
				}
				t.Logf("\n%s", screen)
				if err := p.Send("\x03"); err != nil {
					t.Fatal(err)
				}
				r, err := p.Wait(t.Context())
				if err != nil || !r.OK() {
					t.Errorf("status %d, error %v", r.Code, err)
				}
				if testing.Verbose() {
					t.Logf("at the end:\n%s", lastScreen(r.Stdout))
				}
			})
		}
	})
}

// lastScreen returns the last whole screen of what was written to a terminal, and
// what follows it.
func lastScreen(out string) string {
	if i := strings.LastIndex(out, "\x1b[H"); i >= 0 {
		// One that is being written lacks its end.
		if !strings.Contains(out[i:], "\x1b[J") {
			if j := strings.LastIndex(out[:i], "\x1b[H"); j >= 0 {
				out, i = out[:i], j
			}
		}
		out = out[i:]
	}
	out = regexp.MustCompile(`\x1b\[\d*[A-Za-z]`).ReplaceAllString(out, "")
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(strings.ReplaceAll(out, "\r", ""), "")
}
