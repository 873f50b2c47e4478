package accept

import (
	"encoding/json"
	"strings"
	"testing"

	"probe/runtime/event"
)

// TestStorm counts calls in a table that interrupts, switches of tasks and samples
// update as well. The kernel skips a run of a program that another task is running on
// the same CPU and was preempted in; the receipt has each of those. So what was
// counted and what is told are together exactly what the workload did.
func TestStorm(t *testing.T) {
	for name, script := range map[string]string{
		"trampoline": `tracepoint:syscalls:sys_enter_getppid /pid == $1/ { @["k"] = count(); } fentry:__do_sys_getppid /pid == $1/ { @["k"] = count(); }
rawtracepoint:sched_switch { @["switch"] = count(); } rawtracepoint:softirq_entry { @["soft"] = count(); } profile:hz:999 { @["time"] = count(); }`,
		"system calls": `tracepoint:syscalls:sys_enter_getppid /pid == $1/ { @["k"] = count(); } tracepoint:syscalls:sys_exit_getppid /pid == $1/ { @["k"] = count(); }`,
	} {
		t.Run(name, func(t *testing.T) { storm(t, script) })
	}
}

// storm runs a script that counts each call of getppid twice.
func storm(t *testing.T, script string) {
	const calls = 4 * 10000
	c := &Case{
		Opts: []string{"-f", "json"},
		Prog: script,
		Args: []string{"<<pid>>"}, Run: []string{"threads", "4", "10000"}, Timeout: DefaultTimeout,
		Do:    []Step{{Do: "attached"}, {Do: "release"}, {Do: "workload"}, {Do: "signal", Arg: "INT"}, {Do: "end"}},
		Needs: []string{"event:syscalls/sys_enter_getppid", "fentry", "btf"},
	}
	onMachines(t, func(t *testing.T, m *machine, kernel string) {
		if kernel == "" {
			return // it traces the whole machine
		}
		if lacks := m.lacks(t, c.needs()); len(lacks) > 0 {
			t.Fatal(lacks)
		}
		r, err := m.do(c.Job())
		if err != nil {
			t.Fatal(err)
		}
		if r.Problem != "" || r.Status != 0 {
			t.Fatalf("status %d %s\n%s\n%s", r.Status, r.Problem, r.Stderr, r.WorkloadOutput)
		}
		counted, told, receipts := 0, 0, 0
		for line := range strings.Lines(string(r.Stdout)) {
			var l struct {
				Type string
				Data json.RawMessage
			}
			var table map[string]map[string]int
			var items []struct {
				Kind  event.ReceiptKind
				Where string
				Count int
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			switch l.Type {
			case "map":
				err = json.Unmarshal(l.Data, &table)
				counted += table["@"]["k"]
			case "receipt":
				receipts++
				err = json.Unmarshal(l.Data, &items)
			}
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			for _, it := range items {
				switch {
				case it.Kind == event.Recursion && strings.HasSuffix(it.Where, "getppid"):
					told += it.Count
				case it.Kind != event.Recursion:
					t.Errorf("%d %s of %q: nothing else can be missing", it.Count, it.Kind, it.Where)
				}
			}
		}
		if counted+told != 2*calls || receipts != 1 {
			t.Errorf("%d counted and %d told, want %d together\n%s%s", counted, told, 2*calls, r.Stdout, r.Stderr)
		}
		t.Logf("%d counted, %d told", counted, told)
	})
}
