package session_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"probe/compiler"
	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/machine/live"
	"probe/runtime/session"
	"probe/runtime/sink"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == session.HoldArg {
		session.Hold(os.Args[2:])
	}
	os.Exit(m.Run())
}

// needBPF skips where this process may not load programs.
func needBPF(t *testing.T) {
	t.Helper()
	d := live.New(live.Options{}).Refuses()
	if d == nil {
		return
	}
	if os.Getenv("PROBE_REQUIRE") == "all" {
		t.Fatal(d)
	}
	t.Skipf("loading BPF programs: %s", d.Message)
}

// script is a script that runs on the host; run fills in what came out.
type script struct {
	text   string
	params []string
	format string
	change func(o *session.Options, c *engine.CheckOptions)

	out, err lockedBuffer
	machine  *live.Machine
	opts     session.Options
}

// lockedBuffer may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// compile makes the object of a text.
func (s *script) compile(t *testing.T, text string, check engine.CheckOptions, shared *engine.Live) *compiler.Object {
	t.Helper()
	if s.machine == nil {
		s.machine = live.New(live.Options{})
	}
	check.Unsafe = true
	c, list := engine.Build(engine.Script{Name: "test.pr", Text: text, Params: s.params}, s.machine, check, engine.CompileOptions{Live: shared})
	if c == nil {
		t.Fatal(list.All)
	}
	return c.Object
}

// options makes the options of a run.
func (s *script) options(t *testing.T) *session.Options {
	t.Helper()
	resolver := session.NewResolver(s.machine)
	printer, err := sink.New(s.format, sink.Config{Out: &s.out, Err: &s.err})
	if err != nil {
		t.Fatal(err)
	}
	s.opts = session.Options{Machine: s.machine, Sink: printer, Resolver: resolver}
	return &s.opts
}

// run compiles and runs the script to its end.
func (s *script) run(t *testing.T, ctx context.Context) (session.Result, error) {
	t.Helper()
	needBPF(t)
	var config engine.CheckOptions
	if s.change != nil {
		s.change(&session.Options{}, &config)
	}
	obj := s.compile(t, s.text, config, nil)
	o := s.options(t)
	if s.change != nil {
		s.change(o, &config)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	res, err := session.Run(ctx, obj, *o)
	if closeErr := o.Sink.Close(); closeErr != nil {
		t.Errorf("close: %v", closeErr)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("the run did not end by itself\nout: %s\nerr: %s", s.out.String(), s.err.String())
	}
	return res, err
}

func TestRuns(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		out        string // without the blank lines at the end of the run
		err        string // part of standard error
		exit       int
		change     func(o *session.Options, c *engine.CheckOptions)
	}{
		{name: "begin and end", text: `begin { printf("a %d\n", 1); } end { printf("b\n"); }`, out: "a 1\nb\n", err: "Attached 2 probes"},
		{name: "several in order", text: `begin { printf("1 "); } begin { printf("2 "); } end { printf("3 "); } end { printf("4\n"); }`, out: "1 2 3 4\n"},
		{name: "exit status", text: `begin { printf("x\n"); exit(7); } interval:s:10 { }`, out: "x\n", exit: 7},
		{name: "exit discards what follows", text: `begin { printf("a\n"); exit(); printf("b\n"); } begin { printf("c\n"); } end { printf("end\n"); }`, out: "a\nend\n"},
		{name: "interval", text: `interval:ms:10 { @n++; if (@n == 5) { printf("five\n"); exit(); } }`, out: "five\n@n: ", err: "Attached 1 probe\n"},
		{name: "for a time", text: `interval:ms:5 { @n = count(); }`, out: "@n: ", change: func(o *session.Options, _ *engine.CheckOptions) { o.For = 100 * time.Millisecond }},
		{name: "keyless maps", text: `begin { @i = -3; @s = "text"; @c = count(); @sum = sum(5); @sum = sum(-7); @min = min(4); @max = max(9); @avg = avg(10); @avg = avg(20); @t = (1, "x"); }`,
			out: "@avg: 15\n@c: 1\n@i: -3\n@max: 9\n@min: 4\n@s: text\n@sum: -2\n@t: (1, x)\n"},
		{name: "keyed maps", text: `begin { @a["x"] = 1; @a["y"] = 2; @c[1, "k"] = count(); @c[1, "k"] = count(); @s[3] = stats(4); @h[2] = hist(7); @l["q"] = lhist(15, 0, 20, 10); }`,
			out: "@a[x]: 1\n@a[y]: 2\n@c[1, k]: 2\n@h[2]:\n[4, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n\n" +
				"@l[q]:\n[10, 20)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n\n@s[3]: "},
		{name: "clear", text: `begin { @a[1] = 1; @c = count(); @i = 5; @h = hist(1); clear(@a); clear(@c); clear(@i); clear(@h); }`, out: ""},
		{name: "zero", text: `begin { @a[1] = 7; @c[2] = count(); @i = 5; zero(@a); zero(@c); zero(@i); }`, out: "@a[1]: 0\n@c[2]: 0\n@i: 0\n"},
		{name: "print of a map", text: `begin { @a[1] = 3; @a[2] = 1; @a[3] = 2; print(@a, 2); print(@a[1]); clear(@a); }`, out: "@a[3]: 2\n@a[1]: 3\n3\n"},
		{name: "unset maps", text: `begin { if (pid == 0) { @i = 1; @c = count(); @m[1] = 1; } }`, out: ""},
		{name: "maps not at exit", text: `config = { print_maps_on_exit = false } begin { @ = 1; }`, out: ""},
		{name: "max events", text: `begin { printf("1\n"); printf("2\n"); printf("3\n"); } interval:s:10 { }`, out: "1\n2\n",
			change: func(o *session.Options, _ *engine.CheckOptions) { o.MaxEvents = 2 }},
		{name: "division by zero", text: `begin { @z = 0; @d = 5 / @z; @d = 6 / @z; }`, out: "@d: 1\n@z: 0\n", err: "Divide or modulo by 0"},
		{name: "handler fails", text: `begin { cat("/nonexistent/file"); printf("on\n"); }`, out: "on\n", err: "ERROR: failed to open file '/nonexistent/file' (No such file or directory)"},
		{name: "clocks", text: `begin { printf("%s\n", strftime("%Y", nsecs)); }`, out: time.Now().Format("2006") + "\n"},
		{name: "names", text: `begin { printf("%s %s\n", username, sysctl("kernel.ostype")); }`, out: "root Linux\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{text: tc.text, change: tc.change}
			res, err := s.run(t, t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := strings.TrimLeft(strings.Replace(s.out.String(), "\n\n", "\n", 1), "\n")
			got = strings.ReplaceAll(got, "\n\n\n", "\n")
			if !strings.HasPrefix(strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(tc.out), " ")) || tc.out == "" && strings.TrimSpace(got) != "" {
				t.Errorf("output:\n%s\nwant:\n%s", got, tc.out)
			}
			if !strings.Contains(s.err.String(), tc.err) {
				t.Errorf("standard error:\n%s\nlacks %q", s.err.String(), tc.err)
			}
			if res.Exit != tc.exit {
				t.Errorf("exit status %d, want %d", res.Exit, tc.exit)
			}
			if !res.Complete {
				t.Errorf("the result is incomplete: %s", s.err.String())
			}
		})
	}
}

// TestCancelDrains: what is in the buffers when the signal comes is printed.
func TestCancelDrains(t *testing.T) {
	needBPF(t)
	s := &script{text: `begin { unroll (100) { printf("line\n"); } @n = count(); } interval:s:10 { } end { printf("end\n"); }`}
	obj := s.compile(t, s.text, engine.CheckOptions{}, nil)
	ses, err := session.New(*s.options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer ses.Close()
	if _, err := ses.Add(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ses.Run(ctx); err != nil {
		t.Fatal(err)
	}
	s.opts.Sink.Close()
	if n := strings.Count(s.out.String(), "line\n"); n != 100 {
		t.Errorf("%d lines were printed, want 100", n)
	}
	if !strings.Contains(s.out.String(), "end\n") || !strings.Contains(s.out.String(), "@n: 1") {
		t.Errorf("the end of the run is missing:\n%s", s.out.String())
	}
}

func TestCancelBeforeLoad(t *testing.T) {
	needBPF(t)
	s := &script{text: `begin { } interval:s:1 { }`}
	obj := s.compile(t, s.text, engine.CheckOptions{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := session.Run(ctx, obj, *s.options(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want the context's error", err)
	}
}

// TestIncomplete: what is missing is told, and the result is not complete.
func TestIncomplete(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"lost events", `config = { perf_rb_pages = 1 } begin { for ($i : 0..1000) { printf("%d %s\n", $i, comm); } }`, "events of begin were lost"},
		{"map full", `config = { max_map_keys = 2 } begin { @m[1] = 1; @m[2] = 2; @m[3] = 3; }`, "1 update of @m was refused"},
		{"failed read", `begin { printf("%d\n", *(uint8 *)kptr(16)); }`, "1 read in begin failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{text: tc.text}
			res, err := s.run(t, t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if res.Complete {
				t.Errorf("the result is complete\n%s", s.err.String())
			}
			if got := s.err.String(); !strings.Contains(got, "the results of this run are not complete") || !strings.Contains(got, tc.want) {
				t.Errorf("the receipt is\n%s\nwithout %q", got, tc.want)
			}
		})
	}
}

func TestLostIsCounted(t *testing.T) {
	s := &script{text: `config = { perf_rb_pages = 1 } begin { for ($i : 0..1000) { printf("%d %s\n", $i, comm); } @n = 1000; }`}
	if _, err := s.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	printed := strings.Count(s.out.String(), "\n") - 4 // blank lines and the map
	if !strings.Contains(s.err.String(), "Lost ") || printed >= 1000 || printed < 10 {
		t.Errorf("%d lines printed; standard error: %s", printed, s.err.String())
	}
}

// TestWarnings: -k also reports reads that fail, once for each place.
func TestWarnings(t *testing.T) {
	text := `begin { $i = 0; unroll (3) { $i += *(uint8 *)kptr(16); } printf("%d\n", $i); }`
	for _, all := range []bool{false, true} {
		s := &script{text: text, change: func(o *session.Options, _ *engine.CheckOptions) { o.AllErrors = all }}
		if _, err := s.run(t, t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(s.err.String(), "Bad address"); got != all {
			t.Errorf("AllErrors %v: standard error is\n%s", all, s.err.String())
		}
	}
}

func TestJSON(t *testing.T) {
	s := &script{format: "json", text: `begin { printf("x%d", 1); @a[1] = 2; time("%%"); }`}
	if _, err := s.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	want := `{"type": "attached_probes", "count": 1, "data": {"probes": 1}}
{"type": "printf", "data": "x1"}
{"type": "time", "data": "%"}
{"type": "map", "data": {"@a": {"1": 2}}}
{"type": "receipt", "complete": true, "data": []}
`
	if got := s.out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// pipe is a writer whose reader has gone.
type pipe struct{ after int }

func (p *pipe) Write(b []byte) (int, error) {
	if p.after--; p.after < 0 {
		return 0, os.ErrClosed
	}
	return len(b), nil
}

// TestReaderGone: a run whose output nobody reads ends.
func TestReaderGone(t *testing.T) {
	needBPF(t)
	s := &script{text: `interval:ms:5 { printf("x\n"); }`}
	obj := s.compile(t, s.text, engine.CheckOptions{}, nil)
	s.options(t)
	printer, err := sink.New("", sink.Config{Out: &pipe{after: 2}, Err: &s.err})
	if err != nil {
		t.Fatal(err)
	}
	s.opts.Sink = printer
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := session.Run(ctx, obj, s.opts); err != nil || ctx.Err() != nil {
		t.Errorf("Run = %v, context %v", err, ctx.Err())
	}
}

// TestForce: a second signal cuts the end short.
func TestForce(t *testing.T) {
	force := make(chan struct{})
	close(force)
	s := &script{text: `begin { exit(); } end { printf("end\n"); }`, change: func(o *session.Options, _ *engine.CheckOptions) { o.Force = force }}
	if _, err := s.run(t, t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.out.String(), "end") {
		t.Error("the end probe ran all the same")
	}
}

func TestDryRun(t *testing.T) {
	s := &script{text: `begin { printf("x\n"); } interval:ms:1 { printf("y\n"); }`, change: func(o *session.Options, _ *engine.CheckOptions) { o.DryRun = true }}
	if _, err := s.run(t, t.Context()); err != nil || s.out.String() != "" {
		t.Errorf("error %v, output %q", err, s.out.String())
	}
}

// TestClauses adds and removes clauses of a running session; they share a map.
func TestClauses(t *testing.T) {
	needBPF(t)
	s := &script{}
	first := s.compile(t, `begin { @m["a"] = 1; printf("one\n"); } interval:ms:5 { @m["ticks"]++; } end { printf("one ends\n"); }`, engine.CheckOptions{}, &engine.Live{})
	o := s.options(t)
	o.Stay = true
	exited := make(chan *session.Clause, 1)
	o.Exited = func(c *session.Clause, _ int) {
		select {
		case exited <- c:
		default:
		}
	}
	ses, err := session.New(*o)
	if err != nil {
		t.Fatal(err)
	}
	defer ses.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := ses.Run(ctx)
		done <- err
	}()
	one, err := ses.Add(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	maps := map[string]*compiler.Map{}
	for _, m := range first.Maps {
		maps[m.Name] = m
	}
	second := s.compile(t, `begin { @m["b"] = 2; printf("two\n"); } interval:ms:20 { exit(3); }`, engine.CheckOptions{Maps: first.HIR.Maps}, &engine.Live{Maps: maps})
	two, err := ses.Add(ctx, second)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case c := <-exited:
		if c != two {
			t.Error("the wrong clause has ended")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("exit() of a clause was not told")
	}
	ses.Remove(one)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	o.Sink.Close()
	out := s.out.String()
	for _, want := range []string{"one\n", "two\n", "one ends\n", "@m[a]: 1", "@m[b]: 2", "@m[ticks]: "} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	if strings.Count(out, "one ends") != 1 {
		t.Errorf("the end probe ran more than once:\n%s", out)
	}
}

// TestRefused: a program that the verifier refuses is reported at the line of
// the script it was compiled from.
func TestRefused(t *testing.T) {
	needBPF(t)
	s := &script{}
	obj := s.compile(t, "begin {\n\t@a = 1;\n\t@b = 2;\n}\n", engine.CheckOptions{}, nil)
	spoil(t, obj)
	_, err := session.Run(t.Context(), obj, *s.options(t))
	var refused *session.LoadError
	if !errors.As(err, &refused) {
		t.Fatalf("Run = %v, want a *LoadError", err)
	}
	d := refused.Diag
	if d.Code != "verifier" || refused.Log == "" || !strings.Contains(d.Span.Text(), "@b") {
		t.Errorf("code %s at %q:\n%s\nlog:\n%s", d.Code, d.Span.Text(), d, refused.Log)
	}
	if len(d.Notes) == 0 || !strings.Contains(strings.Join(d.Notes, "\n"), "R9 !read_ok") {
		t.Errorf("notes are %q", d.Notes)
	}
	if _, ok := diag.Lookup(d.Code); !ok {
		t.Error("the code has no row")
	}
}
