package main

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarkdown(t *testing.T) {
	tab := &table{
		title: "Title", command: "make it", unit: "Units", columns: []string{"probe", "bpftrace 0.27.1"},
		rows: []row{
			{name: "`a|b`", figures: []float64{49.4, 182}, goal: 90},
			{name: "missed", figures: []float64{500, 250}, goal: 450},
			{name: "ratio", figures: []float64{1, 20}, goal: 0.1, ofRatio: true},
			{name: "no goal", figures: []float64{7, math.NaN()}, goal: math.NaN()},
			{name: "not measured", figures: []float64{math.NaN(), 7}, goal: 3},
		},
	}
	want := "### Title\n\n`make it`. Units.\n\n" +
		"| | probe | bpftrace 0.27.1 | probe / bpftrace | goal | |\n" +
		"|---|---:|---:|---:|---:|---|\n" +
		"| `a\\|b` | 49.4 | 182 | 0.27 | ≤ 90 | reached |\n" +
		"| missed | 500 | 250 | 2 | ≤ 450 | **missed** |\n" +
		"| ratio | 1 | 20 | 0.05 | ratio ≤ 0.1 | reached |\n" +
		"| no goal | 7 | – | – |  |  |\n" +
		"| not measured | – | 7 | – | ≤ 3 |  |\n\n"
	if diff := cmp.Diff(want, tab.markdown()); diff != "" {
		t.Error(diff)
	}
	tab.alone = true
	if got := tab.markdown(); strings.Contains(got, "probe / bpftrace") {
		t.Errorf("a ratio between columns that are not compared:\n%s", got)
	}
}

func TestReplace(t *testing.T) {
	doc := "head\n" + beginMarker + "\nold\n" + endMarker + "\ntail\n"
	got, err := replace([]byte(doc), "new\n\n", true)
	if want := "head\n" + beginMarker + "\n\nnew\n\n" + endMarker + "\ntail\n"; err != nil || string(got) != want {
		t.Errorf("replace = %q, %v, want %q", got, err, want)
	}
	again, err := replace(got, "new\n\n", true)
	if err != nil || string(again) != string(got) {
		t.Errorf("a second time gives %q, %v", again, err)
	}
	for _, bad := range []string{"", beginMarker, endMarker, endMarker + "\n" + beginMarker} {
		if got, err := replace([]byte(bad), "x", true); err == nil {
			t.Errorf("replace in %q gives %q", bad, got)
		}
	}
}

func TestManyLines(t *testing.T) {
	text := manyLines(100)
	if n := strings.Count(text, "\n"); n < 100 || n > 125 {
		t.Errorf("%d lines, want about 100", n)
	}
	if strings.Contains(text, "exit()") || !strings.Contains(text, "@g1_calls") {
		t.Errorf("the lines are not made for repetition:\n%s", text[:400])
	}
}

func TestMerge(t *testing.T) {
	old := "\n### A\n\n1\n\n### B\n\n2\n\n"
	want := "### A\n\n1\n\n### B\n\n3\n\n### C\n\n4"
	if got := merge(old, "### B\n\n3\n\n### C\n\n4\n\n"); got != want {
		t.Errorf("merge = %q, want %q", got, want)
	}
	if got := merge("", "### C\n\n4"); got != "### C\n\n4" {
		t.Errorf("merge with nothing = %q", got)
	}
}

func TestMedian(t *testing.T) {
	text := "BenchmarkPage/format=6.1-2  \t 5\t 71.6 Mevents/cpu-s\t 13.9 cpu-ns/event\n" +
		"BenchmarkPage/format=6.12-2  \t 5\t 71.6 Mevents/cpu-s\t 9 cpu-ns/event\n" +
		"BenchmarkPage/format=6.1-2  \t 5\t 71.6 Mevents/cpu-s\t 11 cpu-ns/event\n" +
		"BenchmarkPage/format=6.1 \t 5\t 71.6 Mevents/cpu-s\t 12.5 cpu-ns/event\n"
	if got := median(text, "BenchmarkPage/format=6.1"); got != 12.5 {
		t.Errorf("median %v, want 12.5", got)
	}
	if got := median(text, "BenchmarkOther"); !math.IsNaN(got) {
		t.Errorf("median of nothing %v", got)
	}
}
