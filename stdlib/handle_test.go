package stdlib_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/builtin"
	"probe/compiler/compilertest"
	"probe/compiler/lower"
	"probe/lang/source"
	"probe/lang/value"
	"probe/stdlib"
)

// told notes what the user-space halves of functions do.
type told struct {
	over  bool // no more commands
	calls []string
	limit int64 // of max_cat_bytes
}

func (e *told) add(format string, args ...any) {
	e.calls = append(e.calls, fmt.Sprintf(format, args...))
}

func (e *told) Printf(specs []value.Spec, args []value.Value) {
	e.add("printf %q", value.AppendFormat(nil, specs, args, value.NoResolver{}))
}

func (e *told) Text(kind string, text []byte) { e.add("%s %q", kind, text) }

func (e *told) Join(words [][]byte, separator string) {
	e.add("join %q", bytes.Join(words, []byte(separator)))
}

func (e *told) Format(specs []value.Spec, args []value.Value) []byte {
	return value.AppendFormat(nil, specs, args, value.NoResolver{})
}

func (e *told) Value(v value.Value) { e.add("value %s", value.AppendText(nil, v, value.NoResolver{})) }

func (e *told) Open(name string) (io.ReadCloser, error) { return os.Open(name) }
func (e *told) PrintMap(m int, top, div int64)          { e.add("map %d top %d div %d", m, top, div) }

func (e *told) ClearMap(m int) { e.add("clear %d", m) }

func (e *told) ZeroMap(m int) { e.add("zero %d", m) }

func (e *told) Exit(code int) { e.add("exit %d", code) }

func (e *told) Message(severity string, at source.Span, specs []value.Spec, args []value.Value) {
	e.add("%s at %s: %q", severity, at, value.AppendFormat(nil, specs, args, value.NoResolver{}))
}

func (e *told) Now() time.Time { return time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC) }

func (e *told) Config(string) int64 { return e.limit }

func (e *told) Command(text []byte) (context.Context, func(), bool) {
	if e.over {
		e.add("leave out %q", text)
	}
	return context.Background(), func() {}, !e.over
}

func (e *told) Keep(r *builtin.Record) { e.add("keep %s", r.Fn.Sig.Name) }

// play runs a script in the interpreter and hands its records to the user-space
// halves. What they complain about is noted as well.
func play(t *testing.T, script, steps string) []string {
	t.Helper()
	k := compilertest.NewKernel()
	p, list := k.Check(script)
	if list.HasErrors() {
		t.Fatal(list.All)
	}
	u := lower.Lower(p, lower.Config{Target: compilertest.Targets()["new"], Builtins: stdlib.Table(), Types: k,
		Ints: p.ConfigInt})
	if u.Diag.HasErrors() {
		t.Fatal(u.Diag.All)
	}
	w := compilertest.NewWorld(u.Obj, u.IR, u.MapNames)
	if err := w.Run(steps); err != nil {
		t.Fatal(err)
	}
	env := &told{limit: 5}
	for _, r := range w.Records() {
		if err := r.Fn.UserHalf.Handle(env, r); err != nil {
			env.add("%s: %v", r.Fn.Sig.Name, err)
		}
	}
	return env.calls
}

// What scripts print, from the program's record to the call of the runtime.
func TestHandle(t *testing.T) {
	dir := t.TempDir()
	file, none := filepath.Join(dir, "file"), filepath.Join(dir, "none")
	if err := os.WriteFile(file, []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	const step = "kprobe:f arg0=3 arg1=7 arg2=text comm=sshd\n"
	for _, c := range []struct {
		script string
		want   []string
	}{
		{`kprobe:f { printf("%d %s\n", arg0, comm); }`, []string{`printf "3 sshd\n"`}},
		{`kprobe:f { print(arg0); print("text"); print(comm); print((1, "x")); print(5); }`, []string{"value 3", "value text", "value sshd", "value (1, x)", "value 5"}},
		{`kprobe:f { @a = 1; @b[1] = 1; print(@b); print(@b, 3); print(@b, 3, 10); print(@a); print(@b[1]); }`, []string{"map 1 top 0 div 0", "map 1 top 3 div 0", "map 1 top 3 div 10", "map 0 top 0 div 0", "value 1"}},
		{`kprobe:f { @a[1] = 1; @b[1] = 1; clear(@b); zero(@a); }`, []string{"clear 1", "zero 0"}},
		{`kprobe:f { errorf("bad %d\n", arg1); warnf("hm\n"); }`, []string{`error at test:1:12: "bad 7\n"`, `warning at test:1:38: "hm\n"`}},
		{`kprobe:f { time(); time("%Y-%m-%d\n"); }`, []string{`time "04:05:06\n"`, `time "2024-02-03\n"`}},
		{`kprobe:f { exit(); }`, []string{"exit 0"}},
		{`kprobe:f { exit(4); }`, []string{"exit 4"}},
		{`kprobe:f { exit(arg0); }`, []string{"exit 3"}},
		{`kprobe:f { exit(256 + 2); }`, []string{"exit 2"}}, // the status of a process is a byte
		{`kprobe:f { cat("` + file + `"); }`, []string{`cat "01234"`}},
		{`kprobe:f { cat("` + dir + `/%s", "file"); }`, []string{`cat "01234"`}},
		{`kprobe:f { cat("` + none + `"); }`, []string{"cat: failed to open file '" + none + "' (No such file or directory)"}},
		{`kprobe:f { cat("` + dir + `"); }`, []string{"cat: read file '" + dir + "': read " + dir + ": is a directory"}},
		{`kprobe:f { system("echo %d; exit %d", arg0, arg1); }`, []string{`syscall "3\n"`, "system: command exited with code 7"}},
		{`kprobe:f { system("true"); }`, []string{`syscall ""`}},
		{`kprobe:f { system("exit 9"); }`, []string{"system: command exited with code 9"}},
		{`fgraph:f { print(graph); }`, []string{"keep graph", "value (no graph)"}},
	} {
		steps := step
		if strings.HasPrefix(c.script, "fgraph") {
			steps = "fgraph:f n=1\n"
		}
		if d := cmp.Diff(c.want, play(t, c.script, steps)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.script, d)
		}
	}
}

// join reads up to 16 strings; a missing or empty one ends the list.
func TestJoin(t *testing.T) {
	k := compilertest.NewKernel()
	for _, script := range []string{`kprobe:f { join(arg0); }`, `kprobe:f { join(arg0, ", "); }`} {
		p, list := k.Check(script)
		if list.HasErrors() {
			t.Fatal(list.All)
		}
		u := lower.Lower(p, lower.Config{Target: compilertest.Targets()["old"], Builtins: stdlib.Table(), Types: k,
			Ints: p.ConfigInt})
		for _, n := range []int{0, 1, 3, 16, 20} {
			w := compilertest.NewWorld(u.Obj, u.IR, u.MapNames)
			var want []string
			argv := make([]byte, 0, 8*(n+1))
			for i := range n {
				s := fmt.Sprintf("argument%d", i)
				argv = appendAddress(argv, w.Env.Mem.Add("a string", append([]byte(s), make([]byte, 1024)...)).Base)
				want = append(want, s)
			}
			list := w.Env.Mem.Add("argv", appendAddress(argv, 0))
			if err := w.Run(fmt.Sprintf("kprobe:f arg0=%d\n", list.Base)); err != nil {
				t.Fatal(err)
			}
			env := &told{}
			for _, r := range w.Records() {
				if err := r.Fn.UserHalf.Handle(env, r); err != nil {
					t.Fatal(err)
				}
			}
			sep := " "
			if strings.Contains(script, ", ") {
				sep = ", "
			}
			text := fmt.Sprintf("join %q", strings.Join(want[:min(n, 16)], sep))
			if !slices.Equal(env.calls, []string{text}) {
				t.Errorf("%s of %d: got %v, want %s", script, n, env.calls, text)
			}
		}
	}
}

func appendAddress(b []byte, addr uint64) []byte {
	for i := range 8 {
		b = append(b, byte(addr>>(8*i)))
	}
	return b
}
