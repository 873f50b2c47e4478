package session

import (
	"fmt"

	"golang.org/x/sys/unix"

	"probe/compiler/builtin"
	"probe/compiler/object"
	"probe/lang/diag"
	"probe/runtime/event"
)

// errorKind says how a kind of run-time error is shown.
type errorKind struct {
	message string
	// retcode is the error that the kernel has for it, where the object does not
	// keep what the helper returned (object.ErrorSite).
	retcode unix.Errno
	// asked errors are shown only with -k (R-ERR-04).
	asked bool
	// silent errors are never shown during the run; the receipt counts them.
	silent bool
	// kind is the kind of the receipt's item; "" for an error that does not
	// make the result incomplete.
	kind event.ReceiptKind
	// detail is the reason in the receipt, if it is not that of the kind.
	detail string
}

// errorKinds has a row for each builtin.ErrorKind.
var errorKinds = map[builtin.ErrorKind]errorKind{
	builtin.ErrReadKernel: {message: "Bad address", retcode: unix.EFAULT, asked: true, kind: event.FailedReads},
	builtin.ErrReadUser:   {message: "Bad address", retcode: unix.EFAULT, asked: true, kind: event.FailedReads},
	builtin.ErrMapFull: {retcode: unix.E2BIG, kind: event.MapFull,
		message: "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`"},
	builtin.ErrMapUpdate: {message: "Can't update map element", kind: event.MapUpdateFailed},
	builtin.ErrDelete:    {message: "Can't delete map element because it does not exist.", retcode: unix.ENOENT},
	builtin.ErrLookup:    {message: "Can't lookup map element because it does not exist.", asked: true},
	builtin.ErrDivZero:   {message: "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result."},
	builtin.ErrBounds:    {message: "Array access out of bounds. The value is zero."},
	builtin.ErrLost:      {silent: true, kind: event.LostEvents},
	builtin.ErrStack:     {message: "Error reading stack.", kind: event.FailedStacks},
	builtin.ErrStackFull: {retcode: unix.E2BIG, kind: event.LostStacks,
		message: "No room for another stack; its frames are lost. Try increasing max_map_keys config"},
	builtin.ErrLoopCut:    {message: "A loop reached its bound and was cut short.", kind: event.LoopsCut},
	builtin.ErrTruncated:  {silent: true, kind: event.TruncatedStrings},
	builtin.ErrNested:     {silent: true, kind: event.MissedReturns},
	builtin.ErrOverlap:    {silent: true, kind: event.Recursion, detail: "eight tasks had been preempted in the program on that CPU"},
	builtin.ErrUnrecorded: {silent: true, kind: event.LostGraphs},
	builtin.ErrCPU:        {message: "CPU count mismatch; unable to find per-cpu data."},
	builtin.ErrHelper:     {message: "The kernel refused what the script asked for."},
}

// pollErrors reads the error counters. It reports lost events whenever their
// number has grown, and other errors at their first occurrence, with their
// place.
func (s *Session) pollErrors(c *Clause) {
	lost := uint64(0)
	for i, e := range c.obj.Errors {
		n := word(c.data, e.Off)
		old := c.counters[i]
		if n == old {
			continue
		}
		c.counters[i] = n
		k, ok := errorKinds[e.Kind]
		if !ok {
			panic(fmt.Sprintf("session: error kind %d has no row", e.Kind))
		}
		if e.Kind == builtin.ErrLost {
			lost += n - old
			continue
		}
		if old != 0 || k.silent || k.asked && !s.opts.AllErrors {
			continue
		}
		code := -int(k.retcode)
		if e.Coded {
			code = int(int32(word(c.data, e.Off+8)))
		}
		s.send(&event.RuntimeError{
			At: e.At, Message: k.message, Helper: e.Helper, Retcode: code, Count: n,
		})
	}
	if lost > 0 {
		s.lost += lost
		s.send(&event.Lost{Events: lost})
	}
}

// receipt collects what makes the results incomplete (dialect row X-RUN).
func (s *Session) receipt(clauses []*Clause) *event.Receipt {
	r := &event.Receipt{ReadsShown: s.opts.AllErrors, Strict: s.opts.Strict}
	for _, it := range s.opts.Missing {
		addItem(r, it)
	}
	if n := s.opts.Resolver.Unnamed(); n > 0 {
		addItem(r, event.ReceiptItem{Kind: event.Unresolved, Count: n})
	}
	if n := s.opts.Resolver.cutStacks(); n > 0 {
		addItem(r, event.ReceiptItem{Kind: event.TruncatedStacks, Count: n})
	}
	s.commands.receipt(func(it event.ReceiptItem) { addItem(r, it) })
	for _, it := range s.meter.receipt() {
		addItem(r, it)
	}
	for _, c := range clauses {
		s.clauseReceipt(r, c)
	}
	return r
}

// clauseReceipt adds what makes the results of one clause incomplete.
func (s *Session) clauseReceipt(r *event.Receipt, c *Clause) {
	for i, e := range c.obj.Errors {
		if n := c.counters[i]; n > 0 && errorKinds[e.Kind].kind != "" {
			addItem(r, receiptItem(e, n))
		}
	}
	c.host.receipt(func(it event.ReceiptItem) { addItem(r, it) })
	for _, it := range c.graphs.Receipt() {
		addItem(r, it)
	}
	if n := len(c.failed); n > 0 {
		addItem(r, event.ReceiptItem{Kind: event.NotAttached, Where: notAttached(c.failed), Count: uint64(n)})
	}
	for _, o := range c.off {
		addItem(r, event.ReceiptItem{Kind: event.SwitchedOff, Where: o.p.Site.Name, Count: 1, Detail: o.off.File + " holds 0"})
	}
	c.unread.receipt(func(it event.ReceiptItem) { addItem(r, it) })
	if c.dropped > 0 {
		addItem(r, event.ReceiptItem{Kind: event.LostEvents, Count: c.dropped, Detail: "the records could not be read"})
	}
}

func receiptItem(e *object.ErrorSite, n uint64) event.ReceiptItem {
	it := event.ReceiptItem{Kind: errorKinds[e.Kind].kind, Where: e.Probe, Count: n, Detail: errorKinds[e.Kind].detail, At: e.At}
	if e.Map != "" || e.Kind == builtin.ErrMapFull || e.Kind == builtin.ErrMapUpdate {
		it.Where = "@" + e.Map
	}
	return it
}

// addItem adds an item, or its count to an equal item: a place in a script is
// compiled once for each function that a pattern matches, and has as many
// counters.
func addItem(r *event.Receipt, it event.ReceiptItem) {
	for i := range r.Items {
		o := &r.Items[i]
		if o.Kind == it.Kind && o.Where == it.Where && o.At == it.At && o.Detail == it.Detail {
			o.Count += it.Count
			return
		}
	}
	r.Items = append(r.Items, it)
}

// returns reports whether a program runs when a function returns.
func returns(p *object.Program) bool {
	return p.Role == object.Main && p.Site.Ret != nil
}

// report shows a message with a place in the script.
func (s *Session) report(d *diag.Diagnostic) {
	if s.opts.Report != nil {
		s.opts.Report(d)
		return
	}
	s.log(d.Severity, d.Message)
}

func (s *Session) log(sev diag.Severity, text string) {
	s.send(&event.Log{Severity: sev, Text: text})
}

// send passes an event to the sink.
func (s *Session) send(e event.Event) {
	if s.opts.Count && !s.shown.Load() && shows(e) {
		s.shown.Store(true)
	}
	s.opts.Sink.Take(e)
}

func (s *Session) verbose(format string, args ...any) {
	if s.opts.Verbose != nil {
		s.opts.Verbose(fmt.Sprintf(format, args...))
	}
}
