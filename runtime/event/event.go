package event

import (
	"time"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/graph"
)

// Event is one of the types of this package, as a pointer. An event, and all
// that it points to, belongs to the sender: it is valid until Sink.Take
// returns.
type Event interface {
	// Kind is the name of the event: the "type" of its JSON object where it has
	// one.
	Kind() string
}

// Attached reports that everything is attached. It is the first event, except
// for those of begin probes.
type Attached struct {
	Probes int // places where the script is attached
}

// Printf is a call of printf. value.AppendFormat makes the text.
type Printf struct {
	Format   []value.Spec
	Args     []value.Value
	Resolver value.Resolver
}

// Text is text that has no columns: a formatted time, the start of a file, the
// strings of join, the output of a command. It is without the newline that Join
// and System end with where they are shown as lines.
type Text struct {
	From Source
	Data []byte
	// Words and Separator are the parts of Data in a Join: the strings of the
	// traced system, and the script's separator between them.
	Words     [][]byte
	Separator string
}

// Source is the function that a Text comes from.
type Source string

// The sources.
const (
	Time   Source = "time"
	Cat    Source = "cat"
	Join   Source = "join"
	System Source = "syscall"
	Iter   Source = "printf" // what an iterator's program writes into its file
)

// Value is print() of a value.
type Value struct {
	Value    value.Value
	Resolver value.Resolver
}

// Map is a snapshot of a map, merged over the CPUs.
type Map struct {
	Name string      // without '@'
	Key  *types.Type // nil in maps without keys
	Val  *types.Type
	// Entries is sorted and cut to the number of entries that the script asked
	// for.
	Entries []value.Entry
	// Div is the divisor of print(@m, top, div); 0 and 1 change nothing. The
	// values of Entries are not divided.
	Div int64
	// Final marks the snapshots at the end of a run, one for each map.
	Final    bool
	Resolver value.Resolver
}

// Message is errorf or warnf of a script.
type Message struct {
	Severity diag.Severity // Error or Warning
	At       source.Span
	Format   []value.Spec
	Args     []value.Value
	Resolver value.Resolver
}

// RuntimeError is an error that occurred while a probe ran (R-ERR rows).
type RuntimeError struct {
	At      source.Span
	Message string // "Bad address"
	Helper  string // BPF helper that failed, "" if none did
	Retcode int    // what it returned, negative
	Count   uint64 // how often, when several are reported at once; 0 means 1
}

// Lost reports that events were lost.
type Lost struct {
	Events uint64 // since the last report
}

// Log is a message of the run itself, without a place in the script.
type Log struct {
	Severity diag.Severity
	Text     string
}

// Graph is a call graph that the script asked for. It comes before the value
// that shows it. A sink may keep the tree. The table of functions is the same
// in all events of a run; it only grows, and not during a call of Take.
type Graph struct {
	ID    value.GraphID
	Tree  *graph.Tree
	Funcs *graph.Funcs
}

// Tests are the tests or benchmarks that a run is going to run. It is the first
// event of such a run, after what begin probes print.
type Tests struct {
	Measured bool // these are benchmarks
	Names    []string
}

// Test is the result of a test. What it printed comes before.
type Test struct {
	Name     string
	Duration time.Duration
	Passed   bool
}

// Bench is the result of a benchmark.
type Bench struct {
	Name string
	// Average is the time of one run.
	Average time.Duration
	// Runs is how many runs it is the average of.
	Runs uint64
	// Failed says that it reported an error, Skipped that its result was not 0:
	// both have no average.
	Failed, Skipped bool
}

// Exit reports that the script called exit().
type Exit struct {
	Status int
}

// End reports that no probe runs any more. The final snapshots of maps and the
// receipt follow.
type End struct{}

// Kind is "attached_probes".
func (*Attached) Kind() string { return "attached_probes" }

// TestsDone says that all tests or benchmarks have run. End probes follow.
type TestsDone struct{}

// Kind is "tests_done".
func (*TestsDone) Kind() string { return "tests_done" }

// Kind is "tests".
func (*Tests) Kind() string { return "tests" }

// Kind is "test_result".
func (*Test) Kind() string { return "test_result" }

// Kind is "benchmark_result".
func (*Bench) Kind() string { return "benchmark_result" }

// Kind is "printf".
func (*Printf) Kind() string { return "printf" }

// Kind returns the source.
func (e *Text) Kind() string { return string(e.From) }

// Kind is "value".
func (*Value) Kind() string { return "value" }

// Kind is "hist", "stats", "tseries", or "map" for all other values.
func (m *Map) Kind() string {
	switch m.Val.Kind {
	case types.Hist, types.LHist:
		return "hist"
	case types.Avg, types.Stats:
		return "stats"
	case types.TSeries:
		return "tseries"
	}
	return "map"
}

// Kind is "errorf" or "warnf".
func (e *Message) Kind() string {
	if e.Severity == diag.Error {
		return "errorf"
	}
	return "warnf"
}

// Kind is "helper_error" where a BPF helper failed, else "runtime_error".
func (e *RuntimeError) Kind() string {
	if e.Helper != "" {
		return "helper_error"
	}
	return "runtime_error"
}

// Kind is "lost_events".
func (*Lost) Kind() string { return "lost_events" }

// Kind is "log".
func (*Log) Kind() string { return "log" }

// Kind is "graph".
func (*Graph) Kind() string { return "graph" }

// Kind is "exit".
func (*Exit) Kind() string { return "exit" }

// Kind is "end".
func (*End) Kind() string { return "end" }

// Kind is "receipt".
func (*Receipt) Kind() string { return "receipt" }

// NewMap returns a snapshot for print(@m, top, div); top and div are 0 when not
// given. A map without keys that holds nothing yet has its zero value
// (M-PRINT-11).
func NewMap(m *value.MapData, top, div int64, r value.Resolver) *Map {
	s := &Map{Name: m.Name, Key: m.Key, Val: m.Val, Div: div, Resolver: r}
	if len(m.Entries) == 0 && m.Scalar() && !m.Val.IsMultiBucket() {
		s.Entries = []value.Entry{{}}
		return s
	}
	s.Entries = m.Sorted(top)
	return s
}

// FinalMap returns the snapshot of a map for the end of a run.
func FinalMap(m *value.MapData, r value.Resolver) *Map {
	return &Map{Name: m.Name, Key: m.Key, Val: m.Val, Entries: m.Sorted(0), Final: true, Resolver: r}
}

// Scalar reports whether the map has no keys.
func (m *Map) Scalar() bool { return m.Key == nil }

// KeyOf returns the key of an entry.
func (m *Map) KeyOf(e *value.Entry) value.Value { return value.Value{T: m.Key, B: e.Key} }

// ValueOf returns the value of an entry, not divided by Div. It is meaningful
// only for maps with one value for each key, not for histograms and time
// series.
func (m *Map) ValueOf(e *value.Entry) value.Value { return value.Value{T: m.Val, B: e.Val} }
