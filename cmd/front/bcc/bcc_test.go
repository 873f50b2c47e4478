package bcc

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/golden"
	"probe/lang/source"
	"probe/lang/syntax"
)

// fake is a machine with a few probes.
type fake struct{}

var listed = []string{
	"kprobe:vfs_read", "kprobe:vfs_readv", "kprobe:vfs_write", "kprobe:__x64_sys_nanosleep", "kprobe:__x64_sys_execve", "kprobe:sys_old",
	"uprobe:/lib/libc.so.6:read", "uprobe:/lib/libc.so.6:readv", "uprobe:/lib/libc.so.6:malloc",
	"usdt:/lib/libc.so.6:libc:memory_heap_new", "usdt:/lib/libc.so.6:libc:setjmp",
	"tracepoint:block:block_rq_issue", "tracepoint:block:block_rq_complete", "tracepoint:sched:sched_switch",
}

func (fake) List(pattern string) (out []string, err error) {
	for _, n := range listed {
		if ok, _ := path.Match(strings.ReplaceAll(pattern, "/", "_"), strings.ReplaceAll(n, "/", "_")); ok {
			out = append(out, n)
		}
	}
	return out, nil
}

func (fake) Library(name string) (string, bool) {
	p, ok := map[string]string{"c": "/lib/libc.so.6", "bash": "/usr/bin/bash", "/usr/bin/bash": "/usr/bin/bash"}[name]
	return p, ok
}

func (fake) Cgroups(path string) ([]uint64, error) {
	if path != "/sys/fs/cgroup/web" {
		return nil, errors.New("cgroup " + path + ": no such file or directory")
	}
	return []uint64{41, 42}, nil
}

func (fake) Params(string) ([]string, error) {
	return []string{"dev_t dev", "sector_t sector", "char rwbs[8]"}, nil
}

func (fake) USDT(string, int) ([]USDT, error) {
	return []USDT{
		{"/lib/libc.so.6", "libc", "setjmp", 0, []Place{{0x3a, []string{"8 signed bytes @ di", "4 signed bytes @ si"}}, {0x4f, []string{"8 signed bytes @ di"}}}},
		{"/lib/libc.so.6", "libc", "memory_heap_new", 0x601036, []Place{{0x83, nil}}},
	}, nil
}

func (fake) Self() int { return 4242 }

// The files in testdata have command lines, one a line, and what each becomes.
func TestTranslate(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, c *golden.Case) {
		var out strings.Builder
		for _, line := range strings.Split(strings.TrimSpace(c.Comment()), "\n") {
			words := shellWords(line)
			tool := Lookup(words[0])
			if tool == nil {
				t.Fatalf("no tool is named %s", words[0])
			}
			fmt.Fprintf(&out, "$ %s\n", line)
			p, err := tool.Translate(words[0], words[1:], fake{})
			var usage *UsageError
			switch {
			case errors.As(err, &usage):
				fmt.Fprintf(&out, "usage: %v\n", err)
			case err != nil:
				fmt.Fprintf(&out, "error: %v\n", err)
			case p.Text != "":
				out.WriteString(p.Text)
			default:
				f, list := syntax.Parse(source.New("script", p.Script))
				if list.HasErrors() {
					t.Fatalf("%s: %s\n%s", line, list.All[0].Message, p.Script)
				}
				_, text, _ := strings.Cut(syntax.Format(f), "\n")
				out.WriteString(text)
				if len(p.Includes) > 0 {
					fmt.Fprintf(&out, "includes: %s\n", p.Includes)
				}
			}
			out.WriteString("\n")
		}
		c.Out("out", out.String())
	})
}

// shellWords splits a line as a shell does, with single quotes only.
func shellWords(line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		var w strings.Builder
		for line != "" && line[0] != ' ' {
			if line[0] == '\'' {
				text, rest, _ := strings.Cut(line[1:], "'")
				w.WriteString(text)
				line = rest
				continue
			}
			w.WriteByte(line[0])
			line = line[1:]
		}
		words = append(words, w.String())
	}
	return words
}

func TestLookup(t *testing.T) {
	for _, tool := range Tools {
		for _, name := range []string{tool.Name, tool.Name + "-bpfcc"} {
			if Lookup(name) != tool {
				t.Errorf("%s is not found", name)
			}
		}
	}
	for _, name := range []string{"count", "probe", "", "-bpfcc", "bpftrace"} {
		if got := Lookup(name); got != nil {
			t.Errorf("%q is %s", name, got.Name)
		}
	}
}

// Every example of the help translates to a script that parses.
func TestExamples(t *testing.T) {
	for _, tool := range Tools {
		for _, e := range tool.Examples {
			p, err := tool.Translate(tool.Name, shellWords(e.Args), fake{})
			if err != nil {
				t.Errorf("%s %s: %v", tool.Name, e.Args, err)
				continue
			}
			if _, list := syntax.Parse(source.New("script", p.Script)); p.Text == "" && list.HasErrors() {
				t.Errorf("%s %s: %s", tool.Name, e.Args, list.All[0].Message)
			}
		}
		help := tool.Help(tool.Name)
		for _, line := range strings.Split(help, "\n") {
			if o := strings.TrimSpace(line); strings.HasPrefix(o, "-") && len(strings.Fields(o)) < 2 && tool.most == 0 {
				t.Errorf("%s: %q has no description", tool.Name, line)
			}
		}
		if !strings.HasPrefix(help, "usage: "+tool.Name+" ") || !strings.Contains(help, "--show") {
			t.Errorf("%s: the help is\n%s", tool.Name, help)
		}
	}
}

// Whatever the command line is, there is a script that parses, or an error.
func FuzzTranslate(f *testing.F) {
	for _, s := range []string{`trace 'r::vfs_read "%llx", retval'`, `argdist -C 'r::f(int a):u64:$entry(a):$latency>5#x'`, `trace 'f(struct x *a)(STRCMP("a",a->b)) "%s'`, `funccount -r '('`, `stackcount -K c:*`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := shellWords(line)
		if len(words) == 0 {
			return
		}
		tool := Lookup(words[0])
		if tool == nil {
			tool = traceTool
		}
		if p, err := tool.Translate(words[0], words[1:], fake{}); err == nil && p == nil {
			t.Errorf("%q: neither a plan nor an error", line)
		}
	})
}

func TestHist(t *testing.T) {
	for _, tt := range []struct {
		name string
		vals map[int]uint64
		want string
	}{
		{"none", nil, ""},
		{"one", map[int]uint64{2: 3},
			"     x                   : count     distribution\n" +
				"         0 -> 1          : 0        |                                        |\n" +
				"         2 -> 3          : 3        |****************************************|\n"},
		{"wide", map[int]uint64{1: 1, 34: 4}, ""},
	} {
		vals := make([]uint64, 65)
		for i, n := range tt.vals {
			vals[i] = n
		}
		got := string(appendHist(nil, "x", vals))
		if tt.name == "wide" {
			lines := strings.Split(got, "\n")
			if len(lines) != 36 || lines[0] != "               x                             : count     distribution" ||
				lines[1] != "                   0 -> 1                    : 1        |*****               |" ||
				lines[34] != "          8589934592 -> 17179869183          : 4        |********************|" {
				t.Errorf("wide:\n%s", got)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
}
