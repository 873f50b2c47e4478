package tracefs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// tree makes a directory from paths and contents.
func tree(t testing.TB, files map[string]string) *FS {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return At(filepath.Join(dir, "tracing"), filepath.Join(dir, "debug"))
}

var someFiles = map[string]string{
	"tracing/available_tracers":           "blk function_graph function nop\n",
	"tracing/available_events":            "sched:sched_switch\nskb:kfree_skb\n",
	"tracing/events/sched/enable":         "0\n",
	"tracing/events/sched/x/format":       "bad",
	"tracing/events/header_page":          "",
	"tracing/events/skb/kfree_skb/id":     "1401\n",
	"tracing/events/skb/kfree_skb/format": "name: kfree_skb\nID: 1401\nformat:\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\tfield:void * skbaddr;\toffset:8;\tsize:8;\tsigned:0;\n",
	"tracing/events/ftrace/print/id":      "5\n",
	"tracing/available_filter_functions":  "do_one_initcall\n__ftrace_invalid_address___96\nvfs_read\nnf_hook_slow [nf_tables]\nbtrfs_open [btrfs]\n",
	"debug/kprobes/blacklist":             "0xffffffff81000000-0xffffffff81000040\tstartup_64\n0x0000000000000000-0x0000000000000000\tnmi_handle [kvm]\nrubbish\n",
}

func TestLists(t *testing.T) {
	ft := tree(t, someFiles)
	var got []string
	collect := func(a, b string) bool { got = append(got, a+":"+b); return true }
	check := func(what string, err error, want ...string) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", what, diff)
		}
		got = nil
	}
	check("Events", ft.Events(collect), "sched:sched_switch", "skb:kfree_skb")
	check("walk", ft.walkEvents(collect), "sched:x", "skb:kfree_skb")
	check("Functions", ft.Functions(collect), "do_one_initcall:", "vfs_read:", "nf_hook_slow:nf_tables", "btrfs_open:btrfs")
	check("Blacklist", ft.Blacklist(func(name string) bool { return collect(name, "") }), "startup_64:", "nmi_handle:")
	check("Functions, stopped", ft.Functions(func(a, b string) bool { collect(a, b); return a != "vfs_read" }), "do_one_initcall:", "vfs_read:")
	if err := os.Remove(ft.Path("available_events")); err != nil {
		t.Fatal(err)
	}
	check("Events without the list", ft.Events(collect), "sched:x", "skb:kfree_skb")
	tracers, err := ft.Tracers()
	if diff := cmp.Diff([]string{"blk", "function_graph", "function", "nop"}, tracers); diff != "" || err != nil {
		t.Errorf("Tracers: %v, -want +got:\n%s", err, diff)
	}
}

// The list of functions is read again when modules have come or gone.
func TestFunctionList(t *testing.T) {
	ft := tree(t, someFiles)
	ft.modules = filepath.Join(t.TempDir(), "modules")
	list := ft.Path("available_filter_functions")
	for _, step := range []struct{ modules, list, want string }{
		{"", "a\n", "a\n"}, // a kernel without modules
		{"", "b\n", "a\n"},
		{"veth 45056 0 - Live 0x0\n", "a\nveth_xmit [veth]\n", "a\nveth_xmit [veth]\n"},
		{"veth 45056 2 br,x Live 0x0\n", "b\n", "a\nveth_xmit [veth]\n"},
		{"veth 45056 0 - Unloading 0x0\n", "a\n", "a\n"},
	} {
		if step.modules != "" {
			if err := os.WriteFile(ft.modules, []byte(step.modules), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(list, []byte(step.list), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := ft.FunctionList(); got != step.want || err != nil {
			t.Errorf("with the modules %q: %q, %v, want %q", step.modules, got, err, step.want)
		}
	}
}

func TestReadFormat(t *testing.T) {
	ft := tree(t, someFiles)
	f, err := ft.ReadFormat("skb", "kfree_skb")
	if err != nil || f.ID != 1401 || len(f.Fields) != 1 {
		t.Errorf("ReadFormat: %+v, %v", f, err)
	}
	if id, err := ft.EventID("skb", "kfree_skb"); id != 1401 || err != nil {
		t.Errorf("EventID = %d, %v, want 1401", id, err)
	}
	for _, name := range []string{"", "..", "a/b", "nothing", ".hidden", "x\x00"} {
		if _, err := ft.ReadFormat("skb", name); !errors.Is(err, ErrNoEvent) {
			t.Errorf("ReadFormat(skb, %q): %v, want ErrNoEvent", name, err)
		}
		if _, err := ft.EventID(name, "kfree_skb"); !errors.Is(err, ErrNoEvent) {
			t.Errorf("EventID(%q, kfree_skb): %v, want ErrNoEvent", name, err)
		}
	}
	if _, err := ft.ReadFormat("sched", "x"); err == nil || !strings.Contains(err.Error(), "sched/x/format") {
		t.Errorf("ReadFormat of rubbish: %v, want an error with the path", err)
	}
}

func TestMissing(t *testing.T) {
	ft := At(t.TempDir(), t.TempDir())
	for name, err := range map[string]error{
		"Events":    ft.Events(nil),
		"Functions": ft.Functions(nil),
		"Blacklist": ft.Blacklist(nil),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s in an empty directory: %v, want ErrNotExist", name, err)
		}
	}
	if ft.Has("current_tracer") {
		t.Error("Has(current_tracer) in an empty directory")
	}
	if isTracefs(ft.Dir()) {
		t.Error("an ordinary directory passes for tracefs")
	}
}

// Lines come out whole however the reads fall.
func TestLines(t *testing.T) {
	var text bytes.Buffer
	var want []string
	for i := range 300 {
		line := strings.Repeat("x", i%50) + fmt.Sprint(i)
		want = append(want, line)
		fmt.Fprintln(&text, line)
	}
	text.WriteString("no end of line")
	want = append(want, "no end of line")
	for _, size := range []int{1, 7, 64, 4096, 1 << 20} {
		for name, r := range map[string]io.Reader{
			"whole":  bytes.NewReader(text.Bytes()),
			"bytes":  iotest.OneByteReader(bytes.NewReader(text.Bytes())),
			"halves": iotest.HalfReader(bytes.NewReader(text.Bytes())),
			"eof":    iotest.DataErrReader(bytes.NewReader(text.Bytes())),
		} {
			var got []string
			if err := lines(r, size, func(l string) bool { got = append(got, l); return true }); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, block size %d, -want +got:\n%s", name, size, diff)
			}
		}
	}
	broken := errors.New("broken")
	if err := lines(iotest.ErrReader(broken), 64, nil); err != broken {
		t.Errorf("a failing reader: %v, want %v", err, broken)
	}
}

// A directory that is mounted and of no use says why.
func TestUsable(t *testing.T) {
	dir := t.TempDir()
	if err := usable(dir); !errors.Is(err, ErrHidden) || !strings.Contains(err.Error(), "lockdown") {
		t.Errorf("an empty directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "trace"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := usable(dir); err != nil {
		t.Errorf("a directory with its files: %v", err)
	}
	if Is(dir) {
		t.Error("a folder of another file system is taken for tracefs")
	}
	if !errors.Is(ErrForbidden, fs.ErrPermission) {
		t.Error("ErrForbidden is no permission that is missing")
	}
}

func TestHost(t *testing.T) {
	ft, err := Find()
	if errors.Is(err, ErrNotMounted) {
		if !strings.Contains(err.Error(), "mount -t tracefs") {
			t.Errorf("%v: does not say how to mount it", err)
		}
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may read", ft.Dir())
	}
	n, bad := 0, 0
	err = ft.Events(func(category, event string) bool {
		n++
		if n%20 == 1 {
			f, err := ft.ReadFormat(category, event)
			if err != nil {
				t.Error(err)
				bad++
			} else if id, err := ft.EventID(category, event); err != nil || id != f.ID {
				t.Errorf("%s:%s has id %d in its format, %d in its id file, %v", category, event, f.ID, id, err)
				bad++
			}
		}
		return bad < 5
	})
	if err != nil || n < 500 {
		t.Errorf("%d events, %v", n, err)
	}
}

func BenchmarkFunctions(b *testing.B) {
	var text strings.Builder
	for i := range 45_000 {
		fmt.Fprintf(&text, "some_function_name_%d\n", i)
	}
	ft := tree(b, map[string]string{"tracing/available_filter_functions": text.String()})
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		ft.funcs.read = false
		if err := ft.Functions(func(string, string) bool { n++; return true }); err != nil || n != 45_000 {
			b.Fatal(n, err)
		}
	}
}

func TestUnique(t *testing.T) {
	ft := tree(t, map[string]string{
		"tracing/events/sched/sched_switch/id":   "1\n",
		"tracing/events/xe/flip/id":              "2\n",
		"tracing/events/i915/flip/id":            "3\n",
		"tracing/events/kprobes/sched_wakeup/id": "4\n",
		"tracing/events/enable":                  "0\n",
	})
	for name, want := range map[string]bool{"sched_switch": true, "flip": false, "sched_wakeup": true, "none": false, "": false, "..": false, "a/b": false} {
		if got := ft.Unique(name); got != want {
			t.Errorf("Unique(%q) = %v, want %v", name, got, want)
		}
	}
}
