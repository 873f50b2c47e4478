package sink

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/watchdog"
)

// The sequences of terminals that the live view uses. It has no need of a second
// screen: what it showed last stays when the run ends.
const (
	homeSeq    = "\x1b[H"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
	reverseSeq = "\x1b[7m"
	plainSeq   = "\x1b[0m"
)

const (
	liveInterval = time.Second            // between two snapshots of the maps
	liveDelay    = 200 * time.Millisecond // from an event to the screen
	// liveText is how many lines of text are kept, and livePinned how many of the
	// first ones stay, since they may be a heading.
	liveText, livePinned = 200, 2
	// liveWidest is the most that a column of keys is padded to.
	liveWidest = 48
)

// live shows a run on a terminal as one screen that is drawn again and again:
// the newest snapshot of each map as a table, the largest value first, and the
// last lines of text below.
type live struct {
	Live
	rest event.Sink // takes the maps at the end
	text *Renderer

	mu      sync.Mutex
	run     event.Run
	started time.Time
	probes  int
	lost    uint64
	tables  []liveTable
	pinned  []string
	lines   []string
	partial string // of a line whose end has not come
	dirty   bool
	drawn   bool // something is on the screen
	pulling bool // the maps come from snapshots, and not from the script
	over    bool
	quit    chan struct{}
	closed  sync.Once
	// failed is closed when the terminal is gone.
	failed chan struct{}
	err    error
}

// liveTable is the newest snapshot of a map, in the form in which it is shown:
// cells, or lines where a table would not be readable.
type liveTable struct {
	name string
	key  *types.Type
	keys int      // columns of the key
	head []string // their names
	// values are the names of the other columns.
	values []string
	cells  [][]string
	lines  []string
}

// Live says where and how a live view is shown.
type Live struct {
	Terminal io.Writer
	Size     func() (rows, cols int) // of the terminal
	Title    string
	// Keys has names for the parts of the keys of maps, by the name of the map.
	Keys   map[string][]string
	Config Config
}

// scalar reports whether a table is one value.
func (t *liveTable) scalar() bool { return t.key == nil && len(t.cells) == 1 }

// NewLive returns a Sink that shows a run as a screen on a terminal. At the end of
// the run rest takes the maps, which follow what was shown last.
func NewLive(rest event.Sink, v Live) event.Sink {
	l := &live{Live: v, rest: rest, text: NewRenderer(v.Config), started: time.Now(), quit: make(chan struct{}), failed: make(chan struct{})}
	go func() {
		defer watchdog.Report()
		if rest.Done() == nil {
			return
		}
		select {
		case <-rest.Done():
			l.mu.Lock()
			l.fail(nil)
			l.mu.Unlock()
		case <-l.quit:
		}
	}()
	return l
}

// fail says that nothing more can be shown. The lock is held.
func (l *live) fail(err error) {
	select {
	case <-l.failed:
	default:
		l.err = err
		close(l.failed)
	}
}

// Done implements event.Sink.
func (l *live) Done() <-chan struct{} { return l.failed }

// Begin implements event.Puller.
func (l *live) Begin(run event.Run) {
	l.mu.Lock()
	l.run = run
	l.mu.Unlock()
	go func() {
		defer watchdog.Report()
		l.refresh()
	}()
}

// refresh draws the screen when something is new, and asks for snapshots.
func (l *live) refresh() {
	tick := time.NewTicker(liveDelay)
	defer tick.Stop()
	pulled := time.Now()
	for {
		select {
		case <-l.quit:
			return
		case <-tick.C:
		}
		if time.Since(pulled) >= liveInterval {
			pulled = time.Now()
			var maps []liveTable
			// The lock is not held: the run may wait in Take for it.
			if err := l.run.Snapshot(func(m *event.Map) { maps = append(maps, l.tableOf(m)) }); err != nil {
				continue
			}
			l.mu.Lock()
			for _, t := range maps {
				l.pulling = true
				l.set(t)
			}
			l.dirty = true // the clock
			l.mu.Unlock()
		}
		l.mu.Lock()
		l.draw()
		l.mu.Unlock()
	}
}

// Take implements event.Sink.
func (l *live) Take(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		l.rest.Take(e)
		return
	}
	switch e := e.(type) {
	case *event.Attached:
		l.probes, l.dirty = e.Probes, true
	case *event.Lost:
		l.lost += e.Events
		l.dirty = true
	case *event.Map:
		l.set(l.tableOf(e))
	case *event.End:
		l.finish()
		l.rest.Take(e)
	case *event.Text:
		// Scripts print the time of day above their tables, which is in the title.
		if e.From == event.Time && l.partial == "" && bytes.HasSuffix(e.Data, []byte("\n")) {
			return
		}
		l.show(e)
	case *event.Receipt, *event.Exit, *event.Tests:
		l.rest.Take(e)
	default:
		l.show(e)
	}
}

// show adds the text of an event to the lines.
func (l *live) show(e event.Event) {
	r, ok := l.text.Render(e)
	if !ok {
		return
	}
	l.dirty = true
	l.partial += string(r.Text) + string(r.Message)
	for {
		line, rest, ok := strings.Cut(l.partial, "\n")
		if !ok {
			return
		}
		l.partial = rest
		if !l.drawn && len(l.lines) == 0 && len(l.pinned) < livePinned {
			l.pinned = append(l.pinned, line)
		} else if l.lines = append(l.lines, line); len(l.lines) > liveText {
			l.lines = append(l.lines[:0], l.lines[1:]...)
		}
	}
}

// set replaces the table of a map.
func (l *live) set(t liveTable) {
	l.dirty = true
	for i := range l.tables {
		if l.tables[i].name == t.name {
			l.tables[i] = t
			return
		}
	}
	l.tables = append(l.tables, t)
}

// tableOf returns the snapshot of a map as a table.
func (l *live) tableOf(m *event.Map) liveTable {
	r := value.Escaped(m.Resolver)
	t := liveTable{name: "@" + m.Name, key: m.Key}
	if m.Val.IsMultiBucket() {
		turned := *m
		turned.Entries = slices.Clone(m.Entries)
		slices.Reverse(turned.Entries)
		for line := range strings.Lines(string(appendMap(nil, &turned, r))) {
			t.lines = append(t.lines, strings.TrimRight(line, "\n"))
		}
		return t
	}
	table := m.Table()
	for _, c := range table.Columns {
		if c.Key {
			t.keys++
		} else {
			t.values = append(t.values, c.Name)
		}
	}
	if len(t.values) > 1 { // count, average and total
		t.values[0] = t.name + " " + t.values[0]
	} else {
		t.values = []string{t.name}
	}
	t.head = make([]string, t.keys)
	if names := l.Keys[m.Name]; len(names) == t.keys {
		copy(t.head, names)
	}
	for row := range table.Rows {
		var cells []string
		for _, v := range row {
			cells = append(cells, oneLine(string(value.AppendText(nil, v, r))))
		}
		t.cells = append(t.cells, cells)
	}
	// Snapshots have the largest value last.
	slices.Reverse(t.cells)
	return t
}

// oneLine returns a value in one line: the frames of a stack, the innermost
// first, with "<" between them.
func oneLine(s string) string {
	if !strings.Contains(s, "\n") {
		return s
	}
	var frames []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			frames = append(frames, line)
		}
	}
	return strings.Join(frames, " < ")
}

// finish ends the view. What was drawn last stays if it is the script's own; the
// maps that the run prints now take the place of its snapshots.
func (l *live) finish() {
	if l.pulling {
		l.tables = nil
	}
	l.dirty = true
	l.draw()
	l.over = true
	l.stop()
}

func (l *live) stop() { l.closed.Do(func() { close(l.quit) }) }

// Close implements event.Sink.
func (l *live) Close() error {
	l.stop()
	err := l.rest.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		err = l.err
	}
	return err
}

// draw draws the screen if it has changed. The lock is held.
func (l *live) draw() {
	if !l.dirty || l.over {
		return
	}
	l.dirty = false
	rows, cols := l.Size()
	var b strings.Builder
	b.WriteString(homeSeq)
	for i, line := range l.screen(rows-1, cols) {
		line = clipped(line, cols)
		if i == 0 {
			line = reverseSeq + line + strings.Repeat(" ", max(cols-utf8.RuneCountInString(line), 0)) + plainSeq
		}
		b.WriteString(line + clearLine + "\r\n")
	}
	b.WriteString(clearBelow)
	l.drawn = true
	if _, err := io.WriteString(l.Terminal, b.String()); err != nil {
		l.fail(err)
	}
}

// screen returns the lines of the screen, no more than rows.
func (l *live) screen(rows, cols int) []string {
	now := time.Now()
	state := fmt.Sprintf("  %s  %v", now.Format("15:04:05"), now.Sub(l.started).Round(time.Second))
	if l.probes > 0 {
		state += "  " + counted(l.probes, "probe")
	}
	if l.lost > 0 {
		state += "  " + counted(int(l.lost), "lost event")
	}
	// A long title gives way to what changes.
	title := clipped(l.Title, max(cols-utf8.RuneCountInString(state), 8)) + state
	out := []string{title}
	rows--
	// Maps without keys that hold one value stand in one line.
	var scalars []string
	for _, t := range l.tables {
		if t.scalar() {
			scalars = append(scalars, t.name+": "+strings.Join(t.cells[0], " "))
		}
	}
	if len(scalars) > 0 {
		out = append(out, strings.Join(scalars, "  "))
		rows--
	}
	var blocks [][]string
	// Maps without entries are left out, unless there are no others.
	tables := slices.DeleteFunc(slices.Clone(l.tables), func(t liveTable) bool { return len(t.cells)+len(t.lines) == 0 || t.scalar() })
	if len(tables) == 0 && len(scalars) == 0 {
		tables = l.tables[:min(len(l.tables), 1)]
	}
	for i := 0; i < len(tables); {
		block, n := joined(tables[i:])
		blocks = append(blocks, block)
		i += n
	}
	// Text has what it needs, up to a third of the screen, and the tables share
	// the rest; without tables it has all.
	text := append(append([]string{}, l.pinned...), l.lines...)
	if l.partial != "" {
		text = append(text, l.partial)
	}
	room := rows
	if len(blocks) > 0 {
		room = min(len(text), rows/3)
	}
	left := rows - room
	for i, block := range blocks {
		share := left/(len(blocks)-i) - 1 // an empty line comes before
		// What the blocks that follow do not need is for this one.
		need := 0
		for _, other := range blocks[i+1:] {
			need += len(other) + 1
		}
		share = max(share, left-need-1, 0)
		if len(block) > share {
			block = block[:share]
		}
		if share < 2 {
			continue
		}
		out = append(append(out, ""), block...)
		left -= len(block) + 1
	}
	if room += max(left, 0); len(text) > room {
		pinned := min(len(l.pinned), room)
		text = append(text[:pinned:pinned], text[len(text)-room+pinned:]...)
	}
	return append(out, text...)
}

// joined returns the lines of the first table, and how many tables they are:
// those that follow with the same keys are further columns.
func joined(tables []liveTable) (lines []string, n int) {
	t := &tables[0]
	n = 1
	if t.lines != nil || len(t.cells) == 0 {
		if t.lines == nil {
			return []string{t.name + ": nothing"}, 1
		}
		return t.lines, 1
	}
	for n < len(tables) && t.key != nil && tables[n].lines == nil && tables[n].keys == t.keys && tables[n].key != nil && tables[n].key.String() == t.key.String() {
		n++
	}
	head := append([]string{}, t.head...)
	var rows [][]string
	at := map[string]int{}
	for _, t := range tables[:n] {
		wide := len(head)
		for _, cells := range t.cells {
			id := strings.Join(cells[:t.keys], "\x00")
			i, ok := at[id]
			// Different keys may look the same: two addresses in one function.
			if !ok || len(rows[i]) > wide {
				i = len(rows)
				at[id] = i
				rows = append(rows, append([]string{}, cells[:t.keys]...))
			}
			for len(rows[i]) < wide {
				rows[i] = append(rows[i], "-")
			}
			rows[i] = append(rows[i], cells[t.keys:]...)
		}
		head = append(head, t.values...)
		for i := range rows {
			for len(rows[i]) < len(head) {
				rows[i] = append(rows[i], "-")
			}
		}
	}
	return aligned(append([][]string{head}, rows...), t.keys), n
}

// aligned sets rows in columns: the keys to the left, the values to the right.
func aligned(rows [][]string, keys int) []string {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var out []string
	for _, r := range rows {
		var b strings.Builder
		// The values come first: a long key does not push them off the screen.
		for i := keys; i < len(r); i++ {
			fmt.Fprintf(&b, "%*s  ", widths[i], r[i])
		}
		for i := range keys {
			// A column of stacks is as wide as each is: those behind it have to come
			// on the screen, too.
			fmt.Fprintf(&b, "%-*s ", min(widths[i], liveWidest), r[i])
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

// clipped returns a line that fits into a width.
func clipped(line string, cols int) string {
	line = strings.ReplaceAll(line, "\t", "        ")
	if utf8.RuneCountInString(line) <= cols {
		return line
	}
	return string([]rune(line)[:max(cols-1, 0)]) + "…"
}
