package sink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// screenBuffer is a terminal whose last screen can be asked for.
type screenBuffer struct {
	mu  sync.Mutex
	b   bytes.Buffer
	err error
}

func (s *screenBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.b.Write(p)
}

// last returns the lines drawn last, without the sequences of the terminal.
func (s *screenBuffer) last() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.b.String()
	if i := strings.LastIndex(text, homeSeq); i >= 0 {
		text = text[i+len(homeSeq):]
	}
	for _, seq := range []string{clearLine, clearBelow, reverseSeq, plainSeq} {
		text = strings.ReplaceAll(text, seq, "")
	}
	var out []string
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		out = append(out, strings.TrimRight(line, " "))
	}
	return out
}

// mapsRun is a run with snapshots.
type mapsRun func() []*event.Map

func (r mapsRun) Snapshot(f func(m *event.Map)) error {
	for _, m := range r() {
		f(m)
	}
	return nil
}

func int64Bytes(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

// counts returns a map of numbers by number.
func counts(name string, pairs ...int64) *event.Map {
	d := &value.MapData{Name: name, Key: types.Int64, Val: types.Int64}
	for i := 0; i < len(pairs); i += 2 {
		d.Entries = append(d.Entries, value.Entry{Key: int64Bytes(pairs[i]), Val: int64Bytes(pairs[i+1])})
	}
	return event.NewMap(d, 0, 0, value.NoResolver{})
}

// A live view has a title, the maps as tables, the largest value first, and the
// newest text below its heading.
func TestLive(t *testing.T) {
	var term screenBuffer
	var plain bytes.Buffer
	rest, err := New("", Config{Out: &plain, Err: &plain, Empty: true})
	if err != nil {
		t.Fatal(err)
	}
	rows := 12
	l := NewLive(rest, Live{Terminal: &term, Size: func() (int, int) { return rows, 40 }, Title: "filetop", Keys: map[string][]string{"reads": {"pid"}}}).(*live)
	draw := func() []string {
		l.mu.Lock()
		l.dirty = true
		l.draw()
		l.mu.Unlock()
		return term.last()
	}
	l.Take(&event.Attached{Probes: 3})
	l.Take(&event.Text{From: event.Cat, Data: []byte("NAME  N\n")})
	l.Take(counts("reads", 7, 10, 8, 30))
	l.Take(counts("writes", 8, 5, 9, 2))
	got := draw()
	if !strings.HasPrefix(got[0], "filetop  ") || !strings.HasSuffix(got[0], "  3 probes") {
		t.Errorf("the title is %q", got[0])
	}
	want := []string{"", "@reads  @writes  pid", "    30        5  8", "    10        -  7", "     -        2  9", "NAME  N"}
	if strings.Join(got[1:], "\n") != strings.Join(want, "\n") {
		t.Errorf("the screen is\n%s\nwant\n%s", strings.Join(got[1:], "\n"), strings.Join(want, "\n"))
	}

	// Text has a third of the screen: its heading and the newest lines.
	for _, line := range []string{"one\n", "two\n", "three\n", strings.Repeat("long ", 20) + "\n"} {
		l.Take(&event.Text{From: event.Cat, Data: []byte(line)})
	}
	l.Take(&event.Text{From: event.Time, Data: []byte("10:11:12\n")}) // the title has it
	l.Take(counts("reads", 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6))
	l.Take(counts("writes"))
	got = draw()
	if len(got) > rows-1 {
		t.Errorf("%d lines on a screen of %d", len(got), rows)
	}
	text := strings.Join(got, "\n")
	if !strings.Contains(text, "\nNAME  N\n") || strings.Contains(text, "one") || strings.Contains(text, "10:11:12") || !strings.HasSuffix(text, "…") {
		t.Errorf("the screen is\n%s", text)
	}
	if !strings.Contains(text, "@reads  pid\n     6  6\n     5  5\n") {
		t.Errorf("the largest values do not come first:\n%s", text)
	}

	// At the end the maps of the script stay, and the rest is as without.
	l.Take(&event.End{})
	if plain.Len() == 0 {
		t.Error("the end of the run was not passed on")
	}
	before := term.b.Len()
	l.Take(event.FinalMap(&value.MapData{Name: "x", Val: types.Int64, Entries: []value.Entry{{Val: int64Bytes(4)}}}, value.NoResolver{}))
	if err := l.Close(); err != nil || !strings.HasSuffix(plain.String(), "@x: 4\n") || term.b.Len() != before {
		t.Errorf("error %v, output %q, %d bytes more on the terminal", err, plain.String(), term.b.Len()-before)
	}
}

// Keys that look the same have a row each.
func TestLiveSameText(t *testing.T) {
	t1 := liveTable{name: "@a", key: types.Int64, keys: 1, head: []string{"sym"}, values: []string{"@a"}, cells: [][]string{{"f", "3"}, {"f", "2"}, {"g", "1"}}}
	t2 := liveTable{name: "@b", key: types.Int64, keys: 1, head: []string{"sym"}, values: []string{"@b"}, cells: [][]string{{"g", "5"}, {"f", "4"}}}
	lines, n := joined([]liveTable{t1, t2})
	want := []string{"@a  @b  sym", " 3   -  f", " 2   4  f", " 1   5  g"}
	if n != 2 || !slices.Equal(lines, want) {
		t.Errorf("%d tables as %q, want %q", n, lines, want)
	}
}

// Maps that the script does not print come from snapshots, and their place is
// free at the end, when the run prints them.
func TestLivePulls(t *testing.T) {
	var term screenBuffer
	var plain bytes.Buffer
	rest, err := New("", Config{Out: &plain, Err: &plain, Empty: true})
	if err != nil {
		t.Fatal(err)
	}
	l := NewLive(rest, Live{Terminal: &term, Size: func() (int, int) { return 24, 80 }, Title: strings.Repeat("long ", 30)}).(*live)
	l.Begin(mapsRun(func() []*event.Map { return []*event.Map{counts("n", 4, 2)} }))
	for end := time.Now().Add(time.Minute); !strings.Contains(strings.Join(term.last(), "\n"), " 2  4"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no snapshot came: %q", term.last())
		}
	}
	if got := term.last()[0]; !regexp.MustCompile(`^long .*…  \d\d:\d\d:\d\d  \d+s$`).MatchString(got) {
		t.Errorf("the title is %q", got)
	}
	l.Take(&event.End{})
	if text := strings.Join(term.last(), "\n"); strings.Contains(text, "@n") {
		t.Errorf("the snapshot is still there: %s", text)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// A terminal that is gone ends the run.
func TestLiveFails(t *testing.T) {
	term := screenBuffer{err: errors.New("gone")}
	rest, err := New("", Config{Out: &term.b, Err: &term.b})
	if err != nil {
		t.Fatal(err)
	}
	l := NewLive(rest, Live{Terminal: &term, Size: func() (int, int) { return 24, 80 }, Title: "x"}).(*live)
	l.Take(&event.Attached{Probes: 1})
	l.mu.Lock()
	l.draw()
	l.mu.Unlock()
	select {
	case <-l.Done():
	default:
		t.Error("the run goes on")
	}
	if err := l.Close(); err == nil {
		t.Error("Close has no error")
	}
}
