package repl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/engine"
)

const savedScript = `#!/usr/bin/env probe
// What a script begins with.
macro sq(x) { x * x }
let @m = lruhash(5);
kprobe:vfs_read { @m[1] = sq(2); }
interval:s:1 { print(@m); } // each second
`

func TestLoadAndSave(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pr"), filepath.Join(dir, "out.pr")
	if err := os.WriteFile(in, []byte(savedScript), 0o600); err != nil {
		t.Fatal(err)
	}
	tr := play(t, ":load "+in+"\nkprobe:vfs_write { @w = 1; }\n:save "+out+"\n:save "+out+"\n:save "+in+"\n")
	if want := "[1] attached 2 probes\n[2] attached 2 probes\n2 clauses written to " + out + "\n2 clauses written to " + out + "\n2 clauses written to " + in + "\n"; tr.err != want {
		t.Errorf("messages are\n%s\nwant\n%s", tr.err, want)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	f, list := syntax.Parse(source.New(out, string(b)))
	if list.HasErrors() || len(f.Items) != 5 {
		t.Errorf("the saved script has %d items, %v:\n%s", len(f.Items), list.Err(), b)
	}
	// What was saved can be run again, beside what runs already.
	if tr := play(t, ":load "+out+"\n:load "+out+"\n:list\n"); tr.err != "[1] attached 2 probes\n[2] attached 2 probes\n" {
		t.Errorf("loading the saved script twice gave\n%s", tr.err)
	}
}

func TestFileMistakes(t *testing.T) {
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, []byte("kprobe:vfs_reed { }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ input, want string }{
		{":load", "`:load` needs the name of a file"},
		{":load " + there + "/nothing", "not a directory"},
		{":load " + there, "no function is named vfs_reed\n  --> " + there + ":1:1"},
		{":save", "`:save` needs the name of a file"},
		{":save x", "no clause runs, so there is nothing to save"},
		{"interval:s:1 { @n = 1; }\n:save " + there, "exists, and was neither loaded nor saved in this session"},
		{":edit 3", "no clause with the number 3 runs"},
		{":edit x", "`:edit` needs the number of a clause"},
		{":set", ""},
		{":set x", "`:set` needs NAME=VALUE"},
		{":set max_strln=3", "max_strlen"},
		{":!", "`:!` needs a command"},
		{":!true", "needs --unsafe, as system() does"},
	} {
		if tr := play(t, c.input); !strings.Contains(tr.err, c.want) {
			t.Errorf("%q gave\n%s, want\n%s", c.input, tr.err, c.want)
		}
	}
}

func TestStartScript(t *testing.T) {
	tr := play(t, ":list\n", func(c *Config, _ *fakeTracer) { c.Start = source.New("first.pr", "interval:s:1 { @n = 1; }") })
	if !strings.Contains(tr.out, "[1] 2 probes, 0s: interval:s:1 { @n = 1; }") {
		t.Errorf("printed %q and %q", tr.out, tr.err)
	}
}

func TestEdit(t *testing.T) {
	editor := func(t *testing.T, script string) {
		t.Helper()
		t.Setenv("VISUAL", "")
		t.Setenv("EDITOR", script)
	}
	editor(t, "sed -i s/vfs_read/vfs_write/")
	tr := play(t, "interval:s:1 { @n = 1; }\nkprobe:vfs_read {\n\t@r = 1;\n}\n:edit 2\n:list\n")
	if !strings.Contains(tr.out, "[2] 2 probes, 0s: kprobe:vfs_write { @r = 1; }") || len(tr.tracer.removed) != 1 || tr.tracer.removed[0] != 1 {
		t.Errorf("after editing printed %q and %q, removed %v", tr.out, tr.err, tr.tracer.removed)
	}
	editor(t, "sed -i s/vfs_read/vfs_reed/")
	tr = play(t, "kprobe:vfs_read { @r = 1; }\n:edit 1\n:list\n")
	if !strings.Contains(tr.err, "clause 1 runs unchanged") || !strings.Contains(tr.out, "[1] 2 probes, 0s: kprobe:vfs_read") || len(tr.tracer.removed) != 0 {
		t.Errorf("after a mistake printed %q and %q", tr.out, tr.err)
	}
	editor(t, "true")
	if tr = play(t, "kprobe:vfs_read { @r = 1; }\n:edit 1\n"); !strings.Contains(tr.err, "nothing was changed") || len(tr.tracer.objects) != 1 {
		t.Errorf("without a change printed %q", tr.err)
	}
	editor(t, "exit 3 #")
	if tr = play(t, ":edit\n"); !strings.Contains(tr.err, "the editor `exit 3 #` failed: exit status 3") {
		t.Errorf("a failing editor printed %q", tr.err)
	}
	editor(t, "echo 6 \\* 7 >")
	if tr = play(t, ":edit\n"); tr.out != "42\nthe end\n" {
		t.Errorf("a new input printed %q and %q", tr.out, tr.err)
	}
}

func TestShellCommand(t *testing.T) {
	unsafe := func(c *Config, _ *fakeTracer) { c.Check.Unsafe = true }
	if tr := play(t, ":!echo $((6*7)); exit 3\n", unsafe); tr.out != "42\nthe end\n" || !strings.Contains(tr.err, "the command ended with status 3") {
		t.Errorf("printed %q and %q", tr.out, tr.err)
	}
	if tr := play(t, ":!echo no\n", unsafe, func(c *Config, _ *fakeTracer) { c.MayRun = func() error { return errors.New("the policy forbids it") } }); tr.out != "the end\n" || !strings.Contains(tr.err, "the policy forbids it") {
		t.Errorf("printed %q and %q", tr.out, tr.err)
	}
}

func TestSet(t *testing.T) {
	tr := play(t, ":set max_strlen=77\n:set\n:type str((uint64)0)\n")
	if want := "config = { max_strlen = 77 }\nstring[77]\nthe end\n"; tr.out != want || tr.err != "" {
		t.Errorf("printed %q and %q, want %q", tr.out, tr.err, want)
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		f    engine.Figures
		want string
	}{
		{engine.Figures{}, "runs are not measured"},
		{engine.Figures{Measured: true}, "has not run"},
		{engine.Figures{Measured: true, Runs: 1, Time: 350}, "ran once, 350 ns each, 3.5e-06 % of a CPU"},
		{engine.Figures{Measured: true, Runs: 1000, Time: time.Second, Lost: 2}, "ran 1000 times, 1000000 ns each, 10 % of a CPU; 2 events lost"},
	} {
		if got := figures(c.f, 10*time.Second); got != c.want {
			t.Errorf("%+v is shown as %q, want %q", c.f, got, c.want)
		}
	}
}

// Editors and commands get the terminal to themselves, and the session the
// keys after them.
func TestEditorOnATerminal(t *testing.T) {
	x := onTerminal(t, "EDITOR=echo write; read x; echo got $x;:", "VISUAL=")
	x.expect(`probe> `)
	x.keys(":edit\r")
	x.expect(`write\r\n`)
	x.keys("a word\r")
	x.expect(`got a word\r\n\S*nothing was changed\r\nprobe> `)
	x.enter("1 + 1", `\n2\r\nprobe> `)
	x.keys("\x04")
	x.end()
}
