package ftrace

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// good is a journal as probe writes it.
func good(tracing string) *journal {
	return &journal{
		Version: journalVersion, PID: 4, Boot: bootID(), Tracing: tracing, Instance: "probe-4", Events: []string{"probe_4/r0", "probe_4/r12"},
		Changes: []change{
			{"tracing_on", "1", "0"}, {"trace_clock", "x86-tsc", "mono"}, {"options/sleep-time", "0", "1"}, {"set_ftrace_pid", "", "1\n22"},
			{"set_graph_function", "", "do_exit\nfoo.isra.0\n_RNvNtCs1234_4core3fmt5write"}, {"max_graph_depth", "0", "17"},
		},
	}
}

// Whatever no probe writes is refused, in the words of the file and its value.
func TestJournalForm(t *testing.T) {
	text, err := json.Marshal(good("/sys/kernel/tracing"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseJournal(text); err != nil {
		t.Errorf("a good journal: %v", err)
	}
	for want, change1 := range map[string]func(j *journal){
		"process 0":                                   func(j *journal) { j.PID = 0 },
		`directory "/a/../etc"`:                       func(j *journal) { j.Tracing = "/a/../etc" },
		`directory "tracing"`:                         func(j *journal) { j.Tracing = "tracing" },
		`instance "../../x"`:                          func(j *journal) { j.Instance = "../../x" },
		`instance "probe-5"`:                          func(j *journal) { j.Instance = "probe-5" },
		`event "sched/x"`:                             func(j *journal) { j.Events[0] = "sched/x" },
		`event "probe_4/r1/../x"`:                     func(j *journal) { j.Events[0] = "probe_4/r1/../x" },
		`event "probe_5/r1"`:                          func(j *journal) { j.Events[1] = "probe_5/r1" },
		`change of "../../etc/passwd"`:                func(j *journal) { j.Changes[0].File = "../../etc/passwd" },
		`change of "kprobe_events"`:                   func(j *journal) { j.Changes[0].File = "kprobe_events" },
		`change of "trace_clock"`:                     func(j *journal) { j.Changes[0] = j.Changes[1] },
		`value "2" of tracing_on`:                     func(j *journal) { j.Changes[0].Old = "2" },
		`value "a b" of trace_clock`:                  func(j *journal) { j.Changes[1].Old = "a b" },
		`value "1\n" of set_ftrace_pid`:               func(j *journal) { j.Changes[3].Old = "1\n" },
		`value "f:traceoff" of set_graph_function`:    func(j *journal) { j.Changes[4].Old = "f:traceoff" },
		`value "!f" of set_graph_function`:            func(j *journal) { j.Changes[4].New = "!f" },
		`value "*" of set_graph_function`:             func(j *journal) { j.Changes[4].New = "*" },
		`value "-1" of max_graph_depth`:               func(j *journal) { j.Changes[5].Old = "-1" },
		`value "` + strings.Repeat("a", 40) + `…" of`: func(j *journal) { j.Changes[4].New = strings.Repeat("a", 600) },
	} {
		j := good("/sys/kernel/tracing")
		change1(j)
		text, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseJournal(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A journal that is damaged, or may be somebody else's, is set aside and changes nothing.
func TestUntrusted(t *testing.T) {
	dir := files(t, map[string]string{"max_graph_depth": "17\n", "current_tracer": "function_graph\n"})
	j := good(dir)
	j.Changes = []change{{"max_graph_depth", "0", "17"}}
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	write := func(t *testing.T, run string, text []byte) {
		if err := os.WriteFile(filepath.Join(run, journalFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, want string
		make       func(t *testing.T, run, path string)
	}{
		{"cut off", "is damaged: unexpected end of JSON input", func(t *testing.T, run, _ string) { write(t, run, text[:40]) }},
		{"another value", "is damaged: a change of", func(t *testing.T, run, _ string) {
			write(t, run, []byte(strings.Replace(string(text), "max_graph_depth", "../x", 1)))
		}},
		{"an unknown key", "is damaged: json: unknown field", func(t *testing.T, run, _ string) {
			write(t, run, []byte(strings.Replace(string(text), `"pid"`, `"more":1,"pid"`, 1)))
		}},
		{"a mode", "can be written by everybody", func(t *testing.T, run, path string) {
			write(t, run, text)
			if err := os.Chmod(path, 0o602); err != nil {
				t.Fatal(err)
			}
		}},
		{"a link", "is a symbolic link", func(t *testing.T, run, path string) {
			other := t.TempDir()
			write(t, other, text)
			if err := os.Symlink(filepath.Join(other, journalFile), path); err != nil {
				t.Fatal(err)
			}
		}},
		{"a pipe", "is no regular file", func(t *testing.T, _, path string) {
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"no tracefs", "where no tracefs is mounted", func(t *testing.T, run, _ string) {
			write(t, run, text)
			isTracefs = func(string) bool { return false }
			t.Cleanup(func() { isTracefs = func(string) bool { return true } })
		}},
	}
	if os.Geteuid() == 0 {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.name, last.want = "an owner", "belongs to user 1234"
		last.make = func(t *testing.T, run, path string) {
			write(t, run, text)
			if err := os.Chown(path, 1234, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run := t.TempDir()
			path := filepath.Join(run, journalFile)
			tt.make(t, run, path)
			_, err := Cleanup(run)
			var e *UntrustedError
			if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) {
				t.Fatalf("error %v, want %s", err, tt.want)
			}
			if has(path) || !has(e.Aside) || e.Aside == "" {
				t.Errorf("the journal is still there, or not at %q", e.Aside)
			}
			if got := content(t, dir, "max_graph_depth"); got != "17" {
				t.Errorf("max_graph_depth became %q", got)
			}
			if c, err := Cleanup(run); err != nil || c.PID != 0 {
				t.Errorf("a second cleanup gave %v, %v", c, err)
			}
		})
	}
	// The same journal, as it should be, is undone.
	run := t.TempDir()
	write(t, run, text)
	if c, err := Cleanup(run); err != nil || c.PID != 4 || content(t, dir, "max_graph_depth") != "0" {
		t.Errorf("a good journal: %v, %v", c, err)
	}
}

// One of another version may be of use to the probe that wrote it.
func TestOtherVersion(t *testing.T) {
	run := files(t, map[string]string{journalFile: `{"version": 99}`})
	if _, err := Cleanup(run); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("error %v", err)
	}
	if !has(filepath.Join(run, journalFile)) {
		t.Error("the journal was removed")
	}
}

// A folder that others can write is not used: they could take the journal away.
func TestUntrustedFolder(t *testing.T) {
	run := t.TempDir()
	if err := os.Chmod(run, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := lock(t.Context(), run); err == nil || !strings.Contains(err.Error(), run+" can be written by everybody; remove "+run) {
		t.Errorf("error %v", err)
	}
}

// What is accepted names files of the tracing directory only, and comes back the same.
func FuzzJournal(f *testing.F) {
	for _, j := range []*journal{good("/sys/kernel/tracing"), {Version: journalVersion, PID: 1, Tracing: "/t", Applied: true, Undoing: true}} {
		text, err := json.Marshal(j)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"version": 99}`))
	f.Add([]byte(`{"version":1,"pid":1,"tracing":"/t","changes":[{"file":"../x","old":"","new":""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		j, err := parseJournal(text)
		if err != nil || j.Version != journalVersion {
			return
		}
		if j.Tracing != filepath.Clean(j.Tracing) || !filepath.IsAbs(j.Tracing) {
			t.Fatalf("the tracing directory %q", j.Tracing)
		}
		paths := []string{j.base()}
		for _, c := range j.Changes {
			paths = append(paths, j.path(c.File))
			if strings.ContainsAny(c.Old+c.New, "!*?:#|;<> \t\x00") {
				t.Fatalf("%s has the values %q and %q", c.File, c.Old, c.New)
			}
		}
		for _, e := range j.Events {
			paths = append(paths, j.path("events/"+e))
		}
		for _, p := range paths {
			if p != j.Tracing && !strings.HasPrefix(p, strings.TrimSuffix(j.Tracing, "/")+"/") {
				t.Fatalf("%q is not below %q", p, j.Tracing)
			}
		}
		again, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseJournal(again); err != nil {
			t.Fatalf("%s\nbecame\n%s\nwhich is refused: %v", text, again, err)
		}
	})
}
