package sink

import (
	"bytes"
	"testing"
	"time"

	"probe/lang/diag"
	"probe/lang/value"
	"probe/runtime/event"
)

// report gives the output and the messages of a run of tests or benchmarks.
func reportOf(t *testing.T, format string, events ...event.Event) (out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	s, err := NewReport(format, Config{Out: &o, Err: &e})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range events {
		s.Take(x)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return o.String(), e.String()
}

func said(text string) event.Event {
	return &event.Printf{Format: []value.Spec{{Text: text, Precision: -1}}}
}

func TestReportOfTests(t *testing.T) {
	events := []event.Event{
		&event.Attached{Probes: 2},
		said("begin\n"),
		&event.Tests{Names: []string{"one", "two"}},
		said("hidden\n"),
		&event.Test{Name: "one", Duration: 1500 * time.Nanosecond, Passed: true},
		said("no newline"),
		&event.Message{Severity: diag.Error, Format: []value.Spec{{Text: "wrong", Precision: -1}}},
		&event.Test{Name: "two", Duration: 2 * time.Millisecond},
		&event.TestsDone{},
		said("end\n"),
		&event.End{},
		&event.Receipt{},
	}
	out, errs := reportOf(t, "", events...)
	want := "\x1b[32m[==========]\x1b[0m Running 2 tests.\n" +
		"\x1b[32m[ RUN      ]\x1b[0m one\n\x1b[32m[       OK ]\x1b[0m one (1 μs)\n" +
		"\x1b[32m[ RUN      ]\x1b[0m two\nno newlineERROR: wrong\n\x1b[31m[  FAILED  ]\x1b[0m two (2 ms)\n" +
		"\x1b[32m[==========]\x1b[0m 2 tests ran.\n\x1b[32m[  PASSED  ]\x1b[0m 1 test.\n" +
		"\x1b[31m[  FAILED  ]\x1b[0m 1 test, listed below:\n\x1b[31m[  FAILED  ]\x1b[0m two\nend\n\n\n"
	if out != want || errs != "" {
		t.Errorf("the report is\n%q, messages %q, want\n%q", out, errs, want)
	}
	out, _ = reportOf(t, "json", events...)
	want = `{"type": "test_result", "data": {"one": {"duration": 1500, "passed": true, "output": "begin\nhidden\n"}}}` + "\n" +
		`{"type": "test_result", "data": {"two": {"duration": 2000000, "passed": false, "output": "no newlineERROR: wrong\n"}}}` + "\nend\n"
	if out != want {
		t.Errorf("the report is\n%s, want\n%s", out, want)
	}
}

func TestReportOfBenchmarks(t *testing.T) {
	long := "a_name_that_is_longer_than_the_forty_bytes"
	events := []event.Event{
		&event.Tests{Measured: true, Names: []string{"one", long, "none"}},
		said("hidden\n"),
		&event.Bench{Name: "one", Average: 88, Runs: 2000},
		&event.Bench{Name: long, Average: 1234567, Runs: 1},
		&event.Bench{Name: "none", Skipped: true},
		&event.TestsDone{},
		&event.End{},
	}
	out, errs := reportOf(t, "text", events...)
	want := "Benchmark                                  Time(ns)       Iterations\n" +
		"--------------------------------------------------------------------\n" +
		"one                                        88             2000\n" +
		long + " 1234567        1\n\n\n"
	if out != want || errs != "" {
		t.Errorf("the report is\n%s, messages %q, want\n%s", out, errs, want)
	}
	out, _ = reportOf(t, "json", events...)
	want = `{"type": "benchmark_result", "data": {"one": {"average": 88, "iters": 2000}}}` + "\n" +
		`{"type": "benchmark_result", "data": {"` + long + `": {"average": 1234567, "iters": 1}}}` + "\n"
	if out != want {
		t.Errorf("the report is\n%s, want\n%s", out, want)
	}
	out, errs = reportOf(t, "", events[0], said("why\n"), &event.Bench{Name: "one", Failed: true})
	if out != "" || errs != "why\nERROR: Benchmark 'one' failed.\n" {
		t.Errorf("a benchmark that fails gives %q and messages %q", out, errs)
	}
	if _, err := NewReport("csv", Config{}); err == nil {
		t.Error("there is a report as csv")
	}
}
