package bcc

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"sync"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/watchdog"
)

// TableFunc appends what a tool prints for a map.
type TableFunc func(dst []byte, m *event.Map, s *StackStyle) []byte

// Rows is how the lines of trace are printed: the events of printf with
// arguments. The first Prefix arguments are columns, the message follows, and
// stacks end the line.
type Rows struct {
	Prefix int
	// Since is set if the first two arguments are seconds and microseconds since
	// the start. They are a column of SinceWidth bytes, with no more than SinceMax
	// of them.
	Since                bool
	SinceWidth, SinceMax int
	// Filter is a text that messages must contain, "" for all.
	Filter string
	Max    int // rows before the end, 0 for no limit
	// Aggregate counts equal rows, which are printed when Max is reached.
	Aggregate bool
	Stacks    bool // an empty line follows each row
	// Folded prints a row's stacks in one line and nothing else (funcslower -f).
	Folded bool
}

// Sink prints the events of a translated script as the tool would, through the
// sink for text.
type Sink struct {
	Layout
	to   event.Sink
	mu   sync.Mutex
	rows int
	// counts has the rows of Aggregate in the order in which they first came.
	counts map[string]int
	order  []string
	done   chan struct{}
	quit   chan struct{}
	full   bool
}

// NewSink returns a Sink that writes to another.
func NewSink(l Layout, to event.Sink) *Sink {
	s := &Sink{Layout: l, to: to, counts: map[string]int{}, done: make(chan struct{}), quit: make(chan struct{})}
	if to.Done() != nil {
		go func() {
			defer watchdog.Report()
			select {
			case <-to.Done():
				s.finish()
			case <-s.quit:
			}
		}()
	}
	return s
}

// finish says that no more events are wanted.
func (s *Sink) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

func (s *Sink) end() {
	if !s.full {
		s.full = true
		close(s.done)
	}
}

// Done implements event.Sink: it is closed after the last row of -M.
func (s *Sink) Done() <-chan struct{} { return s.done }

// Close implements event.Sink.
func (s *Sink) Close() error {
	close(s.quit)
	return s.to.Close()
}

// Hold and Release implement event.Batcher.
func (s *Sink) Hold() { event.Hold(s.to) }

// Release ends a batch.
func (s *Sink) Release() { event.Release(s.to) }

// Take implements event.Sink.
func (s *Sink) Take(e event.Event) {
	switch e := e.(type) {
	case *event.Attached:
		if s.Head != "" {
			s.print(fmt.Appendf(nil, s.Head, max(e.Probes-s.Own, 0)))
		}
	case *event.End: // the tools print no maps at their end
	case *event.Map:
		if table := s.Table[e.Name]; table != nil && !e.Final {
			s.print(table(nil, e, &s.Stack))
		}
	case *event.Printf:
		if s.Rows != nil && len(e.Args) > s.Rows.Prefix-1 && s.Rows.Prefix > 0 {
			s.row(e)
			return
		}
		s.to.Take(e)
	default:
		s.to.Take(e)
	}
}

// print writes text. Where strings of the traced system stand in it, they have
// been made visible.
func (s *Sink) print(text []byte) {
	if len(text) > 0 {
		s.to.Take(&event.Text{From: event.Time, Data: text})
	}
}

// row prints a line of trace or funcslower.
func (s *Sink) row(e *event.Printf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return
	}
	r := value.Escaped(e.Resolver)
	stacks := len(e.Args)
	for stacks > 0 && isStack(e.Args[stacks-1].T) {
		stacks--
	}
	first := specOf(e.Format, s.Rows.Prefix)
	var head []byte
	n := 0
	if s.Rows.Since {
		n = 2
		at := fmt.Sprintf("%d.%06d", e.Args[0].Int(), e.Args[1].Int())
		head = fmt.Appendf(head, "%-*s ", s.Rows.SinceWidth, at[:min(len(at), s.Rows.SinceMax)])
	}
	from := specOf(e.Format, n)
	if n > 0 {
		from++ // the blank behind the time
	}
	head = value.AppendFormat(head, e.Format[from:first], cut(e.Format[from:first], e.Args[n:s.Rows.Prefix]), r)
	last := len(e.Format)
	if stacks < len(e.Args) {
		last = conversionOf(e.Format, stacks)
	}
	message := value.AppendFormat(nil, e.Format[first:last], s.symbols(e.Args[s.Rows.Prefix:stacks], r), r)
	// A newline stands between the message and the stacks.
	message = bytes.TrimSuffix(message, []byte("\n"))
	if s.Rows.Filter != "" && !bytes.Contains(message, []byte(s.Rows.Filter)) {
		return
	}
	line := append(append(head, message...), '\n')
	if s.Rows.Folded {
		line = append(folded(comm(e.Args), e.Args[stacks:], &s.Stack, r), " 1\n"...)
	} else {
		for _, a := range e.Args[stacks:] {
			line = s.Stack.appendStack(line, a, r)
		}
	}
	s.rows++
	if s.Rows.Aggregate {
		if s.counts[string(line)]++; s.counts[string(line)] == 1 {
			s.order = append(s.order, string(line))
		}
	} else {
		if s.Rows.Stacks {
			line = append(line, '\n')
		}
		s.print(line)
	}
	if s.Rows.Max > 0 && s.rows >= s.Rows.Max {
		sort.SliceStable(s.order, func(i, j int) bool { return s.counts[s.order[i]] > s.counts[s.order[j]] })
		for _, line := range s.order {
			s.print(fmt.Appendf(nil, "%s-->COUNT %d\n\n", line, s.counts[line]))
		}
		s.end()
	}
}

// specOf returns the index of the piece of a format that follows the conversion
// of argument n-1; the literal text after it belongs to what follows.
func specOf(format []value.Spec, n int) int {
	for i := range format {
		if n == 0 {
			return i
		}
		if format[i].Conv != value.ConvLiteral {
			n--
		}
	}
	return len(format)
}

// cut shortens strings to the precision of their conversions, which printf of the
// language ignores.
func cut(format []value.Spec, args []value.Value) []value.Value {
	out, i := args, 0
	for _, f := range format {
		if f.Conv == value.ConvLiteral {
			continue
		}
		if a := args[i]; f.Precision > 0 && a.T.Kind == types.String && len(a.Str()) > f.Precision {
			if &out[0] == &args[0] {
				out = append([]value.Value{}, args...)
			}
			out[i] = textValue(string(a.Str()[:f.Precision]))
		}
		i++
	}
	return out
}

// comm returns the first string among the arguments of a row, which is the name
// of the thread.
func comm(args []value.Value) string {
	for _, a := range args {
		if a.T.Kind == types.String {
			return value.Visible(string(a.Str()), false)
		}
	}
	return ""
}

// folded returns the stacks of a row in one line, outermost frame first.
func folded(comm string, stacks []value.Value, s *StackStyle, r value.Resolver) []byte {
	var sides [2][]string
	for _, v := range stacks {
		list, _, _ := frames(v, r)
		side := 1
		if v.T.Kind == types.UStack {
			side = 0
		}
		for i := len(list) - 1; i >= 0; i-- {
			sides[side] = append(sides[side], s.frame(list[i]))
		}
	}
	line := append([]string{comm}, sides[0]...)
	if len(sides[0]) > 0 && len(sides[1]) > 0 {
		line = append(line, "-")
	}
	return []byte(strings.Join(append(line, sides[1]...), ";"))
}

// conversionOf returns the index of the conversion of argument n.
func conversionOf(format []value.Spec, n int) int {
	for i := range format {
		if format[i].Conv == value.ConvLiteral {
			continue
		}
		if n == 0 {
			return i
		}
		n--
	}
	return len(format)
}

// symbols replaces addresses by the names that bcc gives them.
func (s *Sink) symbols(args []value.Value, r value.Resolver) []value.Value {
	for i, a := range args {
		if a.T.Kind != types.KSym && a.T.Kind != types.USym {
			continue
		}
		out := make([]value.Value, len(args))
		copy(out, args)
		for j := i; j < len(args); j++ {
			var frames []value.Frame
			style := StackStyle{Offset: true}
			switch a := args[j]; a.T.Kind {
			case types.KSym:
				frames = r.KStackFrame(a.Uint())
			case types.USym:
				pid, probe := a.Process()
				frames = r.UStackFrame(a.Uint(), pid, probe, false)
				style.Module = true
			default:
				continue
			}
			out[j] = textValue(style.frame(outermost(frames)))
		}
		return out
	}
	return args
}

// textValue returns a string as a value.
func textValue(s string) value.Value {
	// One byte more than needed: a string that fills its type counts as cut.
	return value.Value{T: types.StringType(len(s) + 1), B: append([]byte(s), 0, 0)}
}

// outermost returns the frame of the symbol itself; those before it were inlined.
func outermost(f []value.Frame) value.Frame {
	if len(f) == 0 {
		return value.Frame{}
	}
	return f[len(f)-1]
}

func isStack(t *types.Type) bool { return t.Kind == types.KStack || t.Kind == types.UStack }

// frames returns the frames of a stack, the innermost first, and their
// addresses. ok is false if the stack was not kept.
func frames(v value.Value, r value.Resolver) (list []value.Frame, addrs []uint64, ok bool) {
	addrs, ok = v.Addresses(r)
	user := v.T.Kind == types.UStack
	pid, probe := v.Process()
	for i, addr := range addrs {
		if user {
			list = append(list, outermost(r.UStackFrame(addr, pid, probe, i > 0)))
			continue
		}
		f := outermost(r.KStackFrame(addr))
		if f.Module == "" {
			f.Module = "kernel"
		}
		list = append(list, f)
	}
	return list, addrs, ok
}

// appendStack appends a line for each frame.
func (s *StackStyle) appendStack(dst []byte, v value.Value, r value.Resolver) []byte {
	list, addrs, ok := frames(v, r)
	if !ok {
		return append(dst, s.Indent+"<stack not kept>\n"...)
	}
	for i, f := range list {
		dst = append(dst, s.Indent...)
		if s.Addr != "" {
			dst = fmt.Appendf(dst, s.Addr, value.VisibleAddr(addrs[i], r))
		}
		dst = append(append(dst, s.frame(f)...), '\n')
	}
	return dst
}

// countTable prints names and counts, as funccount does. name makes the names of
// its column.
func countTable(name func(string) string) TableFunc {
	return func(dst []byte, m *event.Map, _ *StackStyle) []byte {
		r := value.Escaped(m.Resolver)
		for i := range m.Entries {
			e := &m.Entries[i]
			key := string(value.AppendKey(nil, m.KeyOf(e), r))
			dst = fmt.Appendf(dst, "%-36s %8d\n", name(key), m.ValueOf(e).Int())
		}
		return dst
	}
}

// lastPart returns what follows the last n-1 colons.
func lastPart(n int) func(string) string {
	return func(s string) string {
		parts := strings.Split(s, ":")
		return strings.Join(parts[max(len(parts)-n, 0):], ":")
	}
}
