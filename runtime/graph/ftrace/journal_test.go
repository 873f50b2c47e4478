package ftrace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/machine/live/tracefs"
)

func TestParseSettings(t *testing.T) {
	for text, want := range map[string]string{
		"7 (expanded: 1408)\n": "1408", "1410\n": "1410", "[local] global mono\n": "local",
		"local global [mono] x86-tsc\n": "mono", "nop\n": "nop", "X\n": "X", "": "",
	} {
		if got := parseWord(text); got != want {
			t.Errorf("parseWord(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"#### all functions enabled ####\n": "", "no pid\n": "", "b\na\nb\n": "a b",
		"veth_xmit [veth]\n": "veth_xmit", "a\nschedule:traceoff:unlimited\n": "a", "77\n8\n": "77 8",
	} {
		if got := strings.Join(parseList(text), " "); got != want {
			t.Errorf("parseList(%q) = %q, want %q", text, got, want)
		}
	}
}

// Long lists are written in pieces that end with a whole name.
func TestChunks(t *testing.T) {
	text := strings.Repeat("name_of_a_function\n", 1000) + "last\n"
	var all string
	for c := range chunks(text, 3000) {
		if len(c) > 3000 || !strings.HasSuffix(c, "\n") {
			t.Fatalf("a piece of %d bytes ends in %q", len(c), c[len(c)-5:])
		}
		all += c
	}
	if all != text {
		t.Error("the pieces are not the text")
	}
	n := 0
	for range chunks(strings.Repeat("x", 7000), 3000) {
		n++
	}
	if n != 3 {
		t.Errorf("%d pieces of a text without line ends, want 3", n)
	}
}

// files writes a tracing directory of ordinary files.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	real := isTracefs
	isTracefs = func(string) bool { return true }
	t.Cleanup(func() { isTracefs = real })
	dir := t.TempDir()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// A journal is undone as far as the files have what was written; what others
// changed stays, and a change that was never made is none.
func TestUndo(t *testing.T) {
	dir := files(t, map[string]string{
		"current_tracer": "function_graph\n", "tracing_on": "1\n", "trace_clock": "local [mono]\n",
		"set_graph_function": "f\n", "max_graph_depth": "5\n", "buffer_size_kb": "8195\n",
		"set_ftrace_filter": "other\n", "tracing_thresh": "0\n", "trace": "x\n", "dynamic_events": "",
	})
	run := t.TempDir()
	j := &journal{Version: journalVersion, PID: 4, Boot: bootID(), Tracing: dir, Started: time.Now(), Changes: []change{
		{"tracing_on", "1", "0"}, {"trace_clock", "local", "mono"}, {"buffer_size_kb", "1408", "8192"},
		{"set_ftrace_filter", "", "f"}, {"set_graph_function", "a\nb", "f"}, {"max_graph_depth", "5", "17"},
		{"tracing_thresh", "9", "0"}, {"current_tracer", "nop", "function_graph"}, {"options/funcgraph-args", "1", "0"},
	}}
	if err := j.write(run); err != nil {
		t.Fatal(err)
	}
	c, err := Cleanup(run)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Cleaned{PID: 4, Left: []string{"set_ftrace_filter"}}, c); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
	for name, want := range map[string]string{
		"current_tracer": "nop", "tracing_on": "1", "trace_clock": "local", "buffer_size_kb": "1408", "trace": "",
		"set_ftrace_filter": "other", "set_graph_function": "a\nb", "max_graph_depth": "5", "tracing_thresh": "9",
	} {
		if got := content(t, dir, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if c, err := Cleanup(run); err != nil || c.PID != 0 {
		t.Errorf("a second cleanup gave %v, %v", c, err)
	}
}

// The names of a list that was being written, or that the kernel shows in part
// only, are told from those of somebody else.
func TestWritten(t *testing.T) {
	c := change{"set_graph_function", "old", "a\nb\nc"}
	for _, tt := range []struct {
		now              string
		partial, applied bool
		want             bool
	}{
		{"a\nb\nc", false, true, true},
		{"a\nb", false, true, false}, // somebody took c out
		{"a\nb", true, true, true},   // the kernel shows no more
		{"a\nb", false, false, true}, // killed while writing
		{"", false, false, true},
		{"", false, true, false},
		{"a\nd", true, true, false},
		{"d", false, false, false},
	} {
		if got := c.written(tt.now, tt.partial, tt.applied); got != tt.want {
			t.Errorf("%q, partial %v, applied %v: %v", tt.now, tt.partial, tt.applied, got)
		}
	}
	if c := (&change{"max_graph_depth", "0", "17"}); c.written("5", false, false) || !c.written("17", false, true) {
		t.Error("a number is taken for another")
	}
}

// A list that takes several reads is whole only where the kernel shows it so.
func TestLongList(t *testing.T) {
	names := strings.Repeat("a_function_with_a_name\n", 4000) + "last\n"
	dir := files(t, map[string]string{"set_graph_function": names, "set_ftrace_filter": names})
	if _, err := readSetting(filepath.Join(dir, "set_graph_function"), true); !errors.Is(err, errPartial) {
		t.Errorf("set_graph_function: %v", err)
	}
	if got, err := readSetting(filepath.Join(dir, "set_ftrace_filter"), true); err != nil || got != "a_function_with_a_name\nlast" {
		t.Errorf("set_ftrace_filter: %q, %v", got, err)
	}
}

// A probe that was killed while it put the settings back had switched the
// tracer off: the records in the buffer are its own all the same.
func TestUndoTwice(t *testing.T) {
	for _, undoing := range []bool{false, true} {
		dir := files(t, map[string]string{"current_tracer": "nop\n", "tracing_on": "0\n", "trace": "records\n", "dynamic_events": ""})
		run := t.TempDir()
		j := &journal{Version: journalVersion, PID: 4, Boot: bootID(), Tracing: dir, Applied: true, Undoing: undoing, Changes: []change{
			{"tracing_on", "1", "0"}, {"current_tracer", "nop", "function_graph"},
		}}
		if err := j.write(run); err != nil {
			t.Fatal(err)
		}
		if _, err := Cleanup(run); err != nil {
			t.Fatal(err)
		}
		if got := content(t, dir, "trace"); (got == "") != undoing {
			t.Errorf("undoing %v: the buffer has %q", undoing, got)
		}
		if got := content(t, dir, "tracing_on"); got != "1" {
			t.Errorf("undoing %v: tracing_on is %q", undoing, got)
		}
	}
}

// Settings of tracefs end with the boot: an older journal changes nothing.
func TestUndoOtherBoot(t *testing.T) {
	dir := files(t, map[string]string{"current_tracer": "function_graph\n", "max_graph_depth": "17\n"})
	run := t.TempDir()
	j := &journal{Version: journalVersion, PID: 4, Boot: "another", Tracing: dir, Changes: []change{{"max_graph_depth", "0", "17"}}}
	if err := j.write(run); err != nil {
		t.Fatal(err)
	}
	if _, err := Cleanup(run); err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir, "max_graph_depth"); got != "17" {
		t.Errorf("max_graph_depth is %q", got)
	}
	if has(filepath.Join(run, journalFile)) {
		t.Error("the journal is still there")
	}
}

func TestLock(t *testing.T) {
	run := t.TempDir()
	f, err := lock(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{Version: journalVersion, PID: os.Getpid(), Tracing: "/t"}
	if err := j.write(run); err != nil {
		t.Fatal(err)
	}
	if _, err := Cleanup(run); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("while the lock is held: %v", err)
	}
	f.Close()
	if _, err := Cleanup(run); err != nil {
		t.Errorf("after the lock was given back: %v", err)
	}
}

func TestBusy(t *testing.T) {
	idle := map[string]string{
		"current_tracer": "nop\n", "tracing_thresh": "0\n", "set_event": "", "buffer_size_kb": "7 (expanded: 1408)\n",
		"per_cpu/cpu0/stats": "entries: 0\noverrun: 0\n", "instances/a/current_tracer": "function\n",
	}
	tests := []struct {
		name, file, text, want string
		top, instance          bool // whether it is in the way of each
	}{
		{"idle", "current_tracer", "nop\n", "", false, false},
		{"the same tracer", "current_tracer", "function_graph\n", "the tracer function_graph is on", true, true},
		{"another tracer", "current_tracer", "function\n", "the tracer function is on", true, false},
		{"an instance", "instances/b/current_tracer", "function_graph\n", `instance "b" has the tracer function_graph on`, true, true},
		{"events", "set_event", "a:b\na:c\na:d\na:e\n", "4 event(s) are on: a:b, a:c, a:d, …", true, false},
		{"records", "per_cpu/cpu0/stats", "entries: 12\n", "the buffer holds 12 record(s)", true, false},
		{"sizes", "buffer_size_kb", "X\n", "different sizes", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := map[string]string{}
			for k, v := range idle {
				all[k] = v
			}
			all[tt.file] = tt.text
			dir := files(t, all)
			for _, top := range []bool{true, false} {
				want := top && tt.top || !top && tt.instance
				b := busy(dir, top)
				if (b != nil) != want {
					t.Errorf("top level %v: %v, want busy %v", top, b, want)
				}
				if b != nil && !strings.Contains(b.Error(), tt.want) {
					t.Errorf("message %q does not say %q", b, tt.want)
				}
			}
		})
	}
	// A threshold that a latency tracer uses.
	dir := files(t, map[string]string{"current_tracer": "irqsoff\n", "tracing_thresh": "100\n"})
	if b := busy(dir, false); b == nil || !strings.Contains(b.Error(), "irqsoff uses tracing_thresh") {
		t.Errorf("got %v", b)
	}
}

// An open file is seen, and its process named.
func TestUsers(t *testing.T) {
	dir := files(t, map[string]string{"trace_pipe": "x"})
	if got := users(dir); len(got) != 0 {
		t.Errorf("users of a folder of ours: %v", got) // this process is left out
	}
}

// Where the kernel refuses a probe and keeps no log of errors, its error stays.
func TestDefine(t *testing.T) {
	dir := files(t, map[string]string{definitions: ""})
	s := &Source{fs: tracefs.At(dir, "")}
	if err := s.define("r:a/b c"); err != nil || content(t, dir, definitions) != "r:a/b c" {
		t.Errorf("error %v, definitions %q", err, content(t, dir, definitions))
	}
	if err := os.RemoveAll(filepath.Join(dir, definitions)); err != nil {
		t.Fatal(err)
	}
	if err := s.define("r:a/b c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a log: %v", err)
	}
}

// Threads that were started after the list was made are added to it.
func TestAddThreads(t *testing.T) {
	own := ownThreads()
	add := func(path string) error {
		return addThreads(path, func() ([]string, error) { return own, nil })
	}
	if len(own) < 2 {
		t.Fatalf("threads %v: a Go program has several", own)
	}
	dir := files(t, map[string]string{"pids": own[0] + "\n"})
	path := filepath.Join(dir, "pids")
	if err := add(path); err != nil {
		t.Fatal(err)
	}
	have := strings.Fields(content(t, dir, "pids"))
	for _, id := range own {
		if n := len(slices.DeleteFunc(slices.Clone(have), func(h string) bool { return h != id })); n != 1 {
			t.Errorf("thread %s is %d times in %v", id, n, have)
		}
	}
	if err := add(filepath.Join(dir, "none")); err != nil {
		t.Errorf("a kernel without the list: %v", err)
	}
}

// A watchdog that has put everything back removes the journal and holds the lock
// until it ends. However long that took, the lock is waited for.
func TestLockWaitsWithoutJournal(t *testing.T) {
	run := t.TempDir()
	f, err := lock(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	j := &journal{Version: journalVersion, PID: cmd.Process.Pid, Tracing: "/t"}
	if err := j.write(run); err != nil {
		t.Fatal(err)
	}
	removed := time.AfterFunc(waitUnknown+200*time.Millisecond, func() {
		if err := dropJournal(run); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		f.Close()
	})
	defer removed.Stop()
	if c, err := Cleanup(run); err != nil || c.PID != 0 {
		t.Errorf("cleanup gives %+v, %v", c, err)
	}
}

// While the process of the journal is being torn down, or another one puts back
// what it left, the lock is waited for.
func TestLockWaits(t *testing.T) {
	run := t.TempDir()
	f, err := lock(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	j := &journal{Version: journalVersion, PID: cmd.Process.Pid, Tracing: "/t"}
	if err := j.write(run); err != nil {
		t.Fatal(err)
	}
	if _, err := Cleanup(run); !errors.Is(err, ErrLocked) {
		t.Errorf("while the process runs: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { f.Close() })
	start := time.Now()
	if c, err := Cleanup(run); err != nil || c.PID != cmd.Process.Pid || time.Since(start) < 50*time.Millisecond {
		t.Errorf("after it was killed: %+v, %v, %v", c, err, time.Since(start))
	}
	_ = cmd.Wait()
}
