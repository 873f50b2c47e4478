package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"probe/lang/value"
	"probe/runtime/graph"
)

// sample are two trees of two threads: a calls b twice and c, in which events
// were lost; the second ends without an end.
func sample() *Source {
	return &Source{
		Title: "a <title>", WallOffset: 1000,
		Funcs: &graph.Funcs{List: []graph.Func{{Name: "a", Result: graph.Pointer, Addr: 1 << 63}, {Name: "b", Module: "veth"}, {Name: "c"}}},
		Trees: []*graph.Tree{
			{Thread: graph.Thread{TID: 7, PID: 6, Comm: "x y"}, Calls: []graph.Call{
				{T0: 10_000, T1: 20_000, Fn: 0, Parent: -1, End: 5, CPU: 1, Flags: graph.HasRet, Ret: ^uint64(100)},
				{T0: 11_000, T1: 12_500, Fn: 1, Parent: 0, End: 2, Depth: 1},
				{T0: 13_000, T1: 14_000, Fn: 1, Parent: 0, End: 3, Depth: 1},
				{T0: 15_000, T1: 19_000, Fn: 2, Parent: 0, End: 5, Depth: 1},
				{T0: 16_000, T1: 16_000, Fn: -1, Parent: 3, End: 5, Depth: 2, Flags: graph.Gap, Ret: 4},
			}},
			{Thread: graph.Thread{TID: 8, Comm: "z"}, Calls: []graph.Call{
				{T0: 5_000, T1: 6_000, Fn: 0, Parent: -1, End: 2, Flags: graph.NoExit},
				{T0: 5_500, T1: 6_000, Fn: -1, Parent: 0, End: 2, Depth: 1, Flags: graph.NoEntry},
			}},
		},
	}
}

func export(t *testing.T, format string, s *Source) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Export(&b, format, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFolded(t *testing.T) {
	want := "a 3500\na;? 500\na;b [veth] 2500\na;c 4000\n"
	want = strings.Replace(want, "a 3500", "a 4000", 1) // 3500 of the first, 500 of the second
	if d := cmp.Diff(want, string(export(t, "folded", sample()))); d != "" {
		t.Errorf("stacks (-want +got):\n%s", d)
	}
}

func TestChrome(t *testing.T) {
	var got struct {
		TraceEvents []struct {
			Name, Ph string
			Ts, Dur  float64
			Pid, Tid int
			Args     map[string]any
		}
		OtherData struct{ Title string }
	}
	if err := json.Unmarshal(export(t, "chrome", sample()), &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range got.TraceEvents {
		names = append(names, e.Ph+" "+e.Name)
	}
	if d := cmp.Diff([]string{"M thread_name", "X a", "X b [veth]", "X b [veth]", "X c", "i events lost", "M thread_name", "M process_name", "X a", "X ?"}, names); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if e := got.TraceEvents[2]; e.Ts != 11 || e.Dur != 1.5 || e.Pid != 6 || e.Tid != 7 {
		t.Errorf("event %+v", e)
	}
	if got.TraceEvents[1].Args["ret"] != "-ENETUNREACH" || got.TraceEvents[8].Pid != 8 || got.OtherData.Title != "a <title>" {
		t.Errorf("events %+v", got)
	}
	if d := cmp.Diff(export(t, "chrome", sample()), export(t, "perfetto", sample())); d != "" {
		t.Error("perfetto has another form")
	}
}

// Every frame that is opened is closed, in order, at times that do not go back.
// The idle threads of two CPUs, whose calls overlap, are two threads.
func TestIdleThreads(t *testing.T) {
	s := &Source{Funcs: &graph.Funcs{List: []graph.Func{{Name: "a"}}}}
	for cpu := range uint16(2) {
		s.Trees = append(s.Trees, &graph.Tree{Thread: graph.Thread{Comm: "swapper"}, Calls: []graph.Call{{T0: 100 + int64(cpu), T1: 200 + int64(cpu), Parent: -1, End: 1, CPU: cpu}}})
	}
	var chrome struct {
		TraceEvents []struct {
			Ph  string
			Tid int
		}
	}
	if err := json.Unmarshal(export(t, "chrome", s), &chrome); err != nil {
		t.Fatal(err)
	}
	tids := map[int]bool{}
	for _, e := range chrome.TraceEvents {
		if e.Ph == "X" {
			tids[e.Tid] = true
		}
	}
	var scope scopeFile
	if err := json.Unmarshal(export(t, "speedscope", s), &scope); err != nil {
		t.Fatal(err)
	}
	if len(tids) != 2 || len(scope.Profiles) != 2 {
		t.Errorf("threads %v, %d profiles", tids, len(scope.Profiles))
	}
}

func TestSpeedscope(t *testing.T) {
	s := sample()
	// The same thread again, earlier: the order of time is restored.
	again := s.Trees[0].Clone()
	for i := range again.Calls {
		again.Calls[i].T0 -= 9000
		again.Calls[i].T1 -= 9000
	}
	s.Trees = append(s.Trees, again)
	var f scopeFile
	if err := json.Unmarshal(export(t, "speedscope", s), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Profiles) != 2 || len(f.Shared.Frames) != 4 {
		t.Fatalf("%d profiles, %d frames", len(f.Profiles), len(f.Shared.Frames))
	}
	for _, p := range f.Profiles {
		var open []int
		at := p.Start
		for _, e := range p.Events {
			if e.At < at {
				t.Errorf("%s: time goes back to %d", p.Name, e.At)
			}
			at = e.At
			if e.Type == "O" {
				open = append(open, e.Frame)
				continue
			}
			if len(open) == 0 || open[len(open)-1] != e.Frame {
				t.Fatalf("%s: frame %d is closed, open are %v", p.Name, e.Frame, open)
			}
			open = open[:len(open)-1]
		}
		if len(open) > 0 || p.End != at {
			t.Errorf("%s: open at the end %d: %v", p.Name, p.End, open)
		}
	}
}

func TestPprof(t *testing.T) {
	text := export(t, "pprof", sample())
	p, err := profile.ParseData(text)
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, s := range p.Sample {
		total += s.Value[1]
	}
	if total != 11_000 || p.TimeNanos != 6000 || p.DurationNanos != 15_000 {
		t.Errorf("time %d of %d from %d", total, p.DurationNanos, p.TimeNanos)
	}
	if err := p.CheckValid(); err != nil {
		t.Error(err)
	}
	stacks := []string{}
	for _, s := range p.Sample {
		text := fmt.Sprint(s.Value)
		for _, l := range s.Location {
			f := l.Line[0].Function
			text += fmt.Sprintf(" %s[%s]%x", f.Name, f.Filename, l.Address)
		}
		stacks = append(stacks, text)
	}
	want := []string{"[2 4000] a[]8000000000000000", "[2 2500] b[veth]0 a[]8000000000000000", "[1 4000] c[]0 a[]8000000000000000", "[1 500] ?[]0 a[]8000000000000000"}
	if d := cmp.Diff(want, stacks); d != "" {
		t.Errorf("stacks (-want +got):\n%s", d)
	}
	types := fmt.Sprint(*p.SampleType[0], *p.SampleType[1], *p.PeriodType, p.Period, p.DefaultSampleType)
	if want := "{calls count 0 0} {wall nanoseconds 0 0} {wall nanoseconds 0 0} 1wall"; types != want {
		t.Errorf("types %s, want %s", types, want)
	}
}

// The tool itself reads it.
func TestPprofTool(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the Go tool is not installed")
	}
	path := filepath.Join(t.TempDir(), "p.pb.gz")
	if err := os.WriteFile(path, export(t, "pprof", sample()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(goTool, "tool", "pprof", "-top", "-nodecount=10", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`Type: wall`, `4000ns 36\.36% .*  a\n`, `2500ns 22\.73% .*  b\n`, `4000ns 36\.36% .*  c\n`} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("no match for %s in\n%s", want, out)
		}
	}
}

func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(export(t, "csv", sample()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"0", "0", "-1", "0", "a", "", "x y", "6", "7", "1", "11000", "10000", "3500", "-ENETUNREACH", ""},
		{"0", "1", "0", "1", "b", "veth", "x y", "6", "7", "0", "12000", "1500", "1500", "", ""},
	}
	if d := cmp.Diff(want, rows[1:3]); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if len(rows) != 8 || rows[5][14] != "lost" || rows[6][14] != "no end" || rows[7][14] != "no start" {
		t.Errorf("states: %v", rows[5:])
	}
}

func TestSVG(t *testing.T) {
	text := export(t, "svg", sample())
	d := xml.NewDecoder(bytes.NewReader(text))
	titles := []string{}
	in := ""
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		switch x := tok.(type) {
		case xml.StartElement:
			in = x.Name.Local
		case xml.EndElement:
			in = ""
		case xml.CharData:
			if in == "title" {
				titles = append(titles, string(x))
			}
		}
	}
	want := []string{"all: 11.0 us, 2×, 100.0%", "a: 11.0 us, 2×, 100.0%", "?: 0.5 us, 1×, 4.5%", "b [veth]: 2.5 us, 2×, 22.7%", "c: 4.0 us, 1×, 36.4%"}
	if d := cmp.Diff(want, titles); d != "" {
		t.Errorf("boxes (-want +got):\n%s", d)
	}
	if !bytes.Contains(text, []byte("a &lt;title&gt;")) {
		t.Error("the title is not escaped")
	}
}

// Names come from anybody: what a terminal obeys, and what makes a field longer than it
// is, reaches no text.
func TestControlCharacters(t *testing.T) {
	const evil = "\x1b]0;a\x07\u202e\u009b\r\n,\"="
	s := sample()
	s.Title = evil
	s.Funcs.List[1] = graph.Func{Name: evil, Module: evil}
	s.Trees[0].Thread.Comm = evil
	for _, f := range Formats() {
		text := string(export(t, f.Name, s))
		if !f.Binary && strings.ContainsAny(text, "\x1b\x07\r") {
			t.Errorf("%s has control characters: %q", f.Name, text)
		}
	}
	text := export(t, "csv", s)
	if visible := value.Visible(string(text), true); visible != string(text) {
		t.Errorf("csv has control characters: %q", text)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	want := `\x1b]0;a\x07\xe2\x80\xae\xc2\x9b\x0d\x0a,"=`
	if err != nil || len(rows) != 8 || rows[2][4] != want || rows[2][5] != want || rows[2][6] != want {
		t.Errorf("rows %q, %v", rows, err)
	}
}

// Nothing recorded is no error in any form, and an unknown form is one.
func TestEmpty(t *testing.T) {
	for _, f := range Formats() {
		var b bytes.Buffer
		if err := Export(&b, f.Name, &Source{Funcs: &graph.Funcs{}}); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if err := Export(io.Discard, "paper", sample()); err == nil || !strings.Contains(err.Error(), `no format "paper": the formats are chrome, perfetto`) {
		t.Errorf("got %v", err)
	}
}

// The names of a deep stack are not kept once for each call at its end.
func TestFoldedDeep(t *testing.T) {
	const depth, ends = 500, 5000
	s := &Source{Funcs: &graph.Funcs{}}
	tree := &graph.Tree{}
	for i := range depth {
		s.Funcs.List = append(s.Funcs.List, graph.Func{Name: fmt.Sprint("f", i, strings.Repeat("x", 1000))})
		tree.Calls = append(tree.Calls, graph.Call{Fn: int32(i), Parent: int32(i) - 1, Depth: uint16(i), T1: ends, End: depth + ends})
	}
	for i := range int32(ends) {
		tree.Calls = append(tree.Calls, graph.Call{Fn: i % depth, Parent: depth - 1, Depth: depth, T0: int64(i), T1: int64(i) + 1, End: depth + i + 1})
	}
	s.Trees = []*graph.Tree{tree}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Export(io.Discard, "folded", s); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 100<<20 { // a stack has 500 KB
		t.Errorf("%d MB were allocated", used>>20)
	}
}
