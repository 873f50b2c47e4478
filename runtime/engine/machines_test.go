package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"probe/compiler/builtin"
	"probe/compiler/target"
	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/machine"
	"probe/runtime/machine/files"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/btf/btftest"
	"probe/runtime/machine/recording"
)

// kernelFiles returns the files of a kernel with a function open_door(NAME),
// which takes a number of size bytes.
func kernelFiles(t *testing.T, param string, size uint32) *files.Machine {
	t.Helper()
	var b btftest.Builder
	n := b.Int("n", size, 0)
	b.Func("open_door", n, btftest.Param{Name: param, Type: n})
	b.Struct("door", size, btftest.Member{Name: param, Type: n})
	dir := t.TempDir()
	types, functions := filepath.Join(dir, "btf"), filepath.Join(dir, "functions")
	if err := os.WriteFile(types, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(functions, []byte("open_door\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return files.New(files.Options{BTF: types, Traceable: functions})
}

// Machines in one process do not know of each other: types, functions and
// values are those of the machine that is asked, also when they are asked at
// the same time.
func TestMachines(t *testing.T) {
	small, large := kernelFiles(t, "key", 2), kernelFiles(t, "handle", 8)
	recorded := recording.New("file", lookups(3))
	script := func(text string) engine.Script { return engine.Script{Name: "test", Text: text} }
	var wg sync.WaitGroup
	for range 8 {
		for _, tt := range []struct {
			m        machine.Machine
			text     string
			ok       bool
			retbytes int
		}{
			{small, `fexit:open_door { print((args.key, retval, sizeof(struct door))); }`, true, 2},
			{large, `fexit:open_door { print((args.handle, retval, sizeof(struct door))); }`, true, 8},
			{large, `fexit:open_door { print(args.key); }`, false, 0},
			{small, `fexit:vfs_read { print(retval); }`, false, 0},
			{recorded, `ret:inner { print(args.id); }`, true, 8},
			{recorded, `ret:open_door { print(retval); }`, false, 0},
		} {
			wg.Go(func() {
				c, list := engine.Build(script(tt.text), tt.m, engine.CheckOptions{}, engine.CompileOptions{})
				if (c != nil) != tt.ok || list.HasErrors() == tt.ok {
					t.Errorf("%s: %v, want success %v", tt.text, list.All, tt.ok)
					return
				}
				if c != nil && c.Program.Probes[0].Site.Ret.Type.Size != tt.retbytes {
					t.Errorf("%s: a result of %d bytes, want %d", tt.text, c.Program.Probes[0].Site.Ret.Type.Size, tt.retbytes)
				}
			})
		}
	}
	wg.Wait()
}

// What the running kernel can do says nothing about one that is described by
// files: its programs may use everything.
func TestFilesTarget(t *testing.T) {
	got, err := kernelFiles(t, "key", 4).View(machine.Query{}).Target(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []target.Feature{target.MayGoto, target.Loop, target.PerCPULookup, target.TaskBTF, target.NoPrealloc} {
		if !got.Has(f) {
			t.Errorf("the target lacks feature %d", f)
		}
	}
}

// A script that is checked against files cannot run on them, and says why.
func TestFilesDoNotRun(t *testing.T) {
	m := kernelFiles(t, "key", 4)
	c, list := engine.Build(engine.Script{Name: "test", Text: `begin { }`}, m, engine.CheckOptions{}, engine.CompileOptions{})
	if c == nil {
		t.Fatal(list.Err())
	}
	_, err := engine.Run(t.Context(), c, engine.RunOptions{})
	var refused *engine.LoadError
	if !errors.As(err, &refused) || !refused.Early || !strings.Contains(refused.Diag.Message, "cannot run programs") {
		t.Errorf("Run = %v", err)
	}
}

// A session needs a kernel, and says so.
func TestSessionNeedsKernel(t *testing.T) {
	for _, m := range []machine.Machine{kernelFiles(t, "key", 4), recording.New("file", lookups(1))} {
		if s, err := engine.Open(m, engine.SessionOptions{}); err == nil || !strings.Contains(err.Error(), "no kernel") {
			t.Errorf("Open = %v, %v", s, err)
		}
	}
}

// Lookups of missing keys are counted where they are asked for, in scripts of
// their own and in those of a session.
func TestLookups(t *testing.T) {
	m := kernelFiles(t, "key", 4)
	for _, live := range []*engine.Live{nil, {}} {
		for _, asked := range []bool{false, true} {
			c, list := engine.Build(engine.Script{Name: "test", Text: `begin { @a[1] = 1; @b = @a[2]; }`}, m, engine.CheckOptions{},
				engine.CompileOptions{Lookups: asked, Live: live})
			if c == nil {
				t.Fatal(list.Err())
			}
			counted := false
			for _, e := range c.Object.Errors {
				counted = counted || e.Kind == builtin.ErrLookup
			}
			if counted != asked {
				t.Errorf("session %v: lookups are counted: %v, want %v", live != nil, counted, asked)
			}
		}
	}
}

// The configuration from outside, parameters and named parameters reach the
// script; what it does not ask for is an error.
func TestScriptInputs(t *testing.T) {
	m := live.New(live.Options{})
	text := `begin { printf("%d %s", $1, getopt("name", "none")); }`
	for _, tt := range []struct {
		s    engine.Script
		want diag.Code // "" for success
	}{
		{engine.Script{Text: text, Params: []string{"7"}, Named: map[string]string{"name": "x"}}, ""},
		{engine.Script{Text: text, Params: []string{"7"}, Named: map[string]string{"nme": "x"}}, "bad-option"},
		{engine.Script{Text: `config = { max_strlen = 10 }`}, "no-probes"},
		{engine.Script{Text: `begin { `}, "unclosed-brace"},
	} {
		c, list := engine.Check(tt.s, m, engine.CheckOptions{})
		got := diag.Code("")
		for _, d := range list.All {
			if d.Severity == diag.Error {
				got = d.Code
			}
		}
		if got != tt.want || (c != nil) != (tt.want == "") {
			t.Errorf("%q: code %q, want %q: %v", tt.s.Text, got, tt.want, list.All)
		}
	}
	if c, list := engine.Check(engine.Script{Text: `macro m(x) { x }`}, m, engine.CheckOptions{Empty: true}); c == nil {
		t.Errorf("a script without probes where that is allowed: %v", list.All)
	}
}

// Scripts run at the same time on one machine, each with what it asks for.
func TestRunsAtOnce(t *testing.T) {
	m := recording.New("file", lookups(50))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := `fgraph:outer:depth=1 { @[graph] = count(); } ret:inner { @n = count(); } end { print(@n); clear(@n); clear(@); }`
			want := "@n: 50\n"
			if i%2 == 1 {
				text, want = `fgraph:outer /retval < 0/ { @e[retval] = count(); } end { print(@e); clear(@e); }`, "@e[-101]: 16\n"
			}
			out, messages, res := replayed(t, m, text, engine.CheckOptions{}, engine.RunOptions{})
			if strings.TrimSpace(out) != strings.TrimSpace(want) || messages != "" || !res.Complete {
				t.Errorf("got %q and %q, want %q", out, messages, want)
			}
		})
	}
	wg.Wait()
}

// A machine that embeds another one answers in its place where it wants to.
func TestEmbeddedMachine(t *testing.T) {
	m := renamed{recording.New("file", lookups(1))}
	c, list := engine.Build(engine.Script{Name: "test", Text: `ret:other { print(1); }`}, m, engine.CheckOptions{}, engine.CompileOptions{})
	if c != nil || !strings.Contains(list.Err().Error(), "other") {
		t.Errorf("got %v", list.All)
	}
	if d := m.Refuses(); d == nil || d.Message != "not today" {
		t.Errorf("Refuses = %v", d)
	}
	c, list = engine.Build(engine.Script{Name: "test", Text: `ret:inner { print(1); }`}, m, engine.CheckOptions{}, engine.CompileOptions{})
	if c == nil {
		t.Fatal(list.Err())
	}
	if _, err := engine.Run(t.Context(), c, engine.RunOptions{}); err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("Run = %v", err)
	}
}

type renamed struct{ *recording.Machine }

func (renamed) Refuses() *diag.Diagnostic {
	return &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "not today"}
}

// The functions of a kernel of which only the types are known are those that
// the types name, whatever this kernel has.
func TestFilesWithTypesOnly(t *testing.T) {
	var b btftest.Builder
	n := b.Int("n", 4, 0)
	b.Func("open_door", n, btftest.Param{Name: "key", Type: n})
	b.Func("open_window", n)
	types := filepath.Join(t.TempDir(), "btf")
	if err := os.WriteFile(types, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	m := files.New(files.Options{BTF: types})
	for text, want := range map[string]string{
		`kprobe:open_* { @[func] = count(); }`: "", `ret:open_door { print(args.key); }`: "",
		`kprobe:vfs_read { }`: "no function named vfs_read", `kprobe:ext4:open_door { }`: "module ext4 is not loaded",
	} {
		c, list := engine.Check(engine.Script{Name: "test", Text: text}, m, engine.CheckOptions{})
		if (c != nil) != (want == "") || c == nil && !strings.Contains(list.Err().Error(), want) {
			t.Errorf("%s: %v, want %q", text, list.All, want)
		}
	}
	var got []string
	if err := m.List("kprobe:*", func(l machine.Listed) bool { got = append(got, l.Name); return true }); err != nil || strings.Join(got, " ") != "kprobe:open_door kprobe:open_window" {
		t.Errorf("listed are %q, %v", got, err)
	}
}

// smallKeys is a kernel that limits the keys of maps, as those before 5.11.
type smallKeys struct{ machine.Machine }

func (s smallKeys) View(q machine.Query) machine.View { return smallView{s.Machine.View(q)} }

type smallView struct{ machine.View }

func (smallView) KeyLimit() int { return machine.SmallKey }

// Strings and stacks are made shorter where keys are limited, as far as the
// script has no sizes of its own; its messages come once.
func TestSmallKeys(t *testing.T) {
	m := kernelFiles(t, "key", 4)
	largest := func(m machine.Machine, config string) (key uint32, c *engine.Compiled, list diag.List) {
		text := config + `fexit:open_door { args.key + 1; @[str(args.key), kstack] = count(); }`
		c, list = engine.Build(engine.Script{Name: "test", Text: text}, m, engine.CheckOptions{}, engine.CompileOptions{})
		if c == nil {
			t.Fatal(list.Err())
		}
		for _, spec := range c.Object.Spec.Maps {
			key = max(key, spec.KeySize)
		}
		return key, c, list
	}
	wide, _, first := largest(m, "")
	small, c, second := largest(smallKeys{m}, "")
	if wide <= machine.SmallKey || small > machine.SmallKey {
		t.Errorf("the keys have %d bytes, and %d where %d are allowed", wide, small, machine.SmallKey)
	}
	if c.Program.Config["max_strlen"] == "" {
		t.Error("the shorter strings are not in the configuration")
	}
	if len(first.All) == 0 || len(second.All) != len(first.All) {
		t.Errorf("messages %v, and %v when it was compiled again", first.All, second.All)
	}
	if own, _, _ := largest(smallKeys{m}, "config = { max_strlen = 600; } "); own <= 600 {
		t.Errorf("the script's own size is not kept: keys of %d bytes", own)
	}
}
