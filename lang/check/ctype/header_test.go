package ctype

import (
	"errors"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

var number = regexp.MustCompile(`^-?[0-9]+([|]-?[0-9]+)?$`)

// TestTable checks the form of the table: headers in order, each constant once,
// with a value that can be read.
func TestTable(t *testing.T) {
	var headers []string
	seen := map[string]bool{}
	for line := range strings.Lines(headerTable) {
		f := strings.Fields(line)
		if len(f) == 0 || len(f)%2 == 0 || strings.Join(f, " ")+"\n" != line {
			t.Fatalf("bad line: %.80s", line)
		}
		headers = append(headers, f[0])
		for i := 1; i < len(f); i += 2 {
			if seen[f[i]] {
				t.Errorf("%s stands twice", f[i])
			}
			seen[f[i]] = true
			if !number.MatchString(f[i+1]) {
				t.Errorf("%s is %s", f[i], f[i+1])
			}
			if i%16 != 1 {
				continue
			}
			if k, ok := FindConstant(f[i]); !ok || k.Header != f[0] {
				t.Errorf("%s is found as %+v, not in %s", f[i], k, f[0])
			}
		}
	}
	if !slices.IsSorted(headers) || len(headers) < 4000 || len(seen) < 8000 {
		t.Errorf("%d headers and %d constants, or not in order", len(headers), len(seen))
	}
}

// TestConstants compares with what a C compiler says.
func TestConstants(t *testing.T) {
	type want struct {
		name   string
		value  int64
		header string
	}
	list := []want{
		{"DT_REG", 8, "linux/fs_types.h"}, {"AF_INET6", 10, "linux/socket.h"}, {"S_IFREG", 0o100000, "linux/stat.h"}, {"S_ISUID", 0o4000, "linux/stat.h"},
		{"ICMP_ECHO", 8, "linux/icmp.h"}, {"ETH_P_IP", 0x800, "linux/if_ether.h"}, {"SIGKILL", 9, "linux/signal.h"}, {"ENOENT", 2, "linux/errno.h"},
		{"CLONE_NEWNS", 0x20000, "linux/sched.h"}, {"PROT_EXEC", 4, "linux/mman.h"}, {"MAP_ANONYMOUS", 0x20, "linux/mman.h"}, {"PF_KTHREAD", 0x200000, "linux/sched.h"},
		{"PATH_MAX", 4096, "linux/limits.h"}, {"IFNAMSIZ", 16, "linux/if.h"}, {"TASK_COMM_LEN", 16, "linux/sched.h"}, {"AT_FDCWD", -100, "linux/fcntl.h"},
		{"O_CREAT", 0o100, "linux/fcntl.h"}, {"REQ_OP_WRITE", 1, "linux/blk_types.h"}, {"IPPROTO_TCP", 6, "linux/in.h"},
	}
	if runtime.GOARCH == "amd64" {
		list = append(list, want{"O_DIRECT", 0o40000, "linux/fcntl.h"}, want{"__NR_openat", 257, "asm/unistd.h"}, want{"SYS_read", 0, "sys/syscall.h"})
	}
	if runtime.GOARCH == "arm64" {
		list = append(list, want{"O_DIRECT", 0o200000, "linux/fcntl.h"}, want{"__NR_openat", 56, "asm/unistd.h"}, want{"SYS_read", 63, "sys/syscall.h"})
	}
	for _, c := range list {
		k, ok := FindConstant(c.name)
		if !ok || int64(k.Value) != c.value || k.Neg != (c.value < 0) || k.Header != c.header {
			t.Errorf("%s is %+v, want %d of %s", c.name, k, c.value, c.header)
		}
	}
	for _, name := range []string{"", " ", "8", "linux/fs.h", "O_DIREC", "O_DIRECT ", "__NR_", "__NR_nothing", "\n"} {
		if k, ok := FindConstant(name); ok {
			t.Errorf("%q is found: %+v", name, k)
		}
	}
}

func TestKernelHeader(t *testing.T) {
	for name, want := range map[string]bool{
		"linux/fs.h": true, "uapi/linux/fs.h": true, "net/sock.h": true, "asm/unistd.h": true, "acpi/acbuffer.h": true, "linux/sched/signal.h": true,
		"": false, "fs.h": false, "linux/fs": false, "linux/fs.h ": false, "linux/no_such.h": false, "uapi/": false, "DT_REG": false, "8": false,
	} {
		if KernelHeader(name) != want {
			t.Errorf("KernelHeader(%q) is not %v", name, want)
		}
	}
	if !UserHeader("sys/socket.h") || UserHeader("socket.h") {
		t.Error("UserHeader is wrong")
	}
}

// kernel is a kernel with type information and without types.
type kernel struct{}

func (kernel) Available() (bool, string)                     { return true, "" }
func (kernel) Names(string) []string                         { return nil }
func (kernel) Named(string, string) (*types.Type, bool)      { return nil, false }
func (kernel) Enumerator(string) (*types.Type, uint64, bool) { return nil, 0, false }

// TestInclude reads headers: where they are looked for, what they define, and
// what messages say.
func TestInclude(t *testing.T) {
	files := map[string]string{
		"own.h":         "#pragma once\n#include \"deep.h\"\n#include <linux/if.h>\nextern int f(int);\nstatic inline int g(void) { return 1; }\nstruct own { deep_t d; char name[IFNAMSIZ]; };\n#define LIMIT (4 * DEEP)\n#if MADE_UP\n#error not here\n#endif",
		"deep.h":        "#ifndef DEEP_H\n#define DEEP_H\ntypedef unsigned long deep_t;\n#define DEEP 3\nenum { ONE = DEEP - 2, LAST };\n#endif",
		"lib/x.h":       "#define FROM_LIB 1",
		"linux/fs.h":    "#define MINE 1",
		"broken.h":      "struct broken { int; };",
		"open.h":        "#if 1\n#define OPEN 1",
		"close.h":       "#endif",
		"self.h":        "#include \"self.h\"",
		"installed/y.h": "#define Y 7",
	}
	for _, c := range []struct {
		name, text, want string // want is the first message, with its file
	}{
		{"a header and what it includes", "#include \"own.h\"\n#include \"own.h\"\n#include \"deep.h\"", ""},
		{"in brackets", "#include <lib/x.h>", ""},
		{"in place of the kernel's", "#include \"linux/fs.h\"", ""},
		{"the kernel's although there is one", "#include <linux/fs.h>", ""},
		{"kernel", "#include <linux/icmp.h>", ""},
		{"C library", "#include <stdint.h>", ""},
		{"installed", "#include <y.h>", ""},
		{"missing", "#include \"no.h\"", "script: header not found: \"no.h\""},
		{"missing in the kernel", "#include <linux/no_such.h>", "script: header not found: \"linux/no_such.h\""},
		{"unreadable", "#include \"bad.h\"", "script: cannot read the header \"bad.h\""},
		{"error in a header", "#include \"broken.h\"", "broken.h: expected the name of the member, found `;`"},
		{"open", "#include \"open.h\"", "open.h: this conditional is never closed"},
		{"closes another's", "#if 1\n#include \"close.h\"\n#endif", "close.h: `#endif` without `#if`"},
		{"itself", "#include \"self.h\"", "self.h: the headers of the C section include too much"},
		{"dead", "#if 0\n#include \"no.h\"\n#endif", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, ds := syntax.Parse(source.New("script", c.text+"\nbegin { }"))
			if ds.HasErrors() {
				t.Fatal(ds.All[0])
			}
			out := &diag.List{}
			s := New(out, kernel{})
			s.Find = func(from *source.File, path string, system, installed bool) (*source.File, error) {
				if installed {
					path = "installed/" + path
				}
				if path == "bad.h" {
					return nil, errors.New("no permission")
				}
				if text, ok := files[path]; ok {
					return source.New(path, text), nil
				}
				return nil, nil
			}
			s.Read(f.Items)
			got := ""
			if len(out.All) > 0 {
				d := out.All[0]
				got = d.Span.File.Name + ": " + d.Message
				if d.Span.File.Name != "script" && (len(d.Labels) == 0 || d.Labels[len(d.Labels)-1].Span.File.Name != "script") {
					t.Errorf("the message does not say where the script includes it: %+v", d)
				}
			}
			if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			switch c.name {
			case "a header and what it includes":
				own, ok := s.Named("struct", "own")
				_, last, ok2 := s.Enumerator("LAST")
				if !ok || own.Size != 24 || !ok2 || last != 2 || s.Defines["LIMIT"] == nil {
					t.Errorf("struct own is %v, LAST %d", own, last)
				}
			case "in place of the kernel's":
				if s.Defines["MINE"] == nil || s.Includes {
					t.Error("the kernel's was taken")
				}
			case "the kernel's although there is one":
				if s.Defines["MINE"] != nil || !s.Includes {
					t.Error("the kernel's was not taken")
				}
			case "kernel":
				if k, ok := s.Constant("ICMP_ECHO"); !ok || k.Value != 8 {
					t.Error("its constants are not known")
				}
			case "installed":
				if s.Defines["Y"] == nil {
					t.Error("it was not read")
				}
			}
		})
	}
}
