package check_test

import (
	"strings"
	"testing"

	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/source"
)

// TestOneMessagePerCause checks that a mistake in the body of a pattern is one
// message, which says where it is one and what to write for the rest.
func TestOneMessagePerCause(t *testing.T) {
	for _, tc := range []struct {
		script string
		want   []string // in the messages, one for each
	}{
		{"tracepoint:syscalls:sys_enter_* { print(args.fd); }", []string{
			"can't find field `fd` of 4 of the 11 probes of this clause",
			"note: the 4 probes: tracepoint:syscalls:sys_enter_bind, tracepoint:syscalls:sys_enter_chdir, tracepoint:syscalls:sys_enter_prctl, tracepoint:syscalls:sys_enter_readlink\n",
			"help: these attach to nothing else: `tracepoint:syscalls:sys_enter_pread*`, `tracepoint:syscalls:sys_enter_write*`, `tracepoint:syscalls:sys_enter_close`, `tracepoint:syscalls:sys_enter_read`, and 1 more patterns for the rest\n",
		}},
		{"tracepoint:syscalls:sys_enter_* { print(args.nothing); }", []string{"can't find field `nothing` of any of the 11 probes of this clause"}},
		{"tracepoint:syscalls:sys_enter_* { print(args.fd); print(args.none); }", []string{"`fd` of 4 of the 11", "`none` of any of the 11"}},
		{"kprobe:vfs_*, tracepoint:syscalls:sys_enter_* { print(arg0); }", []string{"`arg0` is not available in \"tracepoint\" probes"}},
	} {
		_, list := run(t, tc.script)
		var b strings.Builder
		if err := diag.Render(&b, &list, diag.Options{Limit: -1}); err != nil {
			t.Fatal(err)
		}
		for _, want := range tc.want {
			if strings.Count(b.String(), want) != 1 {
				t.Errorf("%s: %q is not there exactly once:\n%s", tc.script, want, b.String())
			}
		}
		if n := strings.Count(b.String(), "error["); n != strings.Count(tc.script, "print(") {
			t.Errorf("%s: %d messages:\n%s", tc.script, n, b.String())
		}
		// Bpftrace has one for each place.
		b.Reset()
		if err := diag.RenderBpftrace(&b, &list, false); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "ERROR: "); strings.HasSuffix(tc.script, "print(args.fd); }") && n != 4 {
			t.Errorf("%s: %d messages in the words of bpftrace:\n%s", tc.script, n, b.String())
		}
	}
}

func TestNarrower(t *testing.T) {
	for _, tc := range []struct{ good, bad, want string }{
		{"a_read a_readv", "a_write", "a_read*"},
		{"a_read", "a_readv", "a_read"},
		{"a_read a_write", "a_readv", "a_read a_write"},
		{"b_1 b_2 c_1", "a_1", "b_* c_1"},
		{"", "a", ""},
	} {
		good, bad := strings.Fields(tc.good), strings.Fields(tc.bad)
		if got := strings.Join(check.Narrower(good, bad), " "); got != tc.want {
			t.Errorf("narrower(%v, %v) = %q, want %q", good, bad, got, tc.want)
		}
	}
}

// TestOneMachine checks that what a machine lacks is said once for all places.
func TestOneMachine(t *testing.T) {
	f := source.New("t.pr", strings.Repeat("tracepoint:a:b { }\n", 7))
	var list diag.List
	for i := range 6 {
		at := source.Span{File: f, Start: 19 * i, End: 19*i + 14}
		list.Errorf("no-mechanism", at, "tracepoints cannot be used: tracefs is not mounted")
	}
	other := list.Errorf("no-mechanism", source.Span{File: f, Start: 19 * 6, End: 19*6 + 14}, "kprobes cannot be used")
	list.All = check.OneMachine(list.All)
	if len(list.All) != 2 || list.All[1] != other {
		t.Fatalf("messages: %v", list.All)
	}
	if d := list.All[0]; len(d.Labels) != 3 || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "2 places more") || len(d.Compat.Each) != 6 {
		t.Errorf("%v, %v, %d messages in the words of bpftrace", d.Labels, d.Notes, len(d.Compat.Each))
	}
}
