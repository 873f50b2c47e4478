package repl

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/builtin"
	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/session"
)

func TestConstants(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"1 << 20", "1048576\n"}, {"1 + 2 * 3;", "7\n"}, {"-1", "-1\n"}, {"1 == 1", "true\n"}, {"sizeof(struct task)", "16\n"},
		{"offsetof(struct task, parent)", "8\n"}, {`"a text"`, "a text\n"}, {"// nothing\n", ""}, {"\n \n", ""},
		{"(1 +\n2)", "3\n"}, {"0xff", "255\n"}, {"1ms", "1000000\n"},
	} {
		tr := play(t, c.input)
		if want := c.want + "the end\n"; tr.out != want || tr.err != "" || tr.code != 0 {
			t.Errorf("%q printed %q and %q with status %d, want %q", c.input, tr.out, tr.err, tr.code, want)
		}
		if n := len(tr.tracer.objects); n != 0 {
			t.Errorf("%q went to the kernel", c.input)
		}
		if !tr.tracer.ended {
			t.Errorf("%q: the session did not end", c.input)
		}
	}
}

func TestErrorsPointAtTheInput(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"@n = cuont()", `error[unknown-name]: unknown function: ` + "`cuont`" + `
  --> input:1:6
   |
 1 | @n = cuont()
   |      ^^^^^`},
		{"kprobe:vfs_reed { }", "error[no-match]: no function is named vfs_reed\n  --> clause 1:1:1"},
		{"1 +", "expected an expression"},
		{"if (1) {\n", "expected `}`"},
		{"$x", "undefined or undeclared variable: $x"},
		{"@nope", "undefined map: @nope"},
		{":stop 4", "error: no clause with the number 4 runs\nhelp: `:list` shows them"},
		{":stop", "`:stop` needs the number of a clause"},
		{":prnt", "no command is named `:prnt`\nhelp: a command with a similar name exists: `:print`"},
		{":", "no command is named `:`"},
		{":h", "`:h` may be `:help` or `:history`"},
		{":print @nope", "no map is named @nope"},
		{":clear", "which map?"},
		{":wait soon", `"soon" is not a duration`},
		{":help cuont", "help: something with a similar name exists: `:help count`"},
		{"\x00\x01\x02\x03", "error"},
	} {
		tr := play(t, c.input)
		if !strings.Contains(tr.err, c.want) {
			t.Errorf("%q gave\n%s, want\n%s", c.input, tr.err, c.want)
		}
		if tr.code != 1 {
			t.Errorf("%q ended with status %d, want 1", c.input, tr.code)
		}
	}
}

func TestClauses(t *testing.T) {
	tr := play(t, `kprobe:vfs_read { @[comm] = count(); }
interval:s:1 {
	print(@);
}
:list
:stop 1
:list
:stop 1
kprobe:vfs_write { @w = 1 }
begin { @ = count(); }
:stop all
:list
`)
	want := `[1] 2 probes, 0s: kprobe:vfs_read { @[comm] = count(); }
    runs are not measured
[2] 2 probes, 0s: interval:s:1 { print(@); }
    runs are not measured
[2] 2 probes, 0s: interval:s:1 { print(@); }
    runs are not measured
no clause runs
the end
`
	if d := cmp.Diff(want, tr.out); d != "" {
		t.Errorf("output (-want +got):\n%s", d)
	}
	wantErr := "[1] attached 2 probes\n[2] attached 2 probes\nerror: no clause with the number 1 runs\nhelp: `:list` shows them\n[3] attached 2 probes\n"
	if !strings.HasPrefix(tr.err, wantErr) || !strings.Contains(tr.err, "error[map-key]") {
		t.Errorf("messages are\n%s\nwant\n%s and then a complaint about @", tr.err, wantErr)
	}
	if d := cmp.Diff([]int{0, 1, 2}, tr.tracer.removed); d != "" {
		t.Errorf("removed clauses (-want +got):\n%s", d)
	}
}

func TestBeginRunsOnce(t *testing.T) {
	tr := play(t, "begin { @n = 1; }\n:list\n")
	if tr.out != "no clause runs\nthe end\n" || len(tr.tracer.objects) != 1 || len(tr.tracer.removed) != 1 {
		t.Errorf("printed %q with %d objects, %d removed", tr.out, len(tr.tracer.objects), len(tr.tracer.removed))
	}
}

func TestExit(t *testing.T) {
	tr := play(t, "exit();\n1 + 1\n")
	if tr.code != 3 || tr.out != "the end\n" {
		t.Errorf("exit() typed alone ended with status %d and printed %q", tr.code, tr.out)
	}
	tr = play(t, "interval:s:1 { exit(); }\n:list\n1 + 1\n")
	if tr.out != "no clause runs\n2\nthe end\n" || !strings.Contains(tr.err, "[1] ended by exit() with status 3\n") {
		t.Errorf("exit() in a clause printed %q and %q", tr.out, tr.err)
	}
	for _, word := range []string{"exit", "quit", ":quit", " :q "} {
		if tr = play(t, word+"\n1 + 1\n"); tr.out != "the end\n" || tr.code != 0 {
			t.Errorf("%q printed %q with status %d", word, tr.out, tr.code)
		}
	}
}

func TestMapsHaveRoom(t *testing.T) {
	tr := play(t, "@m[\"x\"] = 3\n@m[\"a longer key\"] = 3000000000\n@t[1, \"y\"] = (1, 2)\n@t[70000, \"yy\"] = (1, -70000)\n@c = count()\n")
	if tr.err != "" {
		t.Fatalf("complained:\n%s", tr.err)
	}
	if m, k, v := spec(t, tr.tracer.objects[0], "m"); k != 64 || v != 8 || m.Spec != "m_m" {
		t.Errorf("@m has keys of %d and values of %d bytes in %s", k, v, m.Spec)
	}
	if _, k, v := spec(t, tr.tracer.objects[2], "t"); k != 72 || v != 16 {
		t.Errorf("@t has keys of %d and values of %d bytes", k, v)
	}
	a, _, _ := spec(t, tr.tracer.objects[0], "m")
	b, _, _ := spec(t, tr.tracer.objects[1], "m")
	if a.Spec != b.Spec {
		t.Errorf("@m is %s and then %s", a.Spec, b.Spec)
	}
}

func TestMapsKeepTheirTypes(t *testing.T) {
	tr := play(t, "@m = 1\n@m = \"text\"\n:drop @m\n@m = \"text\"\n:type @m\n")
	if !strings.Contains(tr.err, "type mismatch for @m") || strings.Count(tr.err, "error") != 1 {
		t.Errorf("messages are\n%s", tr.err)
	}
	if !strings.HasPrefix(tr.out, "string[64]\n") {
		t.Errorf("printed %q", tr.out)
	}
	if d := cmp.Diff([]string{"m"}, tr.tracer.forgot); d != "" {
		t.Errorf("maps given up (-want +got):\n%s", d)
	}
	tr = play(t, "interval:s:1 { @m = 1; }\n:drop @m\n")
	if !strings.Contains(tr.err, "@m is used by clause 1\nhelp: `:stop 1` stops it") {
		t.Errorf("messages are\n%s", tr.err)
	}
}

func TestMapCommands(t *testing.T) {
	tr := play(t, "@m[1] = 2\n$v = 3\n@s = 1\n@e[1] = 1\n:maps\n:print @m\n:print\n:clear @m\n:print @m\n", func(_ *Config, f *fakeTracer) {
		d := &value.MapData{}
		d.Entries = []value.Entry{{Key: []byte{1, 0, 0, 0, 0, 0, 0, 0}, Val: []byte{2, 0, 0, 0, 0, 0, 0, 0}}}
		f.data["m"] = d
	})
	want := "$v: int64\n@e[int64]: int64, 0 keys of at most 4096\n@m[int64]: int64, 1 key of at most 4096\n@s: int64\n@m[1]: 2\n@m[1]: 2\n@s: 0\nthe end\n"
	if d := cmp.Diff(want, tr.out); d != "" || tr.err != "" {
		t.Errorf("output (-want +got):\n%s%s", d, tr.err)
	}
}

func TestScratchVariablesStay(t *testing.T) {
	for _, c := range []struct{ name, input, wrong string }{
		{"from one input to the next", "$x = 5\n$x + 1\n$x += 2; $y = $x\n$y", ""},
		{"let", "let $x : uint8 = 3\n$x", ""},
		{"another type", "$x = 5\n$x = \"text\"\n$x", ""},
		{"another type after use", "$x = 5\n$x = $x == 5 ? \"a\" : \"b\"", "type mismatch for $x"},
		{"in blocks", "$x = 1; if ($x) { $x = 2; $in = 3; }\n$x", ""},
		{"of blocks do not", "if (1) { $in = 3; }\n$in", "undefined or undeclared variable: $in"},
		{"of loops do not", "for ($i : 0..3) { $s = $i; }\n$i", "undefined or undeclared variable: $i"},
		{"pointers", "$t = (struct task *)100\n$t->parent->pid", ""},
		{"read first and never set", "$x + 1", "undefined or undeclared variable: $x"},
		{"not in clauses", "$x = 1\nbegin { print($x); }", "undefined or undeclared variable: $x"},
		{"of another type in arithmetic", "$x = \"text\"\n$x += 1", "$x"},
		{"find", "@m[1] = 2\n$v = (int64)0; if (find(@m, 1, $v)) { print($v); }", ""},
	} {
		tr := play(t, c.input)
		if c.wrong == "" && tr.err != "" || !strings.Contains(tr.err, c.wrong) || strings.Contains(tr.err, "@$") {
			t.Errorf("%s: messages are\n%s\nwant %q", c.name, tr.err, c.wrong)
		}
	}
	tr := play(t, "$x = 5\n$x = \"text\"\n$x\n")
	if d := cmp.Diff([]string{"$x"}, tr.tracer.forgot); d != "" {
		t.Errorf("variables given up (-want +got):\n%s", d)
	}
	first, _, _ := spec(t, tr.tracer.objects[0], "$x")
	second, _, v := spec(t, tr.tracer.objects[1], "$x")
	if first.Spec == second.Spec || v != 64 {
		t.Errorf("$x is kept in %s and then in %s with %d bytes", first.Spec, second.Spec, v)
	}
	if third, _, _ := spec(t, tr.tracer.objects[2], "$x"); third.Spec != second.Spec {
		t.Errorf("the new $x is kept in %s and read from %s", second.Spec, third.Spec)
	}
}

func TestDefinitions(t *testing.T) {
	for _, c := range []struct{ input, want, wrong string }{
		{"macro sq(x) { x * x }\nsq(5)\n", "25\n", ""},
		{"macro sq(x) { x * x }\nmacro sq(x) { x + x }\nsq(5)\n", "10\n", ""},
		{"#define SIX 6\nSIX + 1\n#define SIX 7\nSIX + 1\n", "7\n8\n", ""},
		{"struct pair {\nint a;\nlong b;\n};\nsizeof(struct pair)\n", "16\n", ""},
		{"struct pair { int a; };\nstruct pair { int a; int b; };\nsizeof(struct pair)\n", "8\n", ""},
		{"config = { max_strlen = 77 }\nconfig = { max_strlen = 78 }\n:type str((uint64)0)\n", "string[78]\n", ""},
		{"macro bad(x) { nothing( }\n", "", "error"},
		{"let @l = lruhash(5);\n@l[1] = 2\nlet @l = hash(3);\n", "", "@l exists already"},
		{"import \"nowhere\";\n", "", "unable to find a suitable path"},
	} {
		tr := play(t, c.input)
		if got := strings.TrimSuffix(tr.out, "the end\n"); got != c.want {
			t.Errorf("%q printed %q, want %q", c.input, got, c.want)
		}
		if c.wrong == "" && tr.err != "" || !strings.Contains(tr.err, c.wrong) {
			t.Errorf("%q complained:\n%s\nwant %q", c.input, tr.err, c.wrong)
		}
	}
}

func TestPrelude(t *testing.T) {
	prelude := func(c *Config, _ *fakeTracer) { c.Prelude = "config = { max_strlen = 99 }" }
	if tr := play(t, ":type str((uint64)0)\nconfig = { max_strlen = 80 }\n:type str((uint64)0)\n", prelude); tr.out != "string[99]\nstring[80]\nthe end\n" || tr.err != "" {
		t.Errorf("printed %q and %q", tr.out, tr.err)
	}
}

// Statements run in a begin probe, which nobody typed and no message names.
func TestNoMessageSpeaksOfBegin(t *testing.T) {
	for _, in := range []string{"args", "args.count", "arg0", "retval", "duration", "func", "graph", "ctx", `reg("ip")`, "override(1)", "signal(9)", "$x = retval; $x"} {
		tr := play(t, in, func(c *Config, _ *fakeTracer) { c.Check.Unsafe = true })
		if !strings.Contains(tr.err, "has a meaning only in certain probes") || strings.Contains(tr.err, "begin") {
			t.Errorf("%q gave\n%s", in, tr.err)
		}
	}
	tr := play(t, "print(((struct task *)8)->pid)\n")
	for _, e := range tr.tracer.objects[0].Errors {
		if e.Probe != theInput {
			t.Errorf("an error is counted for %q", e.Probe)
		}
	}
}

func TestAddFails(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&session.LoadError{Diag: &diag.Diagnostic{Severity: diag.Error, Code: "attach-failed", Message: "cannot attach it"}}, "error[attach-failed]: cannot attach it"},
		{errors.New("broken"), "error[machine]: broken"},
		{context.Canceled, "error: interrupted; nothing is attached"},
	} {
		tr := play(t, "interval:s:1 { @n = 1; }\n:list\n:maps\n", func(_ *Config, f *fakeTracer) { f.fail = c.err })
		if !strings.Contains(tr.err, c.want) || tr.out != "no clause runs\nthere are no maps\nthe end\n" || tr.code != 1 {
			t.Errorf("%v: printed %q and %q with status %d", c.err, tr.out, tr.err, tr.code)
		}
	}
	tr := play(t, "1 + 1\n@n = 1\n", func(cfg *Config, _ *fakeTracer) {
		cfg.Machine.(*fakeMachine).refuses = &diag.Diagnostic{Severity: diag.Error, Message: "only root may"}
	})
	if tr.out != "2\nthe end\n" || !strings.Contains(tr.err, "only root may") || len(tr.tracer.objects) != 0 {
		t.Errorf("without privileges printed %q and %q", tr.out, tr.err)
	}
}

func TestFaultsDoNotEndTheSession(t *testing.T) {
	tr := play(t, "interval:s:1:fault { }\n1 + 1\n")
	if !strings.Contains(tr.err, "error[internal]: probe failed on this input: a fault in the checker") || tr.out != "2\nthe end\n" {
		t.Errorf("printed %q and\n%s", tr.out, tr.err)
	}
	r := started(t)
	if _, list, _ := r.complete("interval:s:1:fault { args.", 26); list != nil {
		t.Errorf("completed to %q", list)
	}
}

func TestHelp(t *testing.T) {
	tr := play(t, "help\n:help count\n:help kprobe\n:help :stop\n:help stop\n:help undefined-map\nmacro two() { 2 }\n:help two\n")
	for _, want := range []string{":stop N|all", "count()\n\nHow often", "Example:\n\n    call:vfs_read", "kprobe:[module:]function[+offset]\n\nEntry of a kernel function", "macro two() { 2 }", "undefined-map"} {
		if !strings.Contains(tr.out, want) {
			t.Errorf("help does not show %q:\n%s", want, tr.out)
		}
	}
	if tr.err != "" {
		t.Errorf("complained:\n%s", tr.err)
	}
	for _, c := range commands {
		if !strings.Contains(tr.out, c.usage) {
			t.Errorf("help does not list %s", c.usage)
		}
	}
}

func TestTypes(t *testing.T) {
	tr := play(t, ":type 1\n:type (struct task *)0\n@m[1, \"a\"] = 2\n:type @m\n:type @m[1, \"b\"]\n:type ((struct task *)0)->parent\n")
	want := "int8\nstruct task *\nint64[(int64,string[64])]\nint64\nstruct task *\nthe end\n"
	if d := cmp.Diff(want, tr.out); d != "" || tr.err != "" {
		t.Errorf("types (-want +got):\n%s%s", d, tr.err)
	}
}

func TestWaitEndsWithTheClauses(t *testing.T) {
	start := time.Now()
	tr := play(t, "interval:s:1 { exit(); }\n:wait\n:wait 10ms\n:list\n")
	if tr.out != "no clause runs\nthe end\n" || time.Since(start) > 5*time.Second {
		t.Errorf("printed %q after %v", tr.out, time.Since(start))
	}
}

func TestHistoryCommand(t *testing.T) {
	tr := play(t, "1 + 1\n(2 +\n2)\n:history +\n")
	if want := "2\n4\n1 + 1\n(2 +\n2)\n:history +\nthe end\n"; tr.out != want {
		t.Errorf("printed %q, want %q", tr.out, want)
	}
}

// scripted is a reader with prepared answers.
type scripted struct{ answers []answer }

func (s *scripted) ReadLine(string) (string, error) {
	if len(s.answers) == 0 {
		return "", io.EOF
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return a.line, a.err
}
func (s *scripted) Remember(string) {}
func (s *scripted) Done()           {}

func TestInterruptGivesUpTheInput(t *testing.T) {
	r := started(t)
	r.person = true
	r.reader = &scripted{[]answer{{"interval:s:1 {", nil}, {"", errInterrupted}, {"$x = 7", nil}}}
	r.loop(context.Background())
	if n := len(r.tracer.(*fakeTracer).objects); n != 1 || r.failed {
		t.Errorf("%d objects were added, failed is %t", n, r.failed)
	}
}

// blocked is a reader on which nobody types.
type blocked struct{ scripted }

func (blocked) ReadLine(string) (string, error) { select {} }

func TestTheEndOfTheContextEndsReading(t *testing.T) {
	r := started(t)
	r.reader = &blocked{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.loop(ctx); close(done) }()
	cancel()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the session goes on")
	}
}

func TestInterruptWhileReading(t *testing.T) {
	l := &lines{r: &blocked{}}
	interrupt := make(chan os.Signal, 1)
	interrupt <- os.Interrupt
	if _, err := l.next(context.Background(), prompt, interrupt); err != errInterrupted {
		t.Errorf("the error is %v", err)
	}
	if l.pending == nil {
		t.Error("the reading that goes on was forgotten")
	}
}

// TestAllErrors: -k also asks for lookups of missing keys to be counted, which
// costs where they happen.
func TestAllErrors(t *testing.T) {
	for _, all := range []bool{false, true} {
		tr := play(t, "@a[1] = 1\n@b = @a[2]\n", func(c *Config, _ *fakeTracer) { c.AllErrors = all })
		counted := false
		for _, e := range tr.tracer.objects[len(tr.tracer.objects)-1].Errors {
			counted = counted || e.Kind == builtin.ErrLookup
		}
		if counted != all {
			t.Errorf("AllErrors %v: lookups are counted: %v\n%s", all, counted, tr.err)
		}
	}
}
