package repl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"probe/runtime/trust"
)

func TestLineReader(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil}, {"a", []string{"a"}}, {"a\n", []string{"a"}}, {"a\r\nb\n\nc", []string{"a", "b", "", "c"}},
	} {
		l := &lineReader{r: iotest.OneByteReader(strings.NewReader(c.text))}
		var got []string
		for {
			line, err := l.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, line)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, d)
		}
	}
	l := &lineReader{r: strings.NewReader(strings.Repeat("x", 2*maxLine))}
	if _, err := l.next(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a line without end gave the error %v", err)
	}
	broken := errors.New("broken")
	l = &lineReader{r: iotest.ErrReader(broken)}
	if _, err := l.next(); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}

func TestPlainPrompts(t *testing.T) {
	var out bytes.Buffer
	p := &plain{in: &lineReader{r: strings.NewReader("one\n")}, prompt: &out}
	p.ReadLine(prompt)
	p.ReadLine(more)
	if got := out.String(); got != prompt+more+"\n" {
		t.Errorf("prompted %q", got)
	}
}

func TestOneLine(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"1 + 1", "1 + 1"}, {"a {\n\tb;\n}\n", "a { b; }"}, {"a\tb", "a b"}, {"#!/bin/probe\n// what\na { // c\n}", "a { // c }"},
		{"x \r", "x"}, {strings.Repeat("x", 300), strings.Repeat("x", maxListed-1) + "…"},
	} {
		if got := oneLine(c.input); got != c.want {
			t.Errorf("%q is listed as %q, want %q", c.input, got, c.want)
		}
	}
}

func TestKeepable(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"1 + 1", "1 + 1"}, {"a {\n\tb;  \n}\n", "a {\n\tb;\n}"}, {"a { // c\n}", "a { // c\n}"}, {"#define X 1\nX", "#define X 1\nX"},
		{"a\x1b[2J", ""}, {" ", ""}, {"a\xff", ""}, {"x \r", "x"}, {`print("↵")`, ""},
	} {
		got, ok := keepable(c.input)
		if got = map[bool]string{true: got}[ok]; got != c.want {
			t.Errorf("%q is kept as %q, want %q", c.input, got, c.want)
		}
	}
}

func TestHistoryFile(t *testing.T) {
	for _, c := range []struct{ state, home, want string }{
		{"/state", "/home/u", "/state/probe/history"}, {"", "/home/u", "/home/u/.local/state/probe/history"},
		{"relative", "/home/u", "/home/u/.local/state/probe/history"}, {"", "", ""},
	} {
		if got := historyFile(func(name string) string {
			return map[string]string{"XDG_STATE_HOME": c.state, "HOME": c.home}[name]
		}); got != c.want {
			t.Errorf("with XDG_STATE_HOME=%q and HOME=%q the history is in %q, want %q", c.state, c.home, got, c.want)
		}
	}
}

func TestHistory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state", "probe", "history")
	h := &history{name: name}
	if old, err := h.load(); err != nil || len(old) != 0 {
		t.Fatalf("a new history holds %q, %v", old, err)
	}
	for _, in := range []string{"one", "one", "a {\n\tb // c\n}", "two"} {
		if err := h.add(in); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]os.FileMode{name: 0o600, filepath.Dir(name): 0o700} {
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, want %v (%v)", path, st.Mode().Perm(), want, err)
		}
	}
	again := &history{name: name}
	old, err := again.load()
	if d := cmp.Diff([]string{"one", "a {\n\tb // c\n}", "two"}, old); d != "" || err != nil {
		t.Errorf("the next session reads %v (-want +got):\n%s", err, d)
	}
	if err := again.add("two"); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(name); string(b) != "one\na {↵\tb // c↵}\ntwo\n" {
		t.Errorf("the file holds %q", b)
	}
}

func TestHistoryIsCut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "history")
	var text strings.Builder
	for i := range 2*maxHistory + 1 {
		fmt.Fprintf(&text, "input %d\n", i)
	}
	text.WriteString("bad \xff\nbad \x00\n")
	if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	old, err := (&history{name: name}).load()
	if err != nil || len(old) != maxHistory || old[len(old)-1] != fmt.Sprintf("input %d", 2*maxHistory) {
		t.Errorf("read %d inputs, the last one %q, %v", len(old), old[len(old)-1], err)
	}
	st, err := os.Stat(name)
	b, _ := os.ReadFile(name)
	if err != nil || st.Mode().Perm() != 0o600 || bytes.Count(b, []byte("\n")) != maxHistory {
		t.Errorf("the file has the mode %v and %d lines, %v", st.Mode().Perm(), bytes.Count(b, []byte("\n")), err)
	}
}

// The environment names the place of the history. Root does not read or write what
// others can decide about, and nobody waits for a pipe or reads without an end.
func TestHistoryOfOthers(t *testing.T) {
	dir := t.TempDir()
	place := func(name string) *history {
		if err := os.MkdirAll(filepath.Join(dir, name, "probe"), 0o755); err != nil {
			t.Fatal(err)
		}
		return &history{name: filepath.Join(dir, name, "probe", "history")}
	}
	pipe, large, open := place("pipe"), place("large"), place("open")
	if err := unix.Mkfifo(pipe.name, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large.name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large.name, maxFile+1); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*history{"not a regular file": pipe, "larger than": large} {
		file := h.name
		if _, err := h.load(); err == nil || !strings.Contains(err.Error(), name) || h.name != "" {
			t.Errorf("%s: %v, and the history is in %q", file, err, h.name)
		}
	}
	if err := (&history{name: filepath.Join(dir, "pipe", "probe", "history")}).add("x"); err == nil {
		t.Error("an input was written to a pipe")
	}
	if os.Geteuid() != 0 {
		t.Log("the rest is about root")
		return
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{place("open").add("x"), (&history{name: filepath.Join(dir, "open", "new", "history")}).add("x")} {
		if err == nil || !strings.Contains(err.Error(), "open can be written by everybody") {
			t.Errorf("in a folder that others can write: %v", err)
		}
	}
	if _, err := open.load(); err == nil || !trust.IsError(err) {
		t.Errorf("read from a folder that others can write: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "open", "new")); err == nil {
		t.Error("a folder was made there")
	}
}

func TestHistoryThatCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := &history{name: filepath.Join(file, "history")}
	if err := h.add("x"); err == nil {
		t.Error("no error")
	}
	var errs bytes.Buffer
	r := &repl{err: &errs, reader: &scripted{}, history: h}
	r.remember("one")
	r.remember("two")
	if n := strings.Count(errs.String(), "warning"); n != 1 {
		t.Errorf("warned %d times:\n%s", n, errs.String())
	}
}
