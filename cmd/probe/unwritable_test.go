package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// printing has a command line for each command that prints something. The
// folder has calls.jsonl, a recording, and good.pr, a script.
var printing = map[string]string{
	"run": "run --replay calls.jsonl -e 'begin { print(1); }'", "check": "check -f json syntax.pr", "fmt": "fmt calls.pr", "dump": "dump --stage ast calls.pr",
	"ls": "ls scripts", "explain": "explain no-match", "help": "help hist", "lab": "lab", "repl": "repl",
	"show": "show calls.jsonl", "diff": "diff calls.jsonl calls.jsonl", "export": "export -f folded calls.jsonl",
	"trace": "trace --show do_sys_open", "count": "count --show vfs_*", "argdist": "argdist --show -C p::vfs_read():u64:$retval",
	"stack": "stack --show vfs_read", "latency": "latency --show vfs_read", "slower": "slower --show ext4 1",
	"cleanup": "cleanup", "doctor": "doctor", "completion": "completion bash", "version": "version",
}

// onKernel are the commands that print only what they record on a kernel.
var onKernel = map[string]string{
	"record": `probe record -o /tmp/u.jsonl -e 'begin { print(1); exit(); }'`, "graph": `probe graph vfs_read --for 1s --only vfs_read,rw_verify_area`,
	"tplist": `probe tplist 'syscalls:sys_enter_r*'`,
}

// TestUnwritable runs every command with an output that is full, and one whose
// reader has ended: each says so and ends with a status that is not 0.
func TestUnwritable(t *testing.T) {
	dir := t.TempDir()
	writeInputs(t, dir)
	t.Chdir(dir)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	r, closed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer closed.Close()
	for _, c := range commands() {
		if c.Hidden || onKernel[c.Name] != "" {
			continue
		}
		line := printing[c.Name]
		if line == "" {
			t.Errorf("%s has no command line here", c.Name)
			continue
		}
		for name, out := range map[string]*os.File{"full": full, "closed": closed} {
			var errs bytes.Buffer
			code := Main(append([]string{"probe"}, splitExample(line)...), stdio{in: strings.NewReader("print(1)\n"), out: out, err: &errs})
			if code == exitOK || !strings.Contains(errs.String(), "error[machine]: ") {
				t.Errorf("%s, %s: status %d\n%s", line, name, code, errs.String())
			}
			if n := strings.Count(errs.String(), "output"); n > 2 {
				t.Errorf("%s, %s: said more than once:\n%s", line, name, errs.String())
			}
			// Help of every command, too.
			errs.Reset()
			if code := Main([]string{"probe", c.Name, "--help"}, stdio{out: out, err: &errs}); code == exitOK || errs.Len() == 0 {
				t.Errorf("%s --help, %s: status %d, %s", c.Name, name, code, errs.String())
			}
		}
	}
}

// TestGuestUnwritable does it for the commands that need a kernel.
func TestGuestUnwritable(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, line := range onKernel {
			for _, out := range []string{" >/dev/full", " | true"} {
				text := guesttest.Sh(t, g, "set +e; (while :; do cat /proc/version >/dev/null; sleep 0.1; done) & ("+line+" 2>/tmp/errs; echo $? >/tmp/status)"+out+"; kill $!; cat /tmp/errs /tmp/status")
				if !strings.Contains(text, "error[machine]: ") || !strings.Contains(text, "output") || strings.HasSuffix(text, "\n0\n") {
					t.Errorf("%s%s: %s", line, out, text)
				}
			}
		}
	})
}
