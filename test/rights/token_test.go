package rights

import (
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// In a user namespace to which a BPF file system delegates, scripts run by a
// token; what needs perf events or tracefs says why it does not.
func TestToken(t *testing.T) {
	s := setup(t)
	s.Kernels = []string{"6.12", "7.2"}
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		for _, c := range []struct {
			script string
			want   string
		}{
			{`begin { printf("hi %d\n", 1 + 2); }`, "hi 3"},
			{`rawtracepoint:sys_enter { @[comm] = count(); }`, "@["},
			{`fentry:vfs_read { @[args.count > 0] = count(); }`, "@[true]: "},
			{`kprobe:vfs_read { @ = count(); }`, "@: "},
			{`call:vfs_read { @c = count(); } ret:vfs_read { @r = sum(retval); } interval:ms:200 { print(@c); }`, "@r: "},
			{`profile:hz:99 { @ = count(); }`, "its rights there do not count for tracing"},
			{`tracepoint:sched:sched_switch { @ = args.prev_pid; }`, "error[no-mechanism]"},
		} {
			out := guesttest.Sh(t, g, "mkdir -p /tmp/token; cd /; (sleep 1; cat /etc/passwd /etc/mtab >/dev/null) & as -token /tmp/token probe run --for 2s -e '"+c.script+"' 2>&1 || true; wait")
			if !strings.Contains(out, c.want) {
				t.Errorf("%s: no %q\n%s", c.script, c.want, out)
			}
		}
		out := guesttest.Sh(t, g, "as -token /tmp/token probe doctor")
		if !strings.Contains(out, "a BPF token") || !strings.Contains(out, "yes  begin:") {
			t.Errorf("doctor does not know the token:\n%s", out)
		}
		// Without the delegation there is nothing to use.
		out = guesttest.Sh(t, g, "as -userns probe run -e 'begin { }' 2>&1 || true")
		if !strings.Contains(out, "user namespace of its own") {
			t.Errorf("in a namespace without a token: %s", out)
		}
	})
}
